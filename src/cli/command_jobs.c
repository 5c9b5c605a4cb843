#include "cli/command.h"
#include "cli/jobs.h"
#include "job/job.h"
#include "job/leftovers.h"
#include "job/prune.h"
#include "report/out.h"
#include "report/say.h"

/* Removes what the job left at its target, and the job. */
static enum fault remove_job(struct output *output, struct job *job, struct err *err)
{
	const struct leftovers all = { .removes = true };
	uint64_t count = 0;
	struct err missed;
	bool locked, empty = job_look(job, &locked) == JOB_EMPTY;
	if (job_lock(job, err))
		return err->fault;
	if (!empty && leftovers_look(job, &all, &count, &missed))
		say(output, SAY_WARNING,
		    "temporary files it may have left at its target were not looked for: %s",
		    missed.text);
	if (count > 0)
		say(output, SAY_INFO, "%llu temporary files removed at its target",
		    (unsigned long long)count);
	return job_remove(job, err);
}

static enum fault of_one(struct fields *fields, const char *state, const char *verb,
			 const char *name, struct err *err)
{
	struct job job = { .lock_fd = -1 };
	enum fault fault = job_open(state, name, &job, err);
	if (!fault && strcmp(verb, "show") == 0)
		fault = jobs_show(fields, &job, err);
	else if (!fault)
		fault = remove_job(fields->output, &job, err);
	job_close(&job);
	return fault;
}

/* The same as `barge resume --retry JOB`. */
static enum fault retry_job(const struct options *options, struct output *output, int *status,
			    struct err *err)
{
	struct options resume = *options;
	resume.transfer.retry = true;
	resume.words = (struct text_list){ options->words.text + 1, 1 };
	return command_resume(&resume, output, status, err);
}

static enum fault prune(struct output *output, const char *state, uint64_t seconds, struct err *err)
{
	uint64_t removed;
	enum fault fault = job_prune(state, seconds, &removed, err);
	if (!fault)
		say(output, SAY_INFO, "%llu finished jobs removed", (unsigned long long)removed);
	return fault;
}

/* The verbs of `barge jobs`, and how many words each takes with itself. */
static const struct verb {
	const char *name;
	size_t words;
} verb_table[] = { { "list", 1 }, { "show", 2 }, { "retry", 2 }, { "remove", 2 }, { "prune", 1 } };

static const struct verb *find_verb(const struct text_list *words, struct err *err)
{
	const char *name = words->count > 0 ? words->text[0] : verb_table[0].name;
	size_t count = words->count > 0 ? words->count : 1;
	for (size_t i = 0; i < ARRAY_COUNT(verb_table); i++) {
		const struct verb *verb = &verb_table[i];
		if (strcmp(verb->name, name) != 0)
			continue;
		if (count == verb->words)
			return verb;
		if (count < verb->words)
			err_set(err, FAULT_USAGE, "which job?  barge jobs lists them");
		else
			err_set(err, FAULT_USAGE, "barge jobs %s takes %s", name,
				verb->words == 1 ? "no word more" : "one job");
		return NULL;
	}
	err_set(err, FAULT_USAGE,
		"barge jobs knows list, show JOB, retry JOB, remove JOB and prune");
	return NULL;
}

enum fault command_jobs(const struct options *options, struct output *output, int *status,
			struct err *err)
{
	*status = 0;
	const struct verb *verb = find_verb(&options->words, err);
	if (!verb)
		return err->fault;
	if (strcmp(verb->name, "retry") == 0)
		return retry_job(options, output, status, err);
	char *state = NULL;
	struct fields fields;
	fields_init(&fields, output);
	enum fault fault = job_state_dir(options->state_dir, &state, err);
	if (!fault && strcmp(verb->name, "list") == 0)
		fault = jobs_list(&fields, state, err);
	else if (!fault && strcmp(verb->name, "prune") == 0)
		fault = prune(output, state,
			      options->older_ms == UINT64_MAX ? JOB_KEEP_SECONDS
							      : options->older_ms / 1000,
			      err);
	else if (!fault)
		fault = of_one(&fields, state, verb->name, options->words.text[1], err);
	out_flush(output);
	fields_fini(&fields);
	free(state);
	return fault;
}
