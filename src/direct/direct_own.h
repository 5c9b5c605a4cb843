/*
 * Calls that are the direct store's own: their list, their ends, and the gateway, which may do
 * instead what they were to do.
 *
 *   begun, in the list -> moved in each poll for which it is due -> ended, freed
 *                      -> left to the gateway: ends as that does
 *
 * A kind of call has a struct of its own that begins with a struct direct_own.
 *
 * Place      inside direct/direct: direct.c -> [direct_own] -> direct_list.c, direct_put.c ...
 * Ownership  a call belongs to its store's list until its `done` was called.
 * Threads    those of the store.
 */
#pragma once

#include "store/backend.h"
#include "store/health.h"

struct direct;
struct direct_own;

/* What one kind of call does. */
struct direct_kind {
	size_t size; /* of its struct */
	/* Does what is due; it may end the call, and `done` start others. */
	void (*move)(struct direct_own *own);
	/* As store_pause and store_resume, of a call that is not the gateway's.  NULL: nothing. */
	void (*pause)(struct direct_own *own);
	void (*resume)(struct direct_own *own);
	/* Ends what is in flight here, and frees what the struct holds. */
	void (*fini)(struct direct_own *own);
};

struct direct_own {
	const struct direct_kind *kind;
	struct direct *direct;
	struct direct_own *next;
	struct direct_own **back; /* NULL: it is not in the list */
	struct store_then then;
	struct health_call health;
	struct store_call *gateway; /* does it instead */
	bool due;                   /* to be moved in the next poll */
	bool inner;                 /* another one began it, and ends it */
};

/* Puts a call that was begun into its store's list, and hands it out. */
struct store_call *direct_own_add(struct direct_own *own);

/* Has it moved in the next poll. */
void direct_own_due(struct direct_own *own);

/* Returns the call if it is one of this store's; NULL: it is the gateway's. */
struct direct_own *direct_own_find(const struct direct *direct, const struct store_call *call);

/* Tells the caller its end, and frees it. */
void direct_own_end(struct direct_own *own, const struct store_reply *reply);

/* Returns what a call of the gateway in its place ends with: it ends the same. */
struct store_then direct_own_then(struct direct_own *own);

/* Leaves it to a call of the gateway.  NULL: that could not be begun, and `err` is its end. */
void direct_own_leave(struct direct_own *own, struct store_call *gateway, const struct err *err);

/* Frees it without a word to its caller: one that was never handed out; or in the list, with what
 * is in flight of it, at the gateway too. */
void direct_own_free(struct direct_own *own);
void direct_own_cancel(struct direct_own *own);

/* As store_pause and store_resume. */
void direct_own_pause(struct direct_own *own);
void direct_own_resume(struct direct_own *own);

/* Moves all that is due. */
void direct_own_move_all(struct direct *direct);

/* Cancels all. */
void direct_own_cancel_all(struct direct *direct);
