#include "chunk/each.h"

#include "chunk/chunk.h"
#include "queue/core/thread.h"

struct running {
	const struct chunk_each *each;
	struct mutex lock;
	uint64_t next GUARDED;
	uint64_t failed GUARDED; /* the smallest number that did; UINT64_MAX: none */
	struct err err GUARDED;
};

static bool take(struct running *running, uint64_t *number)
{
	mutex_lock(&running->lock);
	bool more = running->next < running->each->to && running->failed == UINT64_MAX;
	if (more)
		*number = running->next++;
	mutex_unlock(&running->lock);
	return more;
}

static void run(void *context)
{
	struct running *running = context;
	for (uint64_t number; take(running, &number);) {
		struct err err = { .fault = FAULT_NONE };
		if (!running->each->one(running->each->context, number, &err))
			continue;
		mutex_lock(&running->lock);
		if (number < running->failed) {
			running->failed = number;
			running->err = err;
		}
		mutex_unlock(&running->lock);
	}
}

enum fault chunk_each(const struct chunk_each *each, struct err *err) UNCHECKED
{
	struct running running = { .each = each, .next = each->from, .failed = UINT64_MAX };
	struct thread thread[CHUNK_WIDTH_MAX];
	unsigned started = 0, wanted = (unsigned)min_u64(each->width, each->to - each->from);
	mutex_init(&running.lock);
	/* The caller's thread is one of them, so that there always is one. */
	while (started + 1 < wanted && started < CHUNK_WIDTH_MAX &&
	       thread_start(&thread[started], "chunk", run, &running))
		started++;
	run(&running);
	for (unsigned i = 0; i < started; i++)
		thread_join(&thread[i]);
	mutex_fini(&running.lock);
	if (running.failed == UINT64_MAX)
		return FAULT_NONE;
	*err = running.err;
	return err->fault;
}
