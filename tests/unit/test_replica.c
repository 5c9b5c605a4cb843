#include "read/replica.h"

#include "queue/file/outcomes.h"
#include "tests/unit/facts.h"
#include "tests/unit/fake_store.h"
#include "tests/unit/sandbox.h"

enum { LARGE = 200000 };

static struct {
	struct fake fake;
	struct outcomes *sources;
	struct replica_options options;
	struct replica *replica;
	atomic_bool cancel;
	const unsigned char *data;
	size_t size;
	unsigned lies; /* the first readings of which one byte is wrong */
	enum fault fault;
	unsigned gave_up;
} bench;

static const unsigned char job[16] = "a job";

static bool answer(void *context, struct fake_call *call, struct store_reply *reply)
{
	(void)context;
	if (bench.fault) {
		fake_fail(reply, bench.fault, "as the script says");
		return true;
	}
	unsigned char *copy = malloc(bench.size + 1);
	assert_non_null(copy);
	memcpy(copy, bench.data, bench.size);
	if (call->number <= bench.lies)
		copy[0] ^= (unsigned char)call->number;
	assert_int_equal(call->cap.kind, CAP_SSK_RO);
	if (bench.size > 0 && !call->sink(call->context, copy, bench.size))
		fake_fail(reply, FAULT_CANCELLED, "the sink");
	free(copy);
	return true;
}

static void gave_up(void *context, const struct err *err)
{
	(void)context;
	assert_int_equal(err->fault, FAULT_UNAVAILABLE);
	bench.gave_up++;
}

static int setup(void **state)
{
	static unsigned count;
	char name[40];
	struct err err;
	(void)state;
	memset(&bench, 0, sizeof bench);
	snprintf(name, sizeof name, "sources%u", count++);
	assert_int_equal(outcomes_create(sandbox_path(name), job, "", 0, &bench.sources, &err), 0);
	const struct cap cap = { .kind = CAP_SSK_RO, .key = "key", .hash = "hash" };
	struct outcome slot = { .id = 3, .state = OUTCOME_PLANNED };
	assert_true(cap_pack(&cap, slot.cap, &slot.cap_size, &slot.cap_kind));
	assert_int_equal(outcomes_write(bench.sources, &slot, 1, &err), 0);
	bench.fake.script = answer;
	bench.options = (struct replica_options){
		.sources = bench.sources,
		.open = fake_open_store,
		.gave_up = gave_up,
		.context = &bench.fake,
		.directory = sandbox_path(""),
	};
	bench.replica = replica_new(&bench.options, &bench.cancel);
	return bench.replica ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	replica_free(bench.replica);
	outcomes_close(bench.sources);
	return 0;
}

static enum fault make(uint64_t id, const struct spool **copy, struct err *err)
{
	const struct task task = { .id = id };
	return replica_make(bench.replica, &task, copy, err);
}

static void a_task_without_a_slot_is_local(void **state)
{
	(void)state;
	const struct spool *copy;
	struct err err;
	assert_int_equal(make(4, &copy, &err), FAULT_NONE);
	assert_null(copy);
	bench.options.sources = NULL;
	assert_int_equal(make(3, &copy, &err), FAULT_NONE);
	assert_null(copy);
	assert_int_equal(atomic_load(&bench.fake.started[FAKE_GET]), 0);
}

static void one_reading_is_never_enough(void **state)
{
	(void)state;
	const struct spool *copy;
	struct err err;
	bench.data = (const unsigned char *)"bytes";
	bench.size = 5;
	bench.lies = 1;
	assert_int_equal(make(3, &copy, &err), FAULT_NONE);
	assert_int_equal(copy->size, 5);
	assert_memory_equal(copy->memory.data, "bytes", 5);
	assert_int_equal(atomic_load(&bench.fake.started[FAKE_GET]), 4); /* two tries of two */
}

static void what_never_repeats_is_refused(void **state)
{
	(void)state;
	const struct spool *copy;
	struct err err;
	bench.data = (const unsigned char *)"bytes";
	bench.size = 5;
	bench.lies = 1000;
	assert_int_equal(make(3, &copy, &err), FAULT_RETRY);
	assert_null(copy);
	assert_non_null(strstr(err.text, "not the same"));
}

static void a_large_one_goes_into_a_file(void **state)
{
	(void)state;
	const struct spool *copy;
	struct err err;
	unsigned char *data = malloc(LARGE), got[5];
	for (size_t i = 0; i < LARGE; i++)
		data[i] = (unsigned char)(i * 7 >> 3);
	bench.data = data;
	bench.size = LARGE;
	for (int i = 0; i < 2; i++) { /* the second takes the place of the first */
		struct spool_piece piece = { .size = sizeof got };
		assert_int_equal(make(3, &copy, &err), FAULT_NONE);
		assert_true(copy->fd >= 0);
		assert_int_equal(copy->size, LARGE);
		assert_int_equal(spool_read(copy, LARGE - 5, got, &piece, &err), FAULT_NONE);
		assert_memory_equal(piece.data, data + LARGE - 5, 5);
	}
	free(data);
}

static void a_gateway_that_stays_away_ends_the_job(void **state)
{
	(void)state;
	const struct spool *copy;
	struct err err;
	bench.fault = FAULT_UNAVAILABLE;
	assert_int_equal(make(3, &copy, &err), FAULT_UNAVAILABLE);
	assert_int_equal(bench.gave_up, 1);
}

static void stopping_ends_a_reading(void **state)
{
	(void)state;
	const struct spool *copy;
	struct err err;
	bench.fault = FAULT_UNAVAILABLE;
	bench.options.away = away_new(&(struct away_options){ .wait_ms = 3600000 });
	atomic_store(&bench.cancel, true);
	assert_int_equal(make(3, &copy, &err), FAULT_CANCELLED);
	assert_int_equal(bench.gave_up, 0);
	away_free(bench.options.away);
}

static void a_slot_that_holds_no_cap_is_told(void **state)
{
	(void)state;
	const struct spool *copy;
	struct err err;
	const struct outcome slot = { .id = 5, .state = OUTCOME_DONE };
	assert_int_equal(outcomes_write(bench.sources, &slot, 1, &err), 0);
	assert_int_equal(make(5, &copy, &err), FAULT_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test_setup_teardown(a_task_without_a_slot_is_local, setup, teardown),
		cmocka_unit_test_setup_teardown(one_reading_is_never_enough, setup, teardown),
		cmocka_unit_test_setup_teardown(what_never_repeats_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_large_one_goes_into_a_file, setup, teardown),
		cmocka_unit_test_setup_teardown(a_gateway_that_stays_away_ends_the_job, setup,
						teardown),
		cmocka_unit_test_setup_teardown(stopping_ends_a_reading, setup, teardown),
		cmocka_unit_test_setup_teardown(a_slot_that_holds_no_cap_is_told, setup, teardown),
	};
	return cmocka_run_group_tests(facts, sandbox_setup, sandbox_teardown);
}
