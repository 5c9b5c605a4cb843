/*
 * Where keys lie below the root of a key store: found, linked, taken away.
 *
 * layout_root.c looks at the root, layout_walk.c goes down the directories of a key's hash
 * (fanout.h), layout.c says what for.  Directories that were seen are believed for FANOUT_KEPT_MS;
 * what they have is asked each time.  So is the root: a newer program may have changed the format
 * meanwhile, and who does not know it must not take keys for absent.
 *
 * Place      src/keys only.
 * Ownership  what is found out is the layout's; tries are the caller's and copied.
 * Threads    all functions but init and fini may run concurrently.
 */
#pragma once

#include "keys/fanout.h"
#include "place/grid_path.h"
#include "place/tree.h"
#include "queue/core/thread.h"

/* What lies below the root, each in directories of its own. */
enum layout_area {
	LAYOUT_KEYS,    /* contents stored whole */
	LAYOUT_CHUNKS,  /* contents in chunks: a directory for each key */
	LAYOUT_PARTIAL, /* directories of stores under way */
	LAYOUT_AREAS,
};

/* What the root says that it is. */
enum layout_mark {
	LAYOUT_UNMARKED,
	LAYOUT_DEEP,   /* format 1: all keys are in directories of the last level */
	LAYOUT_GROWN,  /* format 2 */
	LAYOUT_FOREIGN /* something else */
};

struct layout {
	const struct grid_path *path;
	bool trusted;
	struct mutex looking;     /* held while the root is looked at */
	struct mutex lock;        /* of what follows; taken last */
	uint64_t seen_ms GUARDED; /* when the root was looked at; 0: not yet */
	enum layout_mark mark GUARDED;
	struct cap root GUARDED;
	struct fanout fanout[LAYOUT_AREAS] GUARDED;
};

/* With `trusted` the path is the cap of a key store, whatever else is in it. */
void layout_init(struct layout *layout, const struct grid_path *path, bool trusted);
void layout_fini(struct layout *layout);

struct layout_name {
	enum layout_area area;
	unsigned leaf; /* of the key */
	const char *file;
	size_t size;
};

/* Names of `keys`. */
static inline struct layout_name layout_key(const struct key_name *name)
{
	return (struct layout_name){ LAYOUT_KEYS, name->leaf, name->file, name->file_size };
}

/* Returns "keys", "chunks" or "partial". */
const char *layout_area_name(enum layout_area area);

/* The path of a directory that keys fall into. */
struct layout_path {
	struct tree_path tree; /* borrows the text */
	char text[FANOUT_LAST][FANOUT_NAME_SIZE];
};

/* Writes the path, from the root, of the directory at that level for keys of a leaf. */
void layout_path_write(struct layout_path *path, enum layout_area area, unsigned level,
		       unsigned leaf);

/* Stores the root's cap, which is looked at unless it was just now.  USAGE: it is no key store;
 * CORRUPT: one of a format that is not known. */
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

/* Takes the name away, from all directories of its path; well when there is none. */
MUST_USE enum fault layout_unlink(struct layout *layout, const struct tries *tries,
				  const struct layout_name *name, struct err *err);
