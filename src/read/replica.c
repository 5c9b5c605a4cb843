#include "read/replica.h"

#include "base/secret.h"
#include "calls/chunked_file.h"
#include "verify/single.h"

enum { MEMORY_MAX = 64 * 1024 /* bytes, as many as a body holds whole */ };

struct replica {
	const struct replica_options *options;
	const atomic_bool *cancel;
	struct store *store;
	struct spool spool;
};

struct replica *replica_new(const struct replica_options *options, const atomic_bool *cancel)
{
	struct replica *replica = calloc(1, sizeof *replica);
	if (!replica)
		return NULL;
	replica->options = options;
	replica->cancel = cancel;
	spool_init(&replica->spool, options->directory, MEMORY_MAX);
	return replica;
}

void replica_free(struct replica *replica)
{
	if (!replica)
		return;
	spool_fini(&replica->spool);
	store_close(replica->store);
	free(replica);
}

static bool is_cancelled(void *context)
{
	const struct replica *replica = context;
	return atomic_load_explicit(replica->cancel, memory_order_acquire);
}

static enum fault replica_begin(void *context, struct err *err)
{
	struct replica *replica = context;
	(void)err;
	spool_clear(&replica->spool);
	return FAULT_NONE;
}

static enum fault replica_append(void *context, const void *data, size_t size, struct err *err)
{
	struct replica *replica = context;
	if (spool_append(&replica->spool, data, size, err))
		return err_wrap(err, "keeping a copy");
	return FAULT_NONE;
}

/* Opens a store of this reader's own, unless it is open. */
static enum fault open_store(struct replica *replica, struct store_wait *wait, struct err *err)
{
	const struct replica_options *options = replica->options;
	if (!replica->store && options->open(options->context, &replica->store, err))
		return err->fault;
	*wait = (struct store_wait){
		.store = replica->store,
		.stop = is_cancelled,
		.context = replica,
	};
	return FAULT_NONE;
}

/* Fetches and proves a file of a grid. */
static enum fault read_source(struct replica *replica, const struct cap *cap, struct err *err)
{
	const struct replica_options *options = replica->options;
	struct store_wait wait;
	if (open_store(replica, &wait, err))
		return err->fault;
	struct single single = {
		.tries = {
			.wait = &wait,
			.away = options->away,
		},
		.secret = options->secret,
		.begin = replica_begin,
		.write = replica_append,
		.context = replica,
	};
	enum fault fault = single_read(&single, cap, err);
	if (fault == FAULT_UNAVAILABLE)
		options->gave_up(options->context, err);
	return fault ? err_wrap(err, "reading its source") : FAULT_NONE;
}

enum fault replica_make(struct replica *replica, const struct task *task, const struct spool **copy,
			struct err *err)
{
	struct outcomes *sources = replica->options->sources;
	struct outcome slot = { 0 };
	struct cap cap;
	*copy = NULL;
	if (!sources)
		return FAULT_NONE;
	enum fault fault = outcomes_read(sources, task->id, 1, &slot, err);
	if (fault || slot.state == OUTCOME_NONE)
		return fault;
	if (slot.state != OUTCOME_PLANNED ||
	    !cap_unpack(slot.cap, slot.cap_size, slot.cap_kind, &cap) || !cap_is_file(&cap) ||
	    cap_is_verifier(&cap))
		return err_set(err, FAULT_CORRUPT,
			       "the slot that holds its source's cap is damaged");
	fault = read_source(replica, &cap, err);
	if (!fault)
		*copy = &replica->spool;
	cap_wipe(&cap);
	secret_wipe(&slot, sizeof slot);
	return fault;
}

enum fault replica_chunks(struct replica *replica, const struct cap *cap, uint64_t bytes,
			  struct chunked *chunked, struct err *err)
{
	const struct replica_options *options = replica->options;
	struct store_wait wait;
	*chunked = (struct chunked){ 0 };
	if (open_store(replica, &wait, err))
		return err->fault;
	const struct tries tries = { .wait = &wait, .away = options->away };
	enum fault fault = chunked_file_find(&tries, cap, bytes, chunked, err);
	if (fault == FAULT_UNAVAILABLE)
		options->gave_up(options->context, err);
	return fault && fault_is_general(fault) ? fault : FAULT_NONE;
}
