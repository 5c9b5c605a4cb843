#include "tahoe/slot_make.h"

#include "base/secret.h"
#include "tahoe/chk_share.h"
#include "tahoe/erasure.h"
#include "tahoe/slot_layout.h"

#define TAG_SALT          "barge_mutable_contents_to_salt_v1"
#define TAG_SALT_KEY      "barge_mutable_readkey_to_salt_v1"
#define TAG_ENABLER       "allmydata_mutable_writekey_to_write_enabler_master_v1"
#define TAG_ENABLER_THERE "allmydata_mutable_write_enabler_master_and_nodeid_to_write_enabler_v1"

enum { SHARE_OVERHEAD = 2400 /* bytes beside the block, for any n */ };

struct slot_making {
	const struct mutable_key *key;
	struct slot_version version;
	unsigned char readkey[CAP_KEY_SIZE];
	size_t block; /* bytes */
	unsigned depth;
	unsigned char *blocks; /* n of them */
	unsigned char *tree;   /* over the shares */
	struct chk_cipher cipher;
	unsigned char secret[MUTABLE_DER_MAX]; /* the private key, encrypted */
	struct mutable_signature signature;
};

/* ---- the contents ---- */

static void make_salt(struct slot_making *making, const void *data, size_t size)
{
	unsigned char hash[DIGEST_SIZE];
	hash_tagged(TAG_SALT, data, size, hash);
	hash_pair(TAG_SALT_KEY, &(struct hash_part){ making->readkey, CAP_KEY_SIZE },
		  &(struct hash_part){ hash, sizeof hash }, hash);
	memcpy(making->version.salt, hash, SLOT_SALT_SIZE);
}

/* Encrypts the contents and makes the blocks of all shares. */
static enum fault make_blocks(struct slot_making *making, const void *data, size_t size,
			      struct err *err)
{
	const unsigned k = making->version.needed, n = making->version.total;
	struct erasure *erasure;
	making->blocks = calloc(n, making->block ? making->block : 1);
	if (!making->blocks)
		return err_set(err, FAULT_NOMEM, "no memory for shares");
	if (size == 0)
		return FAULT_NONE;
	slot_cipher_start(&making->cipher, making->readkey, making->version.salt);
	chk_cipher_apply(&making->cipher, data, making->blocks, size);
	if (erasure_new_encoder(k, n, &erasure, err))
		return err->fault;
	for (unsigned first = k; first < n; first += ERASURE_GROUP)
		(void)erasure_encode(erasure, first, making->blocks, making->block,
				     making->blocks + first * making->block);
	erasure_free(erasure);
	return FAULT_NONE;
}

/* The tree over one share's blocks, of which there is one or none: its root. */
static void root_of_block(const struct slot_making *making, unsigned number,
			  unsigned char root[DIGEST_SIZE])
{
	if (making->block > 0)
		hash_tagged(TAG_BLOCK, making->blocks + number * making->block, making->block,
			    root);
	else
		chk_tree_complete(root, 0);
}

/* The tree over all shares, whose root is signed. */
static enum fault make_tree(struct slot_making *making, struct err *err)
{
	const uint64_t leaves = chk_tree_leaves(making->version.total);
	making->tree = calloc(2 * leaves - 1, DIGEST_SIZE);
	if (!making->tree)
		return err_set(err, FAULT_NOMEM, "no memory for a hash tree");
	for (unsigned i = 0; i < making->version.total; i++)
		root_of_block(making, i, making->tree + (leaves - 1 + i) * DIGEST_SIZE);
	chk_tree_complete(making->tree, making->version.total);
	memcpy(making->version.root, making->tree, DIGEST_SIZE);
	for (uint64_t i = leaves; i > 1; i /= 2)
		making->depth++;
	return FAULT_NONE;
}

/* ---- bytes ---- */

static unsigned char *put_be64(unsigned char *at, uint64_t value)
{
	value = htobe64(value);
	return mempcpy(at, &value, sizeof value);
}

static unsigned char *put_be32(unsigned char *at, uint32_t value)
{
	value = htobe32(value);
	return mempcpy(at, &value, sizeof value);
}

/* Writes what is signed. */
static void write_version(struct slot_version *version)
{
	unsigned char *at = version->bytes;
	*at++ = 0; /* SDMF */
	at = put_be64(at, version->sequence);
	at = mempcpy(at, version->root, DIGEST_SIZE);
	at = mempcpy(at, version->salt, SLOT_SALT_SIZE);
	*at++ = (unsigned char)version->needed;
	*at++ = (unsigned char)version->total;
	at = put_be64(at, version->segment_size);
	at = put_be64(at, version->data_size);
	version->size = (size_t)(at - version->bytes);
}

/* Writes the nodes beside the way from a share's leaf to the root, by rising numbers. */
static unsigned char *put_chain(const struct slot_making *making, unsigned number,
				unsigned char *at)
{
	const size_t entry = 2 + DIGEST_SIZE;
	uint64_t node = chk_tree_leaves(making->version.total) - 1 + number;
	unsigned char *const end = at + making->depth * entry;
	for (unsigned char *to = end; node > 0; node = (node - 1) / 2) {
		const uint64_t sibling = node % 2 == 1 ? node + 1 : node - 1;
		to -= entry;
		to[0] = (unsigned char)(sibling >> 8);
		to[1] = (unsigned char)sibling;
		memcpy(to + 2, making->tree + sibling * DIGEST_SIZE, DIGEST_SIZE);
	}
	return end;
}

static size_t size_of_share(const struct slot_making *making)
{
	return SLOT_SDMF_HEADER + making->signature.public_size + making->signature.size +
	       making->depth * (2 + DIGEST_SIZE) + DIGEST_SIZE + making->block +
	       making->key->der_size;
}

static void write_share(const struct slot_making *making, unsigned number, unsigned char *out)
{
	const struct mutable_signature *signature = &making->signature;
	const uint32_t signature_at = (uint32_t)(SLOT_SDMF_HEADER + signature->public_size);
	const uint32_t chain_at = (uint32_t)(signature_at + signature->size);
	const uint32_t tree_at = chain_at + making->depth * (2 + DIGEST_SIZE);
	const uint32_t block_at = tree_at + DIGEST_SIZE;
	unsigned char *at = mempcpy(out, making->version.bytes, making->version.size);
	at = put_be32(at, signature_at);
	at = put_be32(at, chain_at);
	at = put_be32(at, tree_at);
	at = put_be32(at, block_at);
	at = put_be64(at, block_at + making->block);
	at = put_be64(at, size_of_share(making));
	at = mempcpy(at, signature->public_key, signature->public_size);
	at = mempcpy(at, signature->bytes, signature->size);
	at = put_chain(making, number, at);
	root_of_block(making, number, at);
	at = mempcpy(at + DIGEST_SIZE, making->blocks + number * making->block, making->block);
	memcpy(at, making->secret, making->key->der_size);
}

/* ---- the outside ---- */

static enum fault write_shares(struct slot_making *making, struct slot_shares **shares,
			       struct err *err)
{
	struct slot_shares *made = calloc(1, sizeof *made);
	const size_t size = size_of_share(making);
	if (made)
		made->data = calloc(making->version.total, size);
	if (!made || !made->data) {
		free(made);
		return err_set(err, FAULT_NOMEM, "no memory for shares");
	}
	made->cap = making->key->cap;
	made->version = making->version;
	made->count = making->version.total;
	made->share_size = size;
	for (unsigned i = 0; i < made->count; i++)
		write_share(making, i, made->data + i * size);
	*shares = made;
	return FAULT_NONE;
}

static enum fault make_all(struct slot_making *making, const void *data, size_t size,
			   struct err *err)
{
	const struct mutable_key *key = making->key;
	make_salt(making, data, size);
	enum fault fault = make_blocks(making, data, size, err);
	if (!fault)
		fault = make_tree(making, err);
	if (fault)
		return fault;
	write_version(&making->version);
	chk_cipher_start(&making->cipher, key->cap.key, 0);
	chk_cipher_apply(&making->cipher, key->der, making->secret, key->der_size);
	return mutable_key_sign(key, making->version.bytes, making->version.size,
				&making->signature, err);
}

enum fault slot_shares_new(const struct mutable_key *key, const struct chk_params *params,
			   const void *data, size_t size, struct slot_shares **shares,
			   struct err *err)
{
	const unsigned k = params->k, n = params->n;
	struct slot_making making = { .key = key };
	struct cap readonly;
	if (k == 0 || k > n || n > UINT8_MAX || size > UINT32_MAX / 2 ||
	    !cap_to_readonly(&key->cap, &readonly))
		return err_set(err, FAULT_USAGE, "no mutable file has such shares");
	memcpy(making.readkey, readonly.key, CAP_KEY_SIZE);
	cap_wipe(&readonly);
	making.block = (size + k - 1) / k;
	making.version = (struct slot_version){
		.sequence = 1,
		.needed = k,
		.total = n,
		.segment_size = making.block * k,
		.data_size = size,
	};
	enum fault fault = chk_cipher_init(&making.cipher, err);
	if (!fault)
		fault = make_all(&making, data, size, err);
	if (!fault)
		fault = write_shares(&making, shares, err);
	chk_cipher_fini(&making.cipher);
	free(making.blocks);
	free(making.tree);
	secret_wipe(&making, sizeof making);
	return fault;
}

uint64_t slot_shares_size(const struct chk_params *params, uint64_t size)
{
	return params->k ? params->n * (size / params->k + SHARE_OVERHEAD) : 0;
}

void slot_shares_free(struct slot_shares *shares)
{
	if (!shares)
		return;
	free(shares->data);
	secret_wipe(shares, sizeof *shares);
	free(shares);
}

void slot_write_enabler(const struct cap *cap, const unsigned char server[LEASE_SERVER_SIZE],
			unsigned char out[DIGEST_SIZE])
{
	hash_tagged(TAG_ENABLER, cap->key, CAP_KEY_SIZE, out);
	hash_pair(TAG_ENABLER_THERE, &(struct hash_part){ out, DIGEST_SIZE },
		  &(struct hash_part){ server, LEASE_SERVER_SIZE }, out);
}
