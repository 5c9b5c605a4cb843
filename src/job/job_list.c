#include "job/job.h"

#include <dirent.h>
#include <errno.h>

enum { PATH_SIZE = 4096 };

bool job_is_name(const char *text)
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
		if (job_is_name(entry->d_name))
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
