/*
 * What a plan is made of, as plain data: entries of listings, properties, totals.
 *
 * Place      for everybody; the queue's catalog gives them, the planner's writer takes them.
 * Ownership  pointers in an entry borrow, as whoever gives it says.
 */
#pragma once

#include "queue/core/base.h"

/*
 * Names a listing of a plan, or one page of it.  Only the queue knows what the number is; numbers
 * grow in the order of the plan and lie below 2^59.  0: none.
 */
struct listing_id {
	uint64_t value;
};

#define LISTING_NONE ((struct listing_id){ 0 })

/* Behind all that is, or will be, of a plan. */
#define LISTING_END ((struct listing_id){ UINT64_MAX })

static inline bool listing_is(struct listing_id a, struct listing_id b)
{
	return a.value == b.value;
}

enum manifest_kind {
	MANIFEST_FILE = 1,
	MANIFEST_DIRECTORY = 2,
	MANIFEST_SYMLINK = 3, /* a symlink kept as such */
	MANIFEST_OTHER =
		4, /* a special file, or something whose kind is unknown; always with a verdict */
	MANIFEST_LINKED = 5, /* a directory that is linked whole: a leaf without a listing */
};

enum { MANIFEST_NAME_MAX = 4096 }; /* bytes of one name */

/* One entry of a listing.  The pointers borrow: from the caller when writing, from the reader's
 * block when reading. */
struct manifest_entry {
	uint64_t id;         /* given by manifest_add; read back as given */
	uint8_t kind;        /* enum manifest_kind */
	uint8_t verdict;     /* enum outcome_state of queue/outcome.h: 0 to be done, or SKIPPED or
				FAILED already */
	uint8_t reason;      /* enum outcome_reason behind a verdict */
	uint64_t bytes;      /* size of a file, 0 otherwise */
	uint64_t chunk_size; /* 0: the whole file is chunk 0 */
	const char *name;    /* bytes as the source gives them, no NUL at the end */
	size_t name_size; /* 1..MANIFEST_NAME_MAX; one that failed(name) may be empty and may hold
			     NUL and '/': it is never used */
	const unsigned char *meta; /* opaque here: src/base/meta.h */
	size_t meta_size;          /* at most 4096 */
};

/* Returns how many ids the entry takes: 1, and one more for each chunk. */
uint64_t manifest_entry_ids(const struct manifest_entry *entry);

/* What the header says: an ordered list of properties, opaque here (command, options, sources,
 * target). */
struct manifest_property {
	const char *key;   /* NUL-terminated, at most 63 bytes */
	const char *value; /* any bytes */
	size_t value_size;
};

struct manifest_totals {
	uint64_t files, directories, symlinks, others; /* entries of each kind, verdicts included */
	uint64_t bytes;           /* of files without a verdict; UINT64_MAX: that many or more */
	uint64_t skipped, failed; /* verdicts */
	uint64_t next_id;         /* one above the highest id given */
};
