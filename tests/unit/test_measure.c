#include "measure/results.h"

#include "tests/unit/facts.h"
#include "tests/unit/sandbox.h"

#include <math.h>

static void percentiles_are_known_to_a_thousandth(void **state)
{
	(void)state;
	struct histogram *times = calloc(1, sizeof *times);
	assert_non_null(times);
	assert_int_equal(histogram_at(times, 5000), 0);
	for (uint64_t us = 1; us <= 100000; us++)
		histogram_add(times, us);
	assert_int_equal(times->total, 100000);
	assert_int_equal(times->max, 100000);
	assert_in_range(histogram_at(times, 5000), 50000, 50050);
	assert_in_range(histogram_at(times, 9990), 99900, 100000);
	assert_int_equal(histogram_at(times, 10000), 100000);
	assert_int_equal(histogram_at(times, 100), 1000); /* below 2,048 exactly */
	histogram_clear(times);
	histogram_add(times, 0);
	histogram_add(times, UINT64_MAX); /* counts as the largest that is told apart */
	assert_int_equal(histogram_at(times, 5000), 0);
	assert_int_equal(histogram_at(times, 10000), UINT32_MAX);
	free(times);
}

static void each_value_has_a_counter(void **state)
{
	(void)state;
	struct histogram *times = calloc(1, sizeof *times);
	assert_non_null(times);
	for (unsigned bit = 0; bit < 32; bit++)
		for (int off = -1; off <= 1; off++) {
			uint64_t us = (UINT64_C(1) << bit) + (uint64_t)off;
			histogram_clear(times);
			histogram_add(times, us);
			histogram_add(times, UINT32_MAX);
			assert_in_range(histogram_at(times, 5000), us, us + us / 1000);
		}
	free(times);
}

static void speed_is_steady_once_the_last_samples_agree(void **state)
{
	(void)state;
	struct steady steady = { 0 };
	const double rising[] = { 10, 50, 100, 102, 98, 101 };
	for (size_t i = 0; i < ARRAY_COUNT(rising); i++) {
		steady_add(&steady, rising[i]);
		assert_false(steady_is(&steady));
	}
	steady_add(&steady, 100);
	assert_true(steady_is(&steady));
	steady_add(&steady, 106);
	assert_false(steady_is(&steady));
	struct steady nothing = { 0 };
	for (int i = 0; i < 9; i++)
		steady_add(&nothing, 0);
	assert_false(steady_is(&nothing));
	struct steady two = { 0 };
	assert_true(steady_spread(&two) == 0);
	steady_add(&two, 1);
	assert_true(steady_spread(&two) == 0);
	steady_add(&two, 3);
	assert_true(fabs(steady_spread(&two) - sqrt(2)) < 1e-9);
}

static void a_sweep_ends_where_nothing_is_gained(void **state)
{
	(void)state;
	struct sweep falls = { 0 };
	assert_true(sweep_goes_on(&falls, 100));
	assert_true(sweep_goes_on(&falls, 200));
	assert_false(sweep_goes_on(&falls, 180));
	struct sweep flat = { 0 };
	assert_true(sweep_goes_on(&flat, 100));
	assert_true(sweep_goes_on(&flat, 103));
	assert_false(sweep_goes_on(&flat, 104));
	struct sweep late = { 0 };
	assert_true(sweep_goes_on(&late, 100));
	assert_true(sweep_goes_on(&late, 100));
	assert_true(sweep_goes_on(&late, 150));
}

/* A second in which most requests wait for a first byte. */
static struct verdict_moment waiting(void)
{
	return (struct verdict_moment){
		.us = 1000000,
		.busy_us = { [BUSY_WAITING] = 900000, [BUSY_SENDING] = 100000 },
		.cpu_us = 100000,
		.cpus = 2,
		.bytes = 1000,
	};
}

static void a_moment_is_named_for_where_requests_are(void **state)
{
	(void)state;
	struct verdict verdict = { 0 };
	struct verdict_moment moment = waiting();
	assert_int_equal(verdict_most(&verdict), VERDICT_NAMES);
	assert_int_equal(verdict_add(&verdict, &moment), VERDICT_GATEWAY);
	moment.busy_us[BUSY_SENDING] = 950000;
	assert_int_equal(verdict_add(&verdict, &moment), VERDICT_NETWORK);
	moment.busy_us[BUSY_MAKING] = 1500000;
	assert_int_equal(verdict_add(&verdict, &moment), VERDICT_HASHING);
	moment.cpu_us = 1800000;
	assert_int_equal(verdict_add(&verdict, &moment), VERDICT_CPU);
	assert_false(verdict.limited);
	moment.limit = 1100;
	assert_int_equal(verdict_add(&verdict, &moment), VERDICT_NETWORK);
	assert_true(verdict.limited);
	moment.limit = 1200;
	assert_int_equal(verdict_add(&verdict, &moment), VERDICT_CPU);
}

static void the_one_slow_server_is_named(void **state)
{
	(void)state;
	struct verdict verdict = { 0 };
	struct verdict_moment moment = waiting();
	for (int i = 0; i < 100; i++) {
		char host[16];
		snprintf(host, sizeof host, "s%d", i % 10);
		verdict_wait(&moment, host, i % 10 == 7 ? 50000 : 10000);
	}
	assert_int_equal(moment.servers, 10);
	assert_int_equal(verdict_add(&verdict, &moment), VERDICT_SERVER);
	assert_string_equal(verdict.slow, "s7");
	verdict_wait(&moment, "s7", 0);
	for (int i = 0; i < 20; i++)
		verdict_wait(&moment, "s7", 10000);
	assert_int_equal(verdict_add(&verdict, &moment), VERDICT_SERVERS);
	struct bytes text;
	bytes_init(&text, 4096);
	assert_int_equal(verdict_text(&verdict, &text), FAULT_NONE);
	assert_non_null(strstr(bytes_text(&text), "one-server 50 %, servers 50 %: s7 is slower"));
	bytes_clear(&text);
	assert_int_equal(verdict_json(&verdict, &text), FAULT_NONE);
	assert_non_null(strstr(bytes_text(&text), "\"one-server\":0.500,\"servers\":0.500"));
	bytes_fini(&text);
}

/* A second of a job in which nothing is full. */
static struct verdict_moment in_a_job(void)
{
	struct verdict_moment moment = waiting();
	moment.inside = (struct verdict_inside){ .known = true, .hands = 8, .slots = 4 };
	return moment;
}

static void a_job_is_named_for_what_is_full(void **state)
{
	(void)state;
	struct verdict verdict = { 0 };
	struct verdict_moment moment = in_a_job();
	struct verdict_inside *inside = &moment.inside;
	inside->transfers = 1;
	inside->doing[ACTIVITY_SCANNING] = 0.6;
	assert_int_equal(verdict_add(&verdict, &moment), VERDICT_SCANNING);
	inside->transfers = 3;
	assert_int_equal(verdict_add(&verdict, &moment), VERDICT_GATEWAY);
	inside->doing[ACTIVITY_READING] = 3.5;
	inside->doing[ACTIVITY_HASHING] = 2;
	assert_int_equal(verdict_add(&verdict, &moment), VERDICT_GATEWAY);
	inside->doing[ACTIVITY_READING] = 4;
	assert_int_equal(verdict_add(&verdict, &moment), VERDICT_READING);
	inside->doing[ACTIVITY_HASHING] = 5;
	assert_int_equal(verdict_add(&verdict, &moment), VERDICT_HASHING);
	inside->doing[ACTIVITY_WRITING] = 6;
	assert_int_equal(verdict_add(&verdict, &moment), VERDICT_DISK);
	inside->grid_away = true;
	assert_int_equal(verdict_add(&verdict, &moment), VERDICT_SERVERS);
	inside->gateway_away = true;
	assert_int_equal(verdict_add(&verdict, &moment), VERDICT_GATEWAY);
	inside->limited = true;
	assert_int_equal(verdict_add(&verdict, &moment), VERDICT_NETWORK);
	assert_true(verdict.limited);
}

static void where_nothing_is_full_most_decides(void **state)
{
	(void)state;
	struct verdict verdict = { 0 };
	struct verdict_moment moment = in_a_job();
	struct verdict_inside *inside = &moment.inside;
	inside->transfers = 1;
	assert_int_equal(verdict_add(&verdict, &moment), VERDICT_GATEWAY);
	inside->directories = 2;
	assert_int_equal(verdict_add(&verdict, &moment), VERDICT_COMMITTING);
	inside->doing[ACTIVITY_READING] = 2.5;
	assert_int_equal(verdict_add(&verdict, &moment), VERDICT_READING);
	inside->doing[ACTIVITY_FINISHING] = 0.9; /* one thread, and all of it */
	assert_int_equal(verdict_add(&verdict, &moment), VERDICT_DISK);
}

static void what_is_held_on_this_side_is_no_network(void **state)
{
	(void)state;
	struct verdict verdict = { 0 };
	struct verdict_moment moment = in_a_job();
	moment.inside.transfers = 4;
	moment.inside.doing[ACTIVITY_READING] = 1;
	moment.held_us = 3000000;
	assert_int_equal(verdict_add(&verdict, &moment), VERDICT_READING);
	moment.held_us = 0;
	assert_int_equal(verdict_add(&verdict, &moment), VERDICT_GATEWAY);
}

static void long_requests_are_named_once_they_have_told(void **state)
{
	(void)state;
	struct verdict verdict = { 0 };
	struct verdict_moment moment = in_a_job();
	moment.inside.transfers = 4;
	memset(moment.busy_us, 0, sizeof moment.busy_us);
	assert_int_equal(verdict_add(&verdict, &moment), VERDICT_NAMES);
	assert_int_equal(verdict_add(&verdict, &moment), VERDICT_NAMES);
	assert_int_equal(verdict_most(&verdict), VERDICT_NAMES);
	assert_false(verdict_is_worth(&verdict));
	moment.busy_us[BUSY_SENDING] = 12000000;
	assert_int_equal(verdict_add(&verdict, &moment), VERDICT_NETWORK);
	assert_int_equal(verdict.us[VERDICT_NETWORK], 3000000);
	assert_true(verdict_is_worth(&verdict));
}

static void write_results(const char *name, const void *data, size_t size)
{
	FILE *file = fopen(sandbox_path(name), "w");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static void a_step_is_read_as_it_was_written(void **state)
{
	(void)state;
	struct step step = {
		.op = "put",
		.size = 4096,
		.in_flight = 8,
		.objects = 100,
		.bytes = 409600,
		.errors = 1,
		.retries = 2,
		.seconds = 1.5,
		.objects_per_second = 66.5,
		.bytes_per_second = 273066.75,
		.spread = 1.25,
		.first_done = 0.25,
		.last_done = 1.75,
		.cpu = 0.5,
		.gateway_cpu = -1,
		.latency = { { 1, 2, 3, 4, 5 } },
		.busy = { [BUSY_WAITING] = { { 6, 7, 8, 9, 10 } } },
	};
	struct bytes text;
	struct results results;
	struct err err;
	bytes_init(&text, 1 << 16);
	assert_int_equal(bytes_append_text(&text, "{\"type\":\"second\",\"op\":\"put\",\"size\":1,"
						  "\"objects\":2,\"seconds\":0.5}\n"),
			 FAULT_NONE);
	assert_int_equal(step_json(&step, &text), FAULT_NONE);
	step.gateway_cpu = 0.75;
	step.in_flight = 16;
	assert_int_equal(step_json(&step, &text), FAULT_NONE);
	write_results("good", text.data, text.size);
	assert_int_equal(results_read(sandbox_path("good"), &results, &err), FAULT_NONE);
	assert_int_equal(results.count, 2);
	assert_int_equal(results.seconds, 1);
	assert_int_equal(results.second[0].objects, 2);
	assert_memory_equal(&results.step[1], &step, sizeof step);
	assert_ptr_equal(results_find(&results, &step), &results.step[1]);
	step.size++;
	assert_null(results_find(&results, &step));
	assert_true(results.step[0].gateway_cpu < 0);
	results_fini(&results);
	bytes_fini(&text);
}

static void nonsense_in_results_is_named(void **state)
{
	(void)state;
	static const char *const nonsense[] = {
		"hello\n",
		"{}\n",
		"[1]\n",
		"{\"type\":\"step\"}\n",
		"{\"type\":\"step\",\"op\":\"put\",\"size\":-1}\n",
		"{\"type\":1}\n",
	};
	struct results results;
	struct err err;
	for (size_t i = 0; i < ARRAY_COUNT(nonsense); i++) {
		write_results("bad", nonsense[i], strlen(nonsense[i]));
		assert_int_equal(results_read(sandbox_path("bad"), &results, &err), FAULT_USAGE);
		assert_non_null(strstr(err.text, "line 1: that is no result of barge bench"));
		assert_null(results.step);
	}
	write_results("bad", "", 0);
	assert_int_equal(results_read(sandbox_path("bad"), &results, &err), FAULT_USAGE);
	assert_non_null(strstr(err.text, "no result of barge bench in it"));
	assert_int_equal(results_read(sandbox_path("none"), &results, &err), FAULT_USAGE);
}

static void a_difference_has_to_pass_the_spread_of_both(void **state)
{
	(void)state;
	const struct step a = { .objects_per_second = 100, .spread = 5 };
	const struct step near = { .objects_per_second = 109, .spread = 5 };
	const struct step more = { .objects_per_second = 111, .spread = 5 };
	const struct step sure = { .objects_per_second = 100 },
			  little = { .objects_per_second = 104 };
	assert_int_equal(step_difference(&a, &near), DIFFERENCE_NOISE);
	assert_int_equal(step_difference(&a, &more), DIFFERENCE_MORE);
	assert_int_equal(step_difference(&more, &a), DIFFERENCE_LESS);
	assert_int_equal(step_difference(&sure, &little), DIFFERENCE_NOISE);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(percentiles_are_known_to_a_thousandth),
		cmocka_unit_test(each_value_has_a_counter),
		cmocka_unit_test(speed_is_steady_once_the_last_samples_agree),
		cmocka_unit_test(a_sweep_ends_where_nothing_is_gained),
		cmocka_unit_test(a_moment_is_named_for_where_requests_are),
		cmocka_unit_test(the_one_slow_server_is_named),
		cmocka_unit_test(a_job_is_named_for_what_is_full),
		cmocka_unit_test(where_nothing_is_full_most_decides),
		cmocka_unit_test(what_is_held_on_this_side_is_no_network),
		cmocka_unit_test(long_requests_are_named_once_they_have_told),
		cmocka_unit_test_setup_teardown(a_step_is_read_as_it_was_written, sandbox_setup,
						sandbox_teardown),
		cmocka_unit_test_setup_teardown(nonsense_in_results_is_named, sandbox_setup,
						sandbox_teardown),
		cmocka_unit_test(a_difference_has_to_pass_the_spread_of_both),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
