#include "download/piece.h"

static void piece_end(struct piece *piece, const struct err *err)
{
	piece->busy = false;
	piece->options->ended(piece->options->context, piece, err);
}

static bool piece_take(void *context, const void *data, size_t size)
{
	struct piece *piece = context;
	const struct piece_options *options = piece->options;
	enum fault fault = FAULT_NONE;
	if (size > piece->size - piece->proof.size)
		fault = err_set(&piece->local, FAULT_CORRUPT,
				"the gateway sent more bytes than the file has");
	/* The hook sees the offset before these bytes count. */
	if (!fault)
		fault = options->take(options->context, piece, data, size, &piece->local);
	if (!fault)
		fault = proof_update(&piece->proof, data, size, &piece->local);
	return !fault;
}

static void got(void *context, const struct store_reply *reply)
{
	struct piece *piece = context;
	struct err err = reply->err;
	piece->call = NULL;
	if (piece->local.fault)
		err = piece->local;
	else if (!err.fault && piece->size != UINT64_MAX && piece->proof.size != piece->size)
		err_set(&err, FAULT_CORRUPT, "the gateway sent %llu bytes of %llu",
			(unsigned long long)piece->proof.size, (unsigned long long)piece->size);
	proof_keep(&piece->proof);
	piece->proven = reply->proven;
	piece_end(piece, err.fault ? &err : NULL);
}

void piece_start(struct piece *piece)
{
	const struct piece_options *options = piece->options;
	struct err err;
	piece->busy = true;
	piece->tail_checked = false;
	piece->local = (struct err){ 0 };
	const struct store_get get = {
		.cap = options->cap,
		.offset = piece->offset,
		.length = piece->whole ? UINT64_MAX : piece->size,
		.sink = piece_take,
		.context = piece,
	};
	if (!proof_start(&piece->proof, options->cap, NULL, &err))
		piece->call =
			store_get(options->store, &get, (struct store_then){ got, piece }, &err);
	if (!piece->call)
		piece_end(piece, &err);
}

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
	const struct proof *proof = &piece->proof;
	struct err err = reply->err;
	piece->call = NULL;
	if (!err.fault && (piece->tail_read != piece->tail_size ||
			   memcmp(piece->tail, proof->tail + proof->tail_size - piece->tail_size,
				  piece->tail_size) != 0))
		err_set(&err, FAULT_CORRUPT, "its end is not what the gateway said before");
	if (err.fault)
		err_wrap(&err, "reading its end again");
	piece_end(piece, err.fault ? &err : NULL);
}

void piece_check_tail(struct piece *piece)
{
	struct err err;
	piece->tail_size = proof_doubtful_tail(&piece->proof);
	piece->tail_read = 0;
	piece->busy = true;
	piece->tail_checked = true;
	if (piece->tail_size == 0) {
		piece_end(piece, NULL);
		return;
	}
	const struct store_get get = {
		.cap = piece->options->cap,
		.offset = piece->offset + piece->proof.size - piece->tail_size,
		.length = piece->tail_size,
		.sink = take_tail,
		.context = piece,
	};
	piece->call = store_get(piece->options->store, &get, (struct store_then){ got_tail, piece },
				&err);
	if (!piece->call)
		piece_end(piece, &err);
}

void piece_cancel(struct piece *piece)
{
	if (piece->call)
		store_cancel(piece->options->store, piece->call);
	piece->call = NULL;
	piece->busy = false;
}

void piece_fini(struct piece *piece) { proof_fini(&piece->proof); }
