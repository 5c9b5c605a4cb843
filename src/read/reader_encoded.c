#include "read/reader_parts.h"

#include "read/duplicate.h"
#include "read/passes.h"
#include "verify/policy.h"

/* A large file whose sender may want its shares. */
struct encoding {
	struct reader *reader;
	const struct attempt *attempt;
	struct body_piece scratch;
	struct piece_hashes hashes;
};

bool reader_may_encode(const struct reader *reader, uint64_t size)
{
	const struct readers_options *options = reader->options;
	return options->encodes && reader->keyed && size > BODY_WHOLE_MAX &&
	       policy_predicts(options->policy) && passes_can(policy_params(options->policy), size);
}

struct slab_shape reader_slab_shape(const struct reader *reader, uint64_t size)
{
	return (struct slab_shape){
		.params = policy_params(reader->options->policy),
		.size = size,
		.most = reader->options->slab_max,
	};
}

static struct body_piece *scratch_room(void *context)
{
	return &((struct encoding *)context)->scratch;
}

static enum fault hash_ahead(void *context, struct body_piece *piece, struct err *err)
{
	struct encoding *encoding = context;
	piece_hashes_add(&encoding->hashes, piece);
	return reader_hash_add(encoding->reader, piece->data, piece->size, err);
}

/* The key is part of the name under which servers keep shares, so it comes first. */
static enum fault read_ahead(struct encoding *encoding, struct body *body, struct err *err)
{
	struct reader *reader = encoding->reader;
	const struct attempt_pass reading = {
		.room = scratch_room,
		.take = hash_ahead,
		.context = encoding,
		.cancel = reader->options->cancel,
	};
	encoding->scratch.data = malloc((size_t)min_u64(body->size, BODY_PIECE_SIZE));
	if (!encoding->scratch.data)
		return err_set(err, FAULT_NOMEM, "no memory for a file");
	if (piece_hashes_init(&encoding->hashes, body->size, err) ||
	    reader_hash_start(reader, body->size, err) ||
	    attempt_pass(encoding->attempt, &reading, err))
		return err->fault;
	return reader_hash_end(reader, &body->proof, err);
}

static enum fault read_again(void *context, const struct attempt_pass *reading, struct err *err)
{
	const struct encoding *encoding = context;
	return attempt_pass(encoding->attempt, reading, err);
}

static void judge_again(void *context, struct err *err)
{
	const struct encoding *encoding = context;
	reader_judge_doubt(encoding->reader, err);
}

/* Hands the body on, and does what its sender asks for. */
static void serve(struct encoding *encoding, struct body *body)
{
	struct reader *reader = encoding->reader;
	const struct readers_options *options = reader->options;
	const struct passes passes = {
		.body = body,
		.params = policy_params(options->policy),
		.encoder = reader->encoder,
		.hashes = &encoding->hashes,
		.scratch = encoding->scratch.data,
		.read = read_again,
		.judge = judge_again,
		.context = encoding,
		.cancel = options->cancel,
	};
	body_ref(body);
	options->deliver(options->context, body);
	passes_run(&passes);
}

enum try_end reader_try_encoded(struct reader *reader, struct attempt *attempt, struct err *err)
{
	const struct readers_options *options = reader->options;
	const struct slab_shape shape = reader_slab_shape(reader, attempt->size);
	struct body *body = body_new_encoded(attempt->work, &shape, options->gate);
	struct encoding encoding = { .reader = reader, .attempt = attempt };
	if (!body) {
		gate_leave(options->gate, body_share_encoded(&shape));
		err_set(err, FAULT_NOMEM, "no memory for a stream");
		return TRY_FAULT;
	}
	body->meta = attempt->meta;
	body->existing = attempt->existing;
	const enum fault fault = read_ahead(&encoding, body, err);
	if (!fault) {
		duplicate_whole_key(body->proof.key, body->size, body->flight_key);
		if (reader_begin_flight(reader, attempt, &body->proof, body->flight_key,
					&body->flying))
			serve(&encoding, body);
	}
	piece_hashes_fini(&encoding.hashes);
	free(encoding.scratch.data);
	body_unref(body);
	return fault ? TRY_FAULT : TRY_ENDED;
}
