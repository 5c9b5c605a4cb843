#include "chunk/chunk.h"
#include "chunk/each.h"
#include "queue/core/thread.h"

enum { WRITE_SIZE = 256 * 1024 }; /* much larger writes get page cache that is dear to make */

/*
 * Parts are read side by side and written one after the other:
 *
 *   reading into memory -> waiting for its turn -> writing -> the next one's turn
 *
 * Parts are begun in order, and no more of them than fit in memory: so the one whose turn it is, is
 * always being read.  Where one part alone fits, it is written as it comes.  Rooms are used again:
 * memory that is new costs more than reading into it.
 */

/* Memory for one part. */
struct room {
	struct room *next;
	unsigned char data[];
};

struct retrieving {
	const struct chunk_run *run;
	struct chunk_list list;
	unsigned width;
	struct mutex lock;
	struct cond turned;
	uint64_t turn GUARDED;   /* whose it is */
	uint64_t failed GUARDED; /* whoever is behind it has no turn any more; UINT64_MAX: nobody */
	struct room *rooms GUARDED; /* that nobody uses */
	uint64_t through;           /* bytes of the file; of whose turn it is */
	bool own;         /* the fault is of the file that is written: no other list helps */
	uint64_t settled; /* bytes of the file that were proven, and written; as `through` */
};

struct part_sink {
	struct retrieving *retrieving;
	uint64_t index;
	uint64_t size;     /* that have come */
	struct room *room; /* for those that wait; NULL: they are written as they come */
};

/* Stores a room for a part of the list.  NOMEM. */
static enum fault take_room(struct retrieving *retrieving, struct room **room, struct err *err)
{
	mutex_lock(&retrieving->lock);
	*room = retrieving->rooms;
	if (*room)
		retrieving->rooms = (*room)->next;
	mutex_unlock(&retrieving->lock);
	if (!*room)
		*room = malloc(sizeof **room + (size_t)retrieving->list.size);
	return *room ? FAULT_NONE : err_set(err, FAULT_NOMEM, "no memory for a chunk");
}

static void leave_room(struct retrieving *retrieving, struct room *room)
{
	mutex_lock(&retrieving->lock);
	room->next = retrieving->rooms;
	retrieving->rooms = room;
	mutex_unlock(&retrieving->lock);
}

static void free_rooms(struct room *room)
{
	while (room) {
		struct room *next = room->next;
		free(room);
		room = next;
	}
}

static enum fault write_bytes(struct retrieving *retrieving, const void *data, size_t size,
			      struct err *err)
{
	const struct chunk_operations *operations = retrieving->run->operations;
	if (operations->write(operations->context, retrieving->through, data, size, err)) {
		retrieving->own = true;
		return err->fault;
	}
	retrieving->through += size;
	if (operations->progress)
		operations->progress(operations->context, retrieving->through);
	return FAULT_NONE;
}

/* Begins the part anew: what came before is overwritten. */
static enum fault begin(void *context, uint64_t offset, struct err *err)
{
	struct part_sink *sink = context;
	(void)err;
	sink->size = 0;
	if (!sink->room)
		sink->retrieving->through = offset;
	return FAULT_NONE;
}

static enum fault take(void *context, const void *data, size_t size, struct err *err)
{
	struct part_sink *sink = context;
	const struct chunk_list *list = &sink->retrieving->list;
	if (list->size && size > list->size - sink->size)
		return err_wrong(err, "a chunk is larger than %llu bytes",
				 (unsigned long long)list->size);
	if (sink->room)
		memcpy(sink->room->data + sink->size, data, size);
	sink->size += size;
	return sink->room ? FAULT_NONE : write_bytes(sink->retrieving, data, size, err);
}

/* Whether so many bytes are what the part has to have.  The last one may be short, and how short is
 * known where the key tells the file's size. */
static enum fault check_size(const struct retrieving *retrieving, uint64_t index, uint64_t size,
			     struct err *err)
{
	const struct chunk_list *list = &retrieving->list;
	const struct chunk_key *key = &retrieving->run->key;
	bool last = index + 1 == list->count;
	uint64_t wanted = list->size;
	if (last && key->has_size && key->size >= index * list->size)
		wanted = min_u64(key->size - index * list->size, list->size);
	else if (last)
		wanted = size;
	return size == wanted ? FAULT_NONE
			      : err_wrong(err, "chunk %llu has %llu bytes, not %llu",
					  (unsigned long long)index + 1, (unsigned long long)size,
					  (unsigned long long)wanted);
}

/* Sleeps until it is the part's turn.  False: it never will be. */
static bool await_turn(struct retrieving *retrieving, uint64_t index)
{
	mutex_lock(&retrieving->lock);
	while (retrieving->turn != index && index < retrieving->failed)
		cond_wait(&retrieving->turned, &retrieving->lock);
	bool own = retrieving->turn == index;
	mutex_unlock(&retrieving->lock);
	return own;
}

static void end_turn(struct retrieving *retrieving, uint64_t index, bool well)
{
	mutex_lock(&retrieving->lock);
	if (well) {
		retrieving->turn = index + 1;
		retrieving->settled = retrieving->through;
	} else {
		retrieving->failed = min_u64(retrieving->failed, index);
	}
	cond_wake_all(&retrieving->turned);
	mutex_unlock(&retrieving->lock);
}

/* Reads a part into the room of its sink, or into the file, and proves it. */
static enum fault read_part(struct retrieving *retrieving, struct part_sink *sink, struct err *err)
{
	const struct chunk_run *run = retrieving->run;
	const struct chunk_list *list = &retrieving->list;
	const struct chunk_sink to = { begin, take, sink };
	const struct chunk_part part = {
		.key = chunk_list_key(list, &run->key, sink->index),
		.offset = sink->index * list->size,
		.size = UINT64_MAX,
	};
	enum fault fault = run->operations->retrieve(run->operations->context, &part, &to, err);
	return fault ? fault : check_size(retrieving, sink->index, sink->size, err);
}

static enum fault write_in_turn(struct retrieving *retrieving, const struct part_sink *sink,
				struct err *err)
{
	if (!await_turn(retrieving, sink->index))
		return err_set(err, FAULT_CANCELLED, "a part before it is missing");
	enum fault fault = FAULT_NONE;
	for (uint64_t at = 0; !fault && at < sink->size; at += WRITE_SIZE)
		fault = write_bytes(retrieving, sink->room->data + at,
				    (size_t)min_u64(sink->size - at, WRITE_SIZE), err);
	return fault;
}

static enum fault retrieve_chunk(void *context, uint64_t index, struct err *err)
{
	struct retrieving *retrieving = context;
	struct part_sink sink = { .retrieving = retrieving, .index = index };
	enum fault fault = FAULT_NONE;
	if (retrieving->width > 1)
		fault = take_room(retrieving, &sink.room, err);
	if (!fault)
		fault = read_part(retrieving, &sink, err);
	if (!fault && sink.room)
		fault = write_in_turn(retrieving, &sink, err);
	/* Whoever comes later than a part that failed need not wait; those before go on. */
	end_turn(retrieving, index, !fault);
	if (sink.room)
		leave_room(retrieving, sink.room);
	return fault;
}

/* Cuts the file behind its last byte. */
static enum fault finish(const struct retrieving *retrieving, struct err *err)
{
	const struct chunk_run *run = retrieving->run;
	uint64_t size = run->key.has_size ? run->key.size : retrieving->through;
	return run->operations->cut(run->operations->context, size, err);
}

static enum fault retrieve_whole(struct retrieving *retrieving, uint64_t have, struct err *err)
{
	const struct chunk_run *run = retrieving->run;
	struct part_sink sink = { .retrieving = retrieving };
	const struct chunk_sink to = { begin, take, &sink };
	const struct chunk_part part = { .key = run->key, .offset = have, .size = UINT64_MAX };
	retrieving->through = have;
	if (run->operations->retrieve(run->operations->context, &part, &to, err))
		return err->fault;
	if (run->key.has_size && run->key.chunk_size == 0 && retrieving->through != run->key.size)
		return err_wrong(err, "the object has %llu bytes, not %llu",
				 (unsigned long long)retrieving->through,
				 (unsigned long long)run->key.size);
	return run->operations->cut(run->operations->context, retrieving->through, err);
}

/* What trying a list has told. */
struct tried {
	bool own;         /* its fault is of the file here */
	uint64_t settled; /* bytes that were proven and written, of whatever list */
};

static enum fault retrieve_chunks(struct retrieving *retrieving, uint64_t have, struct err *err)
{
	const struct chunk_run *run = retrieving->run;
	const struct chunk_list *list = &retrieving->list;
	const uint64_t whole = min_u64(have / list->size, list->count);
	const uint64_t room = max_u64(run->memory / list->size, 1);
	retrieving->width = (unsigned)min_u64(room, run->width);
	retrieving->through = retrieving->settled = whole * list->size;
	const struct chunk_each each = {
		.one = retrieve_chunk,
		.context = retrieving,
		.from = whole,
		.to = list->count,
		.width = retrieving->width,
	};
	mutex_lock(&retrieving->lock);
	retrieving->turn = whole;
	mutex_unlock(&retrieving->lock);
	enum fault fault = chunk_each(&each, err);
	return fault ? fault : finish(retrieving, err);
}

static enum fault retrieve_list(const struct chunk_run *run, const struct chunk_list *list,
				struct tried *tried, struct err *err) UNCHECKED
{
	struct retrieving retrieving = { .run = run, .list = *list, .failed = UINT64_MAX };
	uint64_t have;
	tried->own = true;
	if (run->operations->have(run->operations->context, list, &have, err))
		return err->fault;
	have = max_u64(have, tried->settled);
	mutex_init(&retrieving.lock);
	cond_init(&retrieving.turned);
	enum fault fault = list->size == 0 ? retrieve_whole(&retrieving, have, err)
					   : retrieve_chunks(&retrieving, have, err);
	tried->own = retrieving.own;
	tried->settled = max_u64(tried->settled, retrieving.settled);
	free_rooms(retrieving.rooms);
	cond_fini(&retrieving.turned);
	mutex_fini(&retrieving.lock);
	return fault;
}

/* Whether another list may help after this fault. */
static bool goes_on(enum fault fault, bool own)
{
	return fault && !own && fault != FAULT_CANCELLED && fault != FAULT_NOMEM;
}

static enum fault retrieve_lists(const struct chunk_run *run, const struct chunk_lists *lists,
				 struct tried *tried, struct err *err)
{
	struct err first = *err, next;
	const bool tried_whole = !chunk_cuts(&run->config, &run->key);
	bool any = tried_whole;
	for (size_t i = 0; i < lists->count; i++) {
		if (tried_whole && lists->list[i].size == 0)
			continue;
		next = (struct err){ .fault = FAULT_NONE };
		enum fault fault = retrieve_list(run, &lists->list[i], tried, &next);
		if (!goes_on(fault, tried->own)) {
			*err = next;
			return next.fault;
		}
		/* That the most likely one is not there says less than what is wrong with one that
		 * is. */
		if (!any || first.fault == FAULT_NOT_FOUND)
			first = next;
		any = true;
	}
	*err = first;
	return any ? first.fault
		   : err_set(err, FAULT_NOT_FOUND,
			     "unable to determine the chunks to use for this remote");
}

enum fault chunk_retrieve(const struct chunk_run *run, struct err *err)
{
	const struct chunk_list whole = { .size = 0, .count = 1 };
	const bool cuts = chunk_cuts(&run->config, &run->key);
	struct chunk_log log = { .count = 0 };
	struct chunk_lists lists = { .count = 0 };
	struct tried tried = { .own = false };
	struct err log_err;
	/* A log that most likely does not exist is not asked for. */
	if (!cuts) {
		enum fault fault = retrieve_list(run, &whole, &tried, err);
		if (!goes_on(fault, tried.own))
			return fault;
	}
	enum fault fault = run->operations->read_log(run->operations->context, &log, &log_err);
	if (!fault)
		fault = chunk_lists_make(&run->config, &run->key, &log, run->owner, &lists,
					 &log_err);
	if (fault)
		*err = log_err;
	else
		fault = retrieve_lists(run, &lists, &tried, err);
	chunk_lists_fini(&lists);
	chunk_log_fini(&log);
	return fault;
}
