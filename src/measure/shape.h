/*
 * The shape of a tree that is to be copied, and how long it takes where speeds were measured.
 *
 *   plan: a file, a directory ... -> classes of sizes -> one size of each is measured -> seconds
 *
 * Place      cli/command_bench reads a plan -> [shape] -> bench measures -> [shape] -> a range.
 * Ownership  plain data, all zeros at first.
 * Threads    one owner at a time.
 */
#pragma once

#include "measure/results.h"

enum { SHAPE_CLASSES = 6, SHAPE_CHILDREN_MAX = 10000 };

/* The largest that is measured: what is larger takes as long as so many of these. */
#define SHAPE_MEASURED_MAX (UINT64_C(32) << 20)

struct shape {
	struct shape_class {
		uint64_t files, bytes;
	} class[SHAPE_CLASSES];
	uint64_t literals;              /* files that need no request: their caps hold them */
	uint64_t directories, children; /* entries of all directories */
};

/* Counts a file. */
void shape_add_file(struct shape *shape, uint64_t bytes);

/* Returns whether anything of it has to be sent. */
bool shape_has_files(const struct shape *shape);

/* Returns the size that stands for a class, or 0: there are no files of it. */
uint64_t shape_size(const struct shape *shape, size_t class);

/* Returns how many children a directory has, in the middle, SHAPE_CHILDREN_MAX at most; 0: there is
 * none that has any. */
uint64_t shape_children(const struct shape *shape);

struct shape_time {
	double least, most; /* seconds */
};

/* Adds up what the best steps of `file_op` and `directory_op` make of it.  False: some size was not
 * measured. */
bool shape_time(const struct shape *shape, const struct results *results, const char *file_op,
		const char *directory_op, struct shape_time *time);
