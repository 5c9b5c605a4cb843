/*
 * The parts of a CHK share besides its data: header, hash trees, URI extension block (UEB).
 *
 * Place      between the encoder and the checker; nobody else needs it.
 * Ownership  plain memory of the caller.
 * Threads    all functions may run concurrently.
 *
 * Source: tahoe-lafs 1.20.0 allmydata/immutable/{layout,encode}.py, allmydata/hashtree.py.
 */
#pragma once

#include "tahoe/chk.h"

enum {
	CHK_HEADER_MAX = 68, /* bytes: version 2; version 1 has 36 */
	CHK_UEB_MAX = 640,   /* bytes: names 239, hashes 96, numbers and lengths below 300 */
};

/* What the UEB says besides what the layout says. */
struct chk_roots {
	unsigned char crypttext[DIGEST_SIZE];      /* hash of the whole ciphertext */
	unsigned char crypttext_root[DIGEST_SIZE]; /* of the tree over its segments */
	unsigned char share_root[DIGEST_SIZE];     /* of the tree over the shares' block trees */
};

/* Writes the UEB of `layout` with k and n.  Returns its size. */
size_t chk_ueb_write(const struct chk_layout *layout, uint16_t k, uint16_t n,
		     const struct chk_roots *roots, unsigned char out[CHK_UEB_MAX]);

/* Writes the share's header, version 1 or 2.  Returns its size, the layout's data_offset. */
size_t chk_header_write(const struct chk_layout *layout, uint16_t k,
			unsigned char out[CHK_HEADER_MAX]);

/*
 * Stores the roots of a UEB that is authentic: `ueb` already matched a cap.  False when it is not
 * the UEB that the rest of its fields, k and n ask for.
 */
MUST_USE bool chk_ueb_read(const struct chk_layout *layout, uint16_t k, uint16_t n,
			   const unsigned char *ueb, struct chk_roots *roots);

/* Leaves of a tree over `count`: the next power of two.  Its nodes are twice that less one. */
uint64_t chk_tree_leaves(uint64_t count);

/*
 * Completes a tree whose nodes are 32 bytes each, root first, row by row, and whose first `count`
 * leaves are there.
 */
void chk_tree_complete(unsigned char *tree, uint64_t count);
