/*
 * A body stored and proven, one step after the other, without waiting.
 *
 *   put_start -> the request -> `stored`: put_go_on, once the bytes are known to be those meant
 *                   |             -> the policy judges the cap -> [shares] -> [read back] -> PROVEN
 *                   |           put_refuse -> FAILED
 *                   +-> POSTPONED, HOPELESS, FAILED
 *
 * Where a mutable file is overwritten its cap says nothing of the bytes: they are read back.
 *
 * Place      transfers in their lanes, and upload.h in one thread -> [put] -> store calls.
 * Ownership  everything is borrowed until `ended`.
 * Threads    the owner of the store.
 */
#pragma once

#include "calls/patience.h"
#include "verify/proving.h"

enum put_end {
	PUT_PROVEN,    /* `cap` and `met` */
	PUT_FAILED,    /* `err` */
	PUT_HOPELESS,  /* `err`; the gateway fails on these bytes again: no third try */
	PUT_POSTPONED, /* the grid still keeps an upload of them: again in `delay_ms`, uncounted */
	PUT_FOREIGN,   /* `err`: the levels asked for cannot be met at this gateway, by any file */
};

struct put_options {
	struct store *store;
	struct policy *policy;
	struct patience *patience; /* with uploads that were cut off, or NULL */
	struct store_body body;
	unsigned attempts; /* that have failed before */
	/* Hears that the gateway has taken the bytes: put_go_on or put_refuse is to follow. */
	void (*stored)(void *context);
	/* Hears of the end, which may be at once. */
	void (*ended)(void *context, enum put_end end, const struct err *err);
	void *context; /* of both */
};

/* What is known of the bytes. */
struct put_content {
	const unsigned char *key;     /* convergence key, with the policy's parameters */
	const unsigned char *content; /* xxh3-128 */
	const struct cap *whole;      /* the cap predicted, or NULL */
};

/* All zeros before the first start, but for `cap` when `overwrites`. */
struct put {
	struct put_options options;
	bool overwrites;         /* the mutable file `cap` */
	struct store_call *call; /* the request in flight */
	struct cap cap;
	unsigned met;               /* enum verify_level */
	uint32_t delay_ms;          /* of POSTPONED */
	enum store_trouble trouble; /* of the request */
	bool proven;                /* by the store: it made the cap itself */
	struct proving proving;
};

/* Starts; all but `options` stays from an earlier try. */
void put_start(struct put *put, const struct put_options *options);

/* After `stored`, in it or later: has the cap and the bytes proven.  `known` is borrowed until
 * `ended`, apart from the struct itself and `whole`. */
void put_go_on(struct put *put, const struct put_content *known);

/* After `stored`, in it or later: ends as PUT_FAILED with `err`. */
void put_refuse(struct put *put, const struct err *err);

/* Ends what is in flight without `ended`. */
void put_cancel(struct put *put);

/* Wipes and frees what it holds. */
void put_fini(struct put *put);
