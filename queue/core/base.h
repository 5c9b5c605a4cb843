/*
 * What every file of the project may count on: attributes, checked arithmetic, banned names.
 *
 * Include it first; the system headers that declare the banned names are taken in here, so that
 * a later use of one of them is a compile error and their own declaration is not.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MUST_USE             __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, va) __attribute__((format(printf, fmt, va)))

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Stores a + b.  Returns false, storing nothing of use, when it does not fit. */
static inline bool add_size(size_t a, size_t b, size_t *sum)
{
	return !__builtin_add_overflow(a, b, sum);
}

/* Stores a * b.  Returns false, storing nothing of use, when it does not fit. */
static inline bool mul_size(size_t a, size_t b, size_t *product)
{
	return !__builtin_mul_overflow(a, b, product);
}

static inline uint64_t min_u64(uint64_t a, uint64_t b) { return a < b ? a : b; }

static inline uint64_t max_u64(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* Returns a + b, or the largest number where that does not fit.  For sums of what others say: sizes
 * in a listing of a grid are anybody's word. */
static inline uint64_t add_saturated(uint64_t a, uint64_t b)
{
	uint64_t sum;
	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* Little-endian integers in files, wherever they lie. */
static inline void store_le16(unsigned char *at, uint16_t value)
{
	for (int i = 0; i < 2; i++)
		at[i] = (unsigned char)(value >> 8 * i);
}

static inline void store_le32(unsigned char *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (unsigned char)(value >> 8 * i);
}

static inline void store_le64(unsigned char *at, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		at[i] = (unsigned char)(value >> 8 * i);
}

static inline uint16_t load_le16(const unsigned char *at) { return (uint16_t)(at[0] | at[1] << 8); }

static inline uint32_t load_le32(const unsigned char *at)
{
	uint32_t value = 0;
	for (int i = 0; i < 4; i++)
		value |= (uint32_t)at[i] << 8 * i;
	return value;
}

static inline uint64_t load_le64(const unsigned char *at)
{
	uint64_t value = 0;
	for (int i = 0; i < 8; i++)
		value |= (uint64_t)at[i] << 8 * i;
	return value;
}

#pragma GCC poison strcpy strcat sprintf vsprintf strtok strncpy atoi gmtime localtime ctime rand
