/*
 * The manifest: what is to be done, as directory listings in a checksummed file.
 *
 * The planner appends; the queue, the readers and the committer read behind it.  A directory is
 * written whole as one listing, in blocks of at most 64 KiB, before any listing of its
 * sub-directories (depth first, in entry order), so the listings of a subtree are one range of the
 * file and their ids one range of numbers.  Ids are dense in file order: an entry's id is its task
 * 0, its chunks (files with a chunk size that does not hold them whole) take the next numbers. Id 0
 * is the root, the directory at the target that everything is linked into; it has a listing and no
 * entry. docs/formats.md gives the file byte by byte.
 *
 * Place      src/plan -> [manifest] -> the queue, and whoever walks a job's entries: src/commit,
 *            src/verify, src/report, src/audit.
 * Threads    one writer; a reader belongs to one thread and reads only below the writer's durable
 *            offset.
 */
#pragma once

#include "queue/core/fault.h"

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
	uint64_t id;     /* given by manifest_add; read back as given */
	uint8_t kind;    /* enum manifest_kind */
	uint8_t verdict; /* enum outcome_state of queue/file/outcomes.h: 0 to be done, or SKIPPED or
			    FAILED already */
	uint8_t reason;  /* enum outcome_reason behind a verdict */
	uint64_t bytes;  /* size of a file, 0 otherwise */
	uint64_t chunk_size; /* 0: the whole file is chunk 0 */
	const char *name;    /* bytes as the source gives them, no NUL at the end */
	size_t name_size; /* 1..MANIFEST_NAME_MAX; one that failed(name) may be empty and may hold
			     NUL and '/': it is never used */
	const unsigned char *meta; /* opaque here: src/base/meta.h */
	size_t meta_size;          /* at most 256 */
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
	uint64_t bytes;                                /* of files without a verdict */
	uint64_t skipped, failed;                      /* verdicts */
	uint64_t next_id;                              /* one above the highest id given */
};

/* ---- writing ---- */

struct manifest_writer;

/*
 * Creates the file `path` (mode 0600, must not exist) and writes its header.  The caller owns the
 * writer. `job_id` is 16 random bytes.  Up to 256 properties with distinct keys, which together fit
 * one frame.  Durable when it returns.  Faults: EXISTS, TOO_LARGE, FULL, IO, NOMEM.
 */
MUST_USE enum fault manifest_create(const char *path, const unsigned char job_id[16],
				    const struct manifest_property *property, size_t count,
				    struct manifest_writer **writer, struct err *err);

/* Where the writer of a recovered manifest goes on. */
struct manifest_resume {
	struct manifest_totals totals; /* of what is there */
	bool complete;                 /* the plan is finished; no writer is given */
	uint64_t cut;                  /* bytes dropped behind the last good block */
	bool inside; /* the last listing is cut in the middle: go on with it after `last_name` */
	uint64_t listing; /* offset of the last listing's first block; 0 when there is none yet */
	char last_name[MANIFEST_NAME_MAX]; /* last durable name of that listing */
	size_t last_name_size;
};

/*
 * Opens the manifest at `path` for going on: checks every block, cuts the file behind the last good
 * one, and says where the walk stands.  A plan whose header says complete, or whose version is
 * newer, is never cut: FAULT_CORRUPT if anything in it is bad.  When complete, *writer is NULL.
 * FAULT_CORRUPT too, and nothing cut, for a broken preamble or header, and for a block that checks
 * but cannot be: no crash tore it.  A complete plan may lie in a file that is only readable.  What
 * is left is durable on return.  Sleeps for as long as reading the file takes.
 */
MUST_USE enum fault manifest_recover(const char *path, struct manifest_resume *resume,
				     struct manifest_writer **writer, struct err *err);

/*
 * Begins the listing of directory `id` whose own name is `name` and whose entry stands in the
 * listing at `parent_listing` of directory `parent_id` (all 0 and empty for the root, which comes
 * first).  Stores the listing's offset.  Faults: USAGE (a parent that comes later, a name that
 * cannot be one), FULL, IO.
 */
MUST_USE enum fault manifest_begin(struct manifest_writer *writer, uint64_t id, uint64_t parent_id,
				   uint64_t parent_listing, const char *name, size_t name_size,
				   uint64_t *listing, struct err *err);

/*
 * Adds an entry to the listing begun, and stores its id in `entry->id`.  Faults: USAGE (a name with
 * NUL or '/', a size where only files have one, a verdict that is none; nothing is added),
 * TOO_LARGE (ids or bytes in all; nothing is added), FULL, IO.
 *
 * The first FULL or IO of a writer is final: every later call repeats it.
 */
MUST_USE enum fault manifest_add(struct manifest_writer *writer, struct manifest_entry *entry,
				 struct err *err);

/* Ends the listing begun.  After a recovery inside a listing, manifest_add and this go on without
 * manifest_begin. */
MUST_USE enum fault manifest_end(struct manifest_writer *writer, struct err *err);

/*
 * Makes everything added so far durable and stores the offset below which all of it is: the block
 * being filled is written as it is, and the listing goes on in another.  Sleeps for a sync, unless
 * nothing is new.
 */
MUST_USE enum fault manifest_sync(struct manifest_writer *writer, uint64_t *durable,
				  struct err *err);

/* Writes and syncs the trailer, then the header's mark that the plan is complete.  No listing is
 * begun. */
MUST_USE enum fault manifest_finish(struct manifest_writer *writer, struct err *err);

const struct manifest_totals *manifest_writer_totals(const struct manifest_writer *writer);

/* Closes the file.  NULL is allowed. */
void manifest_writer_close(struct manifest_writer *writer);

/* ---- reading ---- */

struct manifest_reader;

/* Opens the manifest at `path` and checks its header.  Faults: NOT_FOUND, CORRUPT (also a newer
 * version), IO, NOMEM. */
MUST_USE enum fault manifest_open(const char *path, struct manifest_reader **reader,
				  struct err *err);
void manifest_close(struct manifest_reader *reader);

const unsigned char *manifest_job_id(const struct manifest_reader *reader);

/* Returns the property `key` of the header, with its size, or NULL.  Borrowed from the reader. */
const char *manifest_property(const struct manifest_reader *reader, const char *key, size_t *size);

/* Returns whether the header says that the plan is complete (read anew from the file). */
bool manifest_is_complete(struct manifest_reader *reader);

/* Returns the offset of the first block behind the header: the root listing. */
uint64_t manifest_first(const struct manifest_reader *reader);

enum { MANIFEST_BLOCK_ENTRIES_MAX = 8192 };

/* One block of a listing, decoded.  Everything in it borrows from the reader until its next call.
 */
struct manifest_block {
	bool is_trailer;       /* nothing but `totals` counts, and no block follows */
	uint64_t offset, next; /* of this block, and of the block behind it */
	uint64_t listing;      /* offset of the listing's first block */
	uint64_t id;           /* the directory listed */
	uint64_t parent_id;
	uint64_t parent_listing; /* offset */
	const char *name;        /* the directory's own name; empty for the root */
	size_t name_size;
	bool first, last; /* the listing's first, its last block */
	const struct manifest_entry *entry;
	size_t count;
	const struct manifest_totals *totals;
};

/*
 * Reads the block at `offset`.  Faults: NOT_FOUND at the end of the file, CORRUPT, IO, NOMEM.
 * Asks the file system only below what the writer has made durable: the caller knows that offset.
 */
MUST_USE enum fault manifest_read(struct manifest_reader *reader, uint64_t offset,
				  struct manifest_block *block, struct err *err);

/*
 * Writes the path from the root to the directory whose listing is at `listing`, names joined by
 * '/', without a leading slash and NUL-terminated, into `path` of `capacity` bytes (truncated from
 * the left with "..." when it does not fit), reading one block a level.  Does not disturb a block
 * read before with another reader.
 */
MUST_USE enum fault manifest_path(struct manifest_reader *reader, uint64_t listing, char *path,
				  size_t capacity, struct err *err);
