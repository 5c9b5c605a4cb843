/* What git-annex's remote says of its time, and that time without requests counts for nothing. */
#include "annex/remote_measure.h"
#include "net/http.h"
#include "tests/unit/facts.h"

#include <unistd.h>

static const char *words(const struct verdict *verdict, uint64_t busy_us, uint64_t all_us)
{
	static char shown[512];
	struct bytes text;
	bytes_init(&text, sizeof shown - 1);
	assert_int_equal(remote_measure_words(verdict, busy_us, all_us, &text), FAULT_NONE);
	snprintf(shown, sizeof shown, "%s", bytes_text(&text));
	bytes_fini(&text);
	return shown;
}

static void the_next_knob_is_one_of_git_annex(void **state)
{
	(void)state;
	struct verdict verdict = { .us[VERDICT_GATEWAY] = 9000000, .us[VERDICT_CPU] = 1000000 };
	const char *said = words(&verdict, 10000000, 12000000);
	assert_true(strncmp(said,
			    "gateway 90 %, own-cpu 10 % of 10 s with requests, in a session of "
			    "12 s: a node folder (node=)",
			    92) == 0);
	assert_null(strstr(said, "-u"));
	verdict = (struct verdict){ .us[VERDICT_SERVER] = 1, .slow = "s7" };
	assert_non_null(strstr(words(&verdict, 4, 4), ": s7 is slower than the others: look at"));
	verdict = (struct verdict){ .us[VERDICT_SERVERS] = 1 };
	assert_non_null(strstr(words(&verdict, 4, 4), "more jobs (-J), or quicker disks"));
	for (int name = 0; name < VERDICT_NAMES; name++) {
		verdict = (struct verdict){ 0 };
		verdict.us[name] = 1;
		said = words(&verdict, 4, 4);
		if (strstr(said, "--readers") || strstr(said, "(-u)") || strstr(said, "null"))
			fail_msg("advice for another program: %s", said);
	}
}

static void time_of_git_annex_is_told_as_such(void **state)
{
	(void)state;
	const struct verdict verdict = { .us[VERDICT_GATEWAY] = 9000000 };
	assert_non_null(strstr(words(&verdict, 9000000, 19000000), "most time is git-annex's own"));
	assert_null(strstr(words(&verdict, 9000000, 18000000), "git-annex's own"));
}

/* ---- idleness, as the gauge counts it ---- */

struct looked {
	bool always, by_turns; /* idle */
	unsigned looks;        /* of the gauge's thread */
};

/* By turns: the first of each two. */
static void look_at(void *context, struct gauge_look *look)
{
	struct looked *looked = context;
	look->idle = looked->always || (looked->by_turns && looked->looks++ % 2 == 0);
}

static void idle_time_counts_for_nothing(void **state)
{
	enum { CASES = 3 };
	(void)state;
	static struct output output;
	struct looked looked[CASES] = { { .always = true }, { .by_turns = true }, { 0 } };
	struct gauge *gauge[CASES];
	struct verdict verdict[CASES];
	struct err err;
	const uint64_t begun_us = http_clock_us();
	activity_begin(ACTIVITY_FINISHING);
	for (int i = 0; i < CASES; i++) {
		const struct gauge_options options = {
			.output = &output,
			.look = look_at,
			.context = &looked[i],
		};
		assert_int_equal(gauge_new(&options, &gauge[i], &err), FAULT_NONE);
		assert_int_equal(gauge_start(gauge[i], &err), FAULT_NONE);
	}
	do {
		usleep(20000);
		gauge_so_far(gauge[1], &verdict[1]);
		gauge_so_far(gauge[2], &verdict[2]);
	} while (verdict_total_us(&verdict[1]) == 0 || verdict_total_us(&verdict[2]) == 0);
	for (int i = 0; i < CASES; i++)
		gauge_end(gauge[i], &verdict[i]);
	const uint64_t all_us = http_clock_us() - begun_us;
	activity_end(ACTIVITY_FINISHING);
	assert_int_equal(verdict_total_us(&verdict[0]), 0);
	assert_true(verdict_total_us(&verdict[2]) >= 1000000);
	assert_int_equal(verdict_most(&verdict[2]), VERDICT_DISK);
	assert_true(2 * verdict_total_us(&verdict[1]) <= all_us);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(the_next_knob_is_one_of_git_annex),
		cmocka_unit_test(time_of_git_annex_is_told_as_such),
		cmocka_unit_test(idle_time_counts_for_nothing),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
