/*
 * Asks the selection about the entries of one directory after the other.
 *
 * Place      select.h -> chooser -> lister.h.
 * Ownership  borrows the selection and the walk; owns one path.
 * Threads    one owner at a time.
 */
#pragma once

#include "plan/entry.h"
#include "plan/remote.h"
#include "select/select.h"

struct chooser {
	const struct select *select; /* NULL: everything is taken */
	bool asks;                   /* in the directory that was entered */
	bool listed;                 /* it has only the names on the list */
	bool marked;                 /* only its markers are taken */
	uint64_t dev;                /* of the directory */
	struct bytes path;           /* from the transfer root: the directory's, a slash, a name */
	size_t base;                 /* bytes of it in front of the name */
	size_t cursor;               /* of the list */
};

void chooser_init(struct chooser *chooser, const struct select *select);
void chooser_fini(struct chooser *chooser);

/* Turns to `directory`, the one below the topmost frame of the walk; `first` is the level of the
 * sources' listing.  Faults: NOMEM, TOO_LARGE (its path). */
MUST_USE enum fault chooser_enter(struct chooser *chooser, const struct walk *walk, size_t first,
				  const struct walk_directory *directory, struct err *err);

/* Looks whether the directory that was entered has a marker: open here, or on a grid the one that
 * `remote` has turned to, where a cache's tag is not looked for. */
void chooser_look(struct chooser *chooser, int fd);
void chooser_look_remote(struct chooser *chooser, const struct remote *remote);

/* Returns the next name that the list has in the directory, NUL-terminated, valid until the next
 * call; NULL behind the last. */
const char *chooser_next(struct chooser *chooser);

/* Returns false when the name is left out whatever it is.  `type` is what getdents64 says. */
bool chooser_may_take(struct chooser *chooser, const char *name, unsigned char type);

/* Returns whether the entry is taken.  One that is listed and not there is taken, failed(missing).
 */
bool chooser_takes(struct chooser *chooser, struct entry_found *found);
