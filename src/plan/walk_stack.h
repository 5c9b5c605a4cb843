/*
 * The inside of the walk, shared by its files: walk.c moves along the stack, walk_open.c opens
 * directories, walk_restore.c rebuilds the stack after a kill.
 *
 * Place      src/plan/walk*.c only.
 * Threads    one owner at a time.
 */
#pragma once

#include "plan/walk.h"

/*
 * One array holds the records (id and name) of all frames, the topmost frame's at its end:
 *
 *   records  | frame 0's | frame 1's | ... | the topmost frame's window    |
 *                                          ^ window   ^ current  ^ next    ^ records_size
 *
 * A frame below the topmost keeps its own until it is the topmost again.  When the topmost has
 * taken all of its window, the window is filled anew from the manifest, from `block` on.
 */
struct walk_frame {
	struct walk_directory at;
	struct listing_id page; /* where the sub-directories behind the window begin */
	uint64_t taken;         /* id of the one taken last, 0: none */
	size_t window;          /* the frame's records in `records`: the first, */
	size_t current;         /* the one taken last, */
	size_t next;       /* and the one to be taken next; the end is the next frame's `window` */
	bool more;         /* there are sub-directories behind the window */
	size_t branch_end; /* its branches end here, and begin where those of the frame below do */
};

struct walk {
	struct outcomes *sources; /* NULL: nothing is on a grid */
	const struct plan_source *source;
	size_t source_count;
	size_t first_local; /* level of the sources' own directories */
	int open_flags;
	bool follow;
	size_t open_max; /* frames whose directories stay open */
	struct catalog_reader *reader;
	struct walk_frame *frame;
	size_t count, capacity;
	unsigned char *records;
	size_t records_size, records_capacity;
	struct walk_branch *branch; /* of all frames, like the records */
	size_t branch_count, branch_capacity;
};

/* Returns whether the directory is one of a grid. */
static inline bool walk_is_remote(const struct walk_directory *directory)
{
	return directory->cap.kind != CAP_NONE;
}

/* Closes the frame's descriptor, if it is open. */
void walk_close_frame(struct walk_frame *frame);

/* Appends a record behind the topmost frame's.  Faults: NOMEM. */
MUST_USE enum fault walk_add_record(struct walk *walk, uint64_t id, const char *name, size_t size,
				    struct err *err);

/* Returns the name in a record, NUL-terminated, and stores its size. */
const char *walk_record_name(const struct walk *walk, size_t record, size_t *size);

/* Reads the page at `at`, which must belong to `listing`.  Faults: CORRUPT, IO, NOMEM. */
MUST_USE enum fault walk_read_listed(struct walk *walk, struct listing_id at,
				     struct listing_id listing, struct catalog_page *page,
				     struct err *err);

/* Opens the directory of frame `level`, a local one, going down by names from the nearest one that
 * is open.  Returns its errno, or 0. */
int walk_reopen(struct walk *walk, size_t level);
