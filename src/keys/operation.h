/*
 * One operation on a key store under way: a store of the grid that nobody else uses meanwhile.
 *
 * Place      src/keys, and whoever uses the grid beside a key store (git-annex's exports).
 * Ownership  an operation is the caller's from operation_begin to operation_end.
 * Threads    one each.
 */
#pragma once

#include "calls/patience.h"
#include "chunk/chunk.h"
#include "keys/keys.h"
#include "keys/layout.h"
#include "verify/policy.h"

/* A store of the grid, and what calls of it need. */
struct operation {
	struct keys *keys;
	struct store_wait wait;
	struct tries tries; /* to be copied for each call that is to be tried again */
	struct operation *next;
};

struct keys {
	struct keys_options options;
	struct layout layout;
	struct policy *policy; /* made once connected */
	struct patience patience;
	struct mutex connecting; /* held by the first operation, until a gateway has answered */
	struct mutex lock;       /* of what follows; taken last */
	bool connected GUARDED;
	struct operation *idle GUARDED;
};

/* Returns how much of one kind is to be under way at once. */
static inline unsigned keys_width(const struct keys *keys)
{
	const unsigned width = keys->options.width ? keys->options.width : KEYS_WIDTH;
	return width < CHUNK_WIDTH_MAX ? width : CHUNK_WIDTH_MAX;
}

/* Takes a store that is idle, or opens one. */
MUST_USE enum fault operation_begin(struct keys *keys, struct operation **operation,
				    struct err *err);

/* Gives it back.  NULL is allowed. */
void operation_end(struct operation *operation);
