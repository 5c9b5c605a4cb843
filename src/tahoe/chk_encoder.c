/*
 * Plaintext and key in; n shares and the cap out.
 *
 *   start    layout, code, empty trees
 *   update   header, once for each share; then each step of at most 16 KiB: encrypted into the open
 *            segment, and added to two hashes (the whole ciphertext, the open segment)
 *            a segment is full: padded, cut into k blocks, n - k more made of them; the hash of
 *            each block is a leaf of its share's tree, and the block is sent on
 *   final    for each share: zeros | segment tree | block tree | chain | length | UEB, sent on; the
 *            UEB's hash and the key are the cap
 *
 * What is sent is each share from its first byte to its last.  Kept are one segment, a group of
 * blocks, and 64 bytes for each segment of each share: its tree is written at the end.  With k = 1
 * all blocks are the segment itself, and all shares have one tree.
 */
#include "tahoe/chk.h"

#include "base/secret.h"
#include "tahoe/chk_share.h"
#include "tahoe/erasure.h"

#include <assert.h>

enum {
	STEP_SIZE = 16 * 1024, /* bytes that stay in the first-level cache between the hashes */
	CHAIN_MAX = 9,         /* nodes: a leaf and the way up in a tree over 256 */
	CHAIN_ENTRY_SIZE = 2 + DIGEST_SIZE,
};

struct chk_encoder {
	struct chk_layout layout;
	uint16_t k, n;
	unsigned char key[CAP_KEY_SIZE];
	uint64_t left;    /* bytes of the file still to come */
	uint64_t segment; /* index of the one that is open */
	size_t filled;    /* bytes of it that have come */
	bool begun;       /* the headers are sent */
	struct chk_cipher cipher;
	struct digest crypttext; /* over the whole ciphertext */
	struct digest hash;      /* over the open segment, then each of its blocks */
	struct erasure *code;    /* k-of-n, for k > 1 and n > k; or NULL */
	unsigned char *buffer;   /* the open segment, then a group of blocks */
	size_t capacity;         /* bytes of it */
	unsigned char *trees;    /* nodes of 32 bytes, root first: over the segments, then over
				       * the blocks of each share */
	size_t tree_size;        /* bytes of one */
	size_t trees_capacity;   /* bytes of all */
	chk_sink *sink;
	void *user;
	const struct cap *expected; /* or NULL */
};

enum fault chk_encoder_new(struct chk_encoder **encoder, struct err *err)
{
	struct chk_encoder *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for an encoder");
	enum fault fault = chk_cipher_init(&made->cipher, err);
	if (!fault)
		fault = digest_init(&made->crypttext, err);
	if (!fault)
		fault = digest_init(&made->hash, err);
	if (fault)
		chk_encoder_free(made);
	else
		*encoder = made;
	return fault;
}

void chk_encoder_free(struct chk_encoder *encoder)
{
	if (!encoder)
		return;
	free(encoder->trees);
	free(encoder->buffer);
	erasure_free(encoder->code);
	chk_cipher_fini(&encoder->cipher);
	digest_fini(&encoder->crypttext);
	digest_fini(&encoder->hash);
	secret_wipe(encoder, sizeof *encoder);
	free(encoder);
}

/* ---- room for one file ---- */

/* Has at least `size` bytes behind *at, whose contents may get lost. */
static enum fault make_room(unsigned char **at, size_t *capacity, uint64_t size, struct err *err)
{
	if (size <= *capacity)
		return FAULT_NONE;
	free(*at);
	*capacity = 0;
	*at = size <= SIZE_MAX ? malloc((size_t)size) : NULL;
	if (!*at)
		return err_set(err, FAULT_NOMEM, "no memory for encoding a file");
	*capacity = (size_t)size;
	return FAULT_NONE;
}

/* The shares whose block trees differ. */
static unsigned tree_count(const struct chk_encoder *encoder)
{
	return encoder->k == 1 ? 1 : encoder->n;
}

uint64_t chk_trees_size(const struct chk_params *params, uint64_t size)
{
	struct chk_layout layout;
	struct err err;
	return chk_layout_of(params, size, &layout, &err)
		       ? 0
		       : (layout.chain_offset - layout.block_tree_offset) *
				 (1 + (params->k == 1 ? 1u : params->n));
}

static enum fault make_buffers(struct chk_encoder *encoder, struct err *err)
{
	const struct chk_layout *layout = &encoder->layout;
	const uint64_t tree = layout->chain_offset - layout->block_tree_offset;
	const uint64_t blocks =
		encoder->code ? (uint64_t)layout->segment_size / encoder->k * ERASURE_GROUP : 0;
	encoder->tree_size = (size_t)tree;
	if (tree > SIZE_MAX / (ERASURE_BLOCKS_MAX + 1))
		return err_set(err, FAULT_NOMEM, "no memory for the hash trees of a file");
	if (make_room(&encoder->buffer, &encoder->capacity, layout->segment_size + blocks, err))
		return err->fault;
	return make_room(&encoder->trees, &encoder->trees_capacity,
			 tree * (1 + tree_count(encoder)), err);
}

/* Keeps the code of the last file where that had the same k and n. */
static enum fault make_code(struct chk_encoder *encoder, uint16_t k, uint16_t n, struct err *err)
{
	if (encoder->k == k && encoder->n == n)
		return FAULT_NONE;
	erasure_free(encoder->code);
	encoder->code = NULL;
	encoder->k = encoder->n = 0;
	if (k > 1 && n > k && erasure_new_encoder(k, n, &encoder->code, err))
		return err->fault;
	encoder->k = k;
	encoder->n = n;
	return FAULT_NONE;
}

enum fault chk_encoder_start(struct chk_encoder *encoder, const struct chk_params *params,
			     uint64_t size, const unsigned char key[CAP_KEY_SIZE], struct err *err)
{
	assert(encoder);
	encoder->left = 0;
	if (chk_layout_of(params, size, &encoder->layout, err) ||
	    make_code(encoder, params->k, params->n, err) || make_buffers(encoder, err))
		return err->fault;
	memcpy(encoder->key, key, CAP_KEY_SIZE);
	encoder->left = size;
	encoder->segment = 0;
	encoder->filled = 0;
	encoder->begun = false;
	encoder->sink = NULL;
	encoder->expected = NULL;
	chk_cipher_start(&encoder->cipher, key, 0);
	hash_tagged_start(&encoder->crypttext, TAG_CRYPTTEXT);
	return FAULT_NONE;
}

void chk_encoder_set_sink(struct chk_encoder *encoder, chk_sink *sink, void *user)
{
	assert(!encoder->begun);
	encoder->sink = sink;
	encoder->user = user;
}

void chk_encoder_expect(struct chk_encoder *encoder, const struct cap *cap)
{
	encoder->expected = cap;
}

static enum fault emit(const struct chk_encoder *encoder, const struct chk_piece *piece,
		       struct err *err)
{
	return encoder->sink ? encoder->sink(encoder->user, piece, err) : FAULT_NONE;
}

/* ---- segments ---- */

/* The tree over the segments, or over the blocks of a share. */
static unsigned char *segment_tree(const struct chk_encoder *encoder) { return encoder->trees; }

static unsigned char *block_tree(const struct chk_encoder *encoder, unsigned share)
{
	return encoder->trees + (1 + (encoder->k == 1 ? 0 : share)) * encoder->tree_size;
}

/* Where the leaf of the open segment is in a tree: of L leaves, behind L - 1 inner nodes. */
static unsigned char *leaf(const struct chk_encoder *encoder, unsigned char *tree)
{
	const uint64_t first = chk_tree_leaves(encoder->layout.segment_count) - 1;
	return tree + (first + encoder->segment) * DIGEST_SIZE;
}

static enum fault emit_block(struct chk_encoder *encoder, unsigned share,
			     const unsigned char *block, size_t size, struct err *err)
{
	const struct chk_layout *layout = &encoder->layout;
	const uint64_t ahead = encoder->segment * (layout->segment_size / encoder->k);
	if (encoder->k > 1 || share == 0) {
		hash_tagged_start(&encoder->hash, TAG_BLOCK);
		digest_update(&encoder->hash, block, size);
		digest_final_double(&encoder->hash, leaf(encoder, block_tree(encoder, share)));
	}
	return emit(encoder, &(struct chk_piece){ share, layout->data_offset + ahead, block, size },
		    err);
}

/* Hashes and sends the blocks of the segment that is full. */
static enum fault emit_blocks(struct chk_encoder *encoder, struct err *err)
{
	const unsigned k = encoder->k, n = encoder->n;
	unsigned char *segment = encoder->buffer;
	unsigned char *made = segment + encoder->layout.segment_size;
	const size_t size = (encoder->filled + k - 1) / k;
	enum fault fault = FAULT_NONE;
	memset(segment + encoder->filled, 0, size * k - encoder->filled);
	for (unsigned share = 0; share < k && !fault; share++)
		fault = emit_block(encoder, share, segment + share * size, size, err);
	for (unsigned share = k; share < n && !fault;) {
		const unsigned count =
			k > 1 ? erasure_encode(encoder->code, share, segment, size, made) : 1;
		for (unsigned i = 0; i < count && !fault; i++)
			fault = emit_block(encoder, share + i, k > 1 ? made + i * size : segment,
					   size, err);
		share += count;
	}
	return fault;
}

static enum fault close_segment(struct chk_encoder *encoder, struct err *err)
{
	digest_final_double(&encoder->hash, leaf(encoder, segment_tree(encoder)));
	enum fault fault = emit_blocks(encoder, err);
	encoder->segment++;
	encoder->filled = 0;
	return fault;
}

/* Takes at most a step, within one segment.  Returns how much. */
static size_t encode_step(struct chk_encoder *encoder, const unsigned char *data, size_t size)
{
	const struct chk_layout *layout = &encoder->layout;
	const bool last = encoder->segment == layout->segment_count - 1;
	const size_t room = (last ? layout->tail_size : layout->segment_size) - encoder->filled;
	const size_t step = (size_t)min_u64(min_u64(size, STEP_SIZE), room);
	unsigned char *ciphertext = encoder->buffer + encoder->filled;
	if (encoder->filled == 0)
		hash_tagged_start(&encoder->hash, TAG_SEGMENT);
	chk_cipher_apply(&encoder->cipher, data, ciphertext, step);
	digest_update(&encoder->crypttext, ciphertext, step);
	digest_update(&encoder->hash, ciphertext, step);
	encoder->left -= step;
	encoder->filled += step;
	return step;
}

static bool segment_is_full(const struct chk_encoder *encoder)
{
	return encoder->left == 0 || encoder->filled == encoder->layout.segment_size;
}

static enum fault emit_headers(struct chk_encoder *encoder, struct err *err)
{
	unsigned char header[CHK_HEADER_MAX];
	const size_t size = chk_header_write(&encoder->layout, encoder->k, header);
	enum fault fault = FAULT_NONE;
	for (unsigned share = 0; share < encoder->n && !fault; share++)
		fault = emit(encoder, &(struct chk_piece){ share, 0, header, size }, err);
	encoder->begun = true;
	return fault;
}

enum fault chk_encoder_update(struct chk_encoder *encoder, const void *data, size_t size,
			      struct err *err)
{
	if (size > encoder->left)
		return err_set(err, FAULT_CHANGED, "the content is longer than announced");
	const unsigned char *at = data;
	enum fault fault = FAULT_NONE;
	if (size > 0 && !encoder->begun)
		fault = emit_headers(encoder, err);
	while (size > 0 && !fault) {
		const size_t step = encode_step(encoder, at, size);
		if (segment_is_full(encoder))
			fault = close_segment(encoder, err);
		at += step;
		size -= step;
	}
	return fault;
}

/* ---- the end ---- */

/* Sends the next part of a share, and moves its offset on. */
static enum fault emit_part(const struct chk_encoder *encoder, struct chk_piece *at,
			    const void *data, size_t size, struct err *err)
{
	at->data = data;
	at->size = size;
	enum fault fault = emit(encoder, at, err);
	at->offset += size;
	return fault;
}

/* Appends a node of the tree over all shares, behind its index, to a chain. */
static void chain_add(unsigned char *chain, size_t *size, const unsigned char *roots, size_t node)
{
	unsigned char *at = chain + *size;
	at[0] = (unsigned char)(node >> 8);
	at[1] = (unsigned char)node;
	memcpy(at + 2, roots + node * DIGEST_SIZE, DIGEST_SIZE);
	*size += CHAIN_ENTRY_SIZE;
}

/* Sends the hash chain of a share: its leaf, and the siblings on the way up to the root. */
static enum fault emit_chain(const struct chk_encoder *encoder, const unsigned char *roots,
			     struct chk_piece *at, struct err *err)
{
	unsigned char chain[CHAIN_MAX * CHAIN_ENTRY_SIZE];
	size_t node = (size_t)chk_tree_leaves(encoder->n) - 1 + at->share, size = 0;
	chain_add(chain, &size, roots, node);
	for (; node > 0; node = (node - 1) / 2)
		chain_add(chain, &size, roots, node % 2 ? node + 1 : node - 1);
	return emit_part(encoder, at, chain, size, err);
}

/* Sends what follows the blocks of a share.  The plaintext tree is no longer written. */
static enum fault emit_end(const struct chk_encoder *encoder, unsigned share,
			   const unsigned char *roots, const struct bytes *ueb, struct err *err)
{
	static const unsigned char zeros[4096];
	const struct chk_layout *layout = &encoder->layout;
	struct chk_piece at = { .share = share, .offset = layout->data_offset + layout->data_size };
	unsigned char length[8] = { 0 };
	const size_t width = layout->wide ? 8 : 4;
	length[width - 2] = (unsigned char)(ueb->size >> 8);
	length[width - 1] = (unsigned char)ueb->size;
	enum fault fault = FAULT_NONE;
	for (size_t left = encoder->tree_size, step; left > 0 && !fault; left -= step) {
		step = (size_t)min_u64(left, sizeof zeros);
		fault = emit_part(encoder, &at, zeros, step, err);
	}
	if (!fault)
		fault = emit_part(encoder, &at, segment_tree(encoder), encoder->tree_size, err);
	if (!fault)
		fault = emit_part(encoder, &at, block_tree(encoder, share), encoder->tree_size,
				  err);
	if (!fault)
		fault = emit_chain(encoder, roots, &at, err);
	if (!fault)
		fault = emit_part(encoder, &at, length, width, err);
	return fault ? fault : emit_part(encoder, &at, ueb->data, ueb->size, err);
}

/* Completes all trees; `roots` is the one over the roots of the shares'. */
static void complete_trees(struct chk_encoder *encoder, unsigned char *roots)
{
	const uint64_t count = encoder->layout.segment_count;
	const size_t first = (size_t)chk_tree_leaves(encoder->n) - 1;
	chk_tree_complete(segment_tree(encoder), count);
	for (unsigned tree = 0; tree < tree_count(encoder); tree++)
		chk_tree_complete(block_tree(encoder, tree), count);
	for (unsigned share = 0; share < encoder->n; share++)
		memcpy(roots + (first + share) * DIGEST_SIZE, block_tree(encoder, share),
		       DIGEST_SIZE);
	chk_tree_complete(roots, encoder->n);
}

enum fault chk_encoder_final(struct chk_encoder *encoder, struct cap *cap, struct err *err)
{
	unsigned char roots[(2 * ERASURE_BLOCKS_MAX - 1) * DIGEST_SIZE];
	unsigned char ueb[CHK_UEB_MAX];
	struct chk_roots root;
	if (encoder->left > 0)
		return err_set(err, FAULT_CHANGED, "the content is shorter than announced");
	complete_trees(encoder, roots);
	digest_final_double(&encoder->crypttext, root.crypttext);
	memcpy(root.crypttext_root, segment_tree(encoder), DIGEST_SIZE);
	memcpy(root.share_root, roots, DIGEST_SIZE);
	const struct bytes text = {
		.data = ueb,
		.size = chk_ueb_write(&encoder->layout, encoder->k, encoder->n, &root, ueb),
	};
	struct cap made = {
		.kind = CAP_CHK,
		.needed = encoder->k,
		.total = encoder->n,
		.size = encoder->layout.size,
	};
	memcpy(made.key, encoder->key, CAP_KEY_SIZE);
	hash_tagged(TAG_UEB, ueb, text.size, made.hash);
	enum fault fault = FAULT_NONE;
	if (encoder->expected && !cap_equal(encoder->expected, &made))
		fault = err_set(err, FAULT_CORRUPT, "the shares are not those of the cap");
	for (unsigned share = 0; share < encoder->n && encoder->sink && !fault; share++)
		fault = emit_end(encoder, share, roots, &text, err);
	if (!fault)
		*cap = made;
	cap_wipe(&made);
	return fault;
}

/* ---- files in memory ---- */

uint64_t chk_shares_size(const struct chk_params *params, uint64_t size)
{
	struct chk_layout layout;
	struct err err;
	return chk_layout_of(params, size, &layout, &err) ? 0 : layout.share_size * params->n;
}

static enum fault keep_piece(void *user, const struct chk_piece *piece, struct err *err)
{
	const struct chk_shares *shares = user;
	(void)err;
	assert(piece->offset + piece->size <= shares->share_size);
	memcpy(shares->data + piece->share * shares->share_size + piece->offset, piece->data,
	       piece->size);
	return FAULT_NONE;
}

enum fault chk_shares_new(struct chk_encoder *encoder, const struct chk_params *params,
			  const unsigned char key[CAP_KEY_SIZE], const void *data, size_t size,
			  struct chk_shares **shares, struct err *err)
{
	if (chk_encoder_start(encoder, params, size, key, err))
		return err->fault;
	const uint64_t share_size = encoder->layout.share_size;
	struct chk_shares *made = calloc(1, sizeof *made);
	if (made)
		made->data = malloc(share_size * params->n);
	if (!made || !made->data) {
		free(made);
		return err_set(err, FAULT_NOMEM, "no memory for the shares of a file");
	}
	made->count = params->n;
	made->share_size = share_size;
	chk_encoder_set_sink(encoder, keep_piece, made);
	if (chk_encoder_update(encoder, data, size, err) ||
	    chk_encoder_final(encoder, &made->cap, err)) {
		chk_shares_free(made);
		return err->fault;
	}
	*shares = made;
	return FAULT_NONE;
}

void chk_shares_free(struct chk_shares *shares)
{
	if (!shares)
		return;
	free(shares->data);
	cap_wipe(&shares->cap);
	free(shares);
}

/* The convergence key of bytes in memory. */
static enum fault key_of(const struct chk_params *params, const void *data, size_t size,
			 unsigned char out[CAP_KEY_SIZE], struct err *err)
{
	struct chk_key key;
	enum fault fault = chk_key_init(&key, err);
	if (fault)
		return fault;
	fault = chk_key_start(&key, params, size, err);
	if (!fault)
		fault = chk_key_update(&key, data, size, err);
	if (!fault)
		fault = chk_key_final(&key, out, err);
	chk_key_fini(&key);
	return fault;
}

enum fault chk_cap_of(const struct chk_params *params, const void *data, size_t size,
		      struct cap *cap, struct err *err)
{
	if (size <= LITERAL_SIZE_MAX) {
		chk_literal(data, size, cap);
		return FAULT_NONE;
	}
	struct chk_encoder *encoder = NULL;
	unsigned char key[CAP_KEY_SIZE];
	enum fault fault = key_of(params, data, size, key, err);
	if (!fault)
		fault = chk_encoder_new(&encoder, err);
	if (!fault)
		fault = chk_encoder_start(encoder, params, size, key, err);
	if (!fault)
		fault = chk_encoder_update(encoder, data, size, err);
	if (!fault)
		fault = chk_encoder_final(encoder, cap, err);
	chk_encoder_free(encoder);
	secret_wipe(key, sizeof key);
	return fault;
}

enum fault chk_shares_of(const struct chk_params *params, const void *data, size_t size,
			 struct chk_shares **shares, struct err *err)
{
	struct chk_encoder *encoder = NULL;
	unsigned char key[CAP_KEY_SIZE];
	enum fault fault = key_of(params, data, size, key, err);
	if (!fault)
		fault = chk_encoder_new(&encoder, err);
	if (!fault)
		fault = chk_shares_new(encoder, params, key, data, size, shares, err);
	chk_encoder_free(encoder);
	secret_wipe(key, sizeof key);
	return fault;
}
