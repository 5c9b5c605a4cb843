#include "queue/core/ring.h"

#include "queue/core/thread.h"
#include "tests/unit/facts.h"

#include <stdatomic.h>
#include <unistd.h>

enum { CAPACITY = 3, ITEMS = 20000, PAIRS = 4 };

static int item[PAIRS * ITEMS];
static atomic_size_t pushed, delivered[PAIRS * ITEMS];
static atomic_bool closing, popped_early, order_broken, accepted_late;

/* Pushes ITEMS consecutive items, starting at `first`, counting each push that returned. */
struct push_job {
	struct ring *ring;
	size_t first;
};

/* Threads only record what they see: a failing assert jumps out of the test's own stack. */
static void push_all(void *context)
{
	const struct push_job *job = context;
	for (size_t i = 0; i < ITEMS; i++)
		if (ring_push(job->ring, &item[job->first + i]))
			atomic_fetch_add(&pushed, 1);
}

static void pop_all(void *context)
{
	size_t newest[PAIRS] = { 0 };
	for (int *p; (p = ring_pop(context));) {
		size_t at = (size_t)(p - item);
		atomic_fetch_add(&delivered[at], 1);
		if (at % ITEMS < newest[at / ITEMS])
			atomic_store(&order_broken, true);
		newest[at / ITEMS] = at % ITEMS;
	}
	if (!atomic_load(&closing))
		atomic_store(&popped_early, true);
}

static void push_refused(void *context)
{
	if (ring_push(context, &item[1]))
		atomic_store(&accepted_late, true);
}

static int forget(void **state)
{
	(void)state;
	atomic_store(&pushed, 0);
	for (size_t i = 0; i < PAIRS * ITEMS; i++)
		atomic_store(&delivered[i], 0);
	atomic_store(&closing, false);
	atomic_store(&popped_early, false);
	atomic_store(&order_broken, false);
	atomic_store(&accepted_late, false);
	return 0;
}

static void keeps_order_and_drains_after_close(void **state)
{
	(void)state;
	struct ring *ring = ring_new(CAPACITY);
	for (int i = 0; i < CAPACITY; i++)
		assert_true(ring_push(ring, &item[i]));
	ring_close(ring);
	ring_close(ring);
	assert_false(ring_push(ring, &item[CAPACITY]));
	for (int i = 0; i < CAPACITY; i++)
		assert_ptr_equal(ring_pop(ring), &item[i]);
	assert_null(ring_pop(ring));
	assert_null(ring_pop(ring));
	ring_free(ring);
	ring_free(NULL);
}

static void never_runs_ahead_of_its_capacity(void **state)
{
	(void)state;
	struct ring *ring = ring_new(CAPACITY);
	struct push_job job = { ring, 0 };
	struct thread pusher;
	assert_true(thread_start(&pusher, "pusher", push_all, &job));
	for (size_t popped = 0; popped < ITEMS; popped++) {
		assert_true(atomic_load(&pushed) <= popped + CAPACITY);
		assert_ptr_equal(ring_pop(ring), &item[popped]);
	}
	thread_join(&pusher);
	assert_int_equal(atomic_load(&pushed), ITEMS);
	ring_free(ring);
}

static void delivers_each_item_once_and_in_order_among_many_threads(void **state)
{
	(void)state;
	struct ring *ring = ring_new(CAPACITY);
	struct thread pusher[PAIRS], popper[PAIRS];
	struct push_job job[PAIRS];
	for (size_t i = 0; i < PAIRS; i++) {
		job[i] = (struct push_job){ ring, i * ITEMS };
		assert_true(thread_start(&pusher[i], "pusher", push_all, &job[i]));
		assert_true(thread_start(&popper[i], "popper", pop_all, ring));
	}
	for (size_t i = 0; i < PAIRS; i++)
		thread_join(&pusher[i]);
	atomic_store(&closing, true);
	ring_close(ring);
	for (size_t i = 0; i < PAIRS; i++)
		thread_join(&popper[i]);
	assert_false(atomic_load(&popped_early));
	assert_false(atomic_load(&order_broken));
	for (size_t i = 0; i < PAIRS * ITEMS; i++)
		assert_int_equal(delivered[i], 1);
	ring_free(ring);
}

static void push_one(void *context)
{
	if (ring_push(context, &item[0]))
		atomic_fetch_add(&pushed, 1);
}

/* Whether somebody who found the ring full is inside once one item has left. */
static bool gets_in_after_one(void)
{
	enum { MANY = 8 };
	struct ring *ring = ring_new(MANY);
	struct thread pusher;
	atomic_store(&pushed, 0);
	for (int i = 0; i < MANY; i++)
		assert_true(ring_push(ring, &item[i]));
	assert_true(thread_start(&pusher, "pusher", push_one, ring));
	usleep(10000);
	assert_ptr_equal(ring_pop(ring), &item[0]);
	usleep(10000);
	const bool inside = atomic_load(&pushed) == 1;
	assert_ptr_equal(ring_pop(ring), &item[1]);
	thread_join(&pusher);
	assert_int_equal(atomic_load(&pushed), 1);
	while (ring_try_pop(ring))
		;
	ring_free(ring);
	return inside;
}

static void a_pusher_sleeps_until_a_quarter_has_left(void **state)
{
	(void)state;
	int tries = 0;
	/* Where it was not asleep yet, it finds room; so one time of many says it. */
	while (gets_in_after_one())
		assert_true(++tries < 100);
}

static void trying_never_sleeps(void **state)
{
	(void)state;
	struct ring *ring = ring_new(1);
	assert_true(ring_try_push(ring, &item[0]));
	assert_false(ring_try_push(ring, &item[1]));
	assert_ptr_equal(ring_pop(ring), &item[0]);
	ring_close(ring);
	assert_false(ring_try_push(ring, &item[1]));
	ring_free(ring);
}

static void close_wakes_sleepers_on_both_sides(void **state)
{
	(void)state;
	struct ring *empty = ring_new(1), *full = ring_new(1);
	assert_true(ring_push(full, &item[0]));
	struct thread popper[2], pusher[2];
	for (int i = 0; i < 2; i++) {
		assert_true(thread_start(&popper[i], "popper", pop_all, empty));
		assert_true(thread_start(&pusher[i], "pusher", push_refused, full));
	}
	usleep(10000); /* likely asleep by now; the test is right, only weaker, if they are not */
	atomic_store(&closing, true);
	ring_close(empty);
	ring_close(full);
	for (int i = 0; i < 2; i++) {
		thread_join(&popper[i]);
		thread_join(&pusher[i]);
	}
	assert_false(atomic_load(&popped_early));
	assert_false(atomic_load(&accepted_late));
	assert_ptr_equal(ring_pop(full), &item[0]);
	ring_free(full);
	ring_free(empty);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test_setup(keeps_order_and_drains_after_close, forget),
		cmocka_unit_test_setup(never_runs_ahead_of_its_capacity, forget),
		cmocka_unit_test_setup(delivers_each_item_once_and_in_order_among_many_threads,
				       forget),
		cmocka_unit_test_setup(a_pusher_sleeps_until_a_quarter_has_left, forget),
		cmocka_unit_test_setup(trying_never_sleeps, forget),
		cmocka_unit_test_setup(close_wakes_sleepers_on_both_sides, forget),
	};
	alarm(60);
	return cmocka_run_group_tests(facts, NULL, NULL);
}
