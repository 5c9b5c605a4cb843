/*
 * Directories of a grid on their way to the target, and the children they were listed with.
 *
 * Place      listing -> leaves of a folder -> files and further folders.
 * Ownership  a folder is counted: by itself while it is pending, by each file in flight or waiting
 *            in it, and by each folder below it.  It owns its leaves.
 * Threads    one owner; a file in a lane uses the folder's descriptor, which stays open for it.
 *
 * A pending folder takes some 300 bytes and its name; a leaf some 150.
 */
#pragma once

#include "fetch/beneath.h"
#include "store/store.h"

enum { FOLDER_DEPTH_MAX = 4096 }; /* directories inside each other */

/* A child as a listing told it, until it is fetched. */
struct leaf {
	struct leaf *next;
	enum store_kind kind;
	unsigned flags; /* enum store_metadata_flags */
	uint32_t mode;
	int64_t mtime_ns;
	size_t name_size, cap_size;
	char text[]; /* name, NUL, cap, NUL */
};

/* Returns a leaf, NULL when out of memory.  The read cap is kept. */
struct leaf *leaf_new(const char *name, size_t name_size, const struct store_node *node);

/* Reads its cap back.  Faults of cap_parse. */
MUST_USE enum fault leaf_cap(const struct leaf *leaf, struct cap *cap, struct err *err);

/* Wipes and frees one, or a whole list.  NULL is allowed. */
void leaf_free(struct leaf *leaf);
void leaves_free(struct leaf *leaf);

struct folder {
	struct folder *parent; /* NULL: the target */
	struct folder *next;   /* in a list of its owner */
	struct leaf *self;     /* NULL: the target; with an empty name: contents go into parent */
	struct leaf *files;    /* waiting to be fetched */
	unsigned refs;
	unsigned users; /* who need `fd` */
	unsigned depth;
	int fd;    /* -1: not open */
	bool made; /* by us: mode and time are restored at the end */
	bool has_index;
	unsigned char index[CAP_KEY_SIZE]; /* storage index */
};

/* Makes the folder of the target; takes `fd`.  NULL: out of memory. */
struct folder *folder_target(int fd);

/* Makes a folder below `parent`, whose reference it takes a part in.  Takes `self` if it succeeds.
 * NULL: out of memory. */
struct folder *folder_new(struct folder *parent, struct leaf *self, const struct cap *cap);

struct folder *folder_ref(struct folder *folder);

/* Gives a reference back.  The last one restores mode and time of a directory that was made, and
 * goes on with the parent. */
void folder_unref(struct folder *folder);

/* Returns whether one of the directories above is the same object. */
bool folder_loops(const struct folder *folder);

/* Appends the path below the target, names joined by "/", with that of `leaf` (NULL: none). */
MUST_USE enum fault folder_path(const struct folder *folder, const struct leaf *leaf,
				struct bytes *out);

/* Makes the folder's directory at the target if it is not there.  Faults of beneath_make. */
MUST_USE enum fault folder_make(struct folder *folder, struct err *err);

/* Has `fd` open until folder_close was called as often. */
MUST_USE enum fault folder_open(struct folder *folder, struct err *err);
void folder_close(struct folder *folder);
