/*
 * The directories of a key store: finding the one that a key falls into, making it, links in it.
 *
 *   ROOT/keys/XX/Y   not known -> asked for by its path -> kept
 *                        `-> not there, to be stored into -> made, level by level -> kept
 *
 * A directory between is linked under its name only if nobody else has done that meanwhile; then
 * theirs is used.
 *
 * Place      src/keys only.
 * Ownership  what is found out is the layout's; tries are the caller's and copied.
 * Threads    all functions but init and fini may run concurrently.
 */
#pragma once

#include "calls/tries.h"
#include "keys/key_name.h"
#include "place/grid_path.h"
#include "queue/core/thread.h"

struct layout_leaf {
	bool known;
	uint8_t size, kind;
	unsigned char cap[CAP_PACKED_SIZE];
};

struct layout {
	const struct grid_path *path;
	struct mutex looking; /* held while the root is looked at, or directories are made */
	struct mutex lock;    /* of what follows; taken last */
	bool known GUARDED;   /* the root was looked at: */
	bool marked GUARDED;  /* it says that it is a key store */
	struct cap root GUARDED;
	struct layout_leaf *leaf GUARDED; /* KEY_LEAVES */
};

/* FAULT_NOMEM. */
MUST_USE enum fault layout_init(struct layout *layout, const struct grid_path *path,
				struct err *err);
void layout_fini(struct layout *layout);

/*
 * Stores what the key's name leads to.  NOT_FOUND: nothing.  USAGE: the root is no key store.  The
 * node's caps are to be wiped.
 */
MUST_USE enum fault layout_find(struct layout *layout, const struct tries *tries,
				const struct key_name *name, struct store_node *node,
				struct err *err);

/* Refuses a root that cannot be written to, USAGE, before anything is stored. */
MUST_USE enum fault layout_writable(struct layout *layout, const struct tries *tries,
				    struct err *err);

/* Links `cap` under the key's name, replacing what has it, and looks whether it is there. */
MUST_USE enum fault layout_link(struct layout *layout, const struct tries *tries,
				const struct key_name *name, const struct cap *cap,
				struct err *err);

/* Takes the key's name away; well when there is none. */
MUST_USE enum fault layout_unlink(struct layout *layout, const struct tries *tries,
				  const struct key_name *name, struct err *err);
