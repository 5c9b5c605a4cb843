#include "upload/serving.h"

#include "measure/activity.h"

enum fault serving_read(const struct spool *spool, uint64_t offset, unsigned char *data,
			size_t size, struct err *err)
{
	while (size > 0) {
		struct spool_piece piece = { .size = size };
		activity_begin(ACTIVITY_READING);
		enum fault fault = spool_read(spool, offset, data, &piece, err);
		activity_end(ACTIVITY_READING);
		if (fault)
			return fault;
		if (piece.size == 0)
			return err_set(err, FAULT_CORRUPT, "it has become shorter");
		if (piece.data != data)
			memcpy(data, piece.data, piece.size);
		offset += piece.size;
		data += piece.size;
		size -= piece.size;
	}
	return FAULT_NONE;
}

static enum fault read_pieces(const struct serving *serving, const struct attempt_pass *pass,
			      struct err *err)
{
	const struct spool *spool = serving->options.spool;
	for (uint64_t offset = 0; offset < spool->size; offset += BODY_PIECE_SIZE) {
		struct body_piece *piece = pass->room(pass->context);
		if (!piece || atomic_load(pass->cancel))
			return err_set(err, FAULT_CANCELLED, "nobody wants the rest of it");
		piece->offset = offset;
		piece->size = (size_t)min_u64(spool->size - offset, BODY_PIECE_SIZE);
		if (serving_read(spool, offset, piece->data, piece->size, err) ||
		    pass->take(pass->context, piece, err))
			return err->fault;
	}
	return FAULT_NONE;
}

/* A file that has become shorter is one that changed. */
static enum fault read_all(void *context, const struct attempt_pass *pass, struct err *err)
{
	const struct serving *serving = context;
	const struct serving_options *options = &serving->options;
	struct err changed;
	enum fault fault = read_pieces(serving, pass, err);
	if ((!fault || fault == FAULT_CORRUPT) && options->unchanged &&
	    options->unchanged(options->context, &changed)) {
		*err = changed;
		fault = err->fault;
	}
	return fault;
}

static void serve(void *context)
{
	struct serving *serving = context;
	const struct passes passes = {
		.body = serving->body,
		.params = serving->options.params,
		.encoder = serving->encoder,
		.hashes = serving->options.hashes,
		.scratch = serving->scratch,
		.read = read_all,
		.context = serving,
		.cancel = &serving->cancel,
	};
	passes_run(&passes);
	body_unref(serving->body);
}

static void tell(void *context)
{
	struct serving *serving = context;
	if (!atomic_exchange(&serving->news, true))
		store_wake(serving->options.store);
}

static enum fault no_memory(struct err *err)
{
	return err_set(err, FAULT_NOMEM, "no memory for sending a file");
}

enum fault serving_start(struct serving *serving, const struct serving_options *options,
			 struct err *err)
{
	*serving = (struct serving){ .options = *options };
	if (chk_encoder_new(&serving->encoder, err))
		return err->fault;
	serving->scratch = malloc((size_t)min_u64(options->spool->size, BODY_PIECE_SIZE));
	const struct slab_shape shape = { options->params, options->spool->size, SLAB_MAX };
	struct body *body = serving->scratch ? body_new_encoded(NULL, &shape, NULL) : NULL;
	if (!body)
		return no_memory(err);
	body->proof = *options->proof;
	serving->body = body;
	body_set_wake(body, tell, serving);
	body_ref(body);
	if (thread_start(&serving->thread, "reader", serve, serving))
		return FAULT_NONE;
	body_unref(body);
	body_unref(body);
	serving->body = NULL;
	return no_memory(err);
}

void serving_look(struct serving *serving, struct sending *sending, struct store_call *call)
{
	if (!serving->body || !atomic_exchange(&serving->news, false))
		return;
	if (!sending->paused || !call)
		return;
	sending->paused = false;
	store_resume(serving->options.store, call);
}

void serving_stop(struct serving *serving) { atomic_store(&serving->cancel, true); }

void serving_end(struct serving *serving)
{
	if (serving->body) {
		body_abandon(serving->body);
		thread_join(&serving->thread);
		body_unref(serving->body);
	}
	chk_encoder_free(serving->encoder);
	free(serving->scratch);
	*serving = (struct serving){ .body = NULL };
}
