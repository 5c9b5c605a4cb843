/*
 * The one decision: what becomes of an entry, by what was asked for, what its source is, what
 * stands at the target, and what is known of it from before.
 *
 * First what is known:
 *
 *   done, and its source has changed, or what it wrote is gone or has changed
 *                                    taken up again
 *   skipped as it was at the target, and that is gone, or its source has changed since it was
 *   compared                         taken up again
 *   done, skipped, failed            that, again
 *   stored by an earlier backup, and the source is as it was then (a directory: all in it is)
 *                                    kept: its cap is linked, nothing is read or sent; but first,
 *                                    where that is due, the servers are asked whether it is whole:
 *                                    if not, it is as if nothing were known
 *   lost: its directory is done,     there is something of its kind: done
 *   its own slot cannot be read      else, and for what stands at a grid: failed (lost)
 *                                    (a file at a local target is decided like any other)
 *
 * Then what is there, by kinds.  On a grid a symlink is a small file, and nothing there is a
 * symlink or of another kind.
 *
 *   source \ there     nothing   file       symlink    directory   other
 *   file, to a grid    send      options    -          conflict    -
 *   symlink, to a grid send      options    -          conflict    -
 *   file, here         send      options    conflict   conflict    conflict
 *   symlink, here      send      conflict   options    conflict    conflict
 *   directory          make (1)  conflict   conflict   merge       conflict
 *   other              failed (special), whatever is there
 *
 *   A directory at a grid that is immutable, or of which only the read cap is known, cannot be
 *   merged into: a directory fails (fixed), and all else is a conflict.
 *
 *   send: link what is immutable on a grid and goes to one, else copy; failed (lost) where the
 *         source's own slot cannot be read
 *   (1)   link, where it can be linked whole
 *
 * Then the options, in this order; the first that applies decides:
 *
 *   what is there is this job's own, as it left it          send, replacing it
 *   --no-clobber                                            skip (present)
 *   compare contents, and one side's cap can tell:
 *                                              unknown      compare, then decide again
 *                                              same         unchanged (2)
 *   compare times alone, the same size and time, and, here,
 *                         no later than the plan was made    unchanged (2)
 *   the file there is mutable, its cap grants no writing    conflict
 *   the file there is mutable                               overwrite
 *   here, and it changed after the plan was made            send, without replacing: it is a
 *                                                           conflict unless it is these very bytes
 *   else                                                    send, replacing it
 *
 *   (2)   skip; but where a grid has other metadata of it than the source, the cap that is there is
 *         linked again, with those of the source
 *
 * What is compared where nothing was said: contents on a grid, times here.
 *
 * A file in chunks is a file on both sides, though its cap is that of a directory.
 *
 * What can change has no size in a listing, so by times it is never unchanged.  Times on a grid
 * are floats, and compared as such, and a time here may have been rounded to the tick of its file
 * system; the size of a symlink here is not compared.
 *
 * The room: decide.c is the table; entry.c makes its arguments of tasks, slots and lstat.
 *
 * Place      entry.h says what slots and lstat tell -> [decide] -> whoever carries an entry out,
 *            and the rehearsal that says what would be.
 * Ownership  plain data.
 * Threads    all functions may run concurrently.
 */
#pragma once

#include "base/meta.h"

enum decide_action {
	DECIDE_COPY,      /* its bytes are brought */
	DECIDE_OVERWRITE, /* the same, into the mutable file that is there */
	DECIDE_LINK,      /* its cap is linked as it is */
	DECIDE_MKDIR,
	DECIDE_MERGE, /* a directory that is there */
	DECIDE_SKIP,
	DECIDE_FAIL,
	DECIDE_DONE,    /* already */
	DECIDE_COMPARE, /* look whether the contents are the same, and decide again */
	DECIDE_REOPEN,  /* it was done, and is to be done again */
	DECIDE_KEEP,    /* the cap of an earlier backup is linked */
	DECIDE_CHECK,   /* ask the servers whether that is whole, and decide again */
	DECIDE_RELINK,  /* the cap that is there is linked with the source's metadata */
	DECIDE_ACTIONS,
};

enum decide_kind {
	DECIDE_NOTHING,
	DECIDE_FILE,
	DECIDE_SYMLINK,
	DECIDE_DIRECTORY,
	DECIDE_OTHER,
	DECIDE_FIXED, /* a directory on a grid, at the target, that nobody can write to */
};

/* Whether source and what is there hold the same bytes. */
enum decide_content {
	DECIDE_UNCOMPARED,
	DECIDE_SAME,
	DECIDE_DIFFERENT,
};

/* What was asked for. */
struct decide_policy {
	bool to_local; /* else to a grid */
	bool no_clobber;
	bool update;        /* size and time are compared, unless contents can be */
	bool checksum;      /* contents are compared */
	int64_t tick_ns;    /* a local target keeps times to multiples of it; 0 or 1: exactly */
	int64_t planned_ns; /* since 1970, by the clock of the target's file system: what changed
			       here later was not planned with */
};

struct decide_source {
	uint8_t kind;     /* enum decide_kind: file, symlink or directory */
	uint8_t cap_kind; /* of what is on a grid; CAP_NONE: it is local */
	bool lost;        /* its slot should hold a cap, and cannot be read */
	bool whole;       /* a directory of a grid that can be linked as it is */
	uint64_t bytes;
	struct meta meta;
};

/* What has the name of the entry at the target. */
struct decide_there {
	uint8_t kind;            /* enum decide_kind */
	uint8_t cap_kind;        /* of a file on a grid */
	uint8_t content;         /* enum decide_content */
	bool timed;              /* `mtime_ns` is known */
	uint32_t mode, uid, gid; /* on a grid; mode 0: the three are not known */
	bool own;                /* this job has put it there, and it is as it was left */
	uint64_t bytes;
	int64_t mtime_ns;
	int64_t changed_ns; /* its ctime, of what is here; INT64_MAX: certainly after the plan */
};

/* What a look at something says that was done before. */
enum decide_since {
	DECIDE_UNSEEN, /* nobody looked */
	DECIDE_AS_IT_WAS,
	DECIDE_CHANGED,
	DECIDE_GONE,
};

/* What a backup knows of an earlier one that stored the same source. */
enum decide_stored {
	DECIDE_NOT_STORED,
	DECIDE_STORED, /* and there is no reason to ask for it */
	DECIDE_DUE,    /* and it is to be asked for */
	DECIDE_WHOLE,  /* the servers have enough of it, */
	DECIDE_BROKEN, /* or not */
};

/* What the plan, or an earlier run, says of the entry. */
struct decide_known {
	uint8_t state; /* enum outcome_state: done, skipped or failed; damaged: lost, in a directory
			  that is done; else nothing is known */
	uint8_t reason;  /* of skipped and failed */
	uint8_t source;  /* enum decide_since, of what is done */
	uint8_t written; /* the same of what it came to at a local target */
	enum decide_stored stored;
};

struct decision {
	uint8_t action; /* enum decide_action */
	uint8_t reason; /* enum outcome_reason, of skip and fail */
	bool replaces;  /* what is there may be replaced */
};

/* Decides.  `there` is not looked at where what is known is the answer. */
struct decision decide(const struct decide_policy *policy, const struct decide_source *source,
		       const struct decide_there *there, const struct decide_known *known);

/* Returns whether the source has a cap that can be linked at the target: it is immutable there. */
bool decide_is_linkable(const struct decide_policy *policy, const struct decide_source *source);

/* Returns whether the entry ends with the decision: it is skipped, or fails. */
bool decision_is_end(const struct decision *decision);

/* Returns why what is there is in the way, for people; a literal. */
const char *decide_conflict_text(const struct decide_there *there);
