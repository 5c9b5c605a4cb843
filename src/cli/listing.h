/*
 * The children of a directory, sorted by name, and how each is shown.
 *
 * Place      store_list -> [listing] -> stdout of barge ls.
 * Ownership  a struct listing owns its rows; caps in it are secrets, and kept only when wanted.
 * Threads    one owner at a time.
 */
#pragma once

#include "base/bytes.h"
#include "calls/tries.h"

struct listing_row {
	size_t name; /* offset in `text` */
	size_t name_size;
	enum store_kind kind;
	bool is_mutable, writable;
	bool is_path; /* the name is one that was typed, and is escaped already */
	bool has_size, has_mtime, has_mode;
	uint64_t size;
	int64_t mtime_ns;                          /* of the file, else when it was linked */
	uint32_t mode;                             /* permissions only */
	size_t cap, cap_size, ro_cap, ro_cap_size; /* in `text`; the best one, and one to read by */
};

/* A directory that says it is a file in chunks. */
struct listing_mark {
	size_t row;
	uint64_t bytes; /* that the file has */
	struct cap cap;
};

struct listing {
	bool with_caps;
	struct bytes text;
	struct listing_row *row;
	size_t count, capacity;
	struct listing_mark *mark;
	size_t mark_count, mark_capacity;
	size_t unread; /* rows whose metadata is too long */
	bool failed;   /* memory ran out */
};

void listing_init(struct listing *listing, bool with_caps);

/* Wipes and frees. */
void listing_fini(struct listing *listing);

/* Forgets the rows.  `context` is the struct listing, here and below. */
void listing_clear(void *context);

/* Adds a child (a store_child_found).  False: out of memory. */
bool listing_add(void *context, const struct store_child *child);

/* Finds out which rows are files in chunks, and makes them such.  Sleeps.  What cannot be listed is
 * left a directory.  Faults: those that concern all others, too. */
MUST_USE enum fault listing_judge(struct listing *listing, const struct tries *tries,
				  struct err *err);

/* Makes a row the file of `bytes` bytes that it is. */
void listing_be_file(struct listing_row *row, uint64_t bytes);

/* Sorts by the bytes of the names, a prefix before what it begins. */
void listing_sort(struct listing *listing);

enum listing_form {
	LISTING_NAMES, /* a name, with a slash behind a directory's */
	LISTING_HUMAN, /* the same, sizes as 1.5K */
	LISTING_LONG,  /* kind, rights, size, local time, name; columns are aligned */
	LISTING_JSON,
};

/*
 * Appends a line for each row.  Names are escaped so that each is on one line of a terminal, an
 * empty one is "", and a slash in a name is \x2f; in JSON they are report/json.h's.  `place` is
 * added to JSON lines unless it is NULL.  Results are those of bytes_append.
 */
MUST_USE enum fault listing_print(const struct listing *listing, enum listing_form form,
				  const char *place, struct bytes *out);
