/*
 * The width that is found at servers made up: each looks at 20 times a second does as many requests
 * as its speed at the width of now allows, with some noise.
 */
#include "measure/width.h"

#include "tests/unit/facts.h"

#include <math.h>

enum { LEAST = 1, MOST = 64, TICK_US = 50000 };

/* What a server does in a second with so many in flight. */
typedef double speed_at(unsigned width, double second);

struct history {
	struct width width;
	struct width_look look;
	double part, noise; /* of a request; of a speed: 0.1 is up to 10 % */
	uint64_t random;
	unsigned limit;  /* with more in flight the server turns requests away; 0: never */
	unsigned supply; /* no more than that are ever in flight; 0: as many as may be */
	double seconds, done;
};

static struct history begin(unsigned first)
{
	struct history history = { .look = { .us = 1000000 }, .random = 1 };
	width_begin(&history.width, first, LEAST, MOST);
	return history;
}

/* Between -1 and 1. */
static double next_noise(struct history *history)
{
	history->random = history->random * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (double)(history->random >> 33) / (double)(UINT32_C(1) << 30) - 1;
}

/* Goes on for some seconds.  Returns the speed. */
static double go_on(struct history *history, speed_at *speed, double seconds)
{
	double done = 0;
	for (double end = history->seconds + seconds; history->seconds < end;) {
		unsigned width = history->width.now;
		if (history->supply && history->supply < width)
			width = history->supply;
		double now = speed(width, history->seconds) * TICK_US / 1e6 *
			     (1 + history->noise * next_noise(history));
		history->part += now;
		const uint64_t whole = (uint64_t)history->part;
		history->part -= (double)whole;
		history->look.ended += whole;
		if (history->limit && width > history->limit)
			history->look.refused += whole / 2;
		else
			done += now;
		history->look.us += TICK_US;
		history->look.work = history->look.ended * 65536;
		history->look.busy = width;
		(void)width_look_at(&history->width, &history->look);
		history->seconds += TICK_US / 1e6;
	}
	return done / seconds;
}

static double best(speed_at *speed)
{
	double most = 0;
	for (unsigned width = LEAST; width <= MOST; width++)
		most = fmax(most, speed(width, 0));
	return most;
}

/* Each answer takes 50 ms, however many are asked for. */
static double far_away(unsigned width, double second)
{
	(void)second;
	return width / 0.05;
}

/* One thread that does 200 a second, 5 ms away. */
static double one_thread(unsigned width, double second)
{
	(void)second;
	return fmin(200, width / 0.01);
}

/* The same, and it loses with many. */
static double one_that_chokes(unsigned width, double second)
{
	(void)second;
	return width <= 6 ? 60 + 20 * fmin(width, 4) : 140 - 1.5 * (width - 6);
}

/* Many servers, of which the last gain little. */
static double many_servers(unsigned width, double second)
{
	(void)second;
	return 3000.0 * width / (width + 6.0);
}

static void within_ten_percent_of_the_best(void **state)
{
	(void)state;
	speed_at *const server[] = { far_away, one_thread, one_that_chokes, many_servers };
	const unsigned first[] = { 1, 4, 8, 64 };
	for (size_t i = 0; i < ARRAY_COUNT(server); i++)
		for (size_t j = 0; j < ARRAY_COUNT(first); j++)
			for (int noisy = 0; noisy < 2; noisy++) {
				struct history history = begin(first[j]);
				history.noise = noisy ? 0.1 : 0;
				(void)go_on(&history, server[i], first[j] == MOST ? 40 : 5);
				double speed = go_on(&history, server[i], 60);
				if (speed < 0.9 * best(server[i]))
					print_message("server %zu from %u%s: %.0f of %.0f, %u\n", i,
						      first[j], noisy ? ", noisy" : "", speed,
						      best(server[i]), history.width.now);
				assert_true(speed >= 0.9 * best(server[i]));
			}
}

/* What is far away is asked for by 64 after 90 replies, not after ten seconds. */
static void it_widens_at_once(void **state)
{
	(void)state;
	for (int noisy = 0; noisy < 2; noisy++) {
		struct history history = begin(4);
		history.noise = noisy ? 0.2 : 0;
		while (history.width.now < 64 && history.seconds < 1)
			(void)go_on(&history, far_away, TICK_US / 1e6);
		assert_true(history.seconds <= 0.4);
		assert_in_range(history.look.ended, 1, 90);
	}
}

/* Wider is much quicker at first, and then far worse. */
static double collapsing(unsigned width, double second)
{
	(void)second;
	return width <= 16 ? 25.0 * width : 4000.0 / width;
}

/* From wherever it begins, and although it tries what lies behind the edge. */
static void it_comes_back_from_where_all_breaks_down(void **state)
{
	(void)state;
	const unsigned first[] = { 4, 8, 32, 64 };
	for (size_t i = 0; i < ARRAY_COUNT(first); i++) {
		struct history history = begin(first[i]);
		history.noise = 0.05;
		(void)go_on(&history, collapsing, first[i] > 16 ? 30 : 2);
		assert_in_range(history.width.now, 8, 24);
		assert_true(go_on(&history, collapsing, 60) >= 0.75 * best(collapsing));
	}
}

/* One thread, busy with whatever comes: what is gained by many is nothing, and little is tried. */
static double flat(unsigned width, double second)
{
	(void)width;
	(void)second;
	return 25;
}

static void where_nothing_is_gained_few_are_enough(void **state)
{
	(void)state;
	struct history history = begin(8);
	history.noise = 0.2;
	unsigned most = 0;
	for (int i = 0; i < 100; i++) {
		(void)go_on(&history, flat, 0.2);
		most = history.width.now > most ? history.width.now : most;
	}
	assert_in_range(most, 8, 16);
	(void)go_on(&history, flat, 120);
	assert_in_range(history.width.now, 1, 8);
}

static void more_than_helps_are_not_kept(void **state)
{
	(void)state;
	struct history history = begin(64);
	(void)go_on(&history, one_thread, 60);
	assert_in_range(history.width.now, 2, 12);
}

static double changing(unsigned width, double second)
{
	double most = second < 30 ? 100 : second < 60 ? 2000 : 200;
	return fmin(most, width / 0.03);
}

static void it_follows_what_changes(void **state)
{
	(void)state;
	struct history history = begin(4);
	(void)go_on(&history, changing, 30);
	assert_in_range(history.width.now, 2, 8);
	(void)go_on(&history, changing, 10);
	assert_true(go_on(&history, changing, 20) >= 1750);
	(void)go_on(&history, changing, 30);
	assert_in_range(history.width.now, 4, 24);
}

static void who_is_turned_away_asks_less(void **state)
{
	(void)state;
	struct history history = begin(4);
	history.limit = 10;
	(void)go_on(&history, far_away, 10);
	assert_true(history.width.now <= 10);
	/* 10 are 200 a second; some tries of more are lost. */
	assert_true(go_on(&history, far_away, 60) >= 140);
	history.limit = 3;
	(void)go_on(&history, far_away, 5);
	assert_true(history.width.now <= 3);
	history.limit = 0;
	(void)go_on(&history, far_away, 60);
	assert_true(history.width.now >= 32);
}

static void without_enough_to_do_nothing_is_learnt(void **state)
{
	(void)state;
	struct history history = begin(8);
	history.supply = 5;
	(void)go_on(&history, far_away, 30);
	assert_int_equal(history.width.now, 8);
}

static void the_bounds_are_kept(void **state)
{
	(void)state;
	struct width width;
	width_begin(&width, 4, 2, 6);
	struct width_look look = { .us = 1 };
	for (int i = 0; i < 2000; i++) {
		unsigned now = width_look_at(&width, &look);
		assert_in_range(now, 2, 6);
		look.us += TICK_US;
		look.ended += now;
		look.refused += i % 200 > 150 ? now : 0;
		look.work = look.ended * 100;
		look.busy = now;
	}
	width_begin(&width, 9, 2, 6);
	assert_int_equal(width.now, 6);
	width_begin(&width, 1, 2, 6);
	assert_int_equal(width.now, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(within_ten_percent_of_the_best),
		cmocka_unit_test(it_widens_at_once),
		cmocka_unit_test(it_comes_back_from_where_all_breaks_down),
		cmocka_unit_test(where_nothing_is_gained_few_are_enough),
		cmocka_unit_test(more_than_helps_are_not_kept),
		cmocka_unit_test(it_follows_what_changes),
		cmocka_unit_test(who_is_turned_away_asks_less),
		cmocka_unit_test(without_enough_to_do_nothing_is_learnt),
		cmocka_unit_test(the_bounds_are_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
