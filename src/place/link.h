/*
 * The one name on the grid that a file is put under: whether it may be, and the link.
 *
 * Place      barge put: before the upload link_prepare, after it link_make; barge backup: link_make
 *            with a link of its own; tree.h, a key store: link_name.
 * Ownership  a struct link owns its strings until link_fini; its caps are secrets.
 * Threads    the main thread.
 *
 * Nothing is made on the way there: a gateway that makes parents loses files when two do it at
 * once.
 */
#pragma once

#include "place/grid_path.h"

struct link {
	struct cap directory; /* writable */
	char *name;           /* in Unicode's NFC, as the gateway would have it */
	size_t name_size;
	const char *typed; /* of the path; borrowed */
	enum store_replace replace;
};

/*
 * Asks what is at the path and above it.  Sleeps.  FAULT_EXISTS: a directory, a mutable file or
 * something unknown has the name, or a file is in the way; USAGE: no name, the directory above is
 * missing (the text names the remedy) or read-only; and those of grid_path_look.  On failure
 * `link` is empty.
 */
MUST_USE enum fault link_prepare(const struct grid_path *path, const struct tries *tries,
				 struct link *link, struct err *err);

/*
 * Links `cap` with the edge's `metadata` (a JSON object), replacing what the link says (of
 * link_prepare a file, but no directory), and looks whether it is there.  Sleeps.  FAULT_EXISTS;
 * further those of store_set_children and store_list, RETRY after the last try.
 */
MUST_USE enum fault link_make(const struct link *link, const struct tries *tries,
			      const struct cap *cap, const struct bytes *metadata, struct err *err);

/* Refuses "." and ".." among names that are about to be made: in the paths of other programs they
 * lead elsewhere, and no tree that has them can be fetched. */
MUST_USE enum fault link_check_names(const struct store_name *name, size_t count, struct err *err);

/* A name in a directory that is at hand. */
struct link_new {
	const struct cap *directory; /* writable */
	struct store_name name;
	const char *typed; /* for messages; NULL: the name */
	enum store_replace replace;
};

/* The same without metadata. */
MUST_USE enum fault link_name(const struct link_new *new, const struct tries *tries,
			      const struct cap *cap, struct err *err);

/* Takes a name away from a directory that is at hand; nothing being there is fine.  Stores whether
 * something was; `was` may be NULL. */
MUST_USE enum fault unlink_name(const struct cap *directory, const struct store_name *name,
				const struct tries *tries, bool *was, struct err *err);

/* Wipes and frees.  All zeros are allowed. */
void link_fini(struct link *link);
