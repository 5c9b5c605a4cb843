/*
 * An entry as decide() wants it, from its task, from slots and from lstat; and the end of its work
 * where the decision is one.
 *
 * Place      queue tasks, slots of the outcomes, a directory at hand -> [entry] -> decide.h.
 * Ownership  plain data; nothing that is given is kept.
 * Threads    all functions may run concurrently.
 */
#pragma once

#include "decide/decide.h"
#include "queue/lease.h"
#include "queue/outcomes.h"
#include "tahoe/chunked.h"

/* Returns what has a kind of the manifest (enum manifest_kind). */
enum decide_kind decide_kind_of(uint8_t manifest_kind);

/* Returns the source of `task`.  `slot` is the one of its source on a grid, of no state where it is
 * local. */
struct decide_source decide_source_of(const struct task *task, const struct outcome *slot);

/*
 * Returns whether the cap that a file or symlink has in a slot is that of a file in chunks: of its
 * source, of what was found at the target, or of what was stored.  What is no file gets no slot
 * beside a file (plan/target_listing.h).
 */
bool entry_is_chunked(uint8_t manifest_kind, uint8_t cap_kind);

/*
 * Stores the chunks of the task's source, to be freed, which the planner has left in the slots of
 * `sources` behind its own.  Faults: CORRUPT (they are not those of the file), NOMEM, those of
 * outcomes_read.
 */
MUST_USE enum fault entry_chunks(struct outcomes *sources, const struct task *task,
				 struct chunked *chunked, struct err *err);

/* Returns what stands at a target on a grid, as the plan left it in the `slot` of an entry of that
 * kind. */
struct decide_there decide_there_on_grid(uint8_t manifest_kind, const struct outcome *slot);

/* Returns what `st`, of lstat, says is there. */
struct decide_there decide_there_of(const struct stat *st);

/* Stores what has `name` in the open local directory `at`.  Faults: USAGE (a name that no file may
 * have), IO. */
MUST_USE enum fault decide_there_here(int at, const char *name, struct decide_there *there,
				      struct err *err);

/* Says whether what is there, at a local target, is what this job has put there, by the `slot` of
 * an entry that was taken up again. */
void decide_there_own(const struct outcome *slot, struct decide_there *there);

/* How an entry comes to have its name in its directory on a grid. */
enum entry_link {
	ENTRY_NEW,     /* nothing had the name when it was planned */
	ENTRY_REPLACE, /* a file had */
	ENTRY_RELINK,  /* an immutable directory of this job's had, which was made anew */
	ENTRY_KEEP,    /* its link stays: a directory merged into, a file overwritten in its place,
			  what an earlier run has linked */
};

/* Returns how, by the entry's `slot`, planned or done. */
enum entry_link entry_link_of(const struct outcome *slot);

/* Returns what the entry's own slot says of it. */
struct decide_known decide_known_of(const struct outcome *slot);

/* Ends the work as done without sending anything: its name gets the cap of `slot`, and `meta`. */
void entry_link_cap(struct work *work, const struct outcome *slot, const struct meta *meta);

/* Ends the work where `decision` is its end.  Returns whether it did. */
bool decision_ends(struct work *work, const struct decision *decision,
		   const struct decide_there *there);
