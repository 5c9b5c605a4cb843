/*
 * Tahoe's hashes: double SHA-256 over a tag as a netstring and the data.
 *
 * Place      caps, CHK encoding, mutable keys.
 * Ownership  plain memory of the caller.
 * Threads    as struct digest; the rest may run concurrently.
 *
 * N(b) is the netstring: decimal length, ":", b, ",".  T(tag, x) = D(N(tag) x) and
 * P(tag, a, b) = D(N(tag) N(a) N(b)) with D(x) = SHA-256(SHA-256(x)).
 * Source: tahoe-lafs 1.20.0 allmydata/util/hashutil.py, allmydata/hashtree.py.
 */
#pragma once

#include "base/bytes.h"
#include "base/digest.h"

#define TAG_CONVERGENCE    "allmydata_immutable_content_to_key_with_added_secret_v1+"
#define TAG_STORAGE_INDEX  "allmydata_immutable_key_to_storage_index_v1"
#define TAG_CRYPTTEXT      "allmydata_crypttext_v1"
#define TAG_SEGMENT        "allmydata_crypttext_segment_v1"
#define TAG_BLOCK          "allmydata_encoded_subshare_v1"
#define TAG_UEB            "allmydata_uri_extension_v1"
#define TAG_EMPTY_LEAF     "Merkle tree empty leaf"
#define TAG_INTERNAL_NODE  "Merkle tree internal node"
#define TAG_WRITEKEY       "allmydata_mutable_privkey_to_writekey_v1"
#define TAG_FINGERPRINT    "allmydata_mutable_pubkey_to_fingerprint_v1"
#define TAG_READKEY        "allmydata_mutable_writekey_to_readkey_v1"
#define TAG_MUTABLE_INDEX  "allmydata_mutable_readkey_to_storage_index_v1"
#define TAG_DATA_KEY       "allmydata_mutable_readkey_to_datakey_v1"
#define TAG_CHILD_SALT     "allmydata_dirnode_child_rwcap_to_salt_v1"
#define TAG_CHILD_KEY      "allmydata_mutable_writekey_and_salt_to_dirnode_child_capkey_v1"
#define TAG_CLIENT_RENEWAL "allmydata_client_renewal_secret_v1"
#define TAG_CLIENT_CANCEL  "allmydata_client_cancel_secret_v1"
#define TAG_FILE_RENEWAL   "allmydata_file_renewal_secret_v1"
#define TAG_FILE_CANCEL    "allmydata_file_cancel_secret_v1"
#define TAG_BUCKET_RENEWAL "allmydata_bucket_renewal_secret_v1"
#define TAG_BUCKET_CANCEL  "allmydata_bucket_cancel_secret_v1"

struct hash_part {
	const void *data;
	size_t size;
};

/* Stores T(tag, data); for short data (see hash_tagged_start). */
void hash_tagged(const char *tag, const void *data, size_t size, unsigned char out[DIGEST_SIZE]);

/* Stores T(tag, data) for a tag of any bytes. */
void hash_tagged_bytes(const struct hash_part *tag, const struct hash_part *data,
		       unsigned char out[DIGEST_SIZE]);

/* Stores P(tag, left, right).  `out` may be one of them. */
void hash_pair(const char *tag, const struct hash_part *left, const struct hash_part *right,
	       unsigned char out[DIGEST_SIZE]);

/* Stores P(TAG_INTERNAL_NODE, left, right).  `out` may be one of them. */
void hash_node(const unsigned char left[DIGEST_SIZE], const unsigned char right[DIGEST_SIZE],
	       unsigned char out[DIGEST_SIZE]);

/* Begins T(tag, stream) in `digest`; digest_update adds, digest_final_double ends it. */
void hash_tagged_start(struct digest *digest, const char *tag);

enum { NETSTRING_HEAD_MAX = DECIMAL_MAX + 1 };

/* Writes what N(b) of a b of `size` bytes begins with, length and colon.  Returns where they
 * end. */
char *netstring_head(char out[NETSTRING_HEAD_MAX], size_t size);

/* Appends N(data).  Results as of bytes_append; `out` is as before on failure. */
MUST_USE enum fault netstring_append(struct bytes *out, const void *data, size_t size);

/* Takes the netstring that `from` begins with, and stores what is in it.  False, changing nothing:
 * there is none. */
MUST_USE bool netstring_take(struct bytes_view *from, struct bytes_view *content);
