#include "chunk/chunk.h"
#include "chunk/each.h"

struct list_look {
	const struct chunk_run *run;
	const struct chunk_list *list;
};

static enum fault look(void *context, uint64_t index, struct err *err)
{
	const struct list_look *list_look = context;
	const struct chunk_operations *operations = list_look->run->operations;
	const struct chunk_key key = chunk_list_key(list_look->list, &list_look->run->key, index);
	switch (operations->present(operations->context, &key, err)) {
	case CHUNK_PRESENT:
		return FAULT_NONE;
	case CHUNK_ABSENT:
		return err_set(err, FAULT_NOT_FOUND, "it is not there");
	case CHUNK_UNKNOWN:
		break;
	}
	/* Whatever the reason is called, it is no absence. */
	if (err->fault == FAULT_NONE || err->fault == FAULT_NOT_FOUND)
		err->fault = FAULT_RETRY;
	return err->fault;
}

static enum chunk_presence look_at_list(const struct chunk_run *run, const struct chunk_list *list,
					struct err *err)
{
	struct list_look look_at = { .run = run, .list = list };
	const struct chunk_each each = {
		.one = look,
		.context = &look_at,
		.to = list->count,
		.width = run->width,
	};
	switch (chunk_each(&each, err)) {
	case FAULT_NONE:
		return CHUNK_PRESENT;
	case FAULT_NOT_FOUND:
		return CHUNK_ABSENT;
	default:
		return CHUNK_UNKNOWN;
	}
}

/* Notes chunks that nobody had logged.  They are there all the same where this fails. */
static void note(const struct chunk_run *run, struct chunk_log *log, const struct chunk_list *list)
{
	struct err ignored;
	if (!chunk_log_set(log, run->owner, list->size, list->count, run->now_ns, &ignored) &&
	    run->operations->write_log(run->operations->context, log, &ignored))
		return;
}

static enum chunk_presence look_at_lists(const struct chunk_run *run, struct chunk_log *log,
					 const struct chunk_lists *lists, struct err *err)
{
	const bool tried_whole = !chunk_cuts(&run->config, &run->key);
	enum chunk_presence found = CHUNK_ABSENT;
	for (size_t i = 0; i < lists->count; i++) {
		struct err next = { .fault = FAULT_NONE };
		if (tried_whole && lists->list[i].size == 0)
			continue;
		switch (look_at_list(run, &lists->list[i], &next)) {
		case CHUNK_PRESENT:
			if (lists->list[i].guessed)
				note(run, log, &lists->list[i]);
			return CHUNK_PRESENT;
		case CHUNK_UNKNOWN:
			*err = next;
			found = CHUNK_UNKNOWN;
			break;
		case CHUNK_ABSENT:
			break;
		}
	}
	return found;
}

enum chunk_presence chunk_present(const struct chunk_run *run, struct err *err)
{
	const struct chunk_list whole = { .size = 0, .count = 1 };
	const struct chunk_operations *operations = run->operations;
	enum chunk_presence found = CHUNK_ABSENT;
	struct chunk_log log = { .count = 0 };
	struct chunk_lists lists = { .count = 0 };
	struct err next = { .fault = FAULT_NONE };
	if (!chunk_cuts(&run->config, &run->key))
		found = look_at_list(run, &whole, err);
	if (found == CHUNK_PRESENT)
		return found;
	enum chunk_presence then = CHUNK_UNKNOWN;
	if (!operations->read_log(operations->context, &log, &next) &&
	    !chunk_lists_make(&run->config, &run->key, &log, run->owner, &lists, &next))
		then = look_at_lists(run, &log, &lists, &next);
	chunk_lists_fini(&lists);
	chunk_log_fini(&log);
	if (then == CHUNK_UNKNOWN && found != CHUNK_UNKNOWN)
		*err = next;
	return then == CHUNK_ABSENT ? found : then;
}

/* ---- removing ---- */

static enum fault remove_lists(const struct chunk_run *run, const struct chunk_lists *lists,
			       struct chunk_log *log, bool *logged, struct err *err)
{
	const struct chunk_operations *operations = run->operations;
	for (size_t i = 0; i < lists->count; i++) {
		for (uint64_t number = 0; number < lists->list[i].count; number++) {
			const struct chunk_key key =
				chunk_list_key(&lists->list[i], &run->key, number);
			if (operations->remove(operations->context, &key, err))
				return err->fault;
		}
	}
	for (size_t i = 0; i < lists->count; i++) {
		if (lists->list[i].size == 0 || lists->list[i].guessed)
			continue;
		*logged = true;
		if (chunk_log_set(log, run->owner, lists->list[i].size, 0, run->now_ns, err))
			return err->fault;
	}
	return FAULT_NONE;
}

enum fault chunk_remove(const struct chunk_run *run, struct err *err)
{
	const struct chunk_operations *operations = run->operations;
	struct chunk_log log = { .count = 0 };
	struct chunk_lists lists = { .count = 0 };
	bool logged = false;
	enum fault fault = operations->read_log(operations->context, &log, err);
	if (!fault)
		fault = chunk_lists_make(&run->config, &run->key, &log, run->owner, &lists, err);
	if (!fault)
		fault = remove_lists(run, &lists, &log, &logged, err);
	if (!fault && logged)
		fault = operations->write_log(operations->context, &log, err);
	chunk_lists_fini(&lists);
	chunk_log_fini(&log);
	return fault;
}
