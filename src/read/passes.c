#include "read/passes.h"

#include "base/digest.h"
#include "measure/activity.h"

/* One pass. */
struct file_pass {
	const struct passes *passes;
	struct body_piece piece; /* shares are made from */
	struct body_piece *open; /* whose slab is being filled */
	struct slab_writer writer;
};

bool passes_can(const struct chk_params *params, uint64_t size)
{
	const uint64_t trees = chk_trees_size(params, size);
	return trees > 0 && trees <= PASSES_TREES_MAX;
}

enum fault piece_hashes_init(struct piece_hashes *hashes, uint64_t size, struct err *err)
{
	hashes->count = (size_t)((size + BODY_PIECE_SIZE - 1) / BODY_PIECE_SIZE);
	hashes->hash = calloc(hashes->count, CONTENT_HASH_SIZE);
	return hashes->hash ? FAULT_NONE : err_set(err, FAULT_NOMEM, "no memory for hashes");
}

void piece_hashes_fini(struct piece_hashes *hashes)
{
	free(hashes->hash);
	hashes->hash = NULL;
}

void piece_hashes_add(struct piece_hashes *hashes, const struct body_piece *piece)
{
	content_hash_of(piece->data, piece->size,
			hashes->hash + piece->offset / BODY_PIECE_SIZE * CONTENT_HASH_SIZE);
}

static enum fault compare(const struct file_pass *pass, const struct body_piece *piece,
			  struct err *err)
{
	unsigned char hash[CONTENT_HASH_SIZE];
	const unsigned char *ahead =
		pass->passes->hashes->hash + piece->offset / BODY_PIECE_SIZE * CONTENT_HASH_SIZE;
	content_hash_of(piece->data, piece->size, hash);
	return memcmp(hash, ahead, sizeof hash) == 0
		       ? FAULT_NONE
		       : err_set(err, FAULT_CHANGED, "read twice, it was not the same");
}

/* ---- bytes ---- */

static struct body_piece *bytes_room(void *context)
{
	return body_room(((struct file_pass *)context)->passes->body);
}

static enum fault take_bytes(void *context, struct body_piece *piece, struct err *err)
{
	struct file_pass *pass = context;
	if (compare(pass, piece, err))
		return err->fault;
	body_push(pass->passes->body, piece);
	return FAULT_NONE;
}

static enum fault send_bytes(struct file_pass *pass, struct err *err)
{
	const struct attempt_pass reading = {
		.room = bytes_room,
		.take = take_bytes,
		.context = pass,
		.cancel = pass->passes->cancel,
	};
	return pass->passes->read(pass->passes->context, &reading, err);
}

/* ---- shares ---- */

static struct slab *slab_room(void *context)
{
	struct file_pass *pass = context;
	activity_end(ACTIVITY_HASHING); /* sleeps until the sender has made room */
	pass->open = body_room(pass->passes->body);
	activity_begin(ACTIVITY_HASHING);
	return pass->open ? pass->open->slab : NULL;
}

static void slab_filled(void *context, struct slab *slab)
{
	struct file_pass *pass = context;
	(void)slab; /* is that of the open piece */
	pass->open->offset = pass->piece.offset + pass->piece.size;
	body_push(pass->passes->body, pass->open);
	pass->open = NULL;
}

static struct body_piece *scratch_room(void *context)
{
	return &((struct file_pass *)context)->piece;
}

static enum fault encode_piece(void *context, struct body_piece *piece, struct err *err)
{
	struct file_pass *pass = context;
	enum fault fault = compare(pass, piece, err);
	activity_begin(ACTIVITY_HASHING);
	if (!fault)
		fault = chk_encoder_update(pass->passes->encoder, piece->data, piece->size, err);
	activity_end(ACTIVITY_HASHING);
	return fault;
}

static enum fault send_shares(struct file_pass *pass, struct err *err)
{
	const struct passes *passes = pass->passes;
	struct body *body = passes->body;
	struct cap cap;
	const struct attempt_pass reading = {
		.room = scratch_room,
		.take = encode_piece,
		.context = pass,
		.cancel = passes->cancel,
	};
	pass->piece.data = passes->scratch;
	pass->writer.room = slab_room;
	pass->writer.filled = slab_filled;
	pass->writer.context = pass;
	if (chk_encoder_start(passes->encoder, passes->params, body->size, body->proof.key, err))
		return err->fault;
	chk_encoder_set_sink(passes->encoder, slab_writer_take, &pass->writer);
	enum fault fault = passes->read(passes->context, &reading, err);
	activity_begin(ACTIVITY_HASHING);
	if (!fault)
		fault = chk_encoder_final(passes->encoder, &cap, err);
	activity_end(ACTIVITY_HASHING);
	if (fault)
		return fault;
	slab_writer_end(&pass->writer);
	memcpy(body->cap_hash, cap.hash, sizeof body->cap_hash);
	body->predicted = true;
	cap_wipe(&cap);
	return FAULT_NONE;
}

void passes_run(const struct passes *passes)
{
	for (;;) {
		struct file_pass pass = { .passes = passes };
		struct err err = { 0 };
		const enum body_want want = body_wanted(passes->body, pass.writer.wanted);
		if (want == BODY_WANT_NO_MORE)
			return;
		const enum fault fault = want == BODY_WANT_SHARES ? send_shares(&pass, &err)
								  : send_bytes(&pass, &err);
		/* Half a slab is no use. */
		if (pass.open)
			body_return(passes->body, pass.open);
		if (fault && fault != FAULT_CANCELLED && passes->judge)
			passes->judge(passes->context, &err);
		body_finish(passes->body, NULL, fault ? &err : NULL);
	}
}
