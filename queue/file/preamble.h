/*
 * The first 40 bytes of a framed file: what it is, which version, whose job.
 *
 * They never change after creation and stay where they are in every later version of a format, so
 * that an older program can name the version it meets.
 *
 * Place      in front of the frames of the manifest and of the keys file.
 * Threads    plain functions on data of the caller.
 */
#pragma once

#include "queue/core/fault.h"

enum { PREAMBLE_SIZE = 40, PREAMBLE_MAGIC_SIZE = 8 };

/* A kind of file. */
struct preamble_kind {
	char magic[PREAMBLE_MAGIC_SIZE + 1];
	const char *name; /* for people: "manifest" */
	uint16_t version; /* the one this program writes, and the highest it reads */
};

void preamble_encode(const struct preamble_kind *kind, const unsigned char job_id[16],
		     unsigned char bytes[PREAMBLE_SIZE]);

/*
 * Checks `bytes` and stores the job id.  Faults: CORRUPT for damage, another kind of file, or a
 * version we do not read; the text names both versions.
 */
MUST_USE enum fault preamble_decode(const struct preamble_kind *kind,
				    const unsigned char bytes[PREAMBLE_SIZE],
				    unsigned char job_id[16], struct err *err);
