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

static enum fault piece_take(void *context, const void *data, size_t size, struct err *err)
{
	struct piece *piece = context;
	const struct piece_options *options = piece->options;
	if (options->came(options->context, size, err) || fill_blocks(piece, data, size, err))
		return err->fault;
	piece->paused = partial_is_full(options->partial);
	if (piece->paused)
		store_pause(options->store, piece->reading.call);
	return FAULT_NONE;
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

/* What came in full waits for its last block; else the piece has failed, or its tail is checked. */
static void piece_read(void *context, const struct err *err)
{
	struct piece *piece = context;
	struct err own;
	if (piece->checking || err)
		piece_end(piece, err);
	else if (push_last(piece, &own))
		piece_end(piece, &own);
}

void piece_start(struct piece *piece)
{
	const struct piece_options *options = piece->options;
	piece->busy = true;
	piece->checking = piece->paused = false;
	piece->received = 0;
	piece->reading = (struct reading){
		.options = { .store = options->store,
			     .cap = piece->cap,
			     .hurried = options->hurried,
			     .take = piece_take,
			     .ended = piece_read,
			     .context = piece },
		.offset = piece->whole ? 0 : piece->offset,
		.length = piece->whole ? UINT64_MAX : piece->size,
	};
	reading_start(&piece->reading);
}

void piece_resume(struct piece *piece)
{
	if (!piece->paused)
		return;
	piece->paused = false;
	if (piece->reading.call)
		store_resume(piece->options->store, piece->reading.call);
}

void piece_check_tail(struct piece *piece)
{
	piece->busy = piece->checking = true;
	reading_check_tail(&piece->reading, partial_proof(piece->options->partial, piece->slot));
}

void piece_cancel(struct piece *piece)
{
	reading_cancel(&piece->reading);
	partial_job_free(piece->block);
	piece->block = NULL;
	piece->busy = false;
}
