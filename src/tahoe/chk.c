#include "tahoe/chk.h"

#include "base/secret.h"
#include "tahoe/chk_share.h"

#include <assert.h>

enum {
	SHARES_MAX = 256,      /* zfec's limit, allmydata/util/hashutil.py */
	CHAIN_ENTRY_SIZE = 34, /* index 2, hash 32 */
	HEADER_SIZE = 36,
	HEADER_SIZE_WIDE = 68,
	PARAMS_MAX = 64, /* bytes of "k,n,segment" */
};

static enum fault check_params(const struct chk_params *params, struct err *err)
{
	if (params->k < 1 || params->k > params->n || params->n > SHARES_MAX)
		return err_set(err, FAULT_USAGE, "shares of %u-of-%u are out of range", params->k,
			       params->n);
	if (params->secret_size > CHK_SECRET_MAX || params->max_segment_size < 1)
		return err_set(err, FAULT_USAGE, "secret or segment size are out of range");
	return FAULT_NONE;
}

/* A multiple of k, allmydata/immutable/upload.py get_all_encoding_parameters. */
static uint64_t segment_size_of(const struct chk_params *params, uint64_t size)
{
	const uint64_t smaller = min_u64(params->max_segment_size, size);
	return (smaller + params->k - 1) / params->k * params->k;
}

/*
 * Sets all offsets for a header of `header` bytes.  A share, in this order:
 *   header | data | plaintext tree, zeros | crypttext tree | block tree | chain | UEB length, UEB
 * The three trees are of one size; the chain is the way from this share's root to the root of all.
 */
static void place_parts(struct chk_layout *layout, const struct chk_params *params, uint64_t header)
{
	const uint64_t tree = (2 * chk_tree_leaves(layout->segment_count) - 1) * DIGEST_SIZE;
	uint64_t chain_entries = 1;
	for (uint64_t leaves = chk_tree_leaves(params->n); leaves > 1; leaves /= 2)
		chain_entries++;
	layout->data_offset = header;
	layout->data_size = layout->size / params->k + (layout->size % params->k != 0);
	layout->crypttext_tree_offset = header + layout->data_size + tree;
	layout->block_tree_offset = layout->crypttext_tree_offset + tree;
	layout->chain_offset = layout->block_tree_offset + tree;
	layout->ueb_offset = layout->chain_offset + chain_entries * CHAIN_ENTRY_SIZE;
	layout->share_size = layout->ueb_offset + (layout->wide ? 8 : 4) + layout->ueb_size;
}

enum fault chk_layout_of(const struct chk_params *params, uint64_t size, struct chk_layout *layout,
			 struct err *err)
{
	enum fault fault = check_params(params, err);
	if (fault)
		return fault;
	const uint64_t segment_size = segment_size_of(params, size);
	if (size == 0 || size > UINT64_MAX / 2 || segment_size > UINT32_MAX)
		return err_set(err, FAULT_USAGE, "a file of %llu bytes has no shares",
			       (unsigned long long)size);
	struct chk_layout result = { .size = size, .segment_size = (uint32_t)segment_size };
	result.segment_count = (size - 1) / segment_size + 1;
	result.tail_size = (uint32_t)(size - (result.segment_count - 1) * segment_size);
	unsigned char ueb[CHK_UEB_MAX];
	const struct chk_roots any = { .crypttext = { 0 } };
	result.ueb_size = chk_ueb_write(&result, params->k, params->n, &any, ueb);
	place_parts(&result, params, HEADER_SIZE);
	if (result.ueb_offset > UINT32_MAX) {
		result.wide = true;
		place_parts(&result, params, HEADER_SIZE_WIDE);
	}
	*layout = result;
	return FAULT_NONE;
}

enum fault chk_key_init(struct chk_key *key, struct err *err)
{
	key->left = 0;
	return digest_init(&key->digest, err);
}

void chk_key_fini(struct chk_key *key)
{
	if (key)
		digest_fini(&key->digest);
}

/* Writes "k,n,segment", and returns its length. */
static size_t put_encoding(char out[PARAMS_MAX], const struct chk_params *params, uint64_t segment)
{
	char *at = decimal_put(out, params->k);
	*at++ = ',';
	at = decimal_put(at, params->n);
	*at++ = ',';
	return (size_t)(decimal_put(at, segment) - out);
}

/* The tag has the secret and the parameters in it: allmydata/util/hashutil.py. */
enum fault chk_key_start(struct chk_key *key, const struct chk_params *params, uint64_t size,
			 struct err *err)
{
	enum fault fault = check_params(params, err);
	if (fault)
		return fault;
	char encoding[PARAMS_MAX], head[sizeof TAG_CONVERGENCE + NETSTRING_HEAD_MAX];
	char tail[2 * PARAMS_MAX], outer[NETSTRING_HEAD_MAX];
	const size_t encoding_size = put_encoding(encoding, params, segment_size_of(params, size));
	char *end = netstring_head(stpcpy(head, TAG_CONVERGENCE), params->secret_size);
	const size_t head_size = (size_t)(end - head);
	end = mempcpy(netstring_head(stpcpy(tail, ","), encoding_size), encoding, encoding_size);
	*end++ = ',';
	const size_t tail_size = (size_t)(end - tail);
	end = netstring_head(outer, head_size + params->secret_size + tail_size);
	digest_start(&key->digest);
	digest_update(&key->digest, outer, (size_t)(end - outer));
	digest_update(&key->digest, head, head_size);
	digest_update(&key->digest, params->secret, params->secret_size);
	digest_update(&key->digest, tail, tail_size);
	digest_update(&key->digest, ",", 1);
	key->left = size;
	return FAULT_NONE;
}

enum fault chk_key_update(struct chk_key *key, const void *data, size_t size, struct err *err)
{
	if (size > key->left)
		return err_set(err, FAULT_CHANGED, "the content is longer than announced");
	key->left -= size;
	digest_update(&key->digest, data, size);
	return FAULT_NONE;
}

enum fault chk_key_final(struct chk_key *key, unsigned char out[CAP_KEY_SIZE], struct err *err)
{
	if (key->left > 0)
		return err_set(err, FAULT_CHANGED, "the content is shorter than announced");
	unsigned char hash[DIGEST_SIZE];
	digest_final_double(&key->digest, hash);
	memcpy(out, hash, CAP_KEY_SIZE);
	secret_wipe(hash, sizeof hash);
	return FAULT_NONE;
}

void chk_literal(const void *data, size_t size, struct cap *cap)
{
	assert(size <= LITERAL_SIZE_MAX);
	memset(cap, 0, sizeof *cap);
	cap->kind = CAP_LIT;
	cap->size = size;
	if (size > 0)
		memcpy(cap->content, data, size);
}
