#include "queue/core/gate.h"

#include "queue/core/thread.h"
#include "tests/unit/facts.h"

#include <sched.h>
#include <stdatomic.h>

enum { THREADS = 8, ROUNDS = 3000, TASKS = 5, BYTES = 1000 };

static atomic_uint inside;
static atomic_ullong bytes_inside;
static atomic_bool too_many, too_much, refused;

static uint64_t share(uint64_t bytes) { return min_u64(bytes, BYTES); }

static void pass_through(void *context)
{
	struct gate *gate = context;
	uint64_t random = (uint64_t)(uintptr_t)&random;
	for (int i = 0; i < ROUNDS; i++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		uint64_t bytes = (random >> 33) % (BYTES + BYTES / 4);
		if (!gate_enter(gate, bytes)) {
			atomic_store(&refused, true);
			return;
		}
		if (atomic_fetch_add(&inside, 1) >= TASKS)
			atomic_store(&too_many, true);
		if (atomic_fetch_add(&bytes_inside, share(bytes)) + share(bytes) > BYTES)
			atomic_store(&too_much, true);
		atomic_fetch_sub(&bytes_inside, share(bytes));
		atomic_fetch_sub(&inside, 1);
		gate_leave(gate, bytes);
	}
}

static void never_lets_in_more_than_there_is_room_for(void **state)
{
	(void)state;
	struct gate *gate = gate_new(TASKS, BYTES);
	struct thread thread[THREADS];
	for (int i = 0; i < THREADS; i++)
		assert_true(thread_start(&thread[i], "through", pass_through, gate));
	for (int i = 0; i < THREADS; i++)
		thread_join(&thread[i]);
	assert_false(atomic_load(&too_many));
	assert_false(atomic_load(&too_much));
	assert_false(atomic_load(&refused));
	gate_free(gate); /* asserts that it is empty */
}

struct visitor {
	struct gate *gate;
	uint64_t bytes;
	atomic_bool arriving, entered, refused;
};

static void visit(void *context)
{
	struct visitor *visitor = context;
	atomic_store(&visitor->arriving, true);
	bool entered = gate_enter(visitor->gate, visitor->bytes);
	atomic_store(entered ? &visitor->entered : &visitor->refused, true);
}

/* Beside it there is room for a task, but for no byte. */
static void a_body_larger_than_the_gate_enters_alone(void **state)
{
	(void)state;
	struct gate *gate = gate_new(3, 100);
	assert_true(gate_enter(gate, UINT64_MAX));
	assert_true(gate_enter(gate, 0));
	struct visitor byte = { .gate = gate, .bytes = 1 };
	struct thread thread;
	assert_true(thread_start(&thread, "byte", visit, &byte));
	while (!atomic_load(&byte.arriving))
		sched_yield();
	for (int i = 0; i < 1000; i++)
		sched_yield();
	assert_false(atomic_load(&byte.entered));
	gate_leave(gate, UINT64_MAX);
	thread_join(&thread);
	assert_true(atomic_load(&byte.entered));
	gate_leave(gate, 1);
	gate_leave(gate, 0);
	gate_free(gate);
}

/* A small body that would fit must not overtake the large one that came first: however the two
 * threads run, the small one can be inside only together with the large one, or before it came. */
static void small_bodies_do_not_starve_a_large_one(void **state)
{
	(void)state;
	struct gate *gate = gate_new(10, 100);
	assert_true(gate_enter(gate, 50));
	struct visitor large = { .gate = gate, .bytes = 100 };
	struct visitor small = { .gate = gate, .bytes = 10 };
	struct thread first, second;
	assert_true(thread_start(&first, "large", visit, &large));
	while (!atomic_load(&large.arriving))
		sched_yield();
	for (int i = 0; i < 1000; i++)
		sched_yield(); /* lets it take its ticket; if it has not, the test proves less */
	assert_true(thread_start(&second, "small", visit, &small));
	for (int i = 0; i < 1000; i++)
		sched_yield();
	assert_false(atomic_load(&large.entered));
	gate_leave(gate, 50);
	thread_join(&first);
	assert_true(atomic_load(&large.entered));
	gate_leave(gate, 100);
	thread_join(&second);
	assert_true(atomic_load(&small.entered));
	gate_leave(gate, 10);
	gate_free(gate);
}

static void tasks_without_bytes_are_counted_too(void **state)
{
	(void)state;
	struct gate *gate = gate_new(1, 100);
	assert_true(gate_enter(gate, 0));
	struct visitor second = { .gate = gate };
	struct thread thread;
	assert_true(thread_start(&thread, "second", visit, &second));
	while (!atomic_load(&second.arriving))
		sched_yield();
	for (int i = 0; i < 1000; i++)
		sched_yield();
	assert_false(atomic_load(&second.entered));
	gate_leave(gate, 0);
	thread_join(&thread);
	assert_true(atomic_load(&second.entered));
	gate_leave(gate, 0);
	gate_free(gate);
}

static void closing_wakes_and_refuses(void **state)
{
	(void)state;
	struct gate *gate = gate_new(1, 1);
	assert_true(gate_enter(gate, 1));
	struct visitor late[THREADS] = { 0 };
	struct thread thread[THREADS];
	for (int i = 0; i < THREADS; i++) {
		late[i].gate = gate;
		assert_true(thread_start(&thread[i], "late", visit, &late[i]));
	}
	gate_close(gate);
	gate_close(gate);
	for (int i = 0; i < THREADS; i++) {
		thread_join(&thread[i]);
		assert_true(atomic_load(&late[i].refused));
	}
	assert_false(gate_enter(gate, 0));
	gate_leave(gate, 1);
	gate_free(gate);
	gate_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(never_lets_in_more_than_there_is_room_for),
		cmocka_unit_test(a_body_larger_than_the_gate_enters_alone),
		cmocka_unit_test(small_bodies_do_not_starve_a_large_one),
		cmocka_unit_test(tasks_without_bytes_are_counted_too),
		cmocka_unit_test(closing_wakes_and_refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
