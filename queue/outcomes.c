#include "queue/outcomes.h"

enum fault outcomes_write(struct outcomes *outcomes, const struct outcome *outcome, struct err *err)
{
	return outcomes->backend->write(outcomes, outcome, err);
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
