/*
 * What the parts of bench share.
 *
 * Place      inside bench only.
 * Ownership  a struct bench is the run's; workers borrow it.
 * Threads    what is GUARDED by its lock; a worker's own by its thread while that runs.
 */
#pragma once

#include "bench/bench.h"
#include "net/http.h"
#include "queue/core/thread.h"

enum { BENCH_STORED_MAX = 512 };

/* What workers have counted since the step began, or since the warm-up. */
struct bench_counts {
	uint64_t objects, bytes, errors, retries;
	uint64_t first_us, last_us; /* http_clock_us of ends; 0: none */
};

struct bench_worker {
	struct bench *bench;
	struct store_wait wait; /* its store */
	struct http_watch watch;
	struct thread thread;
	bool opened, running;
	int memory; /* of large bodies: a file without a disk; -1: none yet */
	struct bytes json;
	uint64_t random;
	/* of the object at hand */
	bool storing;        /* gateway requests that read only prove */
	uint64_t begun_us;   /* all is made up that is to be sent */
	uint64_t started_us; /* its first request; 0: none */
	uint64_t busy_us[BUSY_COUNT];
	uint64_t got; /* bytes, children */
};

struct bench {
	const struct bench_request *request;
	struct bench_totals *totals;
	struct bench_worker worker[BENCH_IN_FLIGHT_MAX];
	int gateway_pid; /* 0: not known */
	/* of a step */
	enum bench_op op;
	uint64_t size;

	struct mutex lock;
	bool stop GUARDED;                    /* nothing more is begun */
	uint64_t begun GUARDED, most GUARDED; /* objects; 0: any number of them */
	struct bench_counts counts GUARDED;
	struct verdict_moment moment GUARDED;
	struct histogram latency GUARDED, busy[BUSY_COUNT] GUARDED;
	struct err fatal GUARDED, last GUARDED;      /* what ends all; why the last object failed */
	struct cap stored[BENCH_STORED_MAX] GUARDED; /* of this size; the oldest is replaced */
	uint64_t stored_count GUARDED, asked GUARDED;
};

/* Returns "put" and so on, a literal. */
const char *bench_op_name(enum bench_op op);

/* Whether the sizes of an operation are children. */
static inline bool bench_of_directories(enum bench_op op) { return op >= BENCH_MAKE; }

/* ---- worker.c ---- */

/* Opens the stores of the first `count` workers, as far as they are not. */
MUST_USE enum fault workers_open(struct bench *bench, unsigned count, struct err *err);

/* Starts them: each does one object after the other until `stop`, or `most` are begun. */
MUST_USE enum fault workers_start(struct bench *bench, unsigned count, struct err *err);

/* Has them begin nothing more, and waits for what is in flight. */
void workers_join(struct bench *bench);

/* Closes what is open. */
void workers_close(struct bench *bench);

/* ---- work.c ---- */

/* Does one object of the step, storing how many bytes it moved.  Faults of the calls. */
MUST_USE enum fault work_do(struct bench_worker *worker, uint64_t number, uint64_t *bytes,
			    struct err *err);

/* ---- step.c ---- */

/* Runs one step.  Faults as of bench_run. */
MUST_USE enum fault step_run(struct bench *bench, unsigned in_flight, struct step *step,
			     struct err *err);

/* Has the step's objects stored for those who read them: so many, or what a step has time for. */
MUST_USE enum fault step_store(struct bench *bench, enum bench_op op, uint64_t count,
			       struct err *err);

/* ---- machine.c ---- */

/* Returns the process on this machine that listens where `url` says, 0 when none can be seen. */
int machine_listener(const char *url);

/* Stores microseconds of CPU that a process has used.  False: it cannot be told. */
bool machine_cpu_us(int pid, uint64_t *us);

/* ---- table.c ---- */

/* Prints the head, a row. */
void table_head(struct output *output);
void table_row(struct output *output, const struct step *step);

/* Shows the speed so far. */
void table_progress(struct output *output, const struct step *step, double objects_per_second,
		    double bytes_per_second);

/* Prints the best of each kind and size. */
void table_best(struct output *output, const struct results *results);

/* Prints how long a tree takes. */
void table_shape(struct output *output, const struct shape *shape, const struct shape_time *time);

enum { TABLE_SIZE_TEXT = 24 };

/* Writes "4 KiB", or of directories how many children. */
const char *table_size(const struct step *step, char text[TABLE_SIZE_TEXT]);
