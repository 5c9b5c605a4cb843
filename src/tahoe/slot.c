#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "tahoe/slot.h"

#include "base/secret.h"
#include "tahoe/chk_share.h"
#include "tahoe/erasure.h"
#include "tahoe/slot_layout.h"

enum { CHAIN_ENTRY = 2 + DIGEST_SIZE /* number of a node, and the node */ };

static enum fault slot_wrong(struct err *err, const char *why)
{
	return err_set(err, FAULT_CORRUPT, "a share of a mutable file: %s", why);
}

/* ---- the header ---- */

static void read_version(const unsigned char *data, struct slot_version *version)
{
	size_t at = SLOT_ROOT_AT + DIGEST_SIZE;
	version->mdmf = data[0] == 1;
	version->sequence = load_be64(data + SLOT_SEQUENCE_AT);
	memcpy(version->root, data + SLOT_ROOT_AT, DIGEST_SIZE);
	if (!version->mdmf) {
		memcpy(version->salt, data + at, SLOT_SALT_SIZE);
		at += SLOT_SALT_SIZE;
	}
	version->needed = data[at];
	version->total = data[at + 1];
	version->segment_size = load_be64(data + at + 2);
	version->data_size = load_be64(data + at + 10);
	version->size = at + 18;
	memcpy(version->bytes, data, version->size);
}

/* Stores the part between two offsets.  False: they are no part of anything that size. */
static bool part_of(uint64_t from, uint64_t to, uint64_t max, struct slot_part *part)
{
	*part = (struct slot_part){ from, to - from };
	return from <= to && to <= max;
}

static bool read_sdmf_parts(const unsigned char *at, uint64_t max, struct slot_share *share)
{
	const uint64_t signature = load_be32(at), chain = load_be32(at + 4);
	const uint64_t tree = load_be32(at + 8), blocks = load_be32(at + 12);
	const uint64_t end = load_be64(at + 16);
	share->head = chain;
	share->whole = end;
	return part_of(SLOT_SDMF_HEADER, signature, max, &share->public_key) &&
	       part_of(signature, chain, max, &share->signature) &&
	       part_of(chain, tree, max, &share->chain) && tree <= blocks &&
	       part_of(blocks, end, max, &share->blocks);
}

static bool read_mdmf_parts(const unsigned char *at, uint64_t max, struct slot_share *share)
{
	const uint64_t chain = load_be64(at + 8), signature = load_be64(at + 16);
	const uint64_t key = load_be64(at + 24), key_end = load_be64(at + 32);
	const uint64_t blocks = load_be64(at + 40), tree = load_be64(at + 48);
	share->head = key_end;
	share->whole = tree;
	return chain >= SLOT_HEADER_MAX && part_of(chain, signature, max, &share->chain) &&
	       part_of(signature, key, max, &share->signature) &&
	       part_of(key, key_end, max, &share->public_key) && key_end <= blocks &&
	       part_of(blocks, tree, max, &share->blocks);
}

/* Whether the numbers can be those of a file, and the blocks those of such a share. */
static bool is_sane(const struct slot_share *share)
{
	const struct slot_version *version = &share->version;
	const uint64_t k = version->needed;
	if (k == 0 || k > version->total || version->segment_size % k != 0)
		return false;
	if (version->data_size > 0 && version->segment_size == 0)
		return false;
	if (!version->mdmf && slot_segments(version) > 1)
		return false;
	return share->blocks.size == slot_blocks_size(version);
}

enum fault slot_share_read(const void *data, uint64_t size, uint64_t max, struct slot_share *share,
			   struct err *err)
{
	const unsigned char *bytes = data;
	*share = (struct slot_share){ .data = data, .size = size };
	if (size < SLOT_SDMF_HEADER || bytes[0] > 1 || (bytes[0] == 1 && size < SLOT_HEADER_MAX))
		return slot_wrong(err, "it has no header");
	read_version(bytes, &share->version);
	if (share->version.data_size > max)
		return err_set(err, FAULT_TOO_LARGE, "a mutable file is larger than allowed");
	const unsigned char *offsets = bytes + share->version.size;
	const bool right = share->version.mdmf ? read_mdmf_parts(offsets, 2 * max, share)
					       : read_sdmf_parts(offsets, 2 * max, share);
	if (!right || !is_sane(share))
		return slot_wrong(err, "its header makes no sense");
	return FAULT_NONE;
}

bool slot_same_version(const struct slot_version *a, const struct slot_version *b)
{
	return memcmp(a->bytes, b->bytes, SLOT_SIGNED_MAX) == 0;
}

int slot_compare(const struct slot_version *a, const struct slot_version *b)
{
	if (a->sequence != b->sequence)
		return a->sequence < b->sequence ? -1 : 1;
	const int order = memcmp(a->root, b->root, DIGEST_SIZE);
	return order ? order : memcmp(a->bytes, b->bytes, SLOT_SIGNED_MAX);
}

/* ---- proofs ---- */

/* Whether the signature over `version` is one of the key. */
static bool verify(EVP_PKEY *key, const struct slot_share *share)
{
	const unsigned char *signature = share->data + share->signature.offset;
	EVP_PKEY_CTX *rsa;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	const bool right = context && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA &&
			   EVP_DigestVerifyInit(context, &rsa, EVP_sha256(), NULL, key) == 1 &&
			   EVP_PKEY_CTX_set_rsa_padding(rsa, RSA_PKCS1_PSS_PADDING) == 1 &&
			   EVP_PKEY_CTX_set_rsa_pss_saltlen(rsa, RSA_PSS_SALTLEN_DIGEST) == 1 &&
			   EVP_DigestVerify(context, signature, share->signature.size,
					    share->version.bytes, share->version.size) == 1;
	EVP_MD_CTX_free(context);
	return right;
}

enum fault slot_prove_version(const struct cap *cap, const struct slot_share *share,
			      struct err *err)
{
	unsigned char fingerprint[DIGEST_SIZE];
	const unsigned char *at = share->data + share->public_key.offset;
	const uint64_t size = share->public_key.size;
	if (share->size < share->head || size > SLOT_PUBLIC_KEY_MAX ||
	    share->signature.size > SLOT_SIGNATURE_MAX)
		return slot_wrong(err, "it ends too early");
	hash_tagged(TAG_FINGERPRINT, at, size, fingerprint);
	if (memcmp(fingerprint, cap->hash, DIGEST_SIZE) != 0)
		return slot_wrong(err, "it has the key of another file");
	EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)size);
	const bool right = key && verify(key, share);
	EVP_PKEY_free(key);
	return right ? FAULT_NONE : slot_wrong(err, "its signature is wrong");
}

/* The root of the tree over the blocks of the share. */
static enum fault root_of_blocks(const struct slot_share *share, unsigned char root[DIGEST_SIZE],
				 struct err *err)
{
	const struct slot_version *version = &share->version;
	const uint64_t segments = slot_segments(version), leaves = chk_tree_leaves(segments);
	const unsigned char *at = share->data + share->blocks.offset;
	unsigned char *tree = calloc(2 * leaves - 1, DIGEST_SIZE);
	if (!tree)
		return err_set(err, FAULT_NOMEM, "no memory for a hash tree");
	for (uint64_t i = 0; i < segments; i++) {
		const size_t size = slot_block_size(version, i) + slot_salt_size(version);
		hash_tagged(TAG_BLOCK, at, size, tree + (leaves - 1 + i) * DIGEST_SIZE);
		at += size;
	}
	chk_tree_complete(tree, segments);
	memcpy(root, tree, DIGEST_SIZE);
	free(tree);
	return FAULT_NONE;
}

/* Returns the node of that number in the chain, or NULL. */
static const unsigned char *find_node(const struct slot_share *share, uint64_t number)
{
	const unsigned char *chain = share->data + share->chain.offset;
	for (uint64_t at = 0; at + CHAIN_ENTRY <= share->chain.size; at += CHAIN_ENTRY)
		if (load_be16(chain + at) == number)
			return chain + at + 2;
	return NULL;
}

enum fault slot_prove_blocks(const struct slot_share *share, struct err *err)
{
	unsigned char hash[DIGEST_SIZE];
	const struct slot_version *version = &share->version;
	if (share->size < share->whole || share->number >= version->total)
		return slot_wrong(err, "it ends too early, or has a number that cannot be");
	if (version->data_size == 0) /* which is signed: there are no blocks */
		return FAULT_NONE;
	enum fault fault = root_of_blocks(share, hash, err);
	if (fault)
		return fault;
	/* From the leaf to the root: the children of node i are 2i + 1 and 2i + 2. */
	uint64_t node = chk_tree_leaves(version->total) - 1 + share->number;
	for (; node > 0; node = (node - 1) / 2) {
		const bool is_left = node % 2 == 1;
		const unsigned char *sibling = find_node(share, is_left ? node + 1 : node - 1);
		if (!sibling)
			return slot_wrong(err, "its hash chain is not whole");
		hash_node(is_left ? hash : sibling, is_left ? sibling : hash, hash);
	}
	return memcmp(hash, version->root, DIGEST_SIZE) == 0
		       ? FAULT_NONE
		       : slot_wrong(err, "its blocks are not those of its version");
}

/* ---- decoding ---- */

struct slot_decoding {
	const struct slot_share *share;
	unsigned char readkey[CAP_KEY_SIZE];
	struct erasure *erasure;
	struct chk_cipher cipher;
	uint64_t at; /* of the segment's block, in those of each share */
};

/* Appends one segment, decoded and decrypted. */
static enum fault decode_segment(struct slot_decoding *decoding, uint64_t index, struct bytes *out)
{
	const struct slot_share *share = decoding->share;
	const struct slot_version *version = &share->version;
	const unsigned char *from[ERASURE_BLOCKS_MAX];
	const size_t block = slot_block_size(version, index), skip = slot_salt_size(version);
	const size_t size = slot_segment_bytes(version, index);
	enum fault fault = bytes_reserve(out, block * version->needed);
	if (fault)
		return fault;
	for (unsigned i = 0; i < version->needed; i++)
		from[i] = share[i].data + share[i].blocks.offset + decoding->at + skip;
	unsigned char *segment = out->data + out->size;
	erasure_decode(decoding->erasure, from, block, segment);
	slot_cipher_start(&decoding->cipher, decoding->readkey,
			  version->mdmf ? from[0] - skip : version->salt);
	chk_cipher_apply(&decoding->cipher, segment, segment, size);
	out->size += size;
	out->data[out->size] = 0;
	decoding->at += block + skip;
	return FAULT_NONE;
}

enum fault slot_decode(const struct cap *cap, const struct slot_share *share, struct bytes *out,
		       struct err *err)
{
	const struct slot_version *version = &share->version;
	unsigned char numbers[ERASURE_BLOCKS_MAX];
	struct slot_decoding decoding = { .share = share };
	struct cap readonly;
	if (!cap_to_readonly(cap, &readonly))
		return err_set(err, FAULT_USAGE, "the cap does not let anybody read");
	memcpy(decoding.readkey, readonly.key, CAP_KEY_SIZE);
	cap_wipe(&readonly);
	for (unsigned i = 0; i < version->needed; i++)
		numbers[i] = (unsigned char)share[i].number;
	enum fault fault =
		erasure_new(version->needed, version->total, numbers, &decoding.erasure, err);
	if (!fault)
		fault = chk_cipher_init(&decoding.cipher, err);
	for (uint64_t i = 0; i < slot_segments(version) && !fault; i++)
		fault = bytes_err(decode_segment(&decoding, i, out), err, "a directory");
	chk_cipher_fini(&decoding.cipher);
	erasure_free(decoding.erasure);
	secret_wipe(&decoding, sizeof decoding);
	return fault;
}
