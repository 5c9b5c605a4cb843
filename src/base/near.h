/*
 * Whether somebody who typed one word may have meant another.
 *
 * Place      options, aliases -> [near] -> the text of an error.
 * Threads    any.
 */
#pragma once

#include "queue/core/base.h"

enum { NEAR_NOT = 100 };

/* Returns how far the `size` bytes at `typed` are from the word `known`.  0: they are the same, but
 * for capital letters; NEAR_NOT: too many letters differ. */
size_t near_word(const char *typed, size_t size, const char *known);
