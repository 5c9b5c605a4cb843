/*
 * Plaintext and key in; shares and cap out.  Only k = n = 1: the one share's blocks are the
 * ciphertext itself, without padding.
 *
 *   start    layout, empty trees
 *   update   header, once; then each step of at most 16 KiB: encrypted, added to three hashes (the
 *            whole ciphertext, the open segment, the open block), sent on
 *            a segment is full: its two hashes become leaves of the two trees
 *   final    zeros | segment tree | block tree | chain | length | UEB, sent on; the UEB's hash and
 *            the key are the cap
 *
 * What is sent is the share from its first byte to its last, so nothing of it is kept.
 */
#include "tahoe/chk.h"

#include "base/secret.h"
#include "tahoe/chk_share.h"

#include <assert.h>

enum {
	STEP_SIZE = 16 * 1024, /* bytes that stay in the first-level cache between the hashes */
	CHAIN_SIZE = 34,       /* a chain of one: index 0 and the root */
};

struct chk_encoder {
	struct chk_layout layout;
	unsigned char key[CAP_KEY_SIZE];
	uint64_t left;         /* bytes of the file still to come */
	uint64_t segment;      /* index of the one that is open */
	uint64_t segment_left; /* bytes it still lacks; 0: none is open */
	uint64_t share_offset; /* of the next piece */
	struct chk_cipher cipher;
	struct digest crypttext;     /* over the whole ciphertext */
	struct digest segment_hash;  /* over the open segment */
	struct digest block_hash;    /* the same bytes under another tag */
	unsigned char *segment_tree; /* nodes of 32 bytes, root first */
	unsigned char *block_tree;
	size_t tree_size; /* bytes of each */
	chk_sink *sink;
	void *user;
};

bool chk_can_encode(const struct chk_params *params) { return params->k == 1 && params->n == 1; }

enum fault chk_encoder_new(struct chk_encoder **encoder, struct err *err)
{
	struct chk_encoder *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for an encoder");
	enum fault fault = chk_cipher_init(&made->cipher, err);
	if (!fault)
		fault = digest_init(&made->crypttext, err);
	if (!fault)
		fault = digest_init(&made->segment_hash, err);
	if (!fault)
		fault = digest_init(&made->block_hash, err);
	if (fault)
		chk_encoder_free(made);
	else
		*encoder = made;
	return fault;
}

static void free_trees(struct chk_encoder *encoder)
{
	free(encoder->segment_tree);
	free(encoder->block_tree);
	encoder->segment_tree = NULL;
	encoder->block_tree = NULL;
	encoder->tree_size = 0;
}

void chk_encoder_free(struct chk_encoder *encoder)
{
	if (!encoder)
		return;
	free_trees(encoder);
	chk_cipher_fini(&encoder->cipher);
	digest_fini(&encoder->crypttext);
	digest_fini(&encoder->segment_hash);
	digest_fini(&encoder->block_hash);
	secret_wipe(encoder, sizeof *encoder);
	free(encoder);
}

/* Makes room for the two trees of the layout, unless that of the last file is as large. */
static enum fault make_trees(struct chk_encoder *encoder, struct err *err)
{
	const struct chk_layout *layout = &encoder->layout;
	const uint64_t size = layout->chain_offset - layout->block_tree_offset;
	if (size == encoder->tree_size)
		return FAULT_NONE;
	free_trees(encoder);
	encoder->segment_tree = malloc(size);
	encoder->block_tree = malloc(size);
	if (!encoder->segment_tree || !encoder->block_tree)
		return err_set(err, FAULT_NOMEM, "no memory for the hash trees of a file");
	encoder->tree_size = size;
	return FAULT_NONE;
}

enum fault chk_encoder_start(struct chk_encoder *encoder, const struct chk_params *params,
			     uint64_t size, const unsigned char key[CAP_KEY_SIZE], struct err *err)
{
	assert(encoder);
	encoder->left = 0;
	if (!chk_can_encode(params))
		return err_set(err, FAULT_USAGE, "encoding of %u-of-%u is not supported", params->k,
			       params->n);
	enum fault fault = chk_layout_of(params, size, &encoder->layout, err);
	if (!fault)
		fault = make_trees(encoder, err);
	if (fault)
		return fault;
	memcpy(encoder->key, key, CAP_KEY_SIZE);
	encoder->left = size;
	encoder->segment = 0;
	encoder->segment_left = 0;
	encoder->share_offset = 0;
	encoder->sink = NULL;
	chk_cipher_start(&encoder->cipher, key, 0);
	hash_tagged_start(&encoder->crypttext, TAG_CRYPTTEXT);
	return FAULT_NONE;
}

void chk_encoder_set_sink(struct chk_encoder *encoder, chk_sink *sink, void *user)
{
	assert(encoder->share_offset == 0);
	encoder->sink = sink;
	encoder->user = user;
}

/* Sends the next bytes of the share. */
static enum fault emit(struct chk_encoder *encoder, const void *data, size_t size, struct err *err)
{
	const struct chk_piece piece = { 0, encoder->share_offset, data, size };
	encoder->share_offset += size;
	return encoder->sink ? encoder->sink(encoder->user, &piece, err) : FAULT_NONE;
}

static void open_segment(struct chk_encoder *encoder)
{
	const struct chk_layout *layout = &encoder->layout;
	const bool last = encoder->segment == layout->segment_count - 1;
	encoder->segment_left = last ? layout->tail_size : layout->segment_size;
	hash_tagged_start(&encoder->segment_hash, TAG_SEGMENT);
	hash_tagged_start(&encoder->block_hash, TAG_BLOCK);
}

/* The hashes of the open segment become leaves.  In a tree of L leaves these are behind L - 1 inner
 * nodes. */
static void close_segment(struct chk_encoder *encoder)
{
	const uint64_t first_leaf = chk_tree_leaves(encoder->layout.segment_count) - 1;
	const uint64_t at = (first_leaf + encoder->segment) * DIGEST_SIZE;
	digest_final_double(&encoder->segment_hash, encoder->segment_tree + at);
	digest_final_double(&encoder->block_hash, encoder->block_tree + at);
	encoder->segment++;
}

/* Takes at most a step, within one segment.  Returns how much. */
static size_t chk_encoder_take(struct chk_encoder *encoder, const unsigned char *data, size_t size,
			       unsigned char *ciphertext)
{
	if (encoder->segment_left == 0)
		open_segment(encoder);
	const size_t step = (size_t)min_u64(min_u64(size, STEP_SIZE), encoder->segment_left);
	chk_cipher_apply(&encoder->cipher, data, ciphertext, step);
	digest_update(&encoder->crypttext, ciphertext, step);
	digest_update(&encoder->segment_hash, ciphertext, step);
	digest_update(&encoder->block_hash, ciphertext, step);
	encoder->left -= step;
	encoder->segment_left -= step;
	if (encoder->segment_left == 0)
		close_segment(encoder);
	return step;
}

static enum fault emit_header(struct chk_encoder *encoder, struct err *err)
{
	unsigned char header[CHK_HEADER_MAX];
	const size_t size = chk_header_write(&encoder->layout, 1, header);
	return emit(encoder, header, size, err);
}

enum fault chk_encoder_update(struct chk_encoder *encoder, const void *data, size_t size,
			      struct err *err)
{
	if (size > encoder->left)
		return err_set(err, FAULT_CHANGED, "the content is longer than announced");
	const unsigned char *at = data;
	enum fault fault = FAULT_NONE;
	if (size > 0 && encoder->share_offset == 0)
		fault = emit_header(encoder, err);
	while (size > 0 && !fault) {
		unsigned char ciphertext[STEP_SIZE];
		const size_t step = chk_encoder_take(encoder, at, size, ciphertext);
		fault = emit(encoder, ciphertext, step, err);
		at += step;
		size -= step;
	}
	return fault;
}

/* Room for the plaintext tree that is no longer written, then both trees. */
static enum fault emit_trees(struct chk_encoder *encoder, struct err *err)
{
	static const unsigned char zeros[4096];
	enum fault fault = FAULT_NONE;
	for (size_t left = encoder->tree_size; left > 0 && !fault;) {
		const size_t step = (size_t)min_u64(left, sizeof zeros);
		fault = emit(encoder, zeros, step, err);
		left -= step;
	}
	if (!fault)
		fault = emit(encoder, encoder->segment_tree, encoder->tree_size, err);
	if (!fault)
		fault = emit(encoder, encoder->block_tree, encoder->tree_size, err);
	return fault;
}

/* The hash chain of the share, then the UEB behind its length. */
static enum fault emit_end(struct chk_encoder *encoder, const unsigned char *ueb, size_t size,
			   struct err *err)
{
	unsigned char chain[CHAIN_SIZE] = { 0 }; /* index 0: the leaf is the root */
	memcpy(chain + 2, encoder->block_tree, DIGEST_SIZE);
	unsigned char length[8] = { 0 };
	const size_t width = encoder->layout.wide ? 8 : 4;
	length[width - 2] = (unsigned char)(size >> 8);
	length[width - 1] = (unsigned char)size;
	enum fault fault = emit(encoder, chain, sizeof chain, err);
	if (!fault)
		fault = emit(encoder, length, width, err);
	if (!fault)
		fault = emit(encoder, ueb, size, err);
	return fault;
}

enum fault chk_encoder_final(struct chk_encoder *encoder, struct cap *cap, struct err *err)
{
	const struct chk_layout *layout = &encoder->layout;
	if (encoder->left > 0)
		return err_set(err, FAULT_CHANGED, "the content is shorter than announced");
	chk_tree_complete(encoder->segment_tree, layout->segment_count);
	chk_tree_complete(encoder->block_tree, layout->segment_count);
	struct chk_roots roots;
	digest_final_double(&encoder->crypttext, roots.crypttext);
	memcpy(roots.crypttext_root, encoder->segment_tree, DIGEST_SIZE);
	memcpy(roots.share_root, encoder->block_tree, DIGEST_SIZE); /* n = 1: a tree of one */
	unsigned char ueb[CHK_UEB_MAX];
	const size_t ueb_size = chk_ueb_write(layout, 1, 1, &roots, ueb);
	enum fault fault = emit_trees(encoder, err);
	if (!fault)
		fault = emit_end(encoder, ueb, ueb_size, err);
	if (fault)
		return fault;
	memset(cap, 0, sizeof *cap);
	cap->kind = CAP_CHK;
	cap->needed = 1;
	cap->total = 1;
	cap->size = layout->size;
	memcpy(cap->key, encoder->key, CAP_KEY_SIZE);
	hash_tagged(TAG_UEB, ueb, ueb_size, cap->hash);
	return FAULT_NONE;
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
