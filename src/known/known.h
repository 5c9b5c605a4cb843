/*
 * What earlier backups stored on one target of one grid: files by their identity, directories by
 * their contents.  One SQLite database, which is a cache: without it a backup takes longer, and
 * comes to the same.
 *
 *   file       path, size, modification and change time in nanoseconds, inode, device -> cap
 *   directory  SHA-256 of its serialized form (names, caps, metadata) -> cap
 *
 * Inside: known.c is what is asked and kept, database.c the file: its schema, its lock, what
 * becomes of one that is damaged; import.c reads tahoe's; age.c says when what was stored long ago
 * is to be looked at; reuse.c is one backup's side of it: tasks and listings.
 *
 * A row has a hash over all of it, with its key: one that does not fit is not there.  What SQLite
 * refuses (a full disk, a damaged page) is remembered: from then on nothing is known and nothing is
 * kept, and the run goes on.  What was kept before stays.
 *
 * Place      src/backup opens it -> [known] -> the engine asks for files, src/commit for
 *            directories, and both keep what was stored.
 * Ownership  a struct knowledge owns its database and the lock of the target until known_close.
 * Threads    all functions but known_open and known_close may run concurrently; one connection
 *            behind one lock.  Any number of other processes may read.
 */
#pragma once

#include "base/meta.h"
#include "queue/core/fault.h"
#include "queue/outcome.h"

enum { KNOWN_HASH_SIZE = 32 };

/* How exactly a row has the times of its file. */
enum known_precision {
	KNOWN_EXACT,   /* nanoseconds */
	KNOWN_FLOAT,   /* as an edge's metadata has them */
	KNOWN_SECONDS, /* whole ones, cut off: tahoe's own database */
};

struct known_cap {
	uint8_t kind, size; /* as in a slot */
	unsigned char cap[OUTCOME_CAP_MAX];
	int64_t uploaded, checked; /* seconds since 1970 */
};

struct known_file {
	const char *directory; /* absolute path */
	const char *name;
	size_t name_size;
	uint64_t bytes;
	struct meta meta; /* its times, inode (0: not known) and device count */
	enum known_precision precision;
};

struct knowledge;

/* What known_open has found. */
enum known_state {
	KNOWN_OPENED,
	KNOWN_NEW,     /* there was none */
	KNOWN_DAMAGED, /* there was one, which was moved aside: PATH.damaged */
};

/*
 * Opens the database at `path`, or makes it (0600), and holds PATH.lock: there is one writer.
 * Where the disk gives or takes nothing, it is open and broken (known_is_broken).  Faults: LOCKED
 * (another run has the target), INSECURE (others may read or write it), USAGE (of a later version
 * of this program), GONE, NOMEM; and IO and FULL, of the lock.
 */
MUST_USE enum fault known_open(const char *path, struct knowledge **known, enum known_state *state,
			       struct err *err);

/* Moves the database aside, as known_open does with a damaged one, and begins a new one: what it
 * says is of another grid. */
MUST_USE enum fault known_begin_anew(struct knowledge *known, struct err *err);

/* Stores what is known of the file: one of this path, size, times and inode, or one that was moved
 * with a directory above it, which has its device too.  Returns whether there is one. */
MUST_USE bool known_find_file(struct knowledge *known, const struct known_file *file,
			      struct known_cap *found);

/* Keeps what a file was stored as, in place of what its path was before; with times that are not
 * exact, only where nothing is known of its path.  Such a row is of any inode there. */
void known_add_file(struct knowledge *known, const struct known_file *file,
		    const struct known_cap *cap);

/* The same of directories. */
MUST_USE bool known_find_directory(struct knowledge *known,
				   const unsigned char hash[KNOWN_HASH_SIZE],
				   struct known_cap *found);
void known_add_directory(struct knowledge *known, const unsigned char hash[KNOWN_HASH_SIZE],
			 const struct known_cap *cap);

/* Keeps a cap under a name, and finds it. */
#define KNOWN_PROBE "probe" /* of the last snapshot */
void known_note_cap(struct knowledge *known, const char *name, const struct known_cap *cap);
MUST_USE bool known_noted_cap(struct knowledge *known, const char *name, struct known_cap *cap);

/* Forgets what was stored or last checked before a time in seconds since 1970, and paths of which
 * nothing is left. */
void known_prune(struct knowledge *known, int64_t before);

/* Makes durable what was kept so far.  Sleeps for a sync. */
void known_commit(struct knowledge *known);

/*
 * Takes over the files of `tahoe backup`'s own database at `path`, which is only read.  Returns how
 * many.  Faults: NOT_FOUND, CORRUPT (it is none), IO, and what SQLite says.
 */
MUST_USE enum fault known_import(struct knowledge *known, const char *path, uint64_t *count,
				 struct err *err);

/* Returns how many files and directories are known, as far as it can be read. */
uint64_t known_count(struct knowledge *known);

/* Returns whether something was refused, and why in `err`: from then on nothing was kept. */
bool known_is_broken(struct knowledge *known, struct err *err);

/* Commits, closes and unlocks; a database in which damage was seen is moved aside.  NULL is
 * allowed. */
void known_close(struct knowledge *known);
