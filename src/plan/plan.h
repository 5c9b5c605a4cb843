/*
 * The planner: walks the sources and writes what it finds as listings of a manifest.
 *
 * Depth first: a directory is read whole, sorted by name bytes, written as one listing, and then
 * its sub-directories are, in that order.  Memory does not grow with the tree: what is still to be
 * walked is read back from the manifest, so a planner that was killed goes on where it was.
 *
 * Inside, from the loop outwards; each directory goes through these once:
 *   plan.c      the loop: walk_next -> walk_open -> lister_read -> lister_write -> walk_push
 *   walk*.c     the stack of directories on the way down; opens the next one
 *   lister*.c   the names of one directory, or of several that are merged, and the listing made
 *               of them.  It asks
 *                 names.c     sorts them; clashes.c finds those that are equal in NFC
 *                 entry.c     what a name is, here or on a grid, and its verdict (refusal.c: names)
 *                 chooser.c   whether the selection takes it
 *                 target_listing.c  what the target on the grid holds under it
 *   remote.c    listings of a grid for entry.c and target_listing.c; ask.c fetches them, also ahead
 *   publish.c   syncs what was written and tells the queue how far it may read
 *
 * What cannot or must not be transferred has a verdict, and its meta is empty where lstat was
 * refused.  A directory with a verdict has no listing.  One that turns out to be unreadable, too
 * large or gone when its turn comes is handed to `settle` instead and has no listing either (or the
 * one that a kill had cut short).
 *
 * Place      src/engine -> [plan] -> queue/writer.h, behind which the queue reads.
 * Ownership  everything in a request is borrowed until plan_run returns.
 * Threads    plan_run belongs to one thread, and calls back in it.
 */
#pragma once

#include "decide/decide.h"
#include "queue/catalog.h"
#include "queue/writer.h"
#include "report/counters.h"
#include "store/store.h"

#include <stdatomic.h>

enum plan_symlinks {
	PLAN_SYMLINKS_UNSET = 0, /* skipped */
	PLAN_SYMLINKS_SKIP,
	PLAN_SYMLINKS_FOLLOW,
	PLAN_SYMLINKS_FAIL,
	PLAN_SYMLINKS_PRESERVE, /* kept as symlinks: on a grid as a small file with the target */
};

enum plan_specials {
	PLAN_SPECIALS_UNSET = 0, /* skipped */
	PLAN_SPECIALS_SKIP,
	PLAN_SPECIALS_FAIL,
};

/* The gateway needs 0.7 GB of memory to make a directory of that many children. */
enum { PLAN_DIR_ENTRIES_DEFAULT = 100000 };

struct plan_options {
	enum plan_symlinks symlinks;
	enum plan_specials specials;
	uint64_t max_dir_entries; /* names in one source directory; 0: the default */
	uint64_t chunk_size;      /* larger local files are stored in chunks of this; 0: none */
	uint64_t range_size;      /* larger immutable files of a grid get chunks of this; 0: none */
	bool caps_only; /* of files on a grid the cap is written, which is as long as its text */
	unsigned attributes; /* enum attributes_wanted of files/attributes.h: of local sources */
	bool distinct;       /* no two sources may have the same name */
	bool to_local;       /* the target is local: names must be usable there.  Else immutable
			  directories of a grid are linked whole */
};

/*
 * A local path, or a node of a grid, which becomes an entry called `name`.  A symlink here is
 * always followed.
 */
struct plan_source {
	const char *path; /* not empty, as typed; later opened relative to the working directory;
			     NULL: on a grid */
	const char *name; /* 1..255 bytes without a slash; "" for a directory of a grid whose
			     children become entries beside the other sources */
	const struct store_node *node; /* on a grid, with its caps; else NULL */
	size_t number;                 /* the planner's own: its place in the request */
};

struct remote;

/*
 * What stands at the target already, when merging into it.  One directory is looked at at a time.
 * Names are given as the grid keeps them, in NFC.  A fault ends the plan.
 *
 * For each listing the planner calls `open`; if that exists, `look` for each entry without a
 * verdict, where decide() tells conflicts of kinds; then, once the listing is durable and before it
 * is published, `bind` for each entry that is there, and `sync` if there was one.  After a kill the
 * last listing's are bound again.
 */
struct plan_target {
	/* Turns to directory `id` (0: the root).  Stores whether it was there before the job: the
	 * root's answer is the target's to give, another's follows from its bind, which may have
	 * been in an earlier process. */
	enum fault (*open)(void *context, uint64_t id, bool *exists, struct err *err);
	/* Hears that directory `id` will soon be turned to, and may ask for it ahead.  Never
	 * sleeps.  May be NULL. */
	void (*ahead)(void *context, uint64_t id);
	/* Stores what the directory opened last holds under `name`. */
	enum fault (*look)(void *context, const char *name, size_t size, enum decide_kind *there,
			   struct err *err);
	/* Says whether that is the very directory whose cap is in the slot `source`.  NULL: it
	 * never is. */
	bool (*is_same)(void *context, const char *name, size_t size, const struct outcome *source);
	/* Remembers (slot planned) that what is there of that name is what entry `id` goes into, or
	 * replaces.  May come twice, also when the entry is settled: then nothing changes. */
	enum fault (*bind)(void *context, uint64_t id, const char *name, size_t size,
			   struct err *err);
	/* Makes the binds durable; until then they may be unseen.  May be NULL. */
	enum fault (*sync)(void *context, struct err *err);
	void *context; /* of all six */
};

struct select;

struct plan_request {
	/* Of the plan that `writer` writes, for reading it back.  Slot N of its sources gets the
	 * cap of entry N's source (state planned), before the entry is durable. */
	struct catalog *catalog;
	const char *directory;          /* large directories are sorted in unlinked files there */
	struct manifest_writer *writer; /* as catalog_file_recover gave it */
	const struct manifest_resume *resume; /* as catalog_file_recover gave it, not complete; else
						 NULL */
	const struct plan_source *source;     /* directories of one name are merged: what the
						 first of them says of itself counts */
	size_t source_count;
	const char *const *made; /* names of the directories missing at the target: the root's
				    listing holds made[0], its listing made[1], ..., and the last
				    one's listing the sources */
	size_t made_count;
	struct plan_options options;
	const struct select *select;      /* which entries below the sources; NULL: all */
	const struct plan_target *target; /* NULL: nothing is there */
	struct remote *remote; /* reads directories of a grid; NULL: no source is on one */
	/* Hears that the plan is durable before the page `durable`: soon after the first listing,
	 * then about every 50 ms, and at the end with LISTING_END and `complete`.  When going on,
	 * what lies behind `resume->listing` is not to be read before the first call: it may hold
	 * directories that are not bound.  May be NULL. */
	void (*publish)(void *context, struct listing_id durable, bool complete);
	/* Writes the outcome of a directory that gets no listing: its state (failed or skipped) and
	 * reason.  The directory's entry is durable by then, and may have been published.  Called
	 * again after a kill. */
	enum fault (*settle)(void *context, uint64_t id, enum outcome_state state,
			     enum outcome_reason reason, struct err *err);
	/* Makes sure, before the plan is complete, that the sources are there still: what had no
	 * name in them any more is not in it.  A fault ends the plan.  May be NULL. */
	enum fault (*there)(void *context, struct err *err);
	/* Answers, for a directory planned before a kill, whether it has an outcome already: then
	 * it is not walked.  May be NULL. */
	bool (*is_settled)(void *context, uint64_t id);
	void *context; /* of these four */

	unsigned open_max;              /* directories of the way down kept open; 0: 32 */
	const atomic_bool *cancel;      /* true: stop with CANCELLED; may be NULL */
	struct plan_progress *progress; /* may be NULL */
};

/* Returns whether sources called so, any of them "", may have directories of one name, which are
 * merged: then it is known only at the end that nothing collides.  Such a plan is made in one go,
 * or anew. */
bool plan_may_merge(const char *const *name, size_t count);

/*
 * Plans everything, or goes on, and finishes the manifest.  The writer stays open, the caller's.
 * Sleeps for as long as the walk takes.  Trouble with single entries becomes their verdicts.
 * Faults: USAGE (a name used twice or malformed), NOT_FOUND (a source is not there), CANCELLED,
 * CORRUPT (the manifest read back), FULL, IO, NOMEM, and those of the callbacks; after any of them
 * the manifest can be recovered and gone on with; not so a plan that merges sources
 * (plan_may_merge), of which nothing is published before it is complete.
 */
MUST_USE enum fault plan_run(const struct plan_request *request, struct err *err);
