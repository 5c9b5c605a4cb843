#include "job/dry_run.h"

#include "job/job.h"
#include "report/say.h"

#include <errno.h>
#include <unistd.h>

enum fault dry_run_init(struct dry_run *dry_run, struct output *output, struct err *err)
{
	const char *base = getenv("TMPDIR");
	*dry_run = (struct dry_run){ .output = output };
	if (asprintf(&dry_run->directory, "%s/barge-dry-run-XXXXXX",
		     base && *base == '/' ? base : "/tmp") < 0) {
		dry_run->directory = NULL;
		return err_set(err, FAULT_NOMEM, "no memory for a path");
	}
	if (!mkdtemp(dry_run->directory)) {
		enum fault fault =
			err_os(err, FAULT_IO, errno, "cannot make '%s'", dry_run->directory);
		free(dry_run->directory);
		dry_run->directory = NULL;
		return fault;
	}
	return FAULT_NONE;
}

static enum fault remove_jobs(const char *state, struct err *err)
{
	struct job_list list;
	enum fault fault = job_list_read(state, &list, err);
	for (size_t i = 0; !fault && i < list.count; i++) {
		struct job job;
		fault = job_open(state, list.name[i], &job, err);
		if (!fault)
			fault = job_remove(&job, err);
	}
	job_list_fini(&list);
	return fault;
}

void dry_run_fini(struct dry_run *dry_run)
{
	char *jobs;
	struct err err;
	if (!dry_run->directory)
		return;
	if (remove_jobs(dry_run->directory, &err))
		say_err(dry_run->output, &err);
	if (asprintf(&jobs, "%s/jobs", dry_run->directory) >= 0) {
		(void)rmdir(jobs);
		free(jobs);
	}
	if (rmdir(dry_run->directory) != 0)
		say(dry_run->output, SAY_WARNING, "'%s' could not be removed", dry_run->directory);
	free(dry_run->directory);
	dry_run->directory = NULL;
}
