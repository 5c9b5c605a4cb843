/*
 * What one step of a run has measured, as a line of JSON, written and read back.
 *
 * Place      bench -> [results] -> a file -> [results] -> two compared, plots.
 * Ownership  a struct step is plain data; steps that were read belong to a struct results.
 * Threads    one owner at a time.
 */
#pragma once

#include "measure/histogram.h"
#include "measure/steady.h"
#include "measure/verdict.h"
#include "queue/core/fault.h"

enum { STEP_WORD_SIZE = 16, STEP_TIMES = 5 };

/* The percentiles that are told: 50, 90, 99, 99.9 and the largest. */
struct times {
	uint64_t us[STEP_TIMES];
};

/* One kind of request, one size, one number of them in flight. */
struct step {
	char op[STEP_WORD_SIZE]; /* put, get, mixed, make, list */
	uint64_t size;           /* bytes, or children of a directory */
	uint64_t in_flight;
	uint64_t objects, bytes, errors, retries;
	double seconds;            /* measured, without the warm-up */
	double objects_per_second; /* mean of the samples */
	double bytes_per_second;
	double spread; /* of objects_per_second: the standard deviation of the samples */
	double first_done, last_done; /* seconds after the begin: first and last request to end */
	double cpu, gateway_cpu;      /* seconds; gateway_cpu below 0: not known */
	struct times latency, busy[BUSY_COUNT];
	struct verdict verdict; /* not read back */
};

/* Fills what is told of a histogram. */
void times_of(const struct histogram *histogram, struct times *times);

/* Returns "p50", "p90", "p99", "p99.9" or "max", a literal. */
const char *times_name(size_t number);

/* Appends the line, with its end. */
MUST_USE enum fault step_json(const struct step *step, struct bytes *out);

/* What happened in a second of a step, or in the rest of one. */
struct second {
	char op[STEP_WORD_SIZE];
	uint64_t size, objects;
	double seconds;
};

struct results {
	struct step *step;
	size_t count;
	struct second *second; /* in the order in which they passed; there may be none */
	size_t seconds;
};

/*
 * Reads the steps and seconds of a file that `barge bench --json` has written; other lines of such
 * a file are passed over.  FAULT_IO; USAGE: a line is none of those, or there is no step (the text
 * names file, line and remedy); NOMEM.  On failure `results` is empty.
 */
MUST_USE enum fault results_read(const char *path, struct results *results, struct err *err);

/* Frees.  All zeros are allowed. */
void results_fini(struct results *results);

/* Returns the step of the same kind, size and number in flight, or NULL. */
const struct step *results_find(const struct results *results, const struct step *step);

enum difference {
	DIFFERENCE_NOISE, /* none beyond the spread of both, or below 5 % */
	DIFFERENCE_MORE,  /* the second is quicker */
	DIFFERENCE_LESS,
};

/* Compares speeds: they differ where their intervals, each as wide as its spread to both sides,
 * have nothing in common, and it is 5 % or more. */
enum difference step_difference(const struct step *a, const struct step *b);
