#include "keys/whole.h"

#include "keys/target.h"
#include "verify/reading.h"
#include "verify/single.h"

enum { PIECE_SIZE = 256 * 1024 /* bytes read at once */ };

/* ---- going on with a beginning ---- */

struct rest {
	const struct whole *whole;
	const struct chunk_sink *sink;
	struct reading reading;
	struct proof proof; /* of all bytes up to `offset` */
	uint64_t offset;    /* in the object */
	bool over;
	struct err err;
};

/* Runs what is here through the proof. */
static enum fault hash_here(struct rest *rest, struct err *err)
{
	const struct whole *whole = rest->whole;
	unsigned char *data = malloc(PIECE_SIZE);
	enum fault fault = data ? FAULT_NONE : err_set(err, FAULT_NOMEM, "no memory for a file");
	while (!fault && rest->offset < whole->here) {
		size_t size = (size_t)min_u64(whole->here - rest->offset, PIECE_SIZE);
		fault = whole->read(whole->context, rest->offset, data, size, err);
		if (!fault)
			fault = proof_update(&rest->proof, data, size, err);
		rest->offset += size;
	}
	free(data);
	return fault;
}

static enum fault rest_take(void *context, const void *data, size_t size, struct err *err)
{
	struct rest *rest = context;
	if (proof_update(&rest->proof, data, size, err) ||
	    rest->sink->write(rest->sink->context, data, size, err))
		return err->fault;
	rest->offset += size;
	return FAULT_NONE;
}

static void rest_ended(void *context, const struct err *err)
{
	struct rest *rest = context;
	rest->over = true;
	rest->err = err ? *err : (struct err){ 0 };
}

/* Reads what is behind `offset`; where that is cut off, a further try goes on there. */
static enum fault read_rest(struct operation *operation, struct rest *rest, struct err *err)
{
	const struct cap *cap = rest->whole->cap;
	struct tries tries = operation->tries;
	rest->reading.options = (struct reading_options){
		.store = operation->wait.store,
		.cap = cap,
		.take = rest_take,
		.ended = rest_ended,
		.context = rest,
	};
	while (rest->offset < cap->size) {
		rest->over = false;
		rest->reading.offset = rest->offset;
		rest->reading.length = cap->size - rest->offset;
		reading_start(&rest->reading);
		if (!rest->over && store_wait_end(&operation->wait, &rest->reading.call, err))
			return err->fault;
		if (!rest->err.fault)
			continue;
		*err = rest->err;
		if (!tries_again(&tries, err))
			return err->fault;
	}
	tries_over(&tries);
	return FAULT_NONE;
}

/* Stores whether what is here and what was read behind it are the cap's. */
static enum fault go_on(struct operation *operation, const struct whole *whole,
			const struct chunk_sink *sink, bool *proven, struct err *err)
{
	const struct chk_params *secret = operation->keys->options.setup->params;
	struct rest rest = { .whole = whole, .sink = sink };
	*proven = false;
	enum fault fault = proof_start(&rest.proof, whole->cap, secret, err);
	if (!fault)
		fault = hash_here(&rest, err);
	if (!fault && sink->begin)
		fault = sink->begin(sink->context, whole->offset + whole->here, err);
	if (!fault)
		fault = read_rest(operation, &rest, err);
	if (!fault)
		fault = proof_end(&rest.proof, whole->cap, proven, err);
	proof_fini(&rest.proof);
	return fault;
}

/* ---- reading ---- */

struct anew {
	const struct whole *whole;
	const struct chunk_sink *sink;
};

static enum fault anew_begin(void *context, struct err *err)
{
	const struct anew *anew = context;
	return anew->sink->begin(anew->sink->context, anew->whole->offset, err);
}

static enum fault anew_write(void *context, const void *data, size_t size, struct err *err)
{
	const struct anew *anew = context;
	return anew->sink->write(anew->sink->context, data, size, err);
}

enum fault whole_read(struct operation *operation, const struct whole *whole,
		      const struct chunk_sink *sink, struct err *err)
{
	struct anew anew = { whole, sink };
	const struct cap *cap = whole->cap;
	const struct chk_params *secret = operation->keys->options.setup->params;
	bool proven = false;
	/* Without the secret nothing tells whether a beginning is right. */
	if (whole->here > 0 && secret && cap->kind == CAP_CHK && whole->here <= cap->size) {
		enum fault fault = go_on(operation, whole, sink, &proven, err);
		if (fault || proven)
			return fault;
	}
	struct single single = {
		.tries = operation->tries,
		.secret = secret,
		.content = whole->content,
		.begin = anew_begin,
		.write = anew_write,
		.context = &anew,
	};
	return single_read(&single, cap, err);
}

/* ---- into a file ---- */

struct getting {
	struct target target;
	uint64_t offset; /* of the next byte */
	const struct keys_progress *progress;
};

static enum fault getting_begin(void *context, uint64_t offset, struct err *err)
{
	struct getting *getting = context;
	(void)err;
	getting->offset = offset;
	return FAULT_NONE;
}

static enum fault getting_write(void *context, const void *data, size_t size, struct err *err)
{
	struct getting *getting = context;
	if (target_write(&getting->target, getting->offset, data, size, err))
		return err->fault;
	getting->offset += size;
	keys_progress_tell(getting->progress, getting->offset);
	return FAULT_NONE;
}

enum fault whole_get(struct operation *operation, const struct cap *cap, const char *path,
		     const struct keys_progress *progress, struct err *err)
{
	struct getting getting = { .target = { path, -1 }, .progress = progress };
	const struct chunk_sink sink = { getting_begin, getting_write, &getting };
	const struct whole whole = {
		.cap = cap,
		.here = min_u64(target_size(&getting.target), cap->size),
		.read = target_read,
		.context = &getting.target,
	};
	enum fault fault = whole_read(operation, &whole, &sink, err);
	if (!fault)
		fault = target_end(&getting.target, getting.offset, err);
	if (!fault)
		keys_progress_tell(progress, getting.offset);
	target_close(&getting.target);
	return fault;
}

/* ---- presence ---- */

struct whole_checking {
	struct store_call *call; /* NULL: it has ended */
	struct store_health health;
	struct err err;
};

static void checked(void *context, const struct store_reply *reply)
{
	struct whole_checking *checking = context;
	checking->call = NULL;
	checking->health = reply->health;
	checking->err = reply->err;
	checking->err.fault = reply->fault;
}

static enum fault check_once(const struct operation *operation, const struct store_check *check,
			     struct whole_checking *checking, struct err *err)
{
	const struct store_then then = { .done = checked, .context = checking };
	*checking = (struct whole_checking){ 0 };
	struct store_call *call = store_check(operation->wait.store, check, then, err);
	if (!call)
		return err->fault;
	checking->call = call;
	if (store_wait_end(&operation->wait, &checking->call, err))
		return err->fault;
	if (checking->err.fault)
		*err = checking->err;
	return checking->err.fault;
}

enum fault whole_health(struct operation *operation, const struct cap *cap,
			const struct store_check *check, struct store_health *health,
			struct err *err)
{
	struct whole_checking checking;
	struct store_check wanted = *check;
	struct tries tries = operation->tries;
	enum fault fault;
	wanted.cap = cap;
	*health = (struct store_health){ .healthy = true, .recoverable = true, .literal = true };
	if (cap_is_literal(cap))
		return FAULT_NONE;
	while ((fault = check_once(operation, &wanted, &checking, err)) &&
	       tries_again(&tries, err)) {
	}
	if (fault)
		return err->fault;
	tries_over(&tries);
	*health = checking.health;
	return FAULT_NONE;
}

enum key_presence whole_check(struct operation *operation, const struct cap *cap, struct err *err)
{
	const struct store_check check = { 0 };
	struct store_health health;
	if (whole_health(operation, cap, &check, &health, err))
		return KEY_UNKNOWN;
	if (health.recoverable)
		return KEY_PRESENT;
	if (!health.unsure)
		return KEY_ABSENT;
	err_set(err, FAULT_UNAVAILABLE,
		"too few shares were found, and not all storage servers have answered");
	return KEY_UNKNOWN;
}
