/*
 * A key store on a grid: contents kept and found by their git-annex key, whoever asks.
 *
 *   ROOT/barge-keys               names the format
 *   ROOT/keys/X/KEYFILE           the file of a key; X begins the MD5 of its text (fanout.h)
 *   ROOT/chunks/X/KEYFILE         its chunks and their log (chunking.h)
 *   ROOT/partial/X/...            stores under way (docs/formats.md)
 *
 *   store     file -> [which chunks are there?] -> uploads (proven) -> link, looked at -> done
 *   retrieve  the key whole, else what the log has of it -> reading (proven), front to back -> file
 *   check     link -> where the shares are -> present, absent, or unknown
 *   remove    unlink; what is not there is removed
 *
 * Inside: keys.c is what can be done; operation.c holds what operations share, a store of the grid
 * for each that runs; layout.c knows names and directories; source.c stores a file or a part of
 * it, whole.c brings one back, and looks whether it is there; chunk_grid.c does what the machines
 * of `chunk` ask for, with chunking.c; listing.c and inspect.c go through what there is; key_name.c
 * spells keys.
 *
 * Place      barge key and git-annex's remote -> [keys] -> upload, verify, calls.
 * Ownership  struct keys borrows its setup; all else is its own until keys_close.
 * Threads    all functions but keys_open and keys_close may run concurrently, each in the thread
 *            that calls and sleeping there.  Several processes may use one root.
 */
#pragma once

#include "base/bytes.h"
#include "chunk/size.h"
#include "place/grid_path.h"
#include "place/setup.h"

struct keys;

struct keys_options {
	struct setup *setup; /* loaded, not yet connected */
	/* A directory that has a writable cap, or a read-only one, which can be retrieved from. */
	const struct grid_path *root;
	bool trusted;    /* the root is a cap that is known to be a key store's, not looked at */
	unsigned verify; /* enum verify_level: the proof of what is stored; 0: auto */
	store_wait_stop *stop; /* asked from all threads; may be NULL */
	void *context;         /* of stop */
	/* Hears, in words for people, that something is waited for.  May be NULL. */
	void (*tell)(void *context, const char *text);
	void *tell_context;
	/* How contents are cut that are stored; in such chunks an unfinished store is looked for,
	 * too.  All zeros: they are stored whole. */
	struct chunk_config chunk;
	unsigned width; /* chunks under way at once; 0: KEYS_WIDTH */
	bool serial;    /* store: begin with the first chunk that is missing, one after another */
};

enum {
	KEYS_WIDTH = 4,
	KEYS_MEMORY = 256 << 20, /* bytes of chunks that may wait for their turn to be written */
};

/* Hears how far an operation is: bytes from the beginning of the file.  May go back. */
struct keys_progress {
	void (*moved)(void *context, uint64_t offset); /* may be NULL */
	/* Hears how many bytes the file has, once that is known, if it ever is; the first time
	 * counts.  May be NULL. */
	void (*expected)(void *context, uint64_t size);
	void *context;
};

static inline void keys_progress_tell(const struct keys_progress *progress, uint64_t offset)
{
	if (progress && progress->moved)
		progress->moved(progress->context, offset);
}

static inline void keys_progress_expect(const struct keys_progress *progress, uint64_t size)
{
	if (progress && progress->expected)
		progress->expected(progress->context, size);
}

enum key_presence {
	KEY_UNKNOWN, /* nobody could tell: why, says `err` */
	KEY_PRESENT,
	KEY_ABSENT,
};

/*
 * Makes a key store to be asked; nothing is asked of the grid before the first operation, which
 * connects and looks at the root.  All below also have the faults of that: those of setup_connect
 * and grid_path_look, USAGE (the root is no directory, or holds other things and no key store),
 * CORRUPT (a format of another version).  Faults: NOMEM, and those of policy_new.
 */
MUST_USE enum fault keys_open(const struct keys_options *options, struct keys **keys,
			      struct err *err);

/* Frees; no operation may be running.  NULL is allowed. */
void keys_close(struct keys *keys);

/*
 * Stores the file `path` under the key.  Returns well only once it was proven and its link was
 * seen; what had the name is replaced.  Of a store in chunks that ends early, what was stored is
 * found by the next one, from whatever machine.  Faults: USAGE (no such file or key, a read-only
 * root, a size that the key contradicts), CHANGED, IO, those of upload_put and link_make.
 */
MUST_USE enum fault keys_store(struct keys *keys, const char *key, const char *path,
			       const struct keys_progress *progress, struct err *err);

/*
 * Brings the content of the key into the file `path`, written from front to back.  Of a file that
 * is there the beginning that is right, as far as the convergence secret is known, is kept and gone
 * on with; it is not touched before the key is known to be there, and keeps what has come when the
 * rest does not.  Faults: NOT_FOUND, IO, FULL, those of single_read.
 */
MUST_USE enum fault keys_retrieve(struct keys *keys, const char *key, const char *path,
				  const struct keys_progress *progress, struct err *err);

/* Takes the key away; well when it is not there.  What it named stays on the grid until its leases
 * run out. */
MUST_USE enum fault keys_remove(struct keys *keys, const char *key, struct err *err);

/*
 * Says whether the content of the key can be read: a link alone is not enough, its shares are
 * counted.  `err` is filled when it is unknown, and never means absence.
 */
enum key_presence keys_check(struct keys *keys, const char *key, struct err *err);

/* Appends the key's chunk log.  NOT_FOUND: it is not in chunks. */
MUST_USE enum fault keys_log(struct keys *keys, const char *key, struct bytes *text,
			     struct err *err);

struct keys_found {
	void (*found)(void *context, const char *key); /* by one thread at a time */
	void *context;
};

/* Tells of all keys, each once, in the order of their hashes.  Names that are no key's are
 * passed over. */
MUST_USE enum fault keys_list(struct keys *keys, const struct keys_found *found, struct err *err);

struct keys_inspection {
	bool read;      /* all shares are read and proven, not only counted */
	bool repair;    /* those that are missing are made anew */
	unsigned width; /* objects of a key that are looked at at once */
};

/* What a key consists of, whole and in chunks of all sizes, and how that is (after a repair). */
struct key_report {
	enum key_presence presence; /* present: whole, or all chunks of one size, can be read */
	uint64_t objects;           /* that were looked at */
	uint64_t healthy, repaired; /* of these */
	uint64_t lost, unknown;     /* that cannot be read, or are not linked; nobody could tell */
};

/* Looks at all that the key has.  `err` is filled where the presence is unknown, too. */
MUST_USE enum fault keys_inspect(struct keys *keys, const char *key,
				 const struct keys_inspection *wanted, struct key_report *report,
				 struct err *err);
