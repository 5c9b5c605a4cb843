/*
 * What the replies of gateways say about the grid: whether a failure is the fault of what was asked
 * for, or one that everything suffers just now.
 *
 *   well --trouble--> in trouble, and that one is counted as a try --more trouble--> waited for:
 *     ^                   |                                              no try was made
 *     |                   | something asked for since then goes well          |
 *     +-------------------+<--------------------------------------------------+
 *                                          nothing has for `wait_ms`: the job is over for now
 *
 * Storing, writing, listing and reading are apart, as a grid without room can be read, and as files
 * and directories lie on different servers; and so are gateways, as one may have lost its servers.
 * Only what was asked for after the trouble began clears it: replies that were on their way say
 * nothing.  So one object that fails while others do not has its tries, and one that fails because
 * all do has none.
 *
 * What is stored last has nobody after it to tell whose trouble it is.  So when the time is over,
 * and whoever knows says that little else is left, something small is stored in its place
 * (health_asks): if that goes well the trouble is its own, else the grid's.
 *
 * While there is trouble little is begun, at growing intervals, to see whether it is over.  Where
 * nothing was asked for a minute it is forgotten.
 *
 * Place      store/gateway tells of each call; err.excuse carries the verdict to queue/retry, and
 *            calls/lanes asks whether to begin.
 * Ownership  the stores of a command share one; it outlives them.
 * Threads    all functions may run concurrently; `tell` runs in the thread of a store.
 */
#pragma once

#include "tahoe/caps.h"

/* What a call does; bits, for those who do several things. */
enum health_work {
	HEALTH_NOTHING = 0,       /* of which the grid hears nothing */
	HEALTH_STORING = 1u << 0, /* immutable content */
	HEALTH_WRITING = 1u << 1, /* mutable directories and files */
	HEALTH_LISTING = 1u << 2, /* reading directories */
	HEALTH_READING = 1u << 3, /* files */
};

enum { HEALTH_WORKS = 4, HEALTH_GATEWAYS_MAX = 16 };

struct health;

struct health_options {
	uint64_t grid_ms;    /* how long trouble of the grid is waited for; --grid-wait */
	uint64_t gateway_ms; /* the same of the way to it; --gateway-wait */
	/* Hears that the grid is waited for, and why, or (NULL) that it is well again. */
	void (*tell)(void *context, const struct err *why);
	void *context;
};

/* Returns whether so little is left to be stored that its trouble may be its own; any thread. */
typedef bool health_alone(void *context);

/* One call, from its beginning to its end. */
struct health_call {
	enum health_work work;
	unsigned gateway;
	uint64_t number;  /* in the order of their beginnings */
	bool was_trouble; /* when it began */
};

/* Returns NULL when out of memory. */
struct health *health_new(const struct health_options *options);

/* Frees.  NULL is allowed. */
void health_free(struct health *health);

/* Notes that a call begins.  `health` may be NULL here and below: then nothing is excused. */
struct health_call health_begin(struct health *health, unsigned gateway, enum health_work work);

/* Notes that it went well. */
void health_well(struct health *health, const struct health_call *call);

/*
 * Notes that it failed with `err`, by the grid or (`on_the_way`) before it came there.  Fills
 * err->excuse, err->trouble and err->well, and err->retry_after_ms with a time after which another
 * try makes sense; one whose time is over becomes FAULT_UNAVAILABLE.
 */
void health_trouble(struct health *health, const struct health_call *call, bool on_the_way,
		    struct err *err);

/* Says who knows what is left; NULL: nobody, so what is in trouble for too long ends the job. */
void health_watch_rest(struct health *health, health_alone *alone, void *context);

/* Returns, once, whether whoever told of the trouble of `call` is to store something small: it goes
 * well like any call, or is told of as refused. */
bool health_asks(struct health *health, const struct health_call *call);
void health_refused(struct health *health, const struct health_call *call);

/* Something that could be read: a directory, or the byte at `offset` of a file. */
struct health_canary {
	struct cap cap;
	uint64_t offset;
};

/*
 * Keeps something that could be read.  When something else cannot, this is what is asked for again:
 * if it can still be read the grid is well, and the trouble is the other's own.
 */
void health_keep_canary(struct health *health, const struct health_canary *canary);

/* Keeps how many storage servers a gateway knows, whether they answer or not. */
void health_keep_servers(struct health *health, uint32_t known);

/* Returns how many; UINT32_MAX where it was not said. */
uint32_t health_servers(struct health *health);

/* Stores what was kept last, a directory or a part of a file; false when there is none. */
bool health_canary(struct health *health, bool of_directory, struct health_canary *canary);

/*
 * Returns whether something that does `works` may be begun at the gateway; if not, stores in
 * `wait_ms` when to ask again.  What may be begun is, or others wait in vain for a while.
 */
bool health_admits(struct health *health, unsigned gateway, unsigned works, uint32_t *wait_ms);
