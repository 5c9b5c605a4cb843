/*
 * A job proven again from its plan and outcomes, without its sources.
 *
 *   pages of the plan, in step with the slots -> a probe for each entry that is done
 * Memory is constant but for directories in flight: 24 bytes a child.  Nothing is changed anywhere.
 *
 * Inside: audit.c walks the manifest and keeps a pool full of probes; probe.c is one of them, in a
 * lane.  The children of a directory come from verify/children.h.  tree.c does the same for
 * all that a grid holds below a cap, without a job; inspection.c is one object of it, and guess.c
 * says how far it is while directories are not listed.  What a run
 * that was stopped has found well is left out: earlier.c.
 *
 * A mutable directory may hold more than the job put into it; an immutable one may not.
 *
 * Place      barge verify -> [audit] -> a pool of src/calls; manifest and outcomes are read.
 * Ownership  a request is borrowed until audit_free.
 * Threads    new, run and free belong to one thread, in which all is told; audit_stop to any; but
 *            `moved` and `open` run in lanes.
 */
#pragma once

#include "calls/pool.h"
#include "queue/catalog.h"
#include "store/health.h"
#include "store/store.h"
#include "tahoe/chk.h"

/* What became of one entry.  Borrowed for the call. */
struct audit_entry {
	uint64_t id;
	const char *path; /* from the root; "" is the directory at the target, or not wanted */
	bool is_directory;
	bool proven;
	const char *detail;                /* why not, or "" */
	uint64_t bytes;                    /* of a file that is proven */
	uint64_t size;                     /* of a file, proven or not */
	uint64_t moved;                    /* bytes that `moved` has heard of for it */
	const struct store_health *health; /* as its check found it; NULL: there was none */
};

struct audit_counts {
	uint64_t files, directories; /* proven */
	uint64_t bytes;              /* of files proven */
	uint64_t failed;             /* not proven */
	uint64_t left_out;           /* entries the job did not store: nothing to prove */
	/* Of those that were checked, as `tahoe deep-check` counts them: */
	uint64_t healthy, unhealthy, unrecoverable, repaired;
	uint64_t corrupt_shares;
	uint64_t before; /* of all of these, found well by an earlier run and not told of again */
};

struct earlier;

struct audit_request {
	enum fault (*open)(void *context, struct store **store, struct err *err);
	void (*ended)(void *context, const struct audit_entry *entry);
	void (*moved)(void *context, uint64_t bytes); /* NULL: not wanted */
	/* Hear, for whoever shows how far it is, of an object of a tree that will end, of the last
	 * of these, and of one that an earlier run has found well, which does not end again.  Until
	 * the last was found: how many percent are done, by guess.  NULL: not wanted. */
	void (*found)(void *context, bool is_directory, uint64_t size);
	void (*all_found)(void *context);
	void (*before)(void *context, bool is_directory, uint64_t size);
	void (*guessed)(void *context, unsigned percent);
	void *context;
	struct catalog *catalog;         /* with outcomes */
	bool paths;                      /* of proven entries too */
	const struct chk_params *secret; /* the gateway's, or NULL: unknown */
	unsigned levels;                 /* enum verify_level: COUNT, CHECK, READ */
	bool add_lease, repair;
	struct earlier *earlier; /* of the same, or NULL; hears of what is proven */
	unsigned in_flight;      /* 1..LANES_MAX */
	unsigned width;          /* of these, at one gateway */
	struct away *away;       /* as lanes_options, and */
	struct health *health;   /* the same */
};

/* Counts an entry that has ended, and one that was checked. */
void audit_count(struct audit_counts *counts, const struct audit_entry *entry);

struct earlier_object;

/* Counts an object that an earlier run has found well, and tells of it. */
void audit_recount(const struct audit_request *request, const struct earlier_object *object,
		   struct audit_counts *counts);

/* Returns what the pool of a request is to be. */
struct pool_options audit_pool(const struct audit_request *request);

struct audit;

/* Opens the stores.  Faults: those of catalog_reader_new and `open`; NOMEM. */
MUST_USE enum fault audit_new(const struct audit_request *request, struct audit **audit,
			      struct err *err);

/*
 * Proves everything.  Sleeps until the end.  FAULT_NONE: every entry was tried, see `counts`.
 * CANCELLED: audit_stop was called; UNAVAILABLE: the gateway stayed away; CORRUPT: the plan is
 * damaged; IO, NOMEM.  `counts` is filled in any case.
 */
MUST_USE enum fault audit_run(struct audit *audit, struct audit_counts *counts, struct err *err);

/* Has audit_run end soon.  Any thread, idempotent. */
void audit_stop(struct audit *audit);

/* Frees.  NULL is allowed. */
void audit_free(struct audit *audit);
