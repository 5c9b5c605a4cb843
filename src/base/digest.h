/*
 * Hashes of bytes: SHA-256 and XXH3-128, streamed or at once; MD5, for where others put things.
 *
 * Place      readers, content keys, hash trees, verification.
 * Ownership  struct digest and struct content_hash hold library memory: init once, start as often
 *            as there are streams, fini.
 * Threads    one owner at a time for each.
 *
 * Streams run on libcrypto, the fastest for bulk; digest_of runs on nettle, which neither
 * allocates nor fails and is faster below some hundred bytes (77 against 109 ns for 64 bytes).
 */
#pragma once

#include "queue/core/fault.h"

enum {
	DIGEST_SIZE = 32,                                   /* bytes of a SHA-256 */
	CONTENT_HASH_SIZE = 16,                             /* bytes of an XXH3-128 */
	MD5_SIZE = 16,                                      /* bytes of an MD5 */
	CONTENT_HASH_TEXT_SIZE = 2 * CONTENT_HASH_SIZE + 1, /* in hex, with its NUL */
};

struct digest {
	void *state; /* of libcrypto */
};

/* Allocates the state.  FAULT_NOMEM.  No stream is open until digest_start. */
MUST_USE enum fault digest_init(struct digest *digest, struct err *err);

/* Frees the state.  NULL and all zeros are allowed. */
void digest_fini(struct digest *digest);

/* Begins a stream, forgetting one that is open. */
void digest_start(struct digest *digest);

/* Adds bytes to the open stream. */
void digest_update(struct digest *digest, const void *data, size_t size);

/* Ends the stream and stores its SHA-256. */
void digest_final(struct digest *digest, unsigned char out[DIGEST_SIZE]);

/* Ends the stream and stores SHA-256(SHA-256(stream)), Tahoe's D. */
void digest_final_double(struct digest *digest, unsigned char out[DIGEST_SIZE]);

/* Stores the SHA-256 of `data`, for short inputs. */
void digest_of(const void *data, size_t size, unsigned char out[DIGEST_SIZE]);

/* Stores the MD5 of `data`, which spreads names and proves nothing. */
void md5_of(const void *data, size_t size, unsigned char out[MD5_SIZE]);

struct content_hash {
	void *state; /* of libxxhash */
};

/* Allocates the state.  FAULT_NOMEM.  No stream is open until content_hash_start. */
MUST_USE enum fault content_hash_init(struct content_hash *hash, struct err *err);

/* Frees the state.  NULL and all zeros are allowed. */
void content_hash_fini(struct content_hash *hash);

/* Begins a stream, forgetting one that is open. */
void content_hash_start(struct content_hash *hash);

/* Adds bytes to the open stream. */
void content_hash_update(struct content_hash *hash, const void *data, size_t size);

/* Stores the XXH3-128 of the stream so far, canonical (big-endian) form. */
void content_hash_final(struct content_hash *hash, unsigned char out[CONTENT_HASH_SIZE]);

/* Stores the XXH3-128 of `data`, canonical form. */
void content_hash_of(const void *data, size_t size, unsigned char out[CONTENT_HASH_SIZE]);

/* Writes a hash as lower-case hex digits, and reads it back.  False: it is no such text. */
void content_hash_print(const unsigned char hash[CONTENT_HASH_SIZE],
			char text[CONTENT_HASH_TEXT_SIZE]);
MUST_USE bool content_hash_parse(const char *text, size_t size,
				 unsigned char hash[CONTENT_HASH_SIZE]);
