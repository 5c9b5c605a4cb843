/*
 * How a storage server is asked to take new shares of a mutable file, and what it answers.
 *
 * Place      inside direct/direct_publish.
 * Threads    may run concurrently.
 *
 * One request writes all shares for a server, or none: each test says that nothing may be there.
 * The answer brings the beginning of every share that the server had before.
 * Source: tahoe-lafs 1.20.0 docs/specifications/http-storage-node-protocol.rst (read-test-write).
 */
#pragma once

#include "direct/share_numbers.h"
#include "tahoe/slot_make.h"

/* Allocates the question for the shares that are `wanted`; stores its size.  NULL: no memory. */
unsigned char *slot_question_new(const struct slot_shares *shares,
				 const bool wanted[SHARE_NUMBERS_MAX], size_t *size);

struct slot_answer {
	bool written;                /* all that was wanted */
	bool has[SHARE_NUMBERS_MAX]; /* shares of this version that were there already */
	bool other;                  /* a share of another version was */
};

/* Reads an answer.  FAULT_CORRUPT. */
MUST_USE enum fault slot_answer_read(const void *data, size_t size,
				     const struct slot_version *version, struct slot_answer *answer,
				     struct err *err);
