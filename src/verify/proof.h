/*
 * Whether bytes that came from a gateway are the bytes of a cap.
 *
 * A reply of status 200 and the right length proves nothing: a gateway that finds a bad segment
 * after the first byte was sent puts the words of an error where the rest belongs.  The proof is
 * the convergence key over all bytes, where the secret is known; else a second read that is equal,
 * and a last look at the tail when it ends as those words begin.
 *
 * Place      bytes of a GET -> [proof] -> src/download publishes the file or not; single.h.
 * Ownership  a struct proof owns hash states until proof_fini; the parameters are borrowed.
 * Threads    one owner at a time.
 *
 * Source: tahoe-lafs 1.20.0 allmydata/web/filenode.py ("problem during download").
 */
#pragma once

#include "tahoe/chk.h"

enum { PROOF_TAIL_MAX = 24 }; /* bytes of the words an error puts into a body */

struct proof {
	struct content_hash hash;
	struct chk_key key;
	bool keyed;                         /* the key is computed too */
	uint64_t size;                      /* bytes seen since proof_start */
	unsigned char tail[PROOF_TAIL_MAX]; /* the last of them */
	size_t tail_size;
	/* of a first read that proof_keep kept */
	unsigned char first[CONTENT_HASH_SIZE];
	uint64_t first_size;
};

/* Frees.  All zeros are allowed. */
void proof_fini(struct proof *proof);

/* Returns whether what was read has that XXH3-128. */
bool proof_has(struct proof *proof, const unsigned char content[CONTENT_HASH_SIZE]);

/*
 * Begins a read of `cap`.  With a `secret` of the gateway (NULL: unknown; its k, n and segment size
 * do not count) and a CHK cap the key is computed.  FAULT_NOMEM.
 */
MUST_USE enum fault proof_start(struct proof *proof, const struct cap *cap,
				const struct chk_params *secret, struct err *err);

/* Adds bytes in order.  FAULT_CORRUPT when there are more than the cap says. */
MUST_USE enum fault proof_update(struct proof *proof, const void *data, size_t size,
				 struct err *err);

/*
 * Ends the read.  FAULT_CORRUPT when it is not as long as the cap says.  Stores in `proven` whether
 * the bytes are those of `cap`; false means only that the key does not tell.
 */
MUST_USE enum fault proof_end(struct proof *proof, const struct cap *cap, bool *proven,
			      struct err *err);

/* Keeps what was read as the first of two. */
void proof_keep(struct proof *proof);

/* Returns whether what was read now is what was kept. */
bool proof_repeats(struct proof *proof);

/*
 * Returns how many bytes at the end may be the beginning of an error's words, 0 for none.  These
 * are to be asked for once more as a range of their own, which fails where they are not there.
 */
size_t proof_doubtful_tail(const struct proof *proof);
