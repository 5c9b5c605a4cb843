/*
 * Where keys lie below the root of a key store: found, linked, taken away.
 *
 *   the directory of a key's hash   not known -> the whole path is asked for, from the root
 *                                   made, or linked into -> kept for a while, and asked directly
 *
 * Somebody may take such a directory away; whoever has kept it notices within LEAVES_KEPT_MS.
 *
 * Place      src/keys only.
 * Ownership  what is found out is the layout's; tries are the caller's and copied.
 * Threads    all functions but init and fini may run concurrently.
 */
#pragma once

#include "keys/key_name.h"
#include "keys/leaves.h"
#include "place/grid_path.h"
#include "place/tree.h"
#include "queue/core/thread.h"

struct layout {
	const struct grid_path *path;
	struct mutex looking; /* held while the root is looked at */
	struct mutex lock;    /* of what follows; taken last */
	bool known GUARDED;   /* the root was looked at: */
	bool marked GUARDED;  /* it says that it is a key store */
	struct cap root GUARDED;
	struct leaves leaves GUARDED;
};

/* With `trusted` the path is the cap of a key store, which is not looked at.  FAULT_NOMEM. */
MUST_USE enum fault layout_init(struct layout *layout, const struct grid_path *path, bool trusted,
				struct err *err);
void layout_fini(struct layout *layout);

enum { LAYOUT_NAME_SIZE = 8 /* of a directory that keys fall into */ };

/* What lies below the root, each in directories of its own. */
enum layout_area {
	LAYOUT_KEYS,    /* contents stored whole */
	LAYOUT_CHUNKS,  /* contents in chunks: a directory for each key */
	LAYOUT_PARTIAL, /* directories of stores under way */
	LAYOUT_AREAS,
};

struct layout_name {
	enum layout_area area;
	unsigned leaf;    /* of the key */
	const char *file; /* NULL: the directory that such names stand in */
	size_t size;
};

/* Names of `keys`. */
static inline struct layout_name layout_key(const struct key_name *name)
{
	return (struct layout_name){ LAYOUT_KEYS, name->leaf, name->file, name->file_size };
}

/* Returns "keys", "chunks" or "partial". */
const char *layout_area_name(enum layout_area area);

/* Returns the path of the directory that keys of a leaf fall into; it borrows the texts. */
struct tree_path layout_leaf_path(enum layout_area area, unsigned leaf, char top[LAYOUT_NAME_SIZE],
				  char below[LAYOUT_NAME_SIZE]);

/* Stores the root's cap, which is looked at the first time.  USAGE: it is no key store. */
MUST_USE enum fault layout_root(struct layout *layout, const struct tries *tries, struct cap *root,
				struct err *err);

/*
 * Stores what the name leads to.  NOT_FOUND: nothing.  USAGE: the root is no key store.  The node's
 * caps are to be wiped.
 */
MUST_USE enum fault layout_find(struct layout *layout, const struct tries *tries,
				const struct layout_name *name, struct store_node *node,
				struct err *err);

/* The same, and lists what it has.  NOT_FOUND. */
MUST_USE enum fault layout_list(struct layout *layout, const struct tries *tries,
				const struct layout_name *name, const struct tree_listing *listing,
				struct err *err);

/* Refuses a root that cannot be written to, USAGE, before anything is stored. */
MUST_USE enum fault layout_writable(struct layout *layout, const struct tries *tries,
				    struct err *err);

/* Links a cap under the name, and looks whether it is there. */
MUST_USE enum fault layout_link(struct layout *layout, const struct tries *tries,
				const struct layout_name *name, const struct tree_new *new,
				struct err *err);

/* Takes the name away; well when there is none. */
MUST_USE enum fault layout_unlink(struct layout *layout, const struct tries *tries,
				  const struct layout_name *name, struct err *err);
