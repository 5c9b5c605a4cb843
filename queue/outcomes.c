#include "queue/outcomes.h"

enum fault outcomes_write(struct outcomes *outcomes, const struct outcome *outcome, size_t count,
			  struct err *err)
{
	return outcomes->backend->write(outcomes, outcome, count, err);
}

enum fault outcomes_batch_add(struct outcomes_batch *batch, const struct outcome *outcome,
			      struct err *err)
{
	batch->slot[batch->count++] = *outcome;
	return batch->count < OUTCOMES_BATCH ? FAULT_NONE : outcomes_batch_flush(batch, err);
}

enum fault outcomes_batch_flush(struct outcomes_batch *batch, struct err *err)
{
	if (batch->count == 0)
		return FAULT_NONE;
	enum fault fault = outcomes_write(batch->outcomes, batch->slot, batch->count, err);
	explicit_bzero(batch->slot, batch->count * sizeof batch->slot[0]);
	batch->count = 0;
	return fault;
}

enum fault outcomes_read(struct outcomes *outcomes, uint64_t first, size_t count,
			 struct outcome *outcome, struct err *err)
{
	return outcomes->backend->read(outcomes, first, count, outcome, err);
}

enum fault outcomes_sync(struct outcomes *outcomes, struct err *err)
{
	return outcomes->backend->sync(outcomes, err);
}

enum fault outcomes_end(struct outcomes *outcomes, uint64_t *end, struct err *err)
{
	return outcomes->backend->end(outcomes, end, err);
}

void outcomes_close(struct outcomes *outcomes)
{
	if (outcomes)
		outcomes->backend->close(outcomes);
}
