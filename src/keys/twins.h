/*
 * Parts of one file that may have equal bytes: sent once, and never two of them at a time, for a
 * gateway fails one of two uploads of the same content.
 *
 *   twins_begin -> the first with that hash -> sent -> twins_end
 *               -> another has it           -> sleeps until that has ended -> which one it was
 *
 * Place      chunk_grid.c, before a chunk is sent.
 * Ownership  plain data until twins_fini.
 * Threads    all but init and fini may run concurrently; twins_begin sleeps.
 */
#pragma once

#include "base/digest.h"
#include "queue/core/thread.h"

struct twin {
	unsigned char hash[CONTENT_HASH_SIZE];
	uint64_t number;
	bool sent;
};

struct twins {
	struct mutex lock;
	struct cond ended;
	struct twin *twin GUARDED;
	size_t count GUARDED, room GUARDED;
};

void twins_init(struct twins *twins);
void twins_fini(struct twins *twins);

/* Begins with a part.  Stores in `of` the number of one with that hash that was sent, or its own:
 * then it is to be sent, and twins_end has to follow.  FAULT_NOMEM. */
MUST_USE enum fault twins_begin(struct twins *twins, const unsigned char hash[CONTENT_HASH_SIZE],
				uint64_t number, uint64_t *of, struct err *err);

/* Ends what was begun: it is `sent`, or whoever is next tries. */
void twins_end(struct twins *twins, uint64_t number, bool sent);
