/*
 * Numbers and bytes of a listing, as they are written: anybody's word, so of any length and size.
 *
 * Place      inside store/listing_parser.
 * Threads    may run concurrently.
 */
#pragma once

#include "queue/core/base.h"

/* Reads digits and nothing else.  False when there are none, or the number is above `max`. */
bool listing_whole_number(const char *text, size_t size, uint64_t max, uint64_t *value);

/* Reads seconds, with a fraction and an exponent, as nanoseconds, to the nearest;
 * false for what is no number, or no time between 1678 and 2262. */
bool listing_nanoseconds(const char *text, size_t size, int64_t *ns);

/* Reads base64 as bytes, at most `most`, for which and three more there is room.  False when it is
 * more, or none. */
bool listing_base64(const char *text, size_t size, unsigned char *bytes, size_t most,
		    size_t *decoded);
