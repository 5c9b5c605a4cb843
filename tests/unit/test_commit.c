#include "queue/commit.h"

#include "queue/core/thread.h"
#include "queue/file/outcomes.h"
#include "tests/unit/facts.h"
#include "tests/unit/scratch.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

static const unsigned char job[16] = "the job of test";

static atomic_int sync_errno;
static atomic_size_t written, synced, syncs; /* items */

/* Stands in the way of the C library's: counts what is durable, and fails on demand. */
int fdatasync(int fd)
{
	errno = atomic_load(&sync_errno);
	if (errno)
		return -1;
	size_t covered = atomic_load(&written);
	int rc = (int)syscall(SYS_fdatasync, fd);
	atomic_store(&synced, covered);
	atomic_fetch_add(&syncs, 1);
	return rc;
}

/* What the callbacks saw; they run in one thread but for `dropped`. */
static struct {
	uint64_t durable;
	atomic_size_t dropped;
	atomic_int failed;
	bool early, disordered;
} seen;

static void count_written(void *context, const struct commit_item *item, size_t count)
{
	(void)context;
	(void)item;
	atomic_fetch_add(&written, count);
}

static void count_durable(void *context, const struct commit_item *item)
{
	(void)context;
	if (item->outcome.length != seen.durable)
		seen.disordered = true;
	if (++seen.durable > atomic_load(&synced))
		seen.early = true;
}

static void count_dropped(void *context, const struct commit_item *item)
{
	(void)context;
	(void)item;
	atomic_fetch_add(&seen.dropped, 1);
}

static void count_failed(void *context, const struct err *err)
{
	(void)context;
	atomic_fetch_add(&seen.failed, err->fault == FAULT_IO ? 1 : 100);
}

static struct outcomes *outcomes;

static struct commit *start(void)
{
	memset(&seen, 0, sizeof seen);
	const char *path = scratch_path("outcomes");
	unlink(path);
	assert_int_equal(outcomes_create(path, job, NULL, 0, &outcomes, NULL), FAULT_NONE);
	atomic_store(&written, 0);
	atomic_store(&synced, 0);
	atomic_store(&syncs, 0);
	struct commit_options options = { .outcomes = outcomes,
					  .written = count_written,
					  .durable = count_durable,
					  .dropped = count_dropped,
					  .failed = count_failed };
	struct commit *commit = NULL;
	assert_int_equal(commit_open(&options, &commit, NULL), FAULT_NONE);
	return commit;
}

static enum fault put(struct commit *commit, uint64_t number)
{
	struct commit_item item = {
		.outcome = { .id = number % 5000, .state = OUTCOME_DONE, .length = number }
	};
	return commit_put(commit, &item, NULL);
}

enum { ITEMS = 20000 };

static void items_are_durable_in_order_and_not_before_their_sync(void **state)
{
	(void)state;
	struct commit *commit = start();
	for (uint64_t i = 0; i < ITEMS; i++)
		assert_int_equal(put(commit, i), FAULT_NONE);
	assert_int_equal(commit_close(commit, NULL), FAULT_NONE);
	assert_int_equal(seen.durable, ITEMS);
	assert_false(seen.early);
	assert_false(seen.disordered);
	assert_int_equal(atomic_load(&seen.dropped), 0);
	assert_true(atomic_load(&syncs) <= ITEMS);
	struct outcome outcome;
	assert_int_equal(outcomes_read(outcomes, 4999, 1, &outcome, NULL), FAULT_NONE);
	assert_int_equal(outcome.length, ITEMS - 1);
	outcomes_close(outcomes);
}

static void closing_without_items_is_fine(void **state)
{
	(void)state;
	assert_int_equal(commit_close(start(), NULL), FAULT_NONE);
	assert_int_equal(atomic_load(&syncs), 0);
	outcomes_close(outcomes);
}

static void after_a_failed_sync_everything_is_dropped(void **state)
{
	(void)state;
	struct commit *commit = start();
	size_t puts = 0;
	atomic_store(&sync_errno, EIO);
	while (put(commit, puts++) == FAULT_NONE)
		;
	atomic_store(&sync_errno, 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(put(commit, puts++), FAULT_IO);
	struct err err;
	assert_int_equal(commit_close(commit, &err), FAULT_IO);
	assert_int_equal(err.os_error, EIO);
	assert_int_equal(seen.durable, 0);
	assert_int_equal(atomic_load(&seen.dropped), puts);
	assert_int_equal(atomic_load(&seen.failed), 1);
	outcomes_close(outcomes);
}

/* Nothing else comes, and nobody closes. */
static void a_lone_item_is_durable_soon(void **state)
{
	(void)state;
	struct commit *commit = start();
	for (uint64_t i = 0; i < 2; i++) {
		assert_int_equal(put(commit, i), FAULT_NONE);
		for (int waits = 0; atomic_load(&syncs) < i + 1 && waits < 20000; waits++)
			usleep(500);
		assert_int_equal(atomic_load(&synced), i + 1);
	}
	assert_int_equal(commit_close(commit, NULL), FAULT_NONE);
	assert_int_equal(seen.durable, 2);
	assert_int_equal(atomic_load(&syncs), 2);
	outcomes_close(outcomes);
}

/* Items that come one by one share a sync in COMMIT_DELAY_MS. */
static void syncs_are_spared(void **state)
{
	(void)state;
	struct commit *commit = start();
	uint64_t begun_ms = clock_ms();
	for (uint64_t i = 0; i < 100; i++) {
		assert_int_equal(put(commit, i), FAULT_NONE);
		usleep(2 * COMMIT_GATHER_MS * 1000);
	}
	assert_int_equal(commit_close(commit, NULL), FAULT_NONE);
	uint64_t took_ms = clock_ms() - begun_ms;
	assert_true(atomic_load(&syncs) <= took_ms / COMMIT_DELAY_MS + 2);
	assert_int_equal(seen.durable, 100);
	assert_false(seen.early);
	outcomes_close(outcomes);
}

static void after_a_failed_write_everything_is_dropped(void **state)
{
	(void)state;
	struct commit *commit = start();
	struct commit_item item = { .outcome = { .id = UINT64_MAX, .state = OUTCOME_DONE } };
	struct err err;
	assert_int_equal(commit_put(commit, &item, NULL), FAULT_NONE);
	while (atomic_load(&seen.failed) == 0)
		usleep(500);
	assert_int_equal(put(commit, 1), FAULT_FULL);
	assert_int_equal(commit_close(commit, &err), FAULT_FULL);
	assert_int_equal(seen.durable, 0);
	assert_int_equal(atomic_load(&written), 0);
	assert_int_equal(atomic_load(&seen.dropped), 2);
	assert_int_equal(atomic_load(&seen.failed), 100);
	assert_int_equal(atomic_load(&syncs), 0);
	outcomes_close(outcomes);
}

static void put_from_many(void *context)
{
	for (uint64_t i = 0; i < ITEMS / 8; i++)
		if (put(context, i) != FAULT_NONE)
			return;
}

static void many_threads_may_put(void **state)
{
	(void)state;
	struct commit *commit = start();
	struct thread thread[4];
	for (int i = 0; i < 4; i++)
		assert_true(thread_start(&thread[i], "put", put_from_many, commit));
	for (int i = 0; i < 4; i++)
		thread_join(&thread[i]);
	assert_int_equal(commit_close(commit, NULL), FAULT_NONE);
	assert_int_equal(seen.durable, ITEMS / 8 * 4);
	assert_false(seen.early);
	outcomes_close(outcomes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_are_durable_in_order_and_not_before_their_sync),
		cmocka_unit_test(closing_without_items_is_fine),
		cmocka_unit_test(after_a_failed_sync_everything_is_dropped),
		cmocka_unit_test(a_lone_item_is_durable_soon),
		cmocka_unit_test(syncs_are_spared),
		cmocka_unit_test(after_a_failed_write_everything_is_dropped),
		cmocka_unit_test(many_threads_may_put),
	};
	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
