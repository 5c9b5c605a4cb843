/*
 * Shares of mutable files (SDMF, MDMF), which directories are stored in: read and proven.
 *
 * Place      direct/direct_slot, over shares that servers have sent.
 * Ownership  a struct slot_share borrows the bytes it was read from.
 * Threads    all functions may run concurrently; ciphers have one owner.
 *
 *   SDMF  header 107 | public key | signature | share hash chain | block hash tree | block |
 *         private key, encrypted
 *   MDMF  header 123 | private key, encrypted | share hash chain | signature | public key | ... |
 *         salt and block of each segment | block hash tree
 *
 * The signature covers what all shares of a version have in common, the root of the tree over the
 * shares among it; the chain leads from there to the root over the blocks of one share.  So a share
 * is proven by the fingerprint in the cap, all of it at once.  Stored block hash trees are not
 * looked at: they are computed from the blocks.
 *
 * Source: tahoe-lafs 1.20.0 allmydata/mutable/{layout,retrieve,publish}.py,
 * docs/specifications/mutable.rst.
 */
#pragma once

#include "tahoe/chk.h"

enum {
	SLOT_HEADER_MAX = 123, /* bytes */
	SLOT_SALT_SIZE = 16,
	SLOT_SIGNED_MAX = 75, /* bytes that are signed */
};

/* What is signed. */
struct slot_version {
	unsigned char bytes[SLOT_SIGNED_MAX]; /* all of it; zeros behind it */
	size_t size;                          /* of that */
	bool mdmf;
	uint64_t sequence;
	unsigned char root[DIGEST_SIZE];
	unsigned char salt[SLOT_SALT_SIZE]; /* SDMF */
	unsigned needed, total;
	uint64_t segment_size, data_size;
};

/* A part of a share. */
struct slot_part {
	uint64_t offset, size;
};

struct slot_share {
	struct slot_version version;
	unsigned number;
	struct slot_part public_key, signature, chain, blocks;
	uint64_t head;  /* bytes from the start of the share that prove the version */
	uint64_t whole; /* and those that hold what is needed of it */
	const unsigned char *data;
	uint64_t size; /* bytes of it that are there */
};

/*
 * Reads the header of a share from `size` bytes of its beginning, at least SLOT_HEADER_MAX unless
 * it is shorter.  FAULT_CORRUPT when it is none, or when what it says cannot be;
 * FAULT_TOO_LARGE when the file or the share has more than `max` bytes.
 */
MUST_USE enum fault slot_share_read(const void *data, uint64_t size, uint64_t max,
				    struct slot_share *share, struct err *err);

/* True when both are shares of the same version. */
MUST_USE bool slot_same_version(const struct slot_version *a, const struct slot_version *b);

/* Orders versions: below 0 when `a` is older than `b`, 0 when they are the same. */
int slot_compare(const struct slot_version *a, const struct slot_version *b);

/* FAULT_CORRUPT unless the version is signed by the key that `cap`, a mutable one, names.  The
 * first share->head bytes have to be there.  FAULT_NOMEM. */
MUST_USE enum fault slot_prove_version(const struct cap *cap, const struct slot_share *share,
				       struct err *err);

/* FAULT_CORRUPT unless all blocks are those of the share of its number of this version, which is
 * proven.  share->whole bytes have to be there.  FAULT_NOMEM. */
MUST_USE enum fault slot_prove_blocks(const struct slot_share *share, struct err *err);

/*
 * Decodes and decrypts: appends the contents to `out`.  `share` are version.needed proven shares of
 * one version, with different numbers; `cap` is a mutable one that lets read.  FAULT_USAGE,
 * FAULT_NOMEM, FAULT_TOO_LARGE (of `out`).
 */
MUST_USE enum fault slot_decode(const struct cap *cap, const struct slot_share *share,
				struct bytes *out, struct err *err);
