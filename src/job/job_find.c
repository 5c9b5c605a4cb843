#include "job/job.h"

#include <dirent.h>
#include <errno.h>

enum { PATH_SIZE = 4096 };

static bool is_name(const char *text)
{
	return strlen(text) == JOB_NAME_SIZE - 1 &&
	       strspn(text, "0123456789abcdef") == JOB_NAME_SIZE - 1;
}

static int newest_first(const void *a, const void *b) { return -strcmp(a, b); }

static enum fault add_name(struct job_list *list, const char *name, struct err *err)
{
	char(*grown)[JOB_NAME_SIZE] = reallocarray(list->name, list->count + 1, sizeof *list->name);
	if (!grown)
		return err_set(err, FAULT_NOMEM, "out of memory for the list of jobs");
	list->name = grown;
	memcpy(list->name[list->count++], name, JOB_NAME_SIZE);
	return FAULT_NONE;
}

enum fault job_list_read(const char *state, struct job_list *list, struct err *err)
{
	char path[PATH_SIZE];
	*list = (struct job_list){ 0 };
	snprintf(path, sizeof path, "%s/jobs", state);
	DIR *dir = opendir(path);
	if (!dir && errno == ENOENT)
		return FAULT_NONE;
	if (!dir)
		return err_os(err, FAULT_IO, errno, "cannot read '%s'", path);
	enum fault fault = FAULT_NONE;
	for (struct dirent *entry; !fault && (entry = readdir(dir));)
		if (is_name(entry->d_name))
			fault = add_name(list, entry->d_name, err);
	closedir(dir);
	if (fault)
		job_list_fini(list);
	else if (list->count > 1)
		qsort(list->name, list->count, sizeof *list->name, newest_first);
	return fault;
}

void job_list_fini(struct job_list *list)
{
	free(list->name);
	*list = (struct job_list){ 0 };
}

/* Whether the plan of the job says all of these of itself; one that cannot be read does not. */
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
