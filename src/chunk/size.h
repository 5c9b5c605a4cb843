/*
 * Sizes of chunks as git-annex's configuration writes them: "1MiB", "50 mb", "0".
 *
 *   SIZE = number [blanks] [unit];  number = digits [. digits] [e digits] | 0x digits
 *
 * A unit's case does not matter, so 1Mb is 1,000,000 bytes like 1MB.  Units are looked for among
 * powers of 1000, then of 1024, then bits.  Source: git-annex Utility/DataUnits.hs (facts, rules C1
 * to C9).
 *
 * Place      configuration -> [size] -> the machines.
 * Threads    all may run concurrently.
 */
#pragma once

#include "queue/core/fault.h"

enum chunk_method {
	CHUNK_NONE,     /* stored whole */
	CHUNK_UNPADDED, /* the last chunk is short */
	CHUNK_LEGACY,   /* "chunksize": known, and stored whole */
};

struct chunk_config {
	enum chunk_method method;
	uint64_t size; /* bytes of a chunk; 0 with CHUNK_NONE */
};

/* Reads bytes, 0..INT64_MAX, rounded to the nearest, ties to even.  False: it is no such size. */
MUST_USE bool chunk_size_read(const char *text, uint64_t *size);

/*
 * Reads what is configured; NULL: the setting is not there.  `chunksize` is looked at first.
 * FAULT_USAGE: "bad configuration chunk=foo".
 */
MUST_USE enum fault chunk_config_read(const char *chunksize, const char *chunk,
				      struct chunk_config *config, struct err *err);

enum { CHUNK_TEXT_SIZE = 64 };

/* Writes it for people: "none", "1.05 megabytes chunks", with " (old style)". */
void chunk_config_text(const struct chunk_config *config, char text[CHUNK_TEXT_SIZE]);
