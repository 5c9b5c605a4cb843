#include "queue/heartbeat.h"

#include "queue/core/thread.h"
#include "tests/unit/facts.h"

/* Somebody who is called, and may be made to stay in the call. */
struct called {
	struct beat beat;
	struct heartbeat *heartbeat;
	struct mutex lock;
	struct cond change;
	unsigned calls;
	bool inside, stay;
	uint64_t every_ms; /* 0: not again */
	uint64_t called_ms;
};

static uint64_t on_beat(void *context)
{
	struct called *called = context;
	mutex_lock(&called->lock);
	called->calls++;
	called->called_ms = clock_ms();
	called->inside = true;
	cond_wake_all(&called->change);
	while (called->stay)
		cond_wait(&called->change, &called->lock);
	called->inside = false;
	uint64_t next_ms = called->every_ms ? clock_ms() + called->every_ms : UINT64_MAX;
	mutex_unlock(&called->lock);
	return next_ms;
}

static void add(struct called *called, struct heartbeat *heartbeat, uint64_t due_ms)
{
	*called = (struct called){ .heartbeat = heartbeat,
				   .beat = { .call = on_beat, .context = called } };
	mutex_init(&called->lock);
	cond_init(&called->change);
	heartbeat_add(heartbeat, &called->beat, due_ms);
}

static void drop(struct called *called)
{
	heartbeat_remove(called->heartbeat, &called->beat);
	cond_fini(&called->change);
	mutex_fini(&called->lock);
}

static void await(struct called *called, unsigned calls)
{
	mutex_lock(&called->lock);
	while (called->calls < calls)
		cond_wait(&called->change, &called->lock);
	mutex_unlock(&called->lock);
}

static void let_go(struct called *called)
{
	mutex_lock(&called->lock);
	called->stay = false;
	cond_wake_all(&called->change);
	mutex_unlock(&called->lock);
}

static struct heartbeat *start(void)
{
	struct heartbeat *heartbeat = NULL;
	assert_int_equal(heartbeat_start(&heartbeat, NULL), FAULT_NONE);
	return heartbeat;
}

static void each_is_called_at_its_time(void **state)
{
	(void)state;
	struct heartbeat *heartbeat = start();
	struct called never, late, soon;
	uint64_t begun_ms = clock_ms();
	add(&never, heartbeat, UINT64_MAX);
	add(&late, heartbeat, begun_ms + 60);
	add(&soon, heartbeat, begun_ms + 20);
	await(&late, 1);
	assert_true(late.called_ms >= begun_ms + 60);
	assert_true(soon.called_ms >= begun_ms + 20 && soon.called_ms <= late.called_ms);
	drop(&never);
	drop(&late);
	drop(&soon);
	assert_int_equal(never.calls, 0);
	assert_int_equal(late.calls, 1);
	assert_int_equal(soon.calls, 1);
	heartbeat_stop(heartbeat);
}

static void who_asks_for_it_is_called_again(void **state)
{
	(void)state;
	struct heartbeat *heartbeat = start();
	struct called called;
	uint64_t begun_ms = clock_ms();
	add(&called, heartbeat, UINT64_MAX);
	mutex_lock(&called.lock);
	called.every_ms = 10;
	mutex_unlock(&called.lock);
	heartbeat_hurry(heartbeat, &called.beat, begun_ms);
	await(&called, 4);
	drop(&called);
	assert_true(called.called_ms - begun_ms >= 30);
	heartbeat_stop(heartbeat);
}

static void who_is_hurried_is_called_before_its_time(void **state)
{
	(void)state;
	struct heartbeat *heartbeat = start();
	struct called called;
	add(&called, heartbeat, clock_ms() + 3600000);
	heartbeat_hurry(heartbeat, &called.beat, clock_ms() + 5);
	heartbeat_hurry(heartbeat, &called.beat, clock_ms() + 3600000); /* puts nothing off */
	await(&called, 1);
	drop(&called);
	heartbeat_stop(heartbeat);
}

static void hurry_during_a_call_is_not_forgotten(void **state)
{
	(void)state;
	struct heartbeat *heartbeat = start();
	struct called called;
	add(&called, heartbeat, UINT64_MAX);
	mutex_lock(&called.lock);
	called.stay = true;
	mutex_unlock(&called.lock);
	heartbeat_hurry(heartbeat, &called.beat, 0);
	await(&called, 1);
	heartbeat_hurry(heartbeat, &called.beat, 0);
	let_go(&called);
	await(&called, 2);
	drop(&called);
	heartbeat_stop(heartbeat);
}

static void remove_it(void *context)
{
	struct called *called = context;
	heartbeat_remove(called->heartbeat, &called->beat);
	mutex_lock(&called->lock);
	called->calls += called->inside ? 1000 : 0; /* left while it was being called */
	mutex_unlock(&called->lock);
}

static void nobody_leaves_while_being_called(void **state)
{
	(void)state;
	struct heartbeat *heartbeat = start();
	struct called called;
	struct thread thread;
	add(&called, heartbeat, UINT64_MAX);
	mutex_lock(&called.lock);
	called.stay = true;
	mutex_unlock(&called.lock);
	heartbeat_hurry(heartbeat, &called.beat, 0);
	await(&called, 1);
	assert_true(thread_start(&thread, "remover", remove_it, &called));
	mutex_lock(&called.lock);
	cond_wait_ms(&called.change, &called.lock, 20); /* gives the remover its chance to err */
	mutex_unlock(&called.lock);
	let_go(&called);
	thread_join(&thread);
	assert_int_equal(called.calls, 1);
	cond_fini(&called.change);
	mutex_fini(&called.lock);
	heartbeat_stop(heartbeat);
	heartbeat_stop(NULL);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(each_is_called_at_its_time),
		cmocka_unit_test(who_asks_for_it_is_called_again),
		cmocka_unit_test(who_is_hurried_is_called_before_its_time),
		cmocka_unit_test(hurry_during_a_call_is_not_forgotten),
		cmocka_unit_test(nobody_leaves_while_being_called),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
