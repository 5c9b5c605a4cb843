#include "job/index.h"
#include "job/job.h"

/*
 * A job by what the index knows of it:
 *
 *   finished, or of other words    not opened
 *   of these words, not finished   opened and looked at
 *   not known, or damaged there    opened, looked at and noted
 */
struct search {
	const char *state;
	const struct manifest_property *property;
	size_t count;
	struct job_identity wanted;
	struct job_index index;
};

static bool same_identity(const struct job_identity *a, const struct job_identity *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

/* Whether all that is known says that it is not the one.  Lines about other properties say only
 * whether it is over. */
static bool is_passed_over(const struct search *search, const struct job_index_entry *known)
{
	if (!known)
		return false;
	if (known->state != JOB_INDEX_PENDING)
		return true;
	return search->count > 0 &&
	       memcmp(known->identity.keys, search->wanted.keys, sizeof search->wanted.keys) == 0 &&
	       !same_identity(&known->identity, &search->wanted);
}

/* Notes what was seen of a job, where that is new.  One that runs is not over, and not left. */
static void note(const struct search *search, struct job *job, const struct job_identity *identity,
		 enum job_state state)
{
	const struct job_index_entry *known = job_index_find(&search->index, job->name);
	struct job_index_entry entry = {
		.identity = *identity,
		.state = state == JOB_FINISHED ? JOB_INDEX_FINISHED : JOB_INDEX_PENDING,
	};
	memcpy(entry.name, job->name, sizeof entry.name);
	if (!known || known->state != entry.state || !same_identity(&known->identity, identity))
		job_index_note(job, &entry);
}

/* Whether the job is the one.  A damaged one counts as unsettled, so that whoever would go on with
 * it is told. */
static bool is_wanted(const struct search *search, struct job *job)
{
	const struct catalog_files plan = { .plan = job->manifest };
	struct catalog *catalog = NULL;
	struct job_identity identity = search->wanted;
	bool locked, readable = !catalog_file_open(&plan, NULL, &catalog, NULL);
	if (readable)
		identity = job_identity_read(catalog, search->property, search->count);
	catalog_close(catalog);
	if (!readable && search->count > 0)
		return false;
	const enum job_state state = job_look(job, &locked);
	if (readable && search->count > 0 && !locked && state != JOB_EMPTY)
		note(search, job, &identity, state);
	return same_identity(&identity, &search->wanted) &&
	       (state == JOB_PLANNED || state == JOB_PENDING || state == JOB_DAMAGED);
}

/* Opens the job and looks at it; `job` is it, where it is the one. */
static enum fault try_job(const struct search *search, const char *name, struct job *job,
			  bool *found, struct err *err)
{
	struct job candidate;
	enum fault fault = job_open(search->state, name, &candidate, err);
	if (fault == FAULT_NOT_FOUND) /* removed meanwhile */
		return FAULT_NONE;
	if (fault)
		return fault;
	*found = is_wanted(search, &candidate);
	if (*found)
		*job = candidate;
	else
		job_close(&candidate);
	return FAULT_NONE;
}

enum fault job_find(const char *state, const struct manifest_property *property, size_t count,
		    struct job *job, bool *found, struct err *err)
{
	struct job_list list;
	struct search search = {
		.state = state,
		.property = property,
		.count = count,
		.wanted = job_identity_of(property, count),
	};
	*found = false;
	enum fault fault = job_list_read(state, &list, err);
	job_index_read(state, &search.index);
	for (size_t i = 0; !fault && !*found && i < list.count; i++)
		if (!is_passed_over(&search, job_index_find(&search.index, list.name[i])))
			fault = try_job(&search, list.name[i], job, found, err);
	job_index_fini(&search.index);
	job_list_fini(&list);
	return fault;
}

enum fault job_newest(const char *state, struct job *job, bool *found, struct err *err)
{
	return job_find(state, NULL, 0, job, found, err);
}
