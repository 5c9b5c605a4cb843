#include "queue/commit.h"

#include "queue/core/kill.h"
#include "queue/core/thread.h"

struct commit {
	struct commit_options options;
	struct thread thread;

	struct mutex lock;
	struct cond stock;                   /* wakes the thread: an item, or closing */
	struct cond plenty;                  /* wakes it from gathering: many, or closing */
	struct cond room;                    /* wakes commit_put: items were taken, or failed */
	struct commit_item *waiting GUARDED; /* COMMIT_WAITING of them */
	size_t waiting_count GUARDED;
	bool closing GUARDED;
	struct err broken GUARDED; /* the first failure; fault NONE while all is well */

	/* The rest belongs to the thread. */
	struct commit_item *writing; /* COMMIT_WAITING of them; swapped with `waiting` */
	size_t writing_count;
	struct commit_item *unsynced; /* COMMIT_UNSYNCED of them, written */
	size_t unsynced_count;
	uint64_t synced_ms; /* when the last sync had ended; 0 before the first */
	bool failed;
};

/* Keeps the first failure, which is final, and wakes those who wait for room. */
static void commit_fail(struct commit *commit, const struct err *err)
{
	commit->failed = true;
	mutex_lock(&commit->lock);
	commit->broken = *err;
	cond_wake_all(&commit->room);
	mutex_unlock(&commit->lock);
	commit->options.failed(commit->options.context, err);
}

/* Sleeps for an item.  Returns false when a sync is due before one comes. */
static bool wait_for_stock(struct commit *commit) REQUIRES(commit->lock)
{
	if (commit->unsynced_count == 0) {
		cond_wait(&commit->stock, &commit->lock);
		return true;
	}
	uint64_t waited_ms = clock_ms() - commit->synced_ms;
	return waited_ms < COMMIT_DELAY_MS &&
	       cond_wait_ms(&commit->stock, &commit->lock, (uint32_t)(COMMIT_DELAY_MS - waited_ms));
}

/*
 * Takes all that wait into `writing`; sleeps for one, but not when a sync is due.
 * Returns false when there will be none any more.
 */
static bool commit_take(struct commit *commit)
{
	mutex_lock(&commit->lock);
	bool in_time = true;
	while (commit->waiting_count == 0 && !commit->closing && in_time)
		in_time = wait_for_stock(commit);
	bool gathering = commit->waiting_count > 0;
	while (gathering && commit->waiting_count < COMMIT_GATHERED && !commit->closing)
		gathering = cond_wait_ms(&commit->plenty, &commit->lock, COMMIT_GATHER_MS);
	struct commit_item *taken = commit->waiting;
	commit->waiting = commit->writing;
	commit->writing = taken;
	commit->writing_count = commit->waiting_count;
	commit->waiting_count = 0;
	bool more = commit->writing_count > 0 || !commit->closing;
	cond_wake_all(&commit->room);
	mutex_unlock(&commit->lock);
	return more;
}

/* Writes the slots of a round; from the first failure on they are dropped. */
static void write_all(struct commit *commit)
{
	const struct commit_options *options = &commit->options;
	struct outcomes_batch batch = { .outcomes = options->outcomes };
	struct err err;
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < commit->writing_count && !commit->failed && !fault; i++)
		fault = outcomes_batch_add(&batch, &commit->writing[i].outcome, &err);
	if (!fault)
		fault = outcomes_batch_flush(&batch, &err);
	if (fault)
		commit_fail(commit, &err);
	size_t done = commit->failed ? 0 : commit->writing_count;
	if (done > 0) {
		KILL_POINT("slot-written");
		options->written(options->context, commit->writing, done);
		memcpy(commit->unsynced + commit->unsynced_count, commit->writing,
		       done * sizeof commit->writing[0]);
	}
	commit->unsynced_count += done;
	for (size_t i = done; i < commit->writing_count; i++)
		options->dropped(options->context, &commit->writing[i]);
}

/* Syncs what was written and tells the queue of each slot. */
static void sync_all(struct commit *commit)
{
	const struct commit_options *options = &commit->options;
	struct err err;
	if (!commit->failed && outcomes_sync(options->outcomes, &err) != FAULT_NONE)
		commit_fail(commit, &err);
	commit->synced_ms = clock_ms();
	if (!commit->failed)
		KILL_POINT("slot-synced");
	for (size_t i = 0; i < commit->unsynced_count; i++) {
		if (commit->failed)
			options->dropped(options->context, &commit->unsynced[i]);
		else
			options->durable(options->context, &commit->unsynced[i]);
	}
	if (!commit->failed)
		KILL_POINT("settled");
	commit->unsynced_count = 0;
}

/* An empty round means that the delay is over, or that this is the end. */
static bool sync_is_due(const struct commit *commit)
{
	if (commit->unsynced_count == 0)
		return false;
	return commit->writing_count == 0 || commit->failed ||
	       commit->unsynced_count > COMMIT_UNSYNCED - COMMIT_WAITING ||
	       clock_ms() - commit->synced_ms >= COMMIT_DELAY_MS;
}

/* The thread: a round of slots after the other, synced when that is due. */
static void commit_run(void *context)
{
	struct commit *commit = context;
	for (bool more = true; more;) {
		more = commit_take(commit);
		write_all(commit);
		if (sync_is_due(commit))
			sync_all(commit);
	}
}

/* Items hold capabilities, so their memory is wiped. */
static void free_items(struct commit_item *item, size_t count)
{
	if (item)
		explicit_bzero(item, count * sizeof item[0]);
	free(item);
}

static void commit_free(struct commit *commit) UNCHECKED
{
	free_items(commit->waiting, COMMIT_WAITING);
	free_items(commit->writing, COMMIT_WAITING);
	free_items(commit->unsynced, COMMIT_UNSYNCED);
	cond_fini(&commit->room);
	cond_fini(&commit->plenty);
	cond_fini(&commit->stock);
	mutex_fini(&commit->lock);
	free(commit);
}

enum fault commit_open(const struct commit_options *options, struct commit **commit,
		       struct err *err) UNCHECKED
{
	struct commit *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "out of memory");
	mutex_init(&made->lock);
	cond_init(&made->stock);
	cond_init(&made->plenty);
	cond_init(&made->room);
	made->options = *options;
	made->waiting = calloc(COMMIT_WAITING, sizeof made->waiting[0]);
	made->writing = calloc(COMMIT_WAITING, sizeof made->writing[0]);
	made->unsynced = calloc(COMMIT_UNSYNCED, sizeof made->unsynced[0]);
	if (made->waiting && made->writing && made->unsynced &&
	    thread_start(&made->thread, "commit", commit_run, made)) {
		*commit = made;
		return FAULT_NONE;
	}
	commit_free(made);
	return err_set(err, FAULT_NOMEM, "out of memory or threads");
}

enum fault commit_put(struct commit *commit, const struct commit_item *item, struct err *err)
{
	mutex_lock(&commit->lock);
	while (commit->waiting_count == COMMIT_WAITING && commit->broken.fault == FAULT_NONE)
		cond_wait(&commit->room, &commit->lock);
	struct err broken = commit->broken;
	if (broken.fault == FAULT_NONE) {
		commit->waiting[commit->waiting_count++] = *item;
		if (commit->waiting_count == 1)
			cond_wake_one(&commit->stock);
		if (commit->waiting_count == COMMIT_GATHERED)
			cond_wake_one(&commit->plenty);
	}
	mutex_unlock(&commit->lock);
	if (broken.fault == FAULT_NONE)
		return FAULT_NONE;
	commit->options.dropped(commit->options.context, item);
	if (err)
		*err = broken;
	return broken.fault;
}

enum fault commit_close(struct commit *commit, struct err *err)
{
	mutex_lock(&commit->lock);
	commit->closing = true;
	cond_wake_one(&commit->stock);
	cond_wake_one(&commit->plenty);
	mutex_unlock(&commit->lock);
	thread_join(&commit->thread);
	mutex_lock(&commit->lock);
	struct err broken = commit->broken;
	mutex_unlock(&commit->lock);
	commit_free(commit);
	if (broken.fault != FAULT_NONE && err)
		*err = broken;
	return broken.fault;
}
