/*
 * A store whose answers a test writes: it answers, fails, delays and lies.
 *
 * Bodies are taken in whole (streams as they come), then the script is asked for the reply.
 *
 * Threads    a store belongs to one thread, in which the script runs; counters may be read by any.
 */
#pragma once

#include "store/store.h"
#include "tahoe/mutable.h"

#include <stdatomic.h>

enum fake_operation {
	FAKE_PUT,
	FAKE_OVERWRITE,
	FAKE_GET,
	FAKE_MAKE_DIRECTORY,
	FAKE_SET_CHILDREN,
	FAKE_LIST,
	FAKE_CHECK,
	FAKE_PROBE,
	FAKE_OPERATIONS,
};

/* A call as the script sees it. */
struct fake_call {
	enum fake_operation operation;
	unsigned number; /* of this operation, from 1 */
	unsigned gateway;
	struct cap cap;      /* overwrite, get, list, check: of what; edits: of the directory */
	unsigned char *data; /* the body, NUL-terminated */
	size_t size;
	char path[512]; /* list: components joined by '/' */
	bool is_mutable;
	char key[MUTABLE_KEY_TEXT_SIZE]; /* make_directory: "" if none */
	enum store_replace replace;
	uint64_t children;
	uint64_t offset, length;  /* get */
	store_sink *sink;         /* get; once it was false the call ends as cancelled */
	store_child_found *child; /* list; may be NULL; likewise */
	void *context;            /* of both */
};

/*
 * Fills `reply`, which starts as one of success.  Returns false for: not yet; it is asked again at
 * the next wake.
 */
typedef bool fake_script(void *context, struct fake_call *call, struct store_reply *reply);

struct fake {
	fake_script *script;
	void *context;
	unsigned gateways; /* that stores are opened on in turn; 0: one */
	atomic_uint opened;
	atomic_uint started[FAKE_OPERATIONS];
	atomic_uint ended[FAKE_OPERATIONS]; /* `done` has returned */
	atomic_uint cancelled;
	atomic_uint in_flight, in_flight_max; /* probes left out */
	atomic_uint pauses;                   /* store_pause, which the script may look at */
	atomic_bool hold_bodies;              /* streams are not read */
};

/* Opens a store that asks fake->script (`fake` outlives it). */
struct store *fake_open(struct fake *fake);

/* The same as a lanes_options.open with the fake as its context. */
enum fault fake_open_store(void *context, struct store **store, struct err *err);

/* Makes the reply a failure. */
void fake_fail(struct store_reply *reply, enum fault fault, const char *text);

/* Gives `call`, a list, a child. */
void fake_child(struct fake_call *call, const char *name, enum store_kind kind,
		const struct cap *cap);
