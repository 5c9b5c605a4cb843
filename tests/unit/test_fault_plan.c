#include "serve/fault_plan.h"

#include "tests/unit/facts.h"

static struct fault_plan *plan_of(const char *spec)
{
	struct fault_plan *plan = NULL;
	struct err err;
	assert_int_equal(fault_plan_add(&plan, spec, &err), FAULT_NONE);
	return plan;
}

static struct fault_action next(struct fault_plan *plan, enum request_kind kind)
{
	struct fault_action action;
	fault_plan_next(plan, kind, &action);
	return action;
}

static void strikes_the_counted_requests_only(void **state)
{
	(void)state;
	static const struct {
		const char *spec;
		const char *hits; /* of ten requests */
	} cases[] = {
		{ "put:410", "1111111111" },     { "put:410@1", "1000000000" },
		{ "put:410@3", "0010000000" },   { "put:410@8+", "0000000111" },
		{ "put:410@2-4", "0111000000" }, { "put:410%0", "0000000000" },
		{ "put:410%100", "1111111111" },
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct fault_plan *plan = plan_of(cases[i].spec);
		for (size_t n = 0; n < 10; n++) {
			/* Requests of other kinds do not count. */
			assert_int_equal(next(plan, REQUEST_GET).status, 0);
			assert_int_equal(next(plan, REQUEST_PUT).status == 410,
					 cases[i].hits[n] == '1');
		}
		fault_plan_free(plan);
	}
}

static void a_percentage_is_kept_and_the_same_every_time(void **state)
{
	(void)state;
	bool first[1000];
	for (int round = 0; round < 2; round++) {
		struct fault_plan *plan = plan_of("get:reset%20");
		size_t hits = 0;
		for (size_t n = 0; n < ARRAY_COUNT(first); n++) {
			const bool hit = next(plan, REQUEST_GET).reset;
			if (round == 0)
				first[n] = hit;
			assert_int_equal(hit, first[n]);
			hits += hit;
		}
		assert_in_range(hits, 150, 250);
		assert_int_equal(fault_plan_hits(plan), hits);
		fault_plan_free(plan);
	}
}

static void every_kind_is_read(void **state)
{
	(void)state;
	struct fault_plan *plan = plan_of("put:delay=50");
	assert_int_equal(next(plan, REQUEST_PUT).delay_ms, 50);
	fault_plan_free(plan);
	plan = plan_of("mkdir:500");
	assert_int_equal(next(plan, REQUEST_MKDIR).status, 500);
	assert_null(next(plan, REQUEST_MKDIR).reason);
	fault_plan_free(plan);
	plan = plan_of("mkdir-immutable:500=a.B: c@2");
	assert_int_equal(next(plan, REQUEST_MKDIR_IMMUTABLE).status, 0);
	assert_string_equal(next(plan, REQUEST_MKDIR_IMMUTABLE).reason, "a.B: c");
	fault_plan_free(plan);
	plan = plan_of("set_children:unhappy");
	assert_true(next(plan, REQUEST_SET_CHILDREN).unhappy);
	fault_plan_free(plan);
	plan = plan_of("link:stall");
	assert_true(next(plan, REQUEST_LINK).stall);
	fault_plan_free(plan);
	plan = plan_of("json:truncate");
	assert_true(next(plan, REQUEST_JSON).truncate);
	fault_plan_free(plan);
	plan = plan_of("get:wrong-body");
	assert_true(next(plan, REQUEST_GET).wrong_body);
	fault_plan_free(plan);
	plan = plan_of("get:lie");
	assert_int_equal(next(plan, REQUEST_GET).lie_size, 24);
	fault_plan_free(plan);
	plan = plan_of("get:lie=1000");
	assert_int_equal(next(plan, REQUEST_GET).lie_size, 1000);
	fault_plan_free(plan);
	plan = plan_of("any:wrong-cap");
	assert_true(next(plan, REQUEST_OTHER).wrong_cap);
	fault_plan_free(plan);
	plan = plan_of("check:lost-reply");
	assert_true(next(plan, REQUEST_CHECK).lost_reply);
	fault_plan_free(plan);
}

static void rules_add_up(void **state)
{
	(void)state;
	struct fault_plan *plan = plan_of("put:delay=5");
	assert_int_equal(fault_plan_add(&plan, "any:delay=6", NULL), FAULT_NONE);
	assert_int_equal(fault_plan_add(&plan, "put:410@2", NULL), FAULT_NONE);
	assert_int_equal(next(plan, REQUEST_PUT).delay_ms, 11);
	const struct fault_action second = next(plan, REQUEST_PUT);
	assert_int_equal(second.delay_ms, 11);
	assert_int_equal(second.status, 410);
	assert_int_equal(next(plan, REQUEST_GET).delay_ms, 6);
	assert_int_equal(fault_plan_hits(plan), 3);
	fault_plan_free(plan);
}

static void no_plan_does_nothing(void **state)
{
	(void)state;
	const struct fault_action nothing = { 0 }, action = next(NULL, REQUEST_PUT);
	assert_memory_equal(&action, &nothing, sizeof nothing);
	assert_int_equal(fault_plan_hits(NULL), 0);
}

static void refuses_what_makes_no_sense(void **state)
{
	(void)state;
	static const char *const specs[] = {
		"",
		"put",
		"put:",
		"put:nothing",
		"pot:500",
		"put:delay",
		"put:delay=",
		"put:delay=x",
		"put:delay=5x",
		"put:delay=3600001",
		"put:410=1",
		"put:reset=1",
		"put:500@",
		"put:500@0",
		"put:500@x",
		"put:500%",
		"put:500%101",
		"put:500@3-2",
		"put:500@3-",
		"put:500@3+x",
		"put:500%5x",
		":500",
		"put:500@99999999999999999999999",
		"put :500",
	};
	for (size_t i = 0; i < ARRAY_COUNT(specs); i++) {
		struct fault_plan *plan = NULL;
		struct err err;
		assert_int_equal(fault_plan_add(&plan, specs[i], &err), FAULT_USAGE);
		assert_null(plan);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strikes_the_counted_requests_only),
		cmocka_unit_test(a_percentage_is_kept_and_the_same_every_time),
		cmocka_unit_test(every_kind_is_read),
		cmocka_unit_test(rules_add_up),
		cmocka_unit_test(no_plan_does_nothing),
		cmocka_unit_test(refuses_what_makes_no_sense),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
