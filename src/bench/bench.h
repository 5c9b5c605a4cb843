/*
 * Measuring a grid: requests of one kind and size, more and more of them in flight.
 *
 *   sizes, kinds -> [sweep: 1, 2, 4 ... until the speed falls] -> step: warm-up, samples -> a row
 *                                                                   |
 *            worker threads, one for each request in flight: bytes made up -> put, get, ... proven
 *
 * A worker has a store of its own and makes the calls that `barge put` and `barge get` make
 * (upload/upload.h, verify/single.h), by the gateway or the storage servers, with their tries and
 * proofs.  Nothing is ever linked, so there is nothing to take away, however a run ends.  No local
 * disk is touched: bodies are made up in memory, new each time; what comes is proven and dropped.
 *
 * The room: bench.c kinds, sizes, sweeps; step.c one step; worker.c a thread and what it counts;
 * work.c a request of each kind; machine.c CPU; table.c rows for people; plot.c pictures.
 *
 * Place      cli -> [bench] -> rows, lines; stores of place/setup.
 * Ownership  a request is borrowed for the run.
 * Threads    the main thread calls; workers are inside.
 */
#pragma once

#include "measure/results.h"
#include "measure/shape.h"
#include "place/setup.h"
#include "verify/policy.h"

enum bench_op {
	BENCH_PUT,
	BENCH_GET,
	BENCH_MIXED, /* as many puts as gets */
	BENCH_MAKE,  /* immutable directories */
	BENCH_LIST,
	BENCH_OPS,
};

enum { BENCH_SIZES_MAX = 32, BENCH_IN_FLIGHT_MAX = 64, BENCH_CHILDREN_MAX = 4 };

struct bench_request {
	struct setup *setup;
	struct policy *policy;
	struct output *output;
	unsigned ops; /* 1u << enum bench_op, joined */
	uint64_t size[BENCH_SIZES_MAX];
	size_t sizes;
	uint64_t children[BENCH_CHILDREN_MAX]; /* of directories */
	size_t directories;
	const struct shape *shape; /* how long would that take?  NULL: nobody asks */
	unsigned in_flight;        /* 0: a sweep */
	uint64_t duration_ms;      /* of one step, at most */
	uint64_t objects;          /* of one step, at most; 0: any number */
	uint64_t limit;            /* bytes a second of --bwlimit; 0: none */
};

/* What a whole run has done. */
struct bench_totals {
	uint64_t objects, bytes, directories; /* stored; nothing of it is linked */
	uint64_t errors, retries;
	struct verdict verdict;
};

/*
 * Runs all steps and prints them.  Sleeps.  `totals` is filled however it ends.  Faults: what no
 * further request would do better (UNAVAILABLE, FULL, ...), RETRY where a step had only failures,
 * CANCELLED.
 */
MUST_USE enum fault bench_run(const struct bench_request *request, struct bench_totals *totals,
			      struct err *err);

/* Writes the picture of the results to the file, SVG or PNG by its name's end, with gnuplot.
 * Faults: USAGE (no such kind of picture; gnuplot is not installed), IO. */
MUST_USE enum fault bench_plot(const struct results *results, const char *const *name, size_t count,
			       const char *file, struct err *err);

/* Prints which steps of `b` are quicker or slower than those of `a`.  FAULT_USAGE: they have no
 * step in common. */
MUST_USE enum fault bench_compare(const struct results *a, const struct results *b,
				  struct output *output, struct err *err);
