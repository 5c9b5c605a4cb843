/*
 * A local target where files arrive: a plan of three directories, one in the other, a queue
 * whose tasks a test adds, and the rooms between them.  In the directory of tests/unit/tree.h:
 * "manifest", "slots" and the target "out".
 */
#pragma once

#include "base/meta.h"
#include "land/arrival.h"
#include "tests/unit/fake_queue.h"
#include "tests/unit/tree.h"

/* Names of the directories at the target: "out", "out/d" (entry 1), "out/d/e" (entry 2). */
enum land_case_directory { LAND_CASE_ROOT, LAND_CASE_D, LAND_CASE_E, LAND_CASE_DIRECTORIES };

struct land_case {
	struct fake_queue queue;
	struct catalog *catalog;
	struct listing_id listing[LAND_CASE_DIRECTORIES];
	struct outcomes *slots; /* the queue keeps chunks in it */
	int root;
	char *path; /* of "out" */
	struct tree *target_tree;
	struct arrivals_options options; /* that land_case_start uses: everything may be replaced,
					    mode and time are kept, umask 022 */
	struct losses losses;
	struct arrivals *arrivals;
};

/* The one of a test that needs one, and what makes it before each of its facts and ends it. */
extern struct land_case land_case;
int land_case_setup(void **state);
int land_case_teardown(void **state);

/* Makes all but the arrivals, in the tree's directory. */
void land_case_init(struct land_case *land_case);
void land_case_start(struct land_case *land_case);
void land_case_fini(struct land_case *land_case);

/* Ends the arrivals: all that were completed have arrived. */
void land_case_settle(struct land_case *land_case);

/* Adds the task of a file called `name` in `directory`, whose meta is one of a grid that knows
 * nothing, or `meta`. */
struct fake_task *land_case_file(struct land_case *land_case, enum land_case_directory directory,
				 const char *name, uint64_t bytes, const struct meta *meta);

/* Leases all that is not settled and returns the first. */
struct work *land_case_work(struct land_case *land_case);

/* Begins the arrival of the first task that is not settled. */
struct arrival *land_case_begin(struct land_case *land_case);

/* Writes `size` bytes into a begun arrival, with what its outcome must say of them. */
void land_case_write(struct arrival *arrival, const void *data, size_t size);
