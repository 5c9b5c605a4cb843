/*
 * What became of the tasks of a job: a slot each, numbered as the tasks are.
 *
 * A slot never written is OUTCOME_NONE; one that does not check is OUTCOME_DAMAGED, never believed
 * and never fatal.
 *
 * Place      the queue's commit thread and the planner write; everybody reads.  A catalog gives
 *            two: what became of the tasks, and the caps of sources on a grid.
 * Threads    all functions may run concurrently, but for outcomes_close; a reader sees a slot as
 *            it was before or after a write.
 * Backends   queue/file/outcomes.h.
 */
#pragma once

#include "queue/core/fault.h"
#include "queue/outcome.h"

struct outcomes;

enum { OUTCOMES_BATCH = 64 };

/* Each does what the function below with its name says. */
struct outcomes_backend {
	enum fault (*write)(struct outcomes *outcomes, const struct outcome *outcome, size_t count,
			    struct err *err);
	enum fault (*read)(struct outcomes *outcomes, uint64_t first, size_t count,
			   struct outcome *outcome, struct err *err);
	enum fault (*sync)(struct outcomes *outcomes, struct err *err);
	enum fault (*end)(struct outcomes *outcomes, uint64_t *end, struct err *err);
	void (*close)(struct outcomes *outcomes);
};

/* The first member of a backend's own struct. */
struct outcomes {
	const struct outcomes_backend *backend;
};

/*
 * Writes `count` slots, each under its id; OUTCOME_NONE clears one.  Not synced.  Faults: FULL, IO;
 * then any of them may have been written.
 */
MUST_USE enum fault outcomes_write(struct outcomes *outcomes, const struct outcome *outcome,
				   size_t count, struct err *err);

/* Slots that are written together, once there are many; nothing but `outcomes` is set at first. */
struct outcomes_batch {
	struct outcomes *outcomes;
	size_t count;
	struct outcome slot[OUTCOMES_BATCH];
};

/* Adds a slot, and writes all when there are OUTCOMES_BATCH.  Faults as outcomes_write. */
MUST_USE enum fault outcomes_batch_add(struct outcomes_batch *batch, const struct outcome *outcome,
				       struct err *err);

/* Writes what was added, after which the batch is empty again, and wiped. */
MUST_USE enum fault outcomes_batch_flush(struct outcomes_batch *batch, struct err *err);

/* Reads `count` slots from `first` on; what was never written reads as OUTCOME_NONE.  Faults: IO.
 */
MUST_USE enum fault outcomes_read(struct outcomes *outcomes, uint64_t first, size_t count,
				  struct outcome *outcome, struct err *err);

/* Makes all slots written so far durable.  The first failure is final: every later call fails too.
 */
MUST_USE enum fault outcomes_sync(struct outcomes *outcomes, struct err *err);

/* Stores one above the highest id whose slot is not OUTCOME_NONE.  Faults: IO. */
MUST_USE enum fault outcomes_end(struct outcomes *outcomes, uint64_t *end, struct err *err);

/* Frees.  NULL is allowed. */
void outcomes_close(struct outcomes *outcomes);
