/*
 * The way from the root to the directory being planned, and what is still to be walked beside it.
 *
 * A stack of the directories whose listings are written and whose sub-directories are not all done.
 * Each frame is small: the sub-directories come from the manifest, a window at a time, and only the
 * 32 deepest directories are kept open; the others are opened anew, going up by ".." where that
 * leads to the same directory and else down by names, one component at a time.
 *
 *   frame 0  the root        its sub-directories: the sources
 *   frame 1  a source        its sub-directories: [one taken, on the way down] [others waiting]
 *   frame n  the deepest     [the one taken last: the walk_child] [walk_next takes these]
 *
 * Directories to be made at the target come between the root and the sources, a frame each; they
 * stand for nothing here.
 *
 * A merged directory is made of several, its parts: each of a source of its own.  Its frame has no
 * directory itself; which parts a sub-directory goes on with is noted when its listing is written
 * (walk_branch), in memory and only for the frames in the stack.
 *
 *   frame n    merged: [part: below a/x] [part: below b/x] [part: on a grid]
 *   branches   3 -> part 0;  3 -> part 2;  4 -> part 1       sub-directory 3 is merged again
 *
 * Place      listings written before -> walk -> the directory to be listed next.
 * Threads    one owner at a time.
 */
#pragma once

#include "base/bytes.h"
#include "plan/plan.h"

enum {
	WALK_OPEN_MAX = 32,
	WALK_PARTS_MAX = WALK_OPEN_MAX, /* local parts: open all at once, with nothing else */
};

struct walk;

/* A directory that stands open. */
struct walk_directory {
	uint64_t id;
	struct listing_id listing; /* its own, once it has one */
	uint64_t dev, ino;
	int fd; /* -1: nothing local (the root, made directories, directories of a grid, merged
		   ones) */
	uint32_t rank;                     /* of the local source it is below, as in struct meta */
	struct cap cap;                    /* of a directory of a grid, else CAP_NONE */
	unsigned char index[CAP_KEY_SIZE]; /* its storage index */
	bool has_index;
	bool marked;                 /* a part in which only its markers are taken */
	uint8_t refused;             /* enum outcome_reason: a part that cannot be listed */
	struct walk_directory *part; /* of a merged directory, owned; else NULL */
	size_t part_count;
};

/* One of the directories that a sub-directory of the listing being written goes on with. */
struct walk_branch {
	uint64_t id; /* the sub-directory's; branches come in the order of these */
	uint32_t rank;
	uint8_t cap_kind, cap_size; /* on a grid, as cap_pack; kind 0: local */
	unsigned char cap[CAP_PACKED_SIZE];
};

/* A sub-directory of the topmost frame, not opened yet. */
struct walk_child {
	uint64_t id; /* 0: there is none */
	uint64_t parent_id;
	struct listing_id parent_listing;
	const char *name; /* NUL-terminated; valid until the next walk_next */
	size_t name_size;
};

/* Makes an empty walk.  `source` is sorted by name; both are borrowed.  Faults: those of
 * catalog_reader_new. */
MUST_USE enum fault walk_new(const struct plan_request *request, const struct plan_source *source,
			     struct walk **walk, struct err *err);

/* Closes everything.  NULL is allowed. */
void walk_free(struct walk *walk);

/* Returns the number of frames: the level of the directory that would be pushed next, 0 for the
 * root. */
size_t walk_depth(const struct walk *walk);

/* Returns a reader of the plan, for use between the calls here. */
struct catalog_reader *walk_reader(struct walk *walk);

/* Returns the first source called `name`, behind which those of the same name stand, or NULL. */
const struct plan_source *walk_source(const struct walk *walk, const char *name, size_t size);

/* Returns the source behind `source` if it is called the same, else NULL. */
const struct plan_source *walk_source_next(const struct walk *walk,
					   const struct plan_source *source);

/* Returns the `number`-th source without a name, or NULL. */
const struct plan_source *walk_unnamed(const struct walk *walk, size_t number);

/* Appends the names of the directories taken from the frames `first` and deeper, each followed by
 * '/'. */
MUST_USE enum fault walk_path(const struct walk *walk, size_t first, struct bytes *path,
			      struct err *err);

/* Returns whether a directory in the stack has these numbers. */
bool walk_is_above(const struct walk *walk, uint64_t dev, uint64_t ino);

/* Closes the directory and frees its parts. */
void walk_directory_close(struct walk_directory *directory);

/* Makes the directory of a source without a name, a part of the sources' listing. */
struct walk_directory walk_unnamed_directory(const struct plan_source *source);

/* Notes a branch of the listing being written, whose directory is pushed next.  Faults: NOMEM. */
MUST_USE enum fault walk_add_branch(struct walk *walk, const struct walk_branch *branch,
				    struct err *err);

/* Puts a directory, whose listing is written, on top and takes it, also on failure. */
MUST_USE enum fault walk_push(struct walk *walk, const struct walk_directory *directory,
			      struct err *err);

/* Takes the next sub-directory of the topmost frame; pops that when there is none.  Faults:
 * CORRUPT, IO, NOMEM. */
MUST_USE enum fault walk_next(struct walk *walk, struct walk_child *child, struct err *err);

/*
 * Stores the ids of up to `max` sub-directories that will be taken next, in that order, as far as
 * they are in memory.  Returns how many.
 */
size_t walk_ahead(const struct walk *walk, uint64_t *id, size_t max);

/* Stores the cap of the source of directory `id`, of kind CAP_NONE when it is not on a grid.
 * Faults: IO. */
MUST_USE enum fault walk_cap(const struct walk *walk, uint64_t id, struct cap *cap,
			     struct err *err);

/*
 * Opens what walk_next gave, for walk_directory_close.  A merged one is opened as long as one part
 * of it is; the others say themselves why not.  `refused` is REASON_NONE, or why it
 * could not be opened, and `directory` is untouched: REASON_LOOP when it is a directory above
 * itself, or deeper than 4,096 levels on a grid; REASON_LOST when the slot of its source is lost;
 * else what walk_refusal says.  Faults: NOMEM (descriptors too), IO.
 */
MUST_USE enum fault walk_open(struct walk *walk, const struct walk_child *child,
			      struct walk_directory *directory, enum outcome_reason *refused,
			      struct err *err);

/* Returns what a directory that the file system refuses with `os_error` comes to; 0: none. */
enum outcome_reason walk_refusal(int os_error);

/*
 * Rebuilds the stack above `listing`, which has been read back, as if its directory
 * had just been taken: `child` is that directory, with id 0 and no name when it is the root.
 * Faults: CORRUPT, IO, NOMEM.
 */
MUST_USE enum fault walk_restore(struct walk *walk, struct listing_id listing,
				 struct walk_child *child, struct err *err);

/* Gives the directory that walk_restore stored its cap, if it is one of a grid: what is below it
 * may lead back to it.  Faults: IO. */
MUST_USE enum fault walk_recall(const struct walk *walk, struct walk_directory *directory,
				struct err *err);
