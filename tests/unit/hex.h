/* Bytes that a test names in hex. */
#pragma once

#include "queue/core/base.h"

/* Stores the bytes of pairs of lower-case hex digits, and returns how many. */
static inline size_t hex_bytes(const char *hex, unsigned char *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t size = 0;
	for (; hex[2 * size]; size++)
		out[size] = (unsigned char)((strchr(digits, hex[2 * size]) - digits) << 4 |
					    (strchr(digits, hex[2 * size + 1]) - digits));
	return size;
}
