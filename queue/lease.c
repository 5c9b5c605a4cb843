#include "queue/lease.h"

#include "queue/core/thread.h"

#include <stdatomic.h>

struct lease {
	struct lease_options options;
	struct segment *segment;
	struct task_return *rest; /* one slot a task; `rest_count` of them used */
	atomic_size_t rest_count;
	atomic_size_t left; /* works not ended */
	struct work work[];
};

struct lease *lease_new(const struct lease_options *options, struct segment *segment)
{
	struct lease *lease = calloc(1, sizeof *lease + segment->count * sizeof lease->work[0]);
	if (!lease)
		return NULL;
	lease->rest = calloc(segment->count, sizeof *lease->rest);
	if (!lease->rest) {
		free(lease);
		return NULL;
	}
	lease->options = *options;
	lease->segment = segment;
	atomic_init(&lease->left, segment->count);
	for (size_t i = 0; i < segment->count; i++)
		lease->work[i] = (struct work){ &segment->task[i], lease };
	return lease;
}

struct work *lease_works(struct lease *lease) { return lease->work; }

static void broken(struct lease *lease, const struct err *err)
{
	lease->options.broken(lease->options.context, err);
}

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

static void end_one(struct lease *lease)
{
	if (atomic_fetch_sub_explicit(&lease->left, 1, memory_order_acq_rel) != 1)
		return;
	struct err err;
	size_t count = atomic_load(&lease->rest_count);
	if (queue_release(lease->options.queue, lease->segment, lease->rest, count, &err))
		broken(lease, &err);
	free(lease->rest);
	free(lease);
}

void work_note(struct work *work, const struct outcome *outcome)
{
	struct lease *lease = work->lease;
	struct err trouble;
	if (queue_record(lease->options.queue, lease->segment, outcome, 1, &trouble))
		broken(lease, &trouble);
}

void work_settle(struct work *work, struct outcome *outcome, const struct err *err)
{
	struct lease *lease = work->lease;
	outcome->id = work->task->id;
	if (outcome->state == OUTCOME_DONE && work->task->existing)
		outcome->level |= OUTCOME_EXISTED;
	if (err && lease->options.reason)
		lease->options.reason(lease->options.context, work->task, outcome, err);
	struct err trouble;
	if (queue_record(lease->options.queue, lease->segment, outcome, 1, &trouble))
		broken(lease, &trouble);
	end_one(lease);
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

void work_again(struct work *work, uint32_t delay_ms, unsigned attempts)
{
	struct lease *lease = work->lease;
	size_t slot = atomic_fetch_add(&lease->rest_count, 1);
	lease->rest[slot] = (struct task_return){
		.id = work->task->id,
		.retry_at_ms = clock_ms() + delay_ms,
		.attempts = (uint8_t)min_u64(attempts, UINT8_MAX),
	};
	end_one(lease);
}
