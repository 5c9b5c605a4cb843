#include "job/job.h"

static bool has_properties(const struct job *job, const struct manifest_property *property,
			   size_t count)
{
	const struct catalog_files plan = { .plan = job->manifest };
	struct catalog *catalog = NULL;
	if (count == 0)
		return true;
	if (catalog_file_open(&plan, NULL, &catalog, NULL))
		return false;
	bool same = true;
	for (size_t i = 0; i < count && same; i++) {
		size_t size = 0;
		const char *value = catalog_property(catalog, property[i].key, &size);
		same = value && size == property[i].value_size &&
		       memcmp(value, property[i].value, size) == 0;
	}
	catalog_close(catalog);
	return same;
}

/* A damaged job counts as unsettled, so that whoever would go on with it is told. */
static bool is_unsettled(const struct job *job)
{
	bool locked;
	enum job_state state = job_look(job, &locked);
	return state == JOB_PLANNED || state == JOB_PENDING || state == JOB_DAMAGED;
}

enum fault job_find(const char *state, const struct manifest_property *property, size_t count,
		    struct job *job, bool *found, struct err *err)
{
	struct job_list list;
	*found = false;
	enum fault fault = job_list_read(state, &list, err);
	for (size_t i = 0; !fault && !*found && i < list.count; i++) {
		struct job candidate;
		fault = job_open(state, list.name[i], &candidate, err);
		if (fault == FAULT_NOT_FOUND) { /* removed meanwhile */
			fault = FAULT_NONE;
			continue;
		}
		if (fault)
			break;
		*found = has_properties(&candidate, property, count) && is_unsettled(&candidate);
		if (*found)
			*job = candidate;
		else
			job_close(&candidate);
	}
	job_list_fini(&list);
	return fault;
}

enum fault job_newest(const char *state, struct job *job, bool *found, struct err *err)
{
	return job_find(state, NULL, 0, job, found, err);
}
