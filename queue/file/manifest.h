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
#include "queue/entry.h"
#include "queue/writer.h"

/* ---- writing ---- */

/*
 * Creates the file `path` (mode 0600, must not exist) and writes its header.  The caller owns the
 * writer. `job_id` is 16 random bytes.  Up to 256 properties with distinct keys, which together fit
 * one frame.  Its content is durable when it returns, its name is not.  Faults: EXISTS, TOO_LARGE,
 * FULL, IO, NOMEM.
 */
MUST_USE enum fault manifest_create(const char *path, const unsigned char job_id[16],
				    const struct manifest_property *property, size_t count,
				    struct manifest_writer **writer, struct err *err);

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
 * read before.
 */
MUST_USE enum fault manifest_path(struct manifest_reader *reader, uint64_t listing, char *path,
				  size_t capacity, struct err *err);
