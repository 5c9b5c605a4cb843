#include "chunk/chunk.h"
#include "chunk/each.h"
#include "queue/core/thread.h"

enum { CHUNKS_MAX = 1 << 24 };

struct storing {
	const struct chunk_run *run;
	uint64_t size; /* of the file */
	struct chunk_list list;
	bool *there; /* for each chunk */
	struct mutex lock;
	uint64_t through GUARDED; /* bytes */
};

static struct chunk_part part_of(const struct storing *storing, uint64_t index)
{
	const uint64_t offset = index * storing->list.size;
	return (struct chunk_part){
		.key = chunk_list_key(&storing->list, &storing->run->key, index),
		.offset = offset,
		.size = min_u64(storing->list.size, storing->size - offset),
	};
}

static void advance(struct storing *storing, uint64_t size)
{
	const struct chunk_operations *operations = storing->run->operations;
	mutex_lock(&storing->lock);
	storing->through += size;
	/* Under the lock, so that what is heard never goes back. */
	if (operations->progress)
		operations->progress(operations->context, storing->through);
	mutex_unlock(&storing->lock);
}

/* Whoever cannot be asked has to be stored to, which is harmless where it is there already. */
static enum fault look(void *context, uint64_t index, struct err *err)
{
	struct storing *storing = context;
	const struct chunk_operations *operations = storing->run->operations;
	const struct chunk_part part = part_of(storing, index);
	storing->there[index] =
		operations->present(operations->context, &part.key, err) == CHUNK_PRESENT;
	if (storing->there[index])
		advance(storing, part.size);
	return FAULT_NONE;
}

/* Finds the first chunk that is not there; what is behind it counts as missing. */
static void look_in_order(struct storing *storing)
{
	struct err err;
	for (uint64_t i = 0; i < storing->list.count; i++)
		if (look(storing, i, &err) || !storing->there[i])
			return;
}

static enum fault store(void *context, uint64_t index, struct err *err)
{
	struct storing *storing = context;
	const struct chunk_operations *operations = storing->run->operations;
	const struct chunk_part part = part_of(storing, index);
	if (storing->there[index])
		return FAULT_NONE;
	if (operations->store(operations->context, &part, err))
		return err->fault;
	advance(storing, part.size);
	return FAULT_NONE;
}

static enum fault write_log(const struct storing *storing, struct err *err)
{
	const struct chunk_run *run = storing->run;
	const struct chunk_operations *operations = run->operations;
	struct chunk_log log = { .count = 0 };
	enum fault fault = operations->read_log(operations->context, &log, err);
	if (!fault)
		fault = chunk_log_set(&log, run->owner, storing->list.size, storing->list.count,
				      run->now_ns, err);
	if (!fault)
		fault = operations->write_log(operations->context, &log, err);
	chunk_log_fini(&log);
	return fault;
}

static enum fault store_chunks(struct storing *storing, struct err *err)
{
	const struct chunk_run *run = storing->run;
	struct chunk_each each = {
		.one = look,
		.context = storing,
		.to = storing->list.count,
		.width = run->serial ? 1 : run->width,
	};
	enum fault fault = FAULT_NONE;
	/* One chunk alone is not asked for: if it were there, nobody would store it. */
	if (storing->list.count > 1 && run->serial)
		look_in_order(storing);
	else if (storing->list.count > 1)
		fault = chunk_each(&each, err);
	each.one = store;
	if (!fault)
		fault = chunk_each(&each, err);
	return fault ? fault : write_log(storing, err);
}

enum fault chunk_store(const struct chunk_run *run, uint64_t size, struct err *err)
{
	const struct chunk_operations *operations = run->operations;
	if (!chunk_cuts(&run->config, &run->key)) {
		const struct chunk_part whole = { .key = run->key, .size = size };
		enum fault fault = operations->store(operations->context, &whole, err);
		if (!fault && operations->progress)
			operations->progress(operations->context, size);
		return fault;
	}
	struct storing storing = {
		.run = run,
		.size = size,
		.list = { .size = run->config.size, .count = chunk_count(size, run->config.size) },
	};
	if (storing.list.count > CHUNKS_MAX)
		return err_set(err, FAULT_USAGE,
			       "%llu chunks are too many for one file; choose larger ones",
			       (unsigned long long)storing.list.count);
	storing.there = calloc(storing.list.count, sizeof *storing.there);
	if (!storing.there)
		return err_set(err, FAULT_NOMEM, "no memory for chunks");
	mutex_init(&storing.lock);
	enum fault fault = store_chunks(&storing, err);
	mutex_fini(&storing.lock);
	free(storing.there);
	return fault;
}
