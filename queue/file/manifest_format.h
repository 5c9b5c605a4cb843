/*
 * The bytes of a manifest: what the writer, the reader and the recovery agree on.
 *
 * Place      inside queue/file/manifest_*.c only; everybody else uses queue/file/manifest.h.
 * Threads    plain functions on data of the caller.
 */
#pragma once

#include "queue/file/frame.h"
#include "queue/file/manifest.h"
#include "queue/file/pack.h"

enum {
	MANIFEST_PREAMBLE_SIZE = 64,    /* 40 common ones, the mark, the header's size */
	MANIFEST_SIZE_OFFSET = 56,      /* of that size */
	MANIFEST_MARK_OFFSET = 40,      /* in the file */
	MANIFEST_MARK_SIZE = 16,        /* offset of the trailer, its check */
	MANIFEST_META_MAX = 4096,       /* bytes of an entry's opaque part */
	MANIFEST_PROPERTIES_MAX = 256,  /* as many as any command line of ours needs */
	MANIFEST_PROPERTY_KEY_MAX = 63, /* bytes */
	MANIFEST_HEADER_MAX =
		64 << 20,       /* bytes: many times what a command line of Linux may have */
	MANIFEST_HEAD_MAX = 64, /* bytes of a packed head without its name: 8 integers */
};

/* One above the highest id: 128 bytes a slot of the outcomes stay below 2^60 bytes then. */
#define MANIFEST_IDS_END (UINT64_C(1) << 53)

enum manifest_frame {
	MANIFEST_HEADER = 1,
	MANIFEST_LISTING = 2,
	MANIFEST_TRAILER = 3,
};

/* What a listing block says before its entries. */
struct manifest_head {
	uint64_t id, parent_id;
	uint64_t listing, parent_listing; /* offsets of first blocks */
	uint64_t first_id;                /* of the block's first entry */
	size_t count;                     /* entries in the block */
	bool first, last;
	const char *name; /* borrowed */
	size_t name_size;
};

struct manifest_writer {
	int fd;
	uint64_t seed;
	uint64_t end;     /* behind the last whole block */
	uint64_t durable; /* behind the last block known to be on disk */
	uint64_t hash;    /* of all frames so far, see manifest_hash_next */
	struct manifest_totals totals;
	struct err failed;         /* the first fault of write or sync, which is final */
	bool inside;               /* a listing is begun and not ended */
	bool finished;             /* the mark is set */
	struct manifest_head head; /* of the block being filled; its name lies in `name` */
	struct pack_out entries;   /* of that block, inside `buffer` */
	char name[MANIFEST_NAME_MAX];
	unsigned char buffer[FRAME_PAYLOAD_MAX];
};

/* Makes room in the writer's buffer for a block whose head is in place, with no entries yet. */
void manifest_writer_rewind(struct manifest_writer *writer);

/* ---- start of the file ---- */

struct manifest_start {
	unsigned char job_id[16];
	uint64_t seed;
	uint64_t trailer; /* offset the mark gives; 0 while the plan is not complete */
	uint64_t first;   /* offset behind the header's frames */
	uint64_t hash;    /* of the header's frames, see manifest_hash_next */
	size_t size;      /* bytes of the header's payload */
};

/* `header_size` is that of the header's payload; it is noted where that takes several frames. */
void manifest_preamble_encode(const unsigned char job_id[16], size_t header_size,
			      unsigned char *bytes);
void manifest_mark_encode(uint64_t seed, uint64_t trailer, unsigned char *bytes);

/* Reads the mark, as manifest_start has it in `trailer`.  Faults: CORRUPT, IO. */
MUST_USE enum fault manifest_mark_read(int fd, uint64_t seed, uint64_t *trailer, struct err *err);

/*
 * Reads and checks preamble, mark and header frames, and allocates `header` for their payload, to
 * be freed.  Faults: CORRUPT, IO, NOMEM.
 */
MUST_USE enum fault manifest_start_read(int fd, struct manifest_start *start,
					unsigned char **header, struct err *err);

/* Stores the next of the header's properties; `key_size` is the key's, which has no NUL here.
 * Faults: NOT_FOUND behind the last one, CORRUPT, NOMEM. */
MUST_USE enum fault manifest_property_next(struct pack_in *in, struct manifest_property *property,
					   size_t *key_size, struct err *err);

/* ---- listings ---- */

/* Return why the head of a block at `offset`, or an entry, cannot be; NULL when it can. */
const char *manifest_head_flaw(const struct manifest_head *head, uint64_t offset);
const char *manifest_entry_flaw(const struct manifest_entry *entry);

void manifest_head_put(struct pack_out *out, const struct manifest_head *head);
void manifest_entry_put(struct pack_out *out, const struct manifest_entry *entry);

/* Reads the head of the block in `frame` from the front of `in`.  It owns no memory, but its name
 * borrows from the payload.  Faults: CORRUPT, NOMEM. */
MUST_USE enum fault manifest_head_get(struct pack_in *in, const struct frame *frame,
				      struct manifest_head *head, struct err *err);

/* Reads the next entry and gives it the id `*next_id`, which moves on.  Faults: CORRUPT, NOMEM. */
MUST_USE enum fault manifest_entry_get(struct pack_in *in, struct manifest_entry *entry,
				       uint64_t *next_id, struct err *err);

/* Counts an entry and moves next_id behind it; a sum of bytes stops at the largest number.  Returns
 * false, changing nothing, when there are no ids left for it. */
MUST_USE bool manifest_totals_count(struct manifest_totals *totals,
				    const struct manifest_entry *entry);

/* ---- trailer ---- */

void manifest_trailer_put(struct pack_out *out, const struct manifest_totals *totals,
			  uint64_t hash);

/* Faults: CORRUPT, NOMEM. */
MUST_USE enum fault manifest_trailer_get(const unsigned char *payload, size_t size,
					 struct manifest_totals *totals, uint64_t *hash,
					 struct err *err);

/* Returns the hash over all frames so far, the one with `frame_hash` included; the first one
 * follows the seed. */
uint64_t manifest_hash_next(uint64_t hash, uint64_t frame_hash);
