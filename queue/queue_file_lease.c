#include "queue/queue_file_state.h"

/*
 * Files are not read, nor memory allocated, under the lock, so a call of queue_lease goes in steps:
 *
 *     find_source   locked: chooses a source and takes what makes it this call's alone (tasks off
 *                   the heap, a reference, a token)
 *     from_...      unlocked: fills a hold with tasks
 *     enlist        locked: number, epoch, time; the hold is leased.  A token goes back
 */

/* Where the next segment comes from. */
enum source {
	SOURCE_NONE,    /* there will be none any more */
	SOURCE_WAITING, /* tasks given back that are due; `list` has them */
	SOURCE_EXPIRED, /* a segment whose lease ran out; `expired` is a reference to it */
	SOURCE_CURSOR,  /* the manifest; `reading` is taken */
	SOURCE_LEDGER,  /* ready directories; `naming` is taken */
};

struct lease_request {
	struct queue_file *file;
	enum segment_kind kind;
	struct waiting_task *list; /* linked by `sibling` */
	size_t count;              /* of the list */
	struct hold *expired;
	struct hold *hold; /* what the request comes to; NULL as yet */
};

/* Whether there can be no more tasks of that kind, now or later. */
static bool is_over(const struct queue_file *file, enum segment_kind kind) REQUIRES(file->lock)
{
	if (file->stopped)
		return true;
	if (!file->ended || file->reading)
		return false;
	if (kind == SEGMENT_DIRECTORIES)
		return file->ledger.open == 0;
	return !file->waiting[kind].first && file->unsettled[kind] == 0;
}

/* Takes what is due from the heap into the request. */
static bool take_due(struct queue_file *file, struct lease_request *request) REQUIRES(file->lock)
{
	uint64_t now_ms = clock_ms();
	while (request->count < SEGMENT_TASKS_MAX) {
		struct waiting_task *due = waiting_take(&file->waiting[request->kind], now_ms);
		if (!due)
			break;
		due->sibling = request->list;
		request->list = due;
		request->count++;
	}
	file->unsettled[request->kind] += request->count;
	return request->count > 0;
}

uint64_t queue_file_until_ms(const struct queue_file *file)
{
	const struct queue_file_options *options = &file->options;
	return options->clock_ms ? options->clock_ms() + options->lease_ms : UINT64_MAX;
}

/* The leased segment of `kind` that runs out first, or NULL when none ever does. */
static struct hold *first_to_expire(const struct queue_file *file, enum segment_kind kind)
	REQUIRES(file->lock)
{
	struct hold *first = NULL;
	for (struct hold *hold = file->leased; hold; hold = hold->newer)
		if (hold->segment.kind == kind && !hold->superseded && hold->open > 0 &&
		    hold->until_ms < (first ? first->until_ms : UINT64_MAX))
			first = hold;
	return first;
}

/* Takes a segment away from a lessee that has let its lease run out. */
static bool take_expired(struct queue_file *file, struct lease_request *request)
	REQUIRES(file->lock)
{
	struct hold *hold = first_to_expire(file, request->kind);
	if (!hold || hold->until_ms > file->options.clock_ms())
		return false;
	hold->superseded = true;
	hold_ref(hold);
	request->expired = hold;
	return true;
}

/* Takes the token at `*token` if it is free. */
static bool take_token(bool *token)
{
	bool taken = !*token;
	*token = true;
	return taken;
}

/* Sleeps until something changes, the next task is due, or the next lease runs out. */
static void sleep_on(struct queue_file *file, enum segment_kind kind) REQUIRES(file->lock)
{
	const struct waiting_task *next = file->waiting[kind].first;
	const struct hold *leased = first_to_expire(file, kind);
	uint64_t now_ms = clock_ms(), sleep_ms = UINT64_MAX;
	if (next)
		sleep_ms = next->due_ms > now_ms ? next->due_ms - now_ms : 0;
	if (leased) {
		now_ms = min_u64(file->options.clock_ms(), leased->until_ms);
		sleep_ms = min_u64(sleep_ms, leased->until_ms - now_ms);
	}
	if (sleep_ms == UINT64_MAX)
		cond_wait(&file->work, &file->lock);
	else if (sleep_ms > 0)
		cond_wait_ms(&file->work, &file->lock, (uint32_t)min_u64(sleep_ms, 60000));
}

/*
 * Waits until there is something to lease, or will never be again.  Tasks given back come first:
 * they have waited.  Reading the manifest and looking names up take long and are done by one lease
 * at a time, the others sleep or find another source:
 *
 *   transfers    given back and due -> run out -> the manifest, by who takes `reading`
 *   directories  given back and due -> run out -> the ledger's ready ones, by who takes `naming`
 */
static enum fault find_source(struct lease_request *request, enum source *source, struct err *err)
{
	struct queue_file *file = request->file;
	enum fault fault;
	mutex_lock(&file->lock);
	for (;;) {
		*source = SOURCE_NONE;
		fault = queue_file_broken(file, err);
		if (fault != FAULT_NONE || is_over(file, request->kind))
			break;
		*source = SOURCE_WAITING;
		if (take_due(file, request))
			break;
		*source = SOURCE_EXPIRED;
		if (take_expired(file, request))
			break;
		*source = SOURCE_CURSOR;
		if (request->kind == SEGMENT_TRANSFERS && !file->ended && !file->at_edge &&
		    take_token(&file->reading))
			break;
		*source = SOURCE_LEDGER;
		if (request->kind == SEGMENT_DIRECTORIES && file->ledger.ready > 0 &&
		    take_token(&file->naming))
			break;
		sleep_on(file, request->kind);
	}
	mutex_unlock(&file->lock);
	return fault;
}

static struct hold *make_hold(struct lease_request *request, size_t capacity, struct err *err)
{
	request->hold = hold_new(request->kind, capacity);
	if (!request->hold)
		err_set(err, FAULT_NOMEM, "out of memory");
	return request->hold;
}

/* Makes a hold known as leased: as a new segment, unless it has a number already. */
static void enlist(struct queue_file *file, struct hold *hold) REQUIRES(file->lock)
{
	if (hold->segment.number == 0)
		hold->segment.number = ++file->numbers;
	hold->segment.epoch++;
	hold->until_ms = queue_file_until_ms(file);
	hold->newer = file->leased;
	file->leased = hold;
}

/* A segment of tasks that were given back. */
static enum fault from_waiting(struct lease_request *request, struct err *err)
{
	struct queue_file *file = request->file;
	struct hold *hold = make_hold(request, request->count, err);
	enum fault fault = hold ? FAULT_NONE : FAULT_NOMEM;
	while (request->list) {
		struct waiting_task *waiting = request->list;
		request->list = waiting->sibling;
		if (fault == FAULT_NONE && !hold_add(hold, &waiting->task))
			fault = err_set(err, FAULT_NOMEM, "out of memory");
		waiting_free(waiting);
	}
	if (fault != FAULT_NONE)
		return fault;
	hold_seal(hold);
	mutex_lock(&file->lock);
	enlist(file, hold);
	mutex_unlock(&file->lock);
	return FAULT_NONE;
}

/* Leases what is left of a segment anew.  Its former lessee still has the old hold. */
static enum fault from_expired(struct lease_request *request, struct err *err)
{
	struct queue_file *file = request->file;
	struct hold *old = request->expired;
	struct hold *hold = make_hold(request, old->segment.count, err);
	enum fault fault = hold ? FAULT_NONE : FAULT_NOMEM;
	for (size_t i = 0; i < old->segment.count && fault == FAULT_NONE; i++)
		if (!old->ended[i] && !hold_add(hold, &old->segment.task[i]))
			fault = err_set(err, FAULT_NOMEM, "out of memory");
	if (fault == FAULT_NONE) {
		hold->segment.number = old->segment.number;
		hold->segment.epoch = old->segment.epoch;
		mutex_lock(&file->lock);
		enlist(file, hold);
		mutex_unlock(&file->lock);
	}
	hold_unref(old);
	return fault;
}

/* Gives a token back, and leases the hold if it has come to something. */
static void queue_file_lease_finish(struct lease_request *request, bool *token, bool fine)
{
	struct queue_file *file = request->file;
	struct hold *hold = request->hold; /* NULL: there was no memory for it */
	const bool leased = fine && hold->segment.count > 0;
	if (leased)
		hold_seal(hold);
	mutex_lock(&file->lock);
	*token = false;
	if (leased) {
		enlist(file, hold);
		file->unsettled[request->kind] += hold->segment.count;
	}
	cond_wake_all(&file->work);
	mutex_unlock(&file->lock);
	if (leased)
		return;
	request->hold = NULL;
	hold_unref(hold);
}

/* A segment read from the manifest. */
static enum fault from_cursor(struct lease_request *request, struct err *err) UNCHECKED
{
	enum fault fault = FAULT_NOMEM;
	if (make_hold(request, SEGMENT_TASKS_MAX, err))
		fault = queue_file_read(request->file, request->hold, err);
	queue_file_lease_finish(request, &request->file->reading, fault == FAULT_NONE);
	return fault;
}

static int by_id(const void *a, const void *b)
{
	uint64_t x = ((const struct ledger_directory *)a)->id;
	uint64_t y = ((const struct ledger_directory *)b)->id;
	return (x > y) - (x < y);
}

/* Finds a directory's name, and whether it was at the target. */
static enum fault add_directory(struct lease_request *request,
				const struct ledger_directory *directory, struct err *err)
{
	struct queue_file *file = request->file;
	struct task task;
	struct outcome outcome;
	enum fault fault = lookup_directory(file->lookup, directory->id,
					    (struct listing_id){ directory->listing }, &task, err);
	if (fault == FAULT_NONE)
		fault = outcomes_read(file->options.catalog->outcomes, directory->id, 1, &outcome,
				      err);
	if (fault != FAULT_NONE)
		return fault;
	task.existing = outcome_has_existing(&outcome);
	explicit_bzero(&outcome, sizeof outcome);
	if (!hold_add(request->hold, &task))
		return err_set(err, FAULT_NOMEM, "out of memory");
	return FAULT_NONE;
}

/* A segment of directories that are ready. */
static enum fault from_ledger(struct lease_request *request, struct err *err) UNCHECKED
{
	struct queue_file *file = request->file;
	struct ledger_directory directory[SEGMENT_TASKS_MAX];
	mutex_lock(&file->lock);
	size_t count = ledger_take(&file->ledger, directory, SEGMENT_TASKS_MAX);
	mutex_unlock(&file->lock);
	qsort(directory, count, sizeof directory[0], by_id); /* lookups are cheap in this order */
	enum fault fault = FAULT_NOMEM;
	if (make_hold(request, count, err))
		fault = FAULT_NONE;
	for (size_t i = 0; i < count && fault == FAULT_NONE; i++)
		fault = add_directory(request, &directory[i], err);
	queue_file_lease_finish(request, &file->naming, fault == FAULT_NONE);
	return fault;
}

enum fault queue_file_lease(struct queue *queue, enum segment_kind kind, struct segment **segment,
			    struct err *err)
{
	struct queue_file *file = (struct queue_file *)queue;
	struct lease_request request = { .file = file, .kind = kind };
	struct err own;
	enum source source = SOURCE_WAITING;
	enum fault fault = FAULT_NONE;
	while (fault == FAULT_NONE && !request.hold && source != SOURCE_NONE) {
		fault = find_source(&request, &source, &own);
		if (fault != FAULT_NONE || source == SOURCE_NONE)
			break;
		if (source == SOURCE_WAITING)
			fault = from_waiting(&request, &own);
		else if (source == SOURCE_EXPIRED)
			fault = from_expired(&request, &own);
		else if (source == SOURCE_CURSOR)
			fault = from_cursor(&request, &own);
		else
			fault = from_ledger(&request, &own);
	}
	if (fault == FAULT_NONE) {
		*segment = request.hold ? &request.hold->segment : NULL;
		return FAULT_NONE;
	}
	hold_unref(request.hold);
	queue_file_break(file, &own);
	if (err)
		*err = own;
	return own.fault;
}
