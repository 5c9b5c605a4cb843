#include "serve/waits.h"

#include "queue/core/thread.h"

#include <microhttpd.h>

struct wait {
	struct MHD_Connection *connection;
	uint64_t due_ms; /* of clock_ms; UINT64_MAX: never */
};

struct waits {
	struct mutex lock;
	struct cond changed;
	struct thread thread;
	struct wait *list GUARDED;
	size_t count GUARDED, capacity GUARDED;
	bool ending GUARDED;
};

/* Takes a wait that is due out of the list; else stores in `left_ms` for how long none is. */
static bool take_due(struct waits *waits, struct wait *due, uint32_t *left_ms) REQUIRES(waits->lock)
{
	const uint64_t now = clock_ms();
	uint64_t next = UINT64_MAX;
	for (size_t i = 0; i < waits->count; i++) {
		if (waits->ending || waits->list[i].due_ms <= now) {
			*due = waits->list[i];
			waits->list[i] = waits->list[--waits->count];
			return true;
		}
		next = min_u64(next, waits->list[i].due_ms);
	}
	*left_ms = (uint32_t)min_u64(next - now, 1000000);
	return false;
}

/* The thread: wakes each connection when its time has come, at the end all of them. */
static void waits_main(void *context)
{
	struct waits *waits = context;
	struct wait due;
	uint32_t left_ms;
	mutex_lock(&waits->lock);
	for (;;) {
		if (take_due(waits, &due, &left_ms)) {
			mutex_unlock(&waits->lock);
			MHD_resume_connection(due.connection);
			mutex_lock(&waits->lock);
		} else if (waits->ending) {
			break;
		} else {
			(void)cond_wait_ms(&waits->changed, &waits->lock, left_ms);
		}
	}
	mutex_unlock(&waits->lock);
}

enum fault waits_new(struct waits **out, struct err *err)
{
	struct waits *waits = calloc(1, sizeof *waits);
	if (!waits)
		return err_set(err, FAULT_NOMEM, "out of memory for waiting connections");
	mutex_init(&waits->lock);
	cond_init(&waits->changed);
	if (!thread_start(&waits->thread, "waits", waits_main, waits)) {
		cond_fini(&waits->changed);
		mutex_fini(&waits->lock);
		free(waits);
		return err_set(err, FAULT_NOMEM, "no thread for waiting connections");
	}
	*out = waits;
	return FAULT_NONE;
}

static bool waits_add(struct waits *waits, struct wait wait) REQUIRES(waits->lock)
{
	if (waits->ending)
		return false;
	if (waits->count == waits->capacity) {
		const size_t capacity = waits->capacity ? waits->capacity * 2 : 16;
		struct wait *list = reallocarray(waits->list, capacity, sizeof *list);
		if (!list)
			return false;
		waits->list = list;
		waits->capacity = capacity;
	}
	waits->list[waits->count++] = wait;
	return true;
}

bool waits_suspend(struct waits *waits, struct MHD_Connection *connection, uint32_t timeout_ms)
{
	const bool never = timeout_ms == WAIT_FOR_EVER;
	const struct wait wait = {
		.connection = connection,
		.due_ms = never ? UINT64_MAX : clock_ms() + timeout_ms,
	};
	/* First suspended, then known to the thread: it never wakes one that is not asleep. */
	MHD_suspend_connection(connection);
	mutex_lock(&waits->lock);
	const bool added = waits_add(waits, wait);
	cond_wake_one(&waits->changed);
	mutex_unlock(&waits->lock);
	if (!added)
		MHD_resume_connection(connection);
	return added;
}

void waits_end(struct waits *waits)
{
	mutex_lock(&waits->lock);
	const bool first = !waits->ending;
	waits->ending = true;
	cond_wake_one(&waits->changed);
	mutex_unlock(&waits->lock);
	if (first)
		thread_join(&waits->thread);
}

void waits_free(struct waits *waits) UNCHECKED
{
	if (!waits)
		return;
	waits_end(waits);
	cond_fini(&waits->changed);
	mutex_fini(&waits->lock);
	free(waits->list);
	free(waits);
}
