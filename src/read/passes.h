/*
 * A file read again for each thing that its sender wants of it: its shares, or its bytes.
 *
 *   body_wanted -> SHARES   each piece: like that of the reading ahead? -> encoded -> slabs
 *       ^          BYTES    each piece: likewise                       -> the sender
 *       |          NO_MORE -> the end
 *       '----- finished, well or not
 *
 * Not a byte leaves that is not one of the reading ahead, by the hashes of its pieces: what a
 * server has got of a share is part of that very content, or a later job, which goes on with it,
 * would complete a share of two files.
 *
 * Place      a reader, or upload/upload's thread -> [passes] -> read/body.
 * Ownership  everything is borrowed.
 * Threads    the body's reader.
 */
#pragma once

#include "read/attempt.h"

enum { PASSES_TREES_MAX = 256 << 20 /* bytes of hash trees: those of 256 GiB, 3-of-10 */ };

/* Whether the shares of a file can be made in passes: its hash trees fit into memory. */
bool passes_can(const struct chk_params *params, uint64_t size);

/* The hash of each piece of a file, from a reading ahead. */
struct piece_hashes {
	unsigned char *hash; /* of CONTENT_HASH_SIZE each */
	size_t count;
};

/* Makes room for those of `size` bytes.  FAULT_NOMEM. */
MUST_USE enum fault piece_hashes_init(struct piece_hashes *hashes, uint64_t size, struct err *err);

/* Frees.  All zeros are allowed. */
void piece_hashes_fini(struct piece_hashes *hashes);

/* Notes the hash of a piece. */
void piece_hashes_add(struct piece_hashes *hashes, const struct body_piece *piece);

struct passes {
	struct body *body; /* that is asked for, with its proof */
	const struct chk_params *params;
	struct chk_encoder *encoder;
	const struct piece_hashes *hashes;
	unsigned char *scratch; /* room for a piece */
	/* Reads the whole file, as attempt_pass does. */
	enum fault (*read)(void *context, const struct attempt_pass *pass, struct err *err);
	/* Hears of a failure of `read`, and may word it otherwise.  May be NULL. */
	void (*judge)(void *context, struct err *err);
	void *context;
	const atomic_bool *cancel;
};

/* Does what the sender wants, until it wants no more. */
void passes_run(const struct passes *passes);
