/*
 * Shares in one append-only file, found again through an index in memory.
 *
 * Place      grid -> [shares] -> DIR/shares.log.
 * Ownership  a struct shares owns the open log and the index; nobody else may write the file.
 * Threads    one owner at a time.
 *
 * A file header of 16 bytes, then records, nothing between them:
 *   0  u32 magic "BgS1"   4  u8 kind, 3 zero bytes   8  storage index, 16   24  u64 size
 *   32 u64 sequence       40 8 zero bytes            48 XXH3-128 of bytes 0 to 47
 *   64 the data, `size` bytes, then the XXH3-128 of the data
 * Integers are little-endian.  Bytes are only ever appended, in order, so a record that ends within
 * the file is complete: after kill -9 just the last one can be torn, and it is cut at the next
 * start.  Of the records with one storage index the last counts; the others stay in the file.
 * Nothing is synced.
 */
#pragma once

#include "queue/core/fault.h"
#include "tahoe/caps.h"

enum share_kind {
	SHARE_IMMUTABLE = 1, /* a CHK share, as chk_encoder makes it */
	SHARE_SLOT = 2,      /* one version of a mutable directory */
};

struct share {
	unsigned char index[CAP_KEY_SIZE]; /* storage index */
	enum share_kind kind;
	uint64_t offset;   /* of the data in the log */
	uint64_t size;     /* of the data */
	uint64_t sequence; /* slots: 1 for the first version */
};

struct shares;

/*
 * Opens the log `path`, making it if need be, and rebuilds the index, reading each record's header.
 * FAULT_CORRUPT: it is no such log, or a header in the middle does not check; FAULT_IO,
 * FAULT_NOMEM.
 */
MUST_USE enum fault shares_open(const char *path, struct shares **shares, struct err *err);

/* Closes and frees.  NULL is allowed. */
void shares_close(struct shares *shares);

/* Stores the share with `index`.  False when there is none. */
MUST_USE bool shares_find(const struct shares *shares, const unsigned char index[CAP_KEY_SIZE],
			  struct share *share);

/*
 * Begins to append a record: index, kind, size and sequence of `share` count.  Exactly that many
 * bytes come through shares_write, then shares_commit, or shares_abort at any time.
 */
MUST_USE enum fault shares_begin(struct shares *shares, const struct share *share, struct err *err);

/* Adds data to the record.  FAULT_FULL, FAULT_IO; then shares_abort is the only way on. */
MUST_USE enum fault shares_write(struct shares *shares, const void *data, size_t size,
				 struct err *err);

/* Ends the record; from here on it is found, also by the next shares_open.  Faults as above. */
MUST_USE enum fault shares_commit(struct shares *shares, struct err *err);

/* Forgets the record, if one is open, and cuts it off the file. */
void shares_abort(struct shares *shares);

/*
 * Reads `size` bytes at `offset` of the log, which lie within the data of a share found before.
 * FAULT_IO, FAULT_CORRUPT.
 */
MUST_USE enum fault shares_read(const struct shares *shares, uint64_t offset, void *data,
				size_t size, struct err *err);

/* FAULT_CORRUPT unless the data of `share`, already read into `data`, are as they were written. */
MUST_USE enum fault shares_check(const struct shares *shares, const struct share *share,
				 const void *data, struct err *err);

/* Returns how many shares of `kind` there are, slots counted once. */
uint64_t shares_count(const struct shares *shares, enum share_kind kind);

/* Returns the bytes of the log. */
uint64_t shares_log_size(const struct shares *shares);
