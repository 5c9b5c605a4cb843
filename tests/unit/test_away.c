#include "calls/away.h"

#include "queue/core/thread.h"
#include "tests/unit/facts.h"
#include "tests/unit/fake_store.h"
#include "tests/unit/moved_clock.h"

static struct fake fake = { .gateways = 2 };
static struct store *first, *second;
static struct away *away;
static unsigned aways, backs;

static const struct err why = { .fault = FAULT_UNAVAILABLE, .text = "scripted" };

static void hear(void *context, const char *gateway, const struct err *reason)
{
	(void)context;
	assert_non_null(gateway);
	++*(reason ? &aways : &backs);
}

static void begin(uint64_t wait_ms)
{
	const struct away_options options = { .wait_ms = wait_ms, .tell = hear };
	away_free(away);
	away = away_new(&options);
	aways = backs = 0;
}

static int open_stores(void **state)
{
	struct err err;
	(void)state;
	clock_stop();
	return fake_open_store(&fake, &first, &err) || fake_open_store(&fake, &second, &err);
}

static int close_stores(void **state)
{
	(void)state;
	away_free(away);
	store_close(first);
	store_close(second);
	return 0;
}

static void however_many_find_it_away_it_is_said_once(void **state)
{
	(void)state;
	begin(60000);
	for (int i = 0; i < 3; i++)
		away_found(away, first, &why);
	assert_int_equal(aways, 1);
	assert_true(away_is(away, 0));
	assert_false(away_is(away, 1));
	away_answered(away, second);
	assert_int_equal(backs, 0);
	away_answered(away, first);
	away_answered(away, first);
	assert_int_equal(backs, 1);
	assert_false(away_is(away, 0));
}

static void its_time_begins_when_it_was_first_found(void **state)
{
	(void)state;
	begin(30);
	away_found(away, first, &why);
	assert_false(away_is_over(away, 0));
	clock_move(20);
	away_found(away, first, &why);
	clock_move(20);
	assert_true(away_is_over(away, 0));
	assert_false(away_is_over(away, 1));
	away_answered(away, first);
	away_found(away, first, &why);
	assert_false(away_is_over(away, 0));
}

static void one_asks_again_when_it_is_due(void **state)
{
	(void)state;
	begin(20);
	assert_false(away_asks(away, 0));
	away_found(away, first, &why);
	assert_in_range(away_delay_ms(away, 0), 0, 20); /* not behind the end */
	clock_move(25);
	assert_true(away_asks(away, 0));
	assert_false(away_asks(away, 0));
	begin(60000);
	away_found(away, first, &why);
	assert_in_range(away_delay_ms(away, 0), 100, 500);
	const struct err later = { .fault = FAULT_UNAVAILABLE, .retry_after_ms = 9000 };
	away_found(away, first, &later);
	assert_in_range(away_delay_ms(away, 0), 8000, 9000);
}

static void where_nobody_waits_it_is_over_at_once(void **state)
{
	(void)state;
	away_found(NULL, first, &why);
	away_answered(NULL, first);
	assert_false(away_is(NULL, 0));
	assert_true(away_is_over(NULL, 0));
	assert_false(away_asks(NULL, 0));
	assert_int_equal(away_delay_ms(NULL, 0), 0);
	begin(0);
	away_found(away, first, &why);
	assert_true(away_is_over(away, 0));
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(however_many_find_it_away_it_is_said_once),
		cmocka_unit_test(its_time_begins_when_it_was_first_found),
		cmocka_unit_test(one_asks_again_when_it_is_due),
		cmocka_unit_test(where_nobody_waits_it_is_over_at_once),
	};
	return cmocka_run_group_tests(facts, open_stores, close_stores);
}
