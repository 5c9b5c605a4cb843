/*
 * Opening the files of a plan: by descriptors, one component at a time, and never anything but a
 * file where one was planned.  Which one is not asked: editors save by putting a new file under the
 * name.
 *
 * Place      under the readers.  A few directories stay open, so neighbours cost one open each.
 * Ownership  a tree borrows the texts of its options; descriptors it returns are the caller's.
 * Threads    a tree belongs to one thread.
 */
#pragma once

#include "files/anchor.h"
#include "files/symlink.h"
#include "files/tree.h"
#include "queue/queue.h"

#include <sys/stat.h>

struct source_tree_root {
	const char *path;     /* local path of a SRC */
	const char *name;     /* its entry in the target directory's listing */
	size_t number;        /* orders those of one name, which are merged: the first has rank 0 */
	struct anchor anchor; /* what it was when it was planned */
};

/* Orders them by name and number, for qsort. */
int source_tree_root_compare(const void *left, const void *right);

struct source_tree_options {
	struct catalog *catalog;
	size_t made_count;                     /* listings above the one that holds the sources */
	const struct source_tree_root *source; /* in their order */
	size_t source_count;
	unsigned opened; /* directories kept open, up to TREE_OPEN_MAX; 0: 32 */
	bool follow;     /* --symlinks=follow: directories may be symlinks */
};

/* Looks whether the sources themselves are what they were.  Faults: GONE, naming one that is not.
 */
MUST_USE enum fault sources_there(const struct source_tree_root *source, size_t count,
				  struct err *err);

struct source_tree;

/* Faults: those of tree_new, and NOMEM. */
MUST_USE enum fault source_tree_new(const struct source_tree_options *options,
				    struct source_tree **tree, struct err *err);
void source_tree_free(struct source_tree *tree);

/*
 * Opens the regular file of `task` for reading and stores what fstat says.  Never blocks on a FIFO,
 * never opens a device. Faults: NOT_FOUND (vanished), AUTH (no permission), CHANGED (it is another
 * file, or none, now), IO, NOMEM (descriptors).
 */
MUST_USE enum fault source_tree_open_file(struct source_tree *tree, const struct task *task,
					  int *fd, struct stat *status, struct err *err);

/*
 * Looks whether the sources themselves can still be read, when reading below them was doubtful
 * (err_is_doubtful); of many only the first.  Faults: GONE, naming the one that cannot.
 */
MUST_USE enum fault source_tree_answers(const struct source_tree *tree, struct err *err);

/* Returns how many sources have the same name at most: what is merged may be below each of these
 * ranks. */
size_t source_tree_ranks(const struct source_tree *tree);

/* Opens the directory of `listing` below the sources of `rank`.  Faults as above. */
MUST_USE enum fault source_tree_directory(struct source_tree *tree, struct listing_id listing,
					  size_t rank, int *fd, struct err *err);

/*
 * Stores what lstat says of an entry of `listing`, or stat where its symlink was followed when it
 * was planned.  Faults: NOT_FOUND (gone), AUTH, CHANGED (a directory above it is none now), IO,
 * NOMEM.
 */
MUST_USE enum fault source_tree_stat(struct source_tree *tree, struct listing_id listing,
				     const struct manifest_entry *entry, struct stat *status,
				     struct err *err);

/*
 * Reads the target of the symlink of `task`, which nobody follows, into `target`: `status->st_size`
 * bytes, 1 to SYMLINK_TARGET_MAX, without a NUL; the rest of `status` is what lstat says.  Faults
 * as above.
 */
MUST_USE enum fault source_tree_read_link(struct source_tree *tree, const struct task *task,
					  char target[SYMLINK_TARGET_MAX], struct stat *status,
					  struct err *err);
