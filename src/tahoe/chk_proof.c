#include "tahoe/chk_proof.h"

#include "tahoe/chk_share.h"

enum {
	TAIL_MAX = 64 << 20, /* bytes of the trees of a share: a file of 256 GiB */
	CHAIN_ENTRY_SIZE = 34,
	VERSION_SIZE = 4,
	HEADER_SIZE = 36,
	WIDE_VERSION = 2,
};

struct chk_proof {
	struct cap cap;
	unsigned number;
	struct chk_layout layout;
	struct digest digest;
	uint64_t at; /* bytes that have come */
	unsigned char header[CHK_HEADER_MAX];
	bool opened;           /* the header has come: the layout is known */
	uint64_t segment;      /* whose block is coming */
	size_t filled;         /* bytes of it */
	size_t tree_size;      /* bytes of each tree */
	unsigned char *blocks; /* the tree over the blocks, as they are */
	unsigned char *tail;   /* from the crypttext tree to the end, as it came */
	bool proven;
};

enum fault chk_proof_new(const struct cap *cap, unsigned number, struct chk_proof **out,
			 struct err *err)
{
	struct chk_proof *proof = calloc(1, sizeof *proof);
	if (!proof)
		return err_set(err, FAULT_NOMEM, "no memory for proving a share");
	proof->cap = *cap;
	proof->number = number;
	enum fault fault = digest_init(&proof->digest, err);
	if (fault)
		chk_proof_free(proof);
	else
		*out = proof;
	return fault;
}

void chk_proof_free(struct chk_proof *proof)
{
	if (!proof)
		return;
	digest_fini(&proof->digest);
	free(proof->blocks);
	free(proof->tail);
	cap_wipe(&proof->cap);
	free(proof);
}

static enum fault is_wrong(struct err *err, const char *what)
{
	return err_set(err, FAULT_CORRUPT, "the share's %s is not the cap's", what);
}

/* ---- the header ---- */

static uint64_t big_endian(const unsigned char *at, size_t size)
{
	uint64_t value = 0;
	for (size_t i = 0; i < size; i++)
		value = value << 8 | at[i];
	return value;
}

static bool is_wide(const struct chk_proof *proof)
{
	return big_endian(proof->header, VERSION_SIZE) == WIDE_VERSION;
}

static size_t header_size(const struct chk_proof *proof)
{
	return proof->at >= VERSION_SIZE && is_wide(proof) ? CHK_HEADER_MAX : HEADER_SIZE;
}

/* The cap does not say how large segments are.  The header does; it has to be what follows from
 * that in every byte. */
static enum fault open_share(struct chk_proof *proof, struct err *err)
{
	const struct cap *cap = &proof->cap;
	const uint64_t block = big_endian(proof->header + VERSION_SIZE, is_wide(proof) ? 8 : 4);
	unsigned char expected[CHK_HEADER_MAX];
	if (block == 0 || block > UINT32_MAX / cap->needed)
		return is_wrong(err, "header");
	const struct chk_params params = {
		.k = cap->needed,
		.n = cap->total,
		.max_segment_size = (uint32_t)block * cap->needed,
	};
	struct chk_layout *layout = &proof->layout;
	if (chk_layout_of(&params, cap->size, layout, err) ||
	    chk_header_write(layout, cap->needed, expected) != header_size(proof) ||
	    memcmp(expected, proof->header, header_size(proof)) != 0)
		return is_wrong(err, "header");
	if (layout->share_size - layout->crypttext_tree_offset > TAIL_MAX)
		return err_set(err, FAULT_TOO_LARGE, "the share's hash trees are too large");
	proof->tree_size = (size_t)(layout->block_tree_offset - layout->crypttext_tree_offset);
	proof->blocks = calloc(1, proof->tree_size);
	proof->tail = malloc((size_t)(layout->share_size - layout->crypttext_tree_offset));
	if (!proof->blocks || !proof->tail)
		return err_set(err, FAULT_NOMEM, "no memory for proving a share");
	proof->opened = true;
	return FAULT_NONE;
}

/* ---- what comes ---- */

static size_t leaves_at(const struct chk_proof *proof)
{
	return (size_t)(chk_tree_leaves(proof->layout.segment_count) - 1) * DIGEST_SIZE;
}

static size_t block_size(const struct chk_proof *proof)
{
	const struct chk_layout *layout = &proof->layout;
	const unsigned k = proof->cap.needed;
	return proof->segment == layout->segment_count - 1 ? (layout->tail_size + k - 1) / k
							   : layout->segment_size / k;
}

/* Takes what belongs to the block at hand. */
static size_t take_block(struct chk_proof *proof, const unsigned char *data, size_t size)
{
	const size_t whole = block_size(proof);
	const size_t step = (size_t)min_u64(size, whole - proof->filled);
	if (proof->filled == 0)
		hash_tagged_start(&proof->digest, TAG_BLOCK);
	digest_update(&proof->digest, data, step);
	proof->filled += step;
	if (proof->filled < whole)
		return step;
	digest_final_double(&proof->digest,
			    proof->blocks + leaves_at(proof) + proof->segment * DIGEST_SIZE);
	proof->segment++;
	proof->filled = 0;
	return step;
}

/* Takes what belongs to the part at hand, at least a byte. */
static size_t take_part(struct chk_proof *proof, const unsigned char *data, size_t size)
{
	const struct chk_layout *layout = &proof->layout;
	const uint64_t at = proof->at;
	if (at < layout->data_offset + layout->data_size)
		return take_block(proof, data, size);
	if (at < layout->crypttext_tree_offset)
		return (size_t)min_u64(size, layout->crypttext_tree_offset - at);
	memcpy(proof->tail + (at - layout->crypttext_tree_offset), data, size);
	return size;
}

enum fault chk_proof_take(struct chk_proof *proof, const void *data, size_t size, struct err *err)
{
	const unsigned char *from = data;
	while (size > 0) {
		size_t step;
		if (proof->opened) {
			if (size > proof->layout.share_size - proof->at)
				return err_set(err, FAULT_CORRUPT, "the share is too long");
			step = take_part(proof, from, size);
		} else {
			step = 1;
			proof->header[proof->at] = *from;
		}
		proof->at += step;
		from += step;
		size -= step;
		if (!proof->opened && proof->at == header_size(proof) && open_share(proof, err))
			return err->fault;
	}
	return FAULT_NONE;
}

uint64_t chk_proof_left(const struct chk_proof *proof)
{
	return (proof->opened ? proof->layout.share_size : header_size(proof)) - proof->at;
}

/* ---- the end ---- */

static enum fault prove_ueb(const struct chk_proof *proof, const unsigned char *at,
			    struct chk_roots *roots, struct err *err)
{
	const struct chk_layout *layout = &proof->layout;
	const size_t width = layout->wide ? 8 : 4;
	unsigned char hash[DIGEST_SIZE];
	if (big_endian(at, width) != layout->ueb_size)
		return is_wrong(err, "extension block");
	hash_tagged(TAG_UEB, at + width, (size_t)layout->ueb_size, hash);
	if (memcmp(hash, proof->cap.hash, DIGEST_SIZE) != 0 ||
	    !chk_ueb_read(layout, proof->cap.needed, proof->cap.total, at + width, roots))
		return is_wrong(err, "extension block");
	return FAULT_NONE;
}

/* Proves that each node of the stored tree follows from its leaves, and the root is `root`. */
static enum fault prove_crypttext_tree(const struct chk_proof *proof, const unsigned char *stored,
				       const unsigned char root[DIGEST_SIZE], struct err *err)
{
	unsigned char *again = malloc(proof->tree_size);
	if (!again)
		return err_set(err, FAULT_NOMEM, "no memory for proving a share");
	memcpy(again, stored, proof->tree_size);
	chk_tree_complete(again, proof->layout.segment_count);
	const bool same = memcmp(again, stored, proof->tree_size) == 0 &&
			  memcmp(again, root, DIGEST_SIZE) == 0;
	free(again);
	return same ? FAULT_NONE : is_wrong(err, "hash tree of the ciphertext");
}

/* Returns the hash that the chain has for a node of the tree over all shares, or NULL. */
static const unsigned char *chain_find(const unsigned char *chain, size_t size, size_t node)
{
	for (size_t at = 0; at + CHAIN_ENTRY_SIZE <= size; at += CHAIN_ENTRY_SIZE)
		if (big_endian(chain + at, 2) == node)
			return chain + at + 2;
	return NULL;
}

/* Proves that the chain leads from the root of the share's own tree to that of all. */
static enum fault prove_chain(const struct chk_proof *proof, const unsigned char *chain,
			      const unsigned char root[DIGEST_SIZE], struct err *err)
{
	const struct chk_layout *layout = &proof->layout;
	const size_t size = (size_t)(layout->ueb_offset - layout->chain_offset);
	size_t node = (size_t)chk_tree_leaves(proof->cap.total) - 1 + proof->number;
	const unsigned char *own = chain_find(chain, size, node);
	unsigned char hash[DIGEST_SIZE];
	memcpy(hash, proof->blocks, DIGEST_SIZE);
	bool leads = own && memcmp(own, hash, DIGEST_SIZE) == 0;
	for (; leads && node > 0; node = (node - 1) / 2) {
		const unsigned char *beside =
			chain_find(chain, size, node % 2 ? node + 1 : node - 1);
		leads = beside;
		if (leads && node % 2)
			hash_node(hash, beside, hash);
		else if (leads)
			hash_node(beside, hash, hash);
	}
	return leads && memcmp(hash, root, DIGEST_SIZE) == 0 ? FAULT_NONE
							     : is_wrong(err, "hash chain");
}

enum fault chk_proof_end(struct chk_proof *proof, struct err *err)
{
	const struct chk_layout *layout = &proof->layout;
	struct chk_roots roots;
	if (chk_proof_left(proof) > 0)
		return err_set(err, FAULT_CORRUPT, "the share is too short");
	const unsigned char *chain =
		proof->tail + (layout->chain_offset - layout->crypttext_tree_offset);
	const unsigned char *ueb =
		proof->tail + (layout->ueb_offset - layout->crypttext_tree_offset);
	if (prove_ueb(proof, ueb, &roots, err) ||
	    prove_crypttext_tree(proof, proof->tail, roots.crypttext_root, err))
		return err->fault;
	chk_tree_complete(proof->blocks, layout->segment_count);
	if (memcmp(proof->blocks, proof->tail + proof->tree_size, proof->tree_size) != 0)
		return is_wrong(err, "hash tree of the blocks");
	proof->proven = !prove_chain(proof, chain, roots.share_root, err);
	return proof->proven ? FAULT_NONE : err->fault;
}
