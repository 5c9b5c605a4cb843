#include "job/prune.h"

#include "job/summary.h"

#include <time.h>

/* Removes the job if it is over.  One that is held, or gone meanwhile, is not ours. */
static enum fault prune_one(const char *state, const char *name, uint64_t before, uint64_t *removed,
			    struct err *err)
{
	struct job job = { .lock_fd = -1 };
	struct job_summary summary;
	bool locked;
	enum fault fault = job_open(state, name, &job, err);
	bool over = !fault && job_look(&job, &locked) == JOB_FINISHED && !locked &&
		    (job_summary_read(&job, &summary) || job_summary_count(&job, &summary)) &&
		    summary.status == 0 && summary.ended <= before;
	if (over) {
		fault = job_remove(&job, err);
		*removed += !fault;
	}
	job_close(&job);
	return fault == FAULT_NOT_FOUND || fault == FAULT_LOCKED ? FAULT_NONE : fault;
}

enum fault job_prune(const char *state, uint64_t seconds, uint64_t *removed, struct err *err)
{
	struct job_list list;
	uint64_t now = (uint64_t)time(NULL), before = now > seconds ? now - seconds : 0;
	*removed = 0;
	enum fault fault = job_list_read(state, &list, err);
	for (size_t i = list.count;
	     i-- > 0 && !fault && job_created_ms(list.name[i]) / 1000 <= before;)
		fault = prune_one(state, list.name[i], before, removed, err);
	job_list_fini(&list);
	return fault;
}
