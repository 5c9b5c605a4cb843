/*
 * What became of a task, as plain data.  Numbers are part of the file format.
 *
 * Place      for everybody; the queue takes them, its catalog gives them back.
 */
#pragma once

#include "queue/core/base.h"

enum outcome_state {
	OUTCOME_NONE = 0,    /* not begun */
	OUTCOME_PLANNED = 1, /* the planner knows a cap: of a source on the grid, or of what has the
			      * name at the target.  With a reason and no cap: a directory that
			      * could not be listed, and is to be settled as the state in `level` */
	OUTCOME_DONE = 2,
	OUTCOME_SKIPPED = 3,
	OUTCOME_FAILED = 4,
	OUTCOME_DAMAGED = 255, /* in memory only: the slot does not check */
};

/* Why something was skipped or failed.  Numbers are part of the format: never renumber. */
enum outcome_reason {
	REASON_NONE = 0,
	REASON_SYMLINK = 1,  /* a symlink, and not told to follow */
	REASON_SPECIAL = 2,  /* FIFO, socket or device */
	REASON_VANISHED = 3, /* gone since it was planned */
	REASON_APPEARED = 4, /* new, in a listing cut short by a kill */
	REASON_CHANGED = 5,  /* changed while being read, again and again, or is no file any more */
	REASON_PERMISSION = 6, /* may not be read */
	REASON_IO = 7,         /* the disk refused */
	REASON_NAME = 8,       /* not UTF-8, or not allowed on the other side */
	REASON_COLLISION = 9,  /* equals a sibling after Unicode normalization */
	REASON_LOOP = 10,      /* a symlink that leads back to a directory above it */
	REASON_DANGLING = 11,  /* a followed symlink that leads nowhere */
	REASON_TOO_MANY = 12,  /* directory over --max-dir-entries */
	REASON_GATEWAY = 13,   /* the gateway refused for good */
	REASON_MISMATCH = 14,  /* the proof failed: other bytes or another cap than sent */
	REASON_CONFLICT = 15,  /* something else is at the target */
	REASON_UNLINKED = 16,  /* its directory failed */
	REASON_LOST = 17,      /* its slot was damaged and its directory does not hold it */
	REASON_WITHHELD = 18,  /* --all-or-nothing kept the last link back */
	REASON_UNKNOWN = 19,   /* of a kind this program does not know (a node of a later Tahoe) */
	REASON_UNCHANGED = 20, /* it is at the target as it is, and an option said to look */
	REASON_PRESENT = 21,   /* something is at the target, and an option said to keep it */
	REASON_MISSING = 22, /* on the list of --files-from, and it or what is below is not there */
	REASON_ASTRAY = 23,  /* a symlink whose target leads out of the tree, or is none */
	REASON_SIZE = 24,    /* its cap says a size that no file can have */
	REASON_UNWRITTEN = 25, /* refused by the local target: its rights, its file system */
	REASON_FIXED = 26, /* a directory at the target has its name, and cannot be written to */
};

/* Beside the levels of verification, of what is done. */
enum {
	/* What has the name at the target is this job's own.  Done, at a local target: `meta` has
	 * its change time in place of owner and group.  Done, on a grid: it is linked in its
	 * directory.  Planned: an entry taken up again; with OUTCOME_EXISTED what the job has put
	 * there is as it left it, and else there is nothing. */
	OUTCOME_OWN = 1u << 5,
	OUTCOME_EXISTED = 1u << 6, /* something at the target had the name when it was planned */
	OUTCOME_LINKED = 1u << 7,  /* nothing was sent: the cap is that of a source on the grid, or
				    * what an earlier backup stored */
};

enum { OUTCOME_LEVEL_UNUSED = 3u << 3 }; /* bits of `level` that nobody sets */

/* The levels of a planned one that is a file at the target: `meta` has its mtime, and its
 * mode, uid and gid where the mode is not 0. */
enum { OUTCOME_HAS_MTIME = 1u << 0 };

enum { OUTCOME_CAP_MAX = 60, OUTCOME_META_SIZE = 28 };

struct outcome {
	uint64_t id;
	uint8_t state;    /* enum outcome_state */
	uint8_t reason;   /* enum outcome_reason */
	uint8_t level;    /* levels of verification that were met, bits as src/verify defines them,
			     OUTCOME_EXISTED and OUTCOME_LINKED */
	uint8_t attempts; /* 1 for the first try, 255 for that many or more */
	uint8_t cap_kind; /* as src/tahoe/caps.h numbers them; 0 none */
	uint8_t cap_size; /* bytes of `cap` in use */
	unsigned char cap[OUTCOME_CAP_MAX];
	unsigned char content[16];             /* xxh3-128 of the bytes, canonical (big-endian) */
	unsigned char meta[OUTCOME_META_SIZE]; /* mtime, ctime, mode, uid, gid at the transfer:
						  src/base/meta.h */
	uint64_t length;                       /* bytes proven */
};

/* Returns whether the state ends a task: done, skipped or failed. */
bool outcome_is_settled(const struct outcome *outcome);

/* Returns whether the entry was taken up again. */
bool outcome_is_reopened(const struct outcome *outcome);

/* Returns whether the plan has found something with the entry's name at the target. */
bool outcome_has_existing(const struct outcome *outcome);

/* Returns the lower-case English phrase for a reason ("name is not UTF-8"), a literal. */
const char *outcome_reason_text(uint8_t reason);
