#include "job/prune.h"

#include "job/index.h"
#include "job/summary.h"

#include <time.h>

struct pruning {
	const char *state;
	uint64_t before; /* seconds since 1970 */
	uint64_t removed;
	struct job_index index;
};

/* Whether it ended with status 0.  What failed or can go on stays, however old it is. */
static bool ended_well(const struct job *job, uint64_t *ended)
{
	struct job_summary summary;
	if (!job_summary_read(job, &summary) && !job_summary_count(job, &summary))
		return false;
	*ended = summary.ended;
	return summary.status == 0;
}

/* Removes the job if it is over, or notes that it stays.  One that is held is not ours. */
static enum fault prune_job(struct pruning *pruning, struct job *job, struct err *err)
{
	const struct job_index_entry *known = job_index_find(&pruning->index, job->name);
	uint64_t ended = 0;
	bool locked;
	if (job_look(job, &locked) != JOB_FINISHED || locked)
		return FAULT_NONE;
	if (!ended_well(job, &ended)) {
		struct job_index_entry kept = { 0 };
		if (known) {
			kept = *known;
			kept.state = JOB_INDEX_KEPT;
			job_index_note(job, &kept);
		}
		return FAULT_NONE;
	}
	if (ended > pruning->before)
		return FAULT_NONE;
	enum fault fault = job_remove(job, err);
	pruning->removed += !fault;
	return fault;
}

static enum fault prune_one(struct pruning *pruning, const char *name, struct err *err)
{
	const struct job_index_entry *known = job_index_find(&pruning->index, name);
	struct job job = { .lock_fd = -1 };
	if (known && known->state != JOB_INDEX_FINISHED)
		return FAULT_NONE;
	enum fault fault = job_open(pruning->state, name, &job, err);
	if (!fault)
		fault = prune_job(pruning, &job, err);
	job_close(&job);
	return fault == FAULT_NOT_FOUND || fault == FAULT_LOCKED ? FAULT_NONE : fault;
}

enum fault job_prune(const char *state, uint64_t seconds, uint64_t *removed, struct err *err)
{
	struct job_list list;
	const uint64_t now = (uint64_t)time(NULL);
	struct pruning pruning = { .state = state, .before = now > seconds ? now - seconds : 0 };
	enum fault fault = job_list_read(state, &list, err);
	job_index_read(state, &pruning.index);
	for (size_t i = list.count;
	     i-- > 0 && !fault && job_created_ms(list.name[i]) / 1000 <= pruning.before;)
		fault = prune_one(&pruning, list.name[i], err);
	job_index_fini(&pruning.index);
	job_list_fini(&list);
	*removed = pruning.removed;
	return fault;
}
