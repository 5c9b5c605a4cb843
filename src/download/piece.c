#include "download/piece.h"

static void piece_end(struct piece *piece, const struct err *err)
{
	piece->busy = false;
	piece->options->ended(piece->options->context, piece, err);
}

/* ---- bytes into blocks ---- */

static void push_block(struct piece *piece)
{
	partial_push(piece->options->partial, piece->block);
	piece->block = NULL;
}

/* Begins a block of at most `capacity` bytes. */
static enum fault begin_block(struct piece *piece, uint64_t capacity, struct err *err)
{
	unsigned take = PARTIAL_TAKE | (piece->received == 0 ? PARTIAL_FIRST : 0);
	piece->block = partial_job_new(piece->steps | take, capacity);
	if (!piece->block)
		return err_set(err, FAULT_NOMEM, "no memory for a part of a file");
	piece->block->slot = piece->slot;
	piece->block->number = piece->number;
	piece->block->offset = piece->offset + piece->received;
	return FAULT_NONE;
}

/* The last block stays at hand: it is pushed when more comes, or with the piece's end. */
static enum fault fill_blocks(struct piece *piece, const unsigned char *data, size_t size,
			      struct err *err)
{
	while (size > 0) {
		if (piece->block && piece->block->size == piece->block->capacity)
			push_block(piece);
		uint64_t left = piece->size - piece->received;
		if (!piece->block && begin_block(piece, min_u64(left, PARTIAL_BLOCK_SIZE), err))
			return err->fault;
		struct partial_job *block = piece->block;
		size_t taken = (size_t)min_u64(size, block->capacity - block->size);
		memcpy(block->data + block->size, data, taken);
		block->size += taken;
		piece->received += taken;
		data += taken;
		size -= taken;
	}
	return FAULT_NONE;
}

static bool piece_take(void *context, const void *data, size_t size)
{
	struct piece *piece = context;
	const struct piece_options *options = piece->options;
	enum fault fault = FAULT_NONE;
	if (size > piece->size - piece->received)
		fault = err_wrong(&piece->local, "the gateway sent more bytes than the file has");
	if (!fault)
		fault = options->came(options->context, size, &piece->local);
	if (!fault)
		fault = fill_blocks(piece, data, size, &piece->local);
	piece->paused = !fault && partial_is_full(options->partial);
	if (piece->paused)
		store_pause(options->store, piece->call);
	return !fault;
}

/* Pushes the last block, whose result the download waits for. */
static enum fault push_last(struct piece *piece, struct err *err)
{
	if (!piece->block && begin_block(piece, 0, err))
		return err->fault;
	piece->block->steps |= PARTIAL_LAST | piece->last_steps;
	push_block(piece);
	return FAULT_NONE;
}

static void got(void *context, const struct store_reply *reply)
{
	struct piece *piece = context;
	struct err err = reply->err;
	piece->call = NULL;
	if (piece->local.fault)
		err = piece->local;
	else if (!err.fault && piece->size != UINT64_MAX && piece->received != piece->size)
		err_wrong(&err, "the gateway sent %llu bytes of %llu",
			  (unsigned long long)piece->received, (unsigned long long)piece->size);
	piece->proven = reply->proven;
	if (err.fault || push_last(piece, &err))
		piece_end(piece, &err);
}

void piece_start(struct piece *piece)
{
	const struct piece_options *options = piece->options;
	struct err err;
	piece->busy = true;
	piece->paused = false;
	piece->received = 0;
	piece->local = (struct err){ 0 };
	const struct store_get get = {
		.cap = options->cap,
		.offset = piece->offset,
		.length = piece->whole ? UINT64_MAX : piece->size,
		.sink = piece_take,
		.context = piece,
	};
	piece->call = store_get(options->store, &get, (struct store_then){ got, piece }, &err);
	if (!piece->call)
		piece_end(piece, &err);
}

void piece_resume(struct piece *piece)
{
	if (!piece->paused)
		return;
	piece->paused = false;
	if (piece->call)
		store_resume(piece->options->store, piece->call);
}

/* ---- its end again ---- */

static bool take_tail(void *context, const void *data, size_t size)
{
	struct piece *piece = context;
	if (size > piece->tail_size - piece->tail_read)
		return false;
	memcpy(piece->tail + piece->tail_read, data, size);
	piece->tail_read += size;
	return true;
}

static void got_tail(void *context, const struct store_reply *reply)
{
	struct piece *piece = context;
	const struct proof *proof = piece->proof;
	struct err err = reply->err;
	piece->call = NULL;
	if (!err.fault && (piece->tail_read != piece->tail_size ||
			   memcmp(piece->tail, proof->tail + proof->tail_size - piece->tail_size,
				  piece->tail_size) != 0))
		err_wrong(&err, "its end is not what the gateway said before");
	if (err.fault)
		err_wrap(&err, "reading its end again");
	piece_end(piece, err.fault ? &err : NULL);
}

void piece_check_tail(struct piece *piece)
{
	const struct piece_options *options = piece->options;
	struct err err;
	piece->proof = partial_proof(options->partial, piece->slot);
	piece->tail_size = proof_doubtful_tail(piece->proof);
	piece->tail_read = 0;
	piece->busy = true;
	if (piece->tail_size == 0) {
		piece_end(piece, NULL);
		return;
	}
	const struct store_get get = {
		.cap = options->cap,
		.offset = piece->offset + piece->received - piece->tail_size,
		.length = piece->tail_size,
		.sink = take_tail,
		.context = piece,
	};
	piece->call = store_get(options->store, &get, (struct store_then){ got_tail, piece }, &err);
	if (!piece->call)
		piece_end(piece, &err);
}

void piece_cancel(struct piece *piece)
{
	if (piece->call)
		store_cancel(piece->options->store, piece->call);
	partial_job_free(piece->block);
	piece->call = NULL;
	piece->block = NULL;
	piece->busy = false;
}
