/*
 * A local target where files arrive: a manifest of three directories, one in the other, a queue
 * whose tasks a test adds, and the rooms between them.  In the directory of tests/unit/tree.h:
 * "manifest", "slots" and the target "out".
 */
#pragma once

#include "base/meta.h"
#include "land/arrival.h"
#include "tests/unit/fake_queue.h"
#include "tests/unit/tree.h"

/* Names of the directories at the target: "out", "out/d" (entry 1), "out/d/e" (entry 2). */
enum harbour_directory { HARBOUR_ROOT, HARBOUR_D, HARBOUR_E, HARBOUR_DIRECTORIES };

struct harbour {
	struct fake_queue queue;
	char manifest[600];
	uint64_t listing[HARBOUR_DIRECTORIES];
	struct outcomes *slots; /* the queue keeps chunks in it */
	int root;
	struct site *site;
	struct arrivals_options options; /* that harbour_start uses: everything may be replaced,
					    mode and time are kept, umask 022 */
	struct arrivals *arrivals;
};

/* Makes all but the arrivals, in the tree's directory. */
void harbour_init(struct harbour *harbour);
void harbour_start(struct harbour *harbour);
void harbour_fini(struct harbour *harbour);

/* Ends the arrivals: all that were completed have arrived. */
void harbour_settle(struct harbour *harbour);

/* Adds the task of a file called `name` in `directory`, whose meta is one of a grid that knows
 * nothing, or `meta`. */
struct fake_task *harbour_file(struct harbour *harbour, enum harbour_directory directory,
			       const char *name, uint64_t bytes, const struct meta *meta);

/* Leases all that is not settled and returns the first. */
struct work *harbour_work(struct harbour *harbour);

/* Begins the arrival of the first task that is not settled. */
struct arrival *harbour_begin(struct harbour *harbour);

/* Writes `size` bytes into a begun arrival, with what its outcome must say of them. */
void harbour_write(struct arrival *arrival, const void *data, size_t size);
