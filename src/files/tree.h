/*
 * Opening the files of a plan: by descriptors, one component at a time, and never anything but what
 * was planned.
 *
 * Place      under the readers.  A few directories stay open, so neighbours cost one open each.
 * Ownership  a tree borrows the texts of its options; descriptors it returns are the caller's.
 * Threads    a tree belongs to one thread.
 */
#pragma once

#include "queue/queue.h"

#include <sys/stat.h>

/* Bytes of a symlink's target.  Source: PATH_MAX of linux/limits.h, less the NUL. */
enum { TREE_LINK_MAX = 4095 };

struct tree_source {
	const char *path; /* local path of a SRC */
	const char *name; /* its entry in the target directory's listing */
};

struct tree_options {
	const char *manifest; /* path */
	size_t made_count;    /* listings above the one that holds the sources */
	const struct tree_source *source;
	size_t source_count;
	bool follow;      /* --symlinks=follow: directories may be symlinks */
	bool compare_ids; /* dev and ino must be those planned: true in the run that planned */
};

struct tree;

/* Faults: those of manifest_open, and NOMEM. */
MUST_USE enum fault tree_new(const struct tree_options *options, struct tree **tree,
			     struct err *err);
void tree_free(struct tree *tree);

/*
 * Opens the regular file of `task` for reading and stores what fstat says.  Never blocks on a FIFO,
 * never opens a device. Faults: NOT_FOUND (vanished), AUTH (no permission), CHANGED (it is another
 * file, or none, now), IO, NOMEM (descriptors).
 */
MUST_USE enum fault tree_open_file(struct tree *tree, const struct task *task, int *fd,
				   struct stat *status, struct err *err);

/*
 * Reads the target of the symlink of `task`, which nobody follows, into `target`: `status->st_size`
 * bytes, 1 to TREE_LINK_MAX, without a NUL; the rest of `status` is what lstat says.  Faults as
 * above.
 */
MUST_USE enum fault tree_read_link(struct tree *tree, const struct task *task,
				   char target[TREE_LINK_MAX], struct stat *status,
				   struct err *err);
