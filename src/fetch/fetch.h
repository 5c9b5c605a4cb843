/*
 * Trees from a grid to a local directory: by cap, proven, nothing outside the target, nothing half.
 *
 *   sources -> [folders pending] -> listing of one -> files first, then the folders found
 *                                                     each file: fetch/file.h
 * Nothing recurses; in memory are the folders that are pending and the listings whose files are not
 * fetched yet, at most one listing for each request in flight.
 *
 * Place      src/cli -> [fetch] -> crews of src/store, the file system by fetch/beneath.h.
 * Ownership  a request is borrowed until fetch_free.
 * Threads    new, run and free belong to one thread, in which `ended` is called; fetch_stop to any;
 *            `moved` and `open` run in lanes.
 */
#pragma once

#include "store/store.h"
#include "tahoe/chk.h"

struct fetch_source {
	struct store_node node; /* with its caps */
	const char *name;       /* NUL-terminated; "" for a directory: its contents */
};

/* What became of one entry.  Borrowed for the call. */
struct fetch_entry {
	const char *path; /* below the target; hostile: NUL may be inside */
	size_t path_size;
	enum store_kind kind;
	bool done;
	bool skipped;       /* else, when not done: failed */
	bool conflict;      /* failed, because something else is at the target */
	const char *reason; /* not done: a phrase, a literal */
	const char *detail; /* not done: more, or ""; without caps */
	uint64_t bytes;     /* of a file that is done */
};

struct fetch_counts {
	uint64_t files, directories; /* done */
	uint64_t bytes;              /* of files done */
	uint64_t skipped;            /* of a kind this program does not know */
	uint64_t failed, conflicts;  /* conflicts are failed too */
	uint64_t reread;             /* files proven by a second read, their key being unknown */
};

struct fetch_request {
	enum fault (*open)(void *context, struct store **store, struct err *err);
	void (*ended)(void *context, const struct fetch_entry *entry);
	void (*moved)(void *context, uint64_t bytes); /* NULL: not wanted */
	void (*away)(void *context, bool away);       /* NULL: not wanted */
	void *context;
	const char *target; /* directory, made if missing */
	const struct fetch_source *source;
	size_t count;
	const struct chk_params *secret; /* the gateway's, or NULL: unknown */
	unsigned in_flight;              /* 1..LANES_MAX */
	uint64_t away_ms;                /* how long to wait for a gateway that is away */
};

struct fetch;

/* Opens the target and the stores.  Faults: EXISTS (the target is no directory), FULL, IO, NOMEM,
 * and those of `open`. */
MUST_USE enum fault fetch_new(const struct fetch_request *request, struct fetch **fetch,
			      struct err *err);

/*
 * Fetches everything.  Sleeps until the end.  FAULT_NONE: every entry was tried, see `counts`.
 * CANCELLED: fetch_stop was called; UNAVAILABLE: the gateway stayed away; FULL, NOMEM: nothing more
 * can be stored.  `counts` is filled in any case, and no temporary file is left.
 */
MUST_USE enum fault fetch_run(struct fetch *fetch, struct fetch_counts *counts, struct err *err);

/* Has fetch_run end soon.  Any thread, idempotent. */
void fetch_stop(struct fetch *fetch);

/* Frees.  NULL is allowed. */
void fetch_free(struct fetch *fetch);
