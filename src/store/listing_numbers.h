/*
 * Numbers of a listing, as they are written: anybody's word, so of any length and size.
 *
 * Place      inside store/listing_parser.
 * Threads    may run concurrently.
 */
#pragma once

#include "queue/core/base.h"

/* Reads digits and nothing else.  False when there are none, or the number is above `max`. */
bool listing_whole_number(const char *text, size_t size, uint64_t max, uint64_t *value);

/* Reads seconds with a fraction as nanoseconds, exactly as far as the digits go; false for what is
 * no time that fits, an exponent included. */
bool listing_nanoseconds(const char *text, size_t size, int64_t *ns);
