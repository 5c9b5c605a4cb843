#include "queue/lease.h"

#include "queue/thread.h"

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

void work_settle(struct work *work, struct outcome *outcome, const struct err *err)
{
	struct lease *lease = work->lease;
	outcome->id = work->task->id;
	if (err && lease->options.reason)
		lease->options.reason(lease->options.context, work->task, outcome, err);
	struct err trouble;
	if (queue_record(lease->options.queue, lease->segment, outcome, 1, &trouble))
		broken(lease, &trouble);
	end_one(lease);
}

void work_fail(struct work *work, uint8_t reason, unsigned attempts, const struct err *err)
{
	struct outcome outcome = {
		.state = reason == REASON_VANISHED ? OUTCOME_SKIPPED : OUTCOME_FAILED,
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
