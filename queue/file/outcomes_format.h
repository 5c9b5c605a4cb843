/*
 * The bytes of the outcomes file: its header copies and its slots.
 *
 * Place      private to outcomes.c and its tests.  docs/formats.md says the same for people.
 * Threads    pure functions.
 */
#pragma once

#include "queue/file/outcomes.h"

enum {
	OUTCOMES_VERSION = 1,
	OUTCOMES_HEADER_SIZE = 4096,
	OUTCOMES_COPY_SIZE = 2048, /* two copies fill the header */
	OUTCOMES_SLOT_SIZE = 128,
};

/* What a header copy says. */
struct outcomes_header {
	uint32_t version;
	unsigned char job_id[16];
	uint32_t binding_size;
	unsigned char binding[OUTCOME_BINDING_MAX];
};

enum outcomes_copy {
	OUTCOMES_COPY_GOOD,
	OUTCOMES_COPY_BAD,
	OUTCOMES_COPY_NEWER, /* of a version above ours; only `version` and `job_id` are filled */
};

/* Writes copy `index` (0 or 1) of the header into `at`, OUTCOMES_COPY_SIZE bytes. */
void outcomes_header_encode(const struct outcomes_header *header, unsigned index,
			    unsigned char *at);

/* Checks and decodes copy `index` from `at`. */
enum outcomes_copy outcomes_header_decode(const unsigned char *at, unsigned index,
					  struct outcomes_header *header);

/* Writes the slot of `outcome` into `at`, OUTCOMES_SLOT_SIZE bytes; OUTCOME_NONE becomes zeros. */
void outcomes_slot_encode(const struct outcome *outcome, uint64_t seed, unsigned char *at);

/* Decodes the slot of task `id`.  What does not check becomes OUTCOME_DAMAGED, all else zero. */
void outcomes_slot_decode(const unsigned char *at, uint64_t id, uint64_t seed,
			  struct outcome *outcome);
