/*
 * A reader of a tree with a file for each task, for tests: one bench at a time.
 *
 * Threads    a test's own.
 */
#pragma once

#include "read/reader.h"
#include "tests/unit/fake_queue.h"
#include "tests/unit/plan_case.h"

enum { BENCH_BODIES = 16 };

struct bench {
	struct plan_case plan;
	struct source_tree_root source;
	struct fake_queue queue;
	struct gate *gate;
	struct flight *flight;
	struct policy *policy;
	atomic_bool cancel;
	struct reader *reader;
	struct readers_options options;
	struct work *work; /* of all tasks, in the order of their names */
	struct catalog *catalog;
	struct catalog_reader *plan_reader;
	struct body *body[BENCH_BODIES]; /* delivered */
	size_t count;
	void (*delivered)(struct bench *bench, struct body *body);
	unsigned char *all; /* bytes of the last stream */
	size_t all_size;
};

extern struct bench bench;

/* Makes the tree, to be filled. */
void bench_init(void);

/* Plans it, and opens queue and reader. */
void bench_open(void);
void bench_close(void);

/* Ends a whole body or a stream that was delivered, as the pool would. */
void bench_let_go(struct body *body, const struct outcome *outcome);

/* Writes a file of `size` bytes that begins with `byte` and ends with `last`. */
void bench_file(const char *name, size_t size, int byte, int last);

/* Returns the path of a file; lives until the next call. */
const char *bench_path(const char *name);

/* Returns the task of the n-th file, from 0. */
struct fake_task *bench_task(size_t at);
