/*
 * A key store on a grid: contents kept and found by their git-annex key, whoever asks.
 *
 *   ROOT/barge-keys           names the format
 *   ROOT/keys/XX/Y/KEYFILE    the file of a key; XXY begins the MD5 of its text (docs/formats.md)
 *
 *   store     file -> upload (proven) -> link, looked at -> done
 *   retrieve  link -> reading (proven), front to back -> file
 *   check     link -> where the shares are -> present, absent, or unknown
 *   remove    unlink; what is not there is removed
 *
 * Inside: keys.c is what can be done; operation.c holds what operations share, a store of the grid
 * for each that runs; layout.c knows names and directories; source.c stores a file, whole.c brings
 * one back, and looks whether it is there; key_name.c spells keys.
 *
 * Place      barge key and git-annex's remote -> [keys] -> upload, verify, calls.
 * Ownership  struct keys borrows its setup; all else is its own until keys_close.
 * Threads    all functions but keys_open and keys_close may run concurrently, each in the thread
 *            that calls and sleeping there.  Several processes may use one root.
 */
#pragma once

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
};

/* Hears how far an operation is: bytes from the beginning of the file.  May go back. */
struct keys_progress {
	void (*moved)(void *context, uint64_t offset); /* may be NULL */
	void *context;
};

static inline void keys_progress_tell(const struct keys_progress *progress, uint64_t offset)
{
	if (progress && progress->moved)
		progress->moved(progress->context, offset);
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
 * seen; what had the name is replaced.  Faults: USAGE (no such file or key, a read-only root, a
 * size that the key contradicts), CHANGED, IO, those of upload_put and link_make.
 */
MUST_USE enum fault keys_store(struct keys *keys, const char *key, const char *path,
			       const struct keys_progress *progress, struct err *err);

/*
 * Brings the content of the key into the file `path`, written from front to back.  A file that is
 * there may hold the beginning; it is not touched before the key is known to be there, and keeps
 * what has come when the rest does not.  Faults: NOT_FOUND, IO, FULL, those of single_read.
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
