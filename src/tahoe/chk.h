/*
 * CHK: content-hash-keyed, convergently encrypted, immutable files, computed without a gateway.
 *
 * Place      readers (content keys), verification (caps), the committer (immutable directories),
 *            the embedded gateway (shares) and the direct store (segments).
 * Ownership  objects are made once and used for one file after the other; each has one owner.
 * Threads    one owner at a time for each object; nothing is shared.
 *
 *   plaintext --T--> key --AES-128-CTR--> ciphertext --segments, hash trees--> shares, UEB -> cap
 * The key needs the whole plaintext first, so a file is read twice: chk_key, then chk_encoder.
 *
 * Inside: chk.c (layout, keys), chk_cipher.c, chk_share.c (header, trees, UEB as bytes); on these
 * stand chk_encoder.c, which writes shares and caps, and chk_checker.c, which proves segments.
 *
 * Files of LITERAL_SIZE_MAX bytes or fewer are LIT and never come here (but see chk_cap_of).
 * Source: tahoe-lafs 1.20.0 allmydata/immutable/{upload,encode,layout}.py, util/hashutil.py.
 */
#pragma once

#include "tahoe/caps.h"
#include "tahoe/hashes.h"

enum {
	CHK_SECRET_MAX = 32,            /* bytes of a convergence secret */
	CHK_SEGMENT_SIZE = 1024 * 1024, /* since Tahoe-LAFS 1.19; 131072 before */
};

/* Together with the plaintext these fix the cap. */
struct chk_params {
	unsigned char secret[CHK_SECRET_MAX]; /* convergence secret: wipe */
	size_t secret_size;                   /* 0..CHK_SECRET_MAX, ordinarily 32 */
	uint16_t k, n;                        /* shares needed and made, 1 <= k <= n <= 256 */
	uint32_t max_segment_size;            /* at least 1; CHK_SEGMENT_SIZE */
};

/* Where things lie in a share, by its number of bytes from the start of the share. */
struct chk_layout {
	uint64_t size; /* of the file */
	uint64_t segment_count;
	uint32_t segment_size; /* of all segments but the last, a multiple of k */
	uint32_t tail_size;    /* of the last segment, without padding */
	bool wide;             /* version 2 with 8-byte offsets */
	uint64_t data_offset;  /* the blocks; with k = 1 the ciphertext */
	uint64_t data_size;
	uint64_t crypttext_tree_offset;
	uint64_t block_tree_offset;
	uint64_t chain_offset;
	uint64_t ueb_offset; /* of its length field */
	uint64_t ueb_size;   /* of the UEB itself */
	uint64_t share_size;
};

/*
 * Stores the layout of a share for a file of `size` bytes, which is above 0.  FAULT_USAGE for
 * parameters outside their ranges.
 */
MUST_USE enum fault chk_layout_of(const struct chk_params *params, uint64_t size,
				  struct chk_layout *layout, struct err *err);

/* The convergence key of a stream: one SHA-256 pass. */
struct chk_key {
	struct digest digest;
	uint64_t left; /* bytes still to come */
};

/* Allocates.  FAULT_NOMEM. */
MUST_USE enum fault chk_key_init(struct chk_key *key, struct err *err);

/* Frees.  NULL and all zeros are allowed. */
void chk_key_fini(struct chk_key *key);

/*
 * Begins (again) with a file of `size` bytes; any k and n, any size (0 and LIT sizes too).
 * FAULT_USAGE for parameters outside their ranges.
 */
MUST_USE enum fault chk_key_start(struct chk_key *key, const struct chk_params *params,
				  uint64_t size, struct err *err);

/* Adds plaintext in order.  FAULT_CHANGED when there is more than was announced. */
MUST_USE enum fault chk_key_update(struct chk_key *key, const void *data, size_t size,
				   struct err *err);

/* Ends it and stores the key, a secret.  FAULT_CHANGED when there was less than announced. */
MUST_USE enum fault chk_key_final(struct chk_key *key, unsigned char out[CAP_KEY_SIZE],
				  struct err *err);

/* AES-128-CTR as Tahoe uses it: one stream a file, the counter starting from 0. */
struct chk_cipher {
	void *state; /* of libcrypto */
};

/* Allocates.  FAULT_NOMEM. */
MUST_USE enum fault chk_cipher_init(struct chk_cipher *cipher, struct err *err);

/* Frees and wipes.  NULL and all zeros are allowed. */
void chk_cipher_fini(struct chk_cipher *cipher);

/* Sets the key and the position, `offset` bytes from the start of the file. */
void chk_cipher_start(struct chk_cipher *cipher, const unsigned char key[CAP_KEY_SIZE],
		      uint64_t offset);

/* Encrypts or decrypts the next `size` bytes; `in` and `out` may be the same. */
void chk_cipher_apply(struct chk_cipher *cipher, const void *in, void *out, size_t size);

/* A run of bytes of one share, lent for the call. */
struct chk_piece {
	unsigned share; /* its number, 0..n-1 */
	uint64_t offset;
	const void *data;
	size_t size;
};

/*
 * Receives a share piece by piece; the offsets of one share rise without gaps.  A fault ends the
 * encoding and is passed on.
 */
typedef enum fault chk_sink(void *user, const struct chk_piece *piece, struct err *err);

struct chk_encoder;

/* Makes an encoder, to be used for one file after the other.  FAULT_NOMEM. */
MUST_USE enum fault chk_encoder_new(struct chk_encoder **encoder, struct err *err);

/* Frees and wipes.  NULL is allowed. */
void chk_encoder_free(struct chk_encoder *encoder);

/*
 * Begins (again) with a file of `size` bytes, above 0, whose `key` chk_key gave.  Forgets the sink.
 * FAULT_USAGE for parameters outside their ranges; FAULT_NOMEM.  Holds a segment, six blocks, and
 * 64 to 128 bytes for each segment of the file and, with k > 1, of each share.
 */
MUST_USE enum fault chk_encoder_start(struct chk_encoder *encoder, const struct chk_params *params,
				      uint64_t size, const unsigned char key[CAP_KEY_SIZE],
				      struct err *err);

/* Returns the bytes that an encoder keeps of the hash trees of such a file; 0 for parameters out of
 * range. */
uint64_t chk_trees_size(const struct chk_params *params, uint64_t size);

/* Has every share sent to `sink` with `user` from here on.  To be called before the first byte. */
void chk_encoder_set_sink(struct chk_encoder *encoder, chk_sink *sink, void *user);

/* Has the end fail as CORRUPT where the cap is not `cap`, which is borrowed, before anything behind
 * the blocks is sent: no share is whole then. */
void chk_encoder_expect(struct chk_encoder *encoder, const struct cap *cap);

/* Adds plaintext in order.  FAULT_CHANGED when there is more than was announced; sink's faults. */
MUST_USE enum fault chk_encoder_update(struct chk_encoder *encoder, const void *data, size_t size,
				       struct err *err);

/* Ends it and stores the cap (CAP_CHK).  FAULT_CHANGED when there was less; sink's faults. */
MUST_USE enum fault chk_encoder_final(struct chk_encoder *encoder, struct cap *cap,
				      struct err *err);

/* All shares of a file, in memory. */
struct chk_shares {
	struct cap cap;
	unsigned count;
	uint64_t share_size;
	unsigned char *data; /* one behind the other */
};

/* Makes the shares of a file in memory of `size` bytes, above LITERAL_SIZE_MAX, whose `key` chk_key
 * gave.  The caller frees them with chk_shares_free.  Faults of chk_encoder_start. */
MUST_USE enum fault chk_shares_new(struct chk_encoder *encoder, const struct chk_params *params,
				   const unsigned char key[CAP_KEY_SIZE], const void *data,
				   size_t size, struct chk_shares **shares, struct err *err);

/* The same, computing the key too, with an encoder of its own. */
MUST_USE enum fault chk_shares_of(const struct chk_params *params, const void *data, size_t size,
				  struct chk_shares **shares, struct err *err);

/* Wipes the cap and frees.  NULL is allowed. */
void chk_shares_free(struct chk_shares *shares);

/* Returns the bytes of all shares of such a file; 0 for parameters out of range. */
uint64_t chk_shares_size(const struct chk_params *params, uint64_t size);

/*
 * Stores the cap of a file in memory: LIT up to LITERAL_SIZE_MAX bytes, else CHK.  Faults of
 * chk_encoder_start.
 */
MUST_USE enum fault chk_cap_of(const struct chk_params *params, const void *data, size_t size,
			       struct cap *cap, struct err *err);

/* Stores the LIT cap of at most LITERAL_SIZE_MAX bytes. */
void chk_literal(const void *data, size_t size, struct cap *cap);

/*
 * Segments of ciphertext proved against a cap, one at a time; any k and n.
 */
struct chk_checker;

/*
 * Makes a checker for the file of `cap`, a CHK or its verifier, from `tail`: the bytes of a share
 * of this `layout` from the end of the data (data_offset + data_size) to share_size.  FAULT_CORRUPT
 * when the UEB or the hash tree is not the one the cap stands for; FAULT_USAGE when cap and layout
 * differ in size; FAULT_NOMEM.
 */
MUST_USE enum fault chk_checker_new(const struct cap *cap, const struct chk_layout *layout,
				    const void *tail, struct chk_checker **checker,
				    struct err *err);

/* Frees.  NULL is allowed. */
void chk_checker_free(struct chk_checker *checker);

/*
 * FAULT_CORRUPT unless `data` is the ciphertext of segment `index`, 0..segment_count-1, of exactly
 * its size (the layout's segment_size, tail_size for the last).
 */
MUST_USE enum fault chk_checker_segment(struct chk_checker *checker, uint64_t index,
					const void *data, size_t size, struct err *err);
