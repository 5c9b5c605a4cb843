#include "queue/core/workers.h"

#include "queue/core/thread.h"
#include "tests/unit/facts.h"

#include <stdatomic.h>
#include <unistd.h>

enum { WAKES = 20000, WAKERS = 3 };

/* A task that counts; threads only record what they see. */
struct counting {
	struct worker_task task; /* first */
	struct workers *workers;
	atomic_uint runs, inside, wanted, seen;
	atomic_bool twice; /* two threads ran it at the same time */
};

static bool count(struct worker_task *task)
{
	struct counting *counting = (struct counting *)task;
	if (atomic_fetch_add(&counting->inside, 1) > 0)
		atomic_store(&counting->twice, true);
	atomic_fetch_add(&counting->runs, 1);
	atomic_store(&counting->seen, atomic_load(&counting->wanted));
	atomic_fetch_sub(&counting->inside, 1);
	return true;
}

static void wake_often(void *context)
{
	struct counting *counting = context;
	for (unsigned i = 0; i < WAKES; i++) {
		atomic_fetch_add(&counting->wanted, 1);
		workers_wake(counting->workers, &counting->task);
	}
}

static void a_task_that_is_woken_runs_and_never_twice_at_once(void **state)
{
	(void)state;
	struct thread waker[WAKERS];
	struct counting counting = { .task = { .run = count }, .workers = workers_new("test", 4) };
	assert_non_null(counting.workers);
	for (size_t i = 0; i < WAKERS; i++)
		assert_true(thread_start(&waker[i], "waker", wake_often, &counting));
	for (size_t i = 0; i < WAKERS; i++)
		thread_join(&waker[i]);
	workers_free(counting.workers);
	assert_false(atomic_load(&counting.twice));
	/* The last wake of all was followed by a run. */
	assert_int_equal(atomic_load(&counting.seen), WAKERS * WAKES);
	assert_in_range(atomic_load(&counting.runs), 1, WAKERS * WAKES);
}

/* A task that keeps its thread until it is told. */
struct holding {
	struct worker_task task; /* first */
	atomic_bool holds, free;
	atomic_uint runs;
};

static bool hold(struct worker_task *task)
{
	struct holding *holding = (struct holding *)task;
	atomic_fetch_add(&holding->runs, 1);
	atomic_store(&holding->holds, true);
	while (!atomic_load(&holding->free))
		usleep(100);
	return true;
}

static void a_task_that_waits_keeps_one_thread(void **state)
{
	(void)state;
	struct holding holding = { .task = { .run = hold } };
	struct counting counting = { .task = { .run = count } };
	struct workers *workers = workers_new("test", 2);
	assert_non_null(workers);
	workers_wake(workers, &holding.task);
	while (!atomic_load(&holding.holds))
		usleep(100);
	workers_wake(workers, &counting.task);
	while (atomic_load(&counting.runs) == 0)
		usleep(100);
	atomic_store(&holding.free, true);
	workers_free(workers);
}

static void a_wake_meanwhile_is_followed_by_another_run(void **state)
{
	(void)state;
	struct holding holding = { .task = { .run = hold } };
	struct counting counting = { .task = { .run = count } };
	struct workers *workers = workers_new("test", 2);
	assert_non_null(workers);
	workers_wake(workers, &holding.task);
	while (!atomic_load(&holding.holds))
		usleep(100);
	workers_wake(workers, &holding.task);
	/* The other thread is free, and does not take what runs already. */
	workers_wake(workers, &counting.task);
	while (atomic_load(&counting.runs) == 0)
		usleep(100);
	assert_int_equal(atomic_load(&holding.runs), 1);
	atomic_store(&holding.free, true);
	workers_free(workers);
	assert_int_equal(atomic_load(&holding.runs), 2);
}

static void what_was_woken_before_the_end_still_runs(void **state)
{
	(void)state;
	struct holding holding = { .task = { .run = hold } };
	struct counting counting[3] = { 0 };
	struct workers *workers = workers_new("test", 1);
	assert_non_null(workers);
	workers_wake(workers, &holding.task);
	for (size_t i = 0; i < ARRAY_COUNT(counting); i++) {
		counting[i].task.run = count;
		workers_wake(workers, &counting[i].task);
	}
	atomic_store(&holding.free, true);
	workers_free(workers);
	for (size_t i = 0; i < ARRAY_COUNT(counting); i++)
		assert_int_equal(atomic_load(&counting[i].runs), 1);
}

static atomic_uint gone;

/* Frees itself, as the workers must not notice (the sanitizer does). */
static bool go(struct worker_task *task)
{
	free(task);
	atomic_fetch_add(&gone, 1);
	return false;
}

static void a_task_may_free_itself(void **state)
{
	(void)state;
	struct workers *workers = workers_new("test", 2);
	assert_non_null(workers);
	atomic_store(&gone, 0);
	for (size_t i = 0; i < 1000; i++) {
		struct worker_task *task = calloc(1, sizeof *task);
		assert_non_null(task);
		task->run = go;
		workers_wake(workers, task);
	}
	workers_free(workers);
	assert_int_equal(atomic_load(&gone), 1000);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(a_task_that_is_woken_runs_and_never_twice_at_once),
		cmocka_unit_test(a_task_that_waits_keeps_one_thread),
		cmocka_unit_test(a_wake_meanwhile_is_followed_by_another_run),
		cmocka_unit_test(what_was_woken_before_the_end_still_runs),
		cmocka_unit_test(a_task_may_free_itself),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
