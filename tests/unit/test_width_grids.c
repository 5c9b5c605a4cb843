/*
 * How much the width that is found loses against the best fixed one: at simulated grids that have
 * a latency, a speed, and noise, for a job of 8 seconds, its begin included.
 *
 *   in flight --> served, so many at once --> latency --> ended: another one begins
 */
#include "measure/width.h"

#include "tests/unit/facts.h"

#include <math.h>

enum { MOST = 64, RUNS = 12, AT_ONCE_MAX = 4 };

static const double look_s = 0.05, job_s = 8;

struct grid {
	const char *name;
	double least;           /* part of the best speed that is reached */
	unsigned first;         /* begun with */
	double latency, loose;  /* seconds; the part of it that is exponential */
	double service;         /* seconds, of each of those `at_once` */
	unsigned at_once, free; /* above `free` in flight */
	double crowd;           /* each makes a service longer by this part */
	double jitter;          /* of a service: sigma of its logarithm */
	double drift, drift_s;  /* of all services: sigma, and how long it lasts */
};

static const struct grid grids[] = {
	{ "gateway, up", 0.95, 8, 300e-6, 1, 1900e-6, 1, 8, 0, 0.4, 0.05, 0.3 },
	{ "gateway, down", 0.95, 8, 400e-6, 1, 520e-6, 1, 8, 0.003, 0.4, 0.08, 0.3 },
	{ "slow disk", 0.91, 8, 60e-6, 1, 370e-6, 1, 2, 0.008, 0.4, 0.15, 0.2 },
	{ "far, up", 0.95, 8, 50e-3, 0.02, 400e-6, 1, 8, 0, 0.2, 0.05, 0.3 },
	{ "far, down", 0.95, 8, 50e-3, 0.02, 800e-6, 1, 16, 0, 0.4, 0.08, 0.3 },
	{ "servers, up", 0.94, 16, 20e-3, 1, 30e-3, 2, 12, 0, 1.2, 0.06, 0.5 },
	{ "servers, down", 0.94, 16, 4e-3, 1, 2700e-6, 2, 8, 0, 1.6, 0.15, 0.1 },
	{ "four servers, down", 0.94, 16, 16e-3, 1, 5500e-6, 4, 8, 0, 1.6, 0.15, 0.1 },
	{ "5 ms away", 0.94, 8, 5e-3, 0.3, 400e-6, 1, 12, 0.002, 0.5, 0.1, 0.3 },
};

struct run {
	const struct grid *grid;
	uint64_t random;
	double now, drift;
	double free_at[AT_ONCE_MAX]; /* what serves */
	double ends_at[MOST];        /* those in flight */
	unsigned busy;
	uint64_t ended;
};

/* Between 0 and 1, neither of them. */
static double next_random(struct run *run)
{
	run->random = run->random * UINT64_C(6364136223846793005) + 1442695040888963407;
	return ((double)(run->random >> 33) + 0.5) / (double)(UINT32_C(1) << 31);
}

static double next_normal(struct run *run)
{
	const double radius = sqrt(-2 * log(next_random(run)));
	return radius * cos(2 * M_PI * next_random(run));
}

static struct run begin(const struct grid *grid, unsigned number)
{
	struct run run = { .grid = grid, .random = 7919 * (uint64_t)number + 12345 };
	for (int i = 0; i < 10; i++)
		(void)next_random(&run);
	run.drift = grid->drift * next_normal(&run);
	return run;
}

static unsigned index_of_least(const double *value, unsigned count)
{
	unsigned least = 0;
	for (unsigned i = 1; i < count; i++)
		least = value[i] < value[least] ? i : least;
	return least;
}

static void start_one(struct run *run)
{
	const struct grid *grid = run->grid;
	double *free_at = &run->free_at[index_of_least(run->free_at, grid->at_once)];
	const unsigned many = run->busy + 1 > grid->free ? run->busy + 1 - grid->free : 0;
	const double jitter =
		exp(grid->jitter * next_normal(run) - grid->jitter * grid->jitter / 2);
	*free_at = fmax(*free_at, run->now) +
		   grid->service * jitter * (1 + run->drift) * (1 + grid->crowd * many);
	const double loose = 1 - grid->loose - grid->loose * log(next_random(run));
	run->ends_at[run->busy++] = *free_at + grid->latency * loose;
}

static void drift_on(struct run *run)
{
	const double stays = exp(-look_s / run->grid->drift_s);
	run->drift =
		run->drift * stays + run->grid->drift * next_normal(run) * sqrt(1 - stays * stays);
	run->drift = fmax(run->drift, -0.6);
}

/* Goes on until the next look, with `width` in flight. */
static void go_on(struct run *run, unsigned width, double until)
{
	for (;;) {
		while (run->busy < width)
			start_one(run);
		const unsigned next = index_of_least(run->ends_at, run->busy);
		if (run->ends_at[next] > until)
			break;
		run->now = run->ends_at[next];
		run->ends_at[next] = run->ends_at[--run->busy];
		run->ended++;
	}
	run->now = until;
	drift_on(run);
}

/* Files a second with so many in flight; 0: as is found. */
static double speed_of(const struct grid *grid, unsigned fixed, unsigned number)
{
	struct run run = begin(grid, number);
	struct width width;
	width_begin(&width, grid->first, 1, MOST);
	while (run.now < job_s) {
		go_on(&run, fixed ? fixed : width.now, run.now + look_s);
		const struct width_look look = {
			.us = (uint64_t)(run.now * 1e6),
			.ended = run.ended,
			.work = run.ended * 65536,
			.busy = run.busy,
		};
		(void)width_look_at(&width, &look);
	}
	return (double)run.ended / run.now;
}

static double mean_speed(const struct grid *grid, unsigned fixed)
{
	double sum = 0;
	for (unsigned number = 0; number < RUNS; number++)
		sum += speed_of(grid, fixed, number);
	return sum / RUNS;
}

static double best_speed(const struct grid *grid)
{
	double best = 0;
	for (unsigned fixed = 1; fixed <= MOST; fixed *= 2)
		best = fmax(best, mean_speed(grid, fixed));
	return best;
}

static void little_is_lost_against_the_best_fixed_width(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(grids); i++) {
		const double part = mean_speed(&grids[i], 0) / best_speed(&grids[i]);
		if (part < grids[i].least)
			print_message("%s: %.3f of the best\n", grids[i].name, part);
		assert_true(part >= grids[i].least);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(little_is_lost_against_the_best_fixed_width),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
