#include "queue/lease.h"

#include "queue/core/thread.h"
#include "queue/retry.h"
#include "queue/split.h"

struct lease {
	struct lease_options options;
	struct segment *segment;
	struct beat beat;
	uint64_t extend_ms; /* the heartbeat's: when to extend next */

	struct mutex lock;
	struct cond recorded;             /* wakes those whose turn to record, or room, may be */
	struct outcome *gathered GUARDED; /* `capacity` of them, in the order they came */
	size_t capacity GUARDED, count GUARDED;
	bool recording GUARDED;           /* somebody is, the first of what is gathered */
	bool watched GUARDED;             /* the heartbeat knows that something is gathered */
	bool lost GUARDED;                /* the queue took the segment back */
	struct task_return *rest GUARDED; /* one slot a task */
	size_t rest_count GUARDED;
	size_t left GUARDED; /* works not ended */

	struct work work[];
};

static void lease_free(struct lease *lease) UNCHECKED
{
	if (lease->gathered) /* outcomes hold capabilities */
		explicit_bzero(lease->gathered, lease->capacity * sizeof lease->gathered[0]);
	free(lease->gathered);
	free(lease->rest);
	cond_fini(&lease->recorded);
	mutex_fini(&lease->lock);
	free(lease);
}

/* ---- recording ---- */

/* Takes what the queue answered; without the lock.  Returns whether the lease is lost. */
static bool judge(struct lease *lease, enum fault fault, const struct err *err)
{
	if (fault != FAULT_NONE && fault != FAULT_CHANGED)
		lease->options.broken(lease->options.context, err);
	return fault == FAULT_CHANGED;
}

/*
 * Records what is gathered, unless the lease is lost.  One thread at a time, so that the order
 * stays: a chunk's outcome before its task's.  Others gather on behind what is being recorded.
 */
static void record_gathered(struct lease *lease) REQUIRES(lease->lock)
{
	while (lease->recording)
		cond_wait(&lease->recorded, &lease->lock);
	const struct outcome *gathered = lease->gathered;
	size_t count = lease->count;
	if (count == 0)
		return;
	bool lost = lease->lost;
	lease->recording = true;
	mutex_unlock(&lease->lock);
	struct err err;
	enum fault fault = FAULT_NONE;
	if (!lost)
		fault = queue_record(lease->options.queue, lease->segment, gathered, count, &err);
	lost = judge(lease, fault, &err);
	mutex_lock(&lease->lock);
	lease->lost |= lost;
	lease->recording = false;
	lease->count -= count;
	memmove(lease->gathered, lease->gathered + count, lease->count * sizeof lease->gathered[0]);
	cond_wake_all(&lease->recorded);
}

/* Keeps a copy, to be recorded soon. */
static void gather(struct lease *lease, const struct outcome *outcome) REQUIRES(lease->lock)
{
	while (lease->count == lease->capacity)
		record_gathered(lease);
	lease->gathered[lease->count++] = *outcome;
	if (lease->count == lease->capacity)
		record_gathered(lease);
}

/* Has the heartbeat record what is gathered, unless it knows already.  Without one nothing stays:
 * what is counted is being recorded by another thread. */
static void watch(struct lease *lease) REQUIRES(lease->lock)
{
	if (!lease->options.heartbeat || lease->count == 0 || lease->watched)
		return;
	lease->watched = true;
	heartbeat_hurry(lease->options.heartbeat, &lease->beat, clock_ms() + LEASE_GATHER_MS);
}

static uint64_t next_extension(const struct lease *lease)
{
	uint32_t lease_ms = queue_lease_ms(lease->options.queue);
	return lease_ms ? clock_ms() + lease_ms / 3 : UINT64_MAX;
}

/* What the heartbeat does for a lease.  Comes again soon while outcomes come, which spares waking
 * it for each batch. */
static uint64_t keep(void *context)
{
	struct lease *lease = context;
	bool lost = false;
	if (clock_ms() >= lease->extend_ms) {
		struct err err;
		enum fault fault = queue_extend(lease->options.queue, lease->segment, &err);
		lost = judge(lease, fault, &err);
		lease->extend_ms = lost ? UINT64_MAX : next_extension(lease);
	}
	mutex_lock(&lease->lock);
	lease->lost |= lost;
	bool active = lease->count > 0;
	lease->watched = active;
	record_gathered(lease);
	mutex_unlock(&lease->lock);
	return active ? clock_ms() + LEASE_GATHER_MS : lease->extend_ms;
}

/* ---- leasing ---- */

struct lease *lease_new(const struct lease_options *options, struct segment *segment) UNCHECKED
{
	struct lease *lease = calloc(1, sizeof *lease + segment->count * sizeof lease->work[0]);
	if (!lease)
		return NULL;
	mutex_init(&lease->lock);
	cond_init(&lease->recorded);
	lease->capacity = options->heartbeat ? (size_t)min_u64(segment->count, LEASE_BATCH) : 1;
	lease->gathered = calloc(lease->capacity, sizeof lease->gathered[0]);
	lease->rest = calloc(segment->count, sizeof *lease->rest);
	if (!lease->gathered || !lease->rest) {
		lease_free(lease);
		return NULL;
	}
	lease->options = *options;
	lease->segment = segment;
	lease->left = segment->count;
	for (size_t i = 0; i < segment->count; i++)
		lease->work[i] = (struct work){ &segment->task[i], lease, NULL };
	lease->extend_ms = next_extension(lease);
	lease->beat = (struct beat){ .call = keep, .context = lease };
	if (options->heartbeat)
		heartbeat_add(options->heartbeat, &lease->beat, lease->extend_ms);
	return lease;
}

struct work *lease_works(struct lease *lease) { return lease->work; }

/* Leases the next segment.  NULL: there is none, or `broken` has heard why. */
static struct lease *lease_next(const struct lease_options *options, enum segment_kind kind,
				size_t *count)
{
	struct segment *segment = NULL;
	struct err err;
	if (queue_lease(options->queue, kind, &segment, &err)) {
		options->broken(options->context, &err);
		return NULL;
	}
	if (!segment)
		return NULL;
	*count = segment->count;
	struct lease *lease = lease_new(options, segment);
	if (!lease) {
		err_set(&err, FAULT_NOMEM, "no memory for leased tasks");
		options->broken(options->context, &err);
	}
	return lease;
}

void lease_each(const struct lease_options *options, enum segment_kind kind, lease_take *take,
		void *context)
{
	struct lease *lease;
	size_t count = 0;
	while ((lease = lease_next(options, kind, &count))) {
		/* The lease ends with its last work. */
		struct work *work = lease_works(lease);
		for (size_t i = 0; i < count; i++)
			take(context, &work[i]);
	}
}

/* Gives the segment back; nobody else has the lease any more. */
static void end_lease(struct lease *lease) UNCHECKED
{
	struct err err;
	if (lease->options.heartbeat)
		heartbeat_remove(lease->options.heartbeat, &lease->beat);
	enum fault fault = queue_release(lease->options.queue, lease->segment, lease->rest,
					 lease->rest_count, &err);
	judge(lease, fault, &err);
	lease_free(lease);
}

/* ---- works ---- */

/* Counts a work that has ended.  Returns whether it was the last, and all is recorded. */
static bool end_one(struct lease *lease) REQUIRES(lease->lock)
{
	bool last = --lease->left == 0;
	if (last)
		record_gathered(lease);
	else
		watch(lease);
	return last;
}

void work_note(struct work *work, const struct outcome *outcome)
{
	struct lease *lease = work->lease;
	mutex_lock(&lease->lock);
	gather(lease, outcome);
	watch(lease);
	mutex_unlock(&lease->lock);
}

/* Tells why; of a lease that is lost, somebody else has that to tell. */
static void tell(struct work *work, const struct outcome *outcome, const struct err *err)
{
	struct lease *lease = work->lease;
	mutex_lock(&lease->lock);
	bool lost = lease->lost;
	mutex_unlock(&lease->lock);
	if (!lost)
		lease->options.reason(lease->options.context, work->task, outcome, err);
}

void work_settle(struct work *work, struct outcome *outcome, const struct err *err)
{
	struct lease *lease = work->lease;
	outcome->id = work->task->id;
	if (work->split) {
		split_settle(work, outcome, err);
		return;
	}
	if (outcome->state == OUTCOME_DONE && work->task->existing)
		outcome->level |= OUTCOME_EXISTED;
	if (err && lease->options.reason)
		tell(work, outcome, err);
	mutex_lock(&lease->lock);
	gather(lease, outcome);
	bool last = end_one(lease);
	mutex_unlock(&lease->lock);
	if (last)
		end_lease(lease);
}

static bool is_skip(uint8_t reason)
{
	return reason == REASON_VANISHED || reason == REASON_UNCHANGED || reason == REASON_PRESENT;
}

void work_fail(struct work *work, uint8_t reason, unsigned attempts, const struct err *err)
{
	struct outcome outcome = {
		.state = is_skip(reason) ? OUTCOME_SKIPPED : OUTCOME_FAILED,
		.reason = reason,
		.attempts = (uint8_t)min_u64(attempts, UINT8_MAX),
	};
	work_settle(work, &outcome, err);
}

void work_return(struct work *work, const struct retry_state *state, uint32_t delay_ms)
{
	struct lease *lease = work->lease;
	if (work->split) {
		split_give_back(work, state, delay_ms);
		return;
	}
	mutex_lock(&lease->lock);
	lease->rest[lease->rest_count++] = (struct task_return){
		.id = work->task->id,
		.retry_at_ms = clock_ms() + delay_ms,
		.trouble = state->trouble,
		.attempts = (uint8_t)min_u64(state->attempts, UINT8_MAX),
	};
	bool last = end_one(lease);
	mutex_unlock(&lease->lock);
	if (last)
		end_lease(lease);
}

void work_again(struct work *work, uint32_t delay_ms, unsigned attempts)
{
	const struct retry_state state = { .attempts = attempts, .trouble = work->task->trouble };
	work_return(work, &state, delay_ms);
}

/* Decides what becomes of a work whose try has failed; `state` then has that try too. */
static enum fate decide(const struct work *work, const struct err *err, struct retry_state *state,
			uint32_t *delay_ms)
{
	*state = (struct retry_state){
		.attempts = work->task->attempts,
		.trouble = work->task->trouble,
		.random = (work->task->id ^ clock_ms()) | 1,
	};
	return retry_decide(err, state, delay_ms);
}

bool work_is_over(const struct work *work, const struct err *err)
{
	struct retry_state state;
	uint32_t delay_ms;
	return decide(work, err, &state, &delay_ms) == FATE_FAILED;
}

void work_retry(struct work *work, uint8_t reason, const struct err *err)
{
	const struct lease_options *options = &work->lease->options;
	struct retry_state state;
	uint32_t delay_ms;
	enum fate fate = decide(work, err, &state, &delay_ms);
	if (fate == FATE_BROKEN)
		options->broken(options->context, err);
	if (fate == FATE_FAILED)
		work_fail(work, reason ? reason : reason_of(err), work->task->attempts + 1u, err);
	else
		work_return(work, &state, delay_ms);
}
