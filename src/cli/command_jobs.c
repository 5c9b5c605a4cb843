#include "cli/command.h"
#include "job/job.h"
#include "job/leftovers.h"
#include "report/fields.h"
#include "report/out.h"
#include "report/recount.h"
#include "report/say.h"

static const char *const state_word[] = {
	[JOB_EMPTY] = "empty",       [JOB_PLANNED] = "planned", [JOB_PENDING] = "unfinished",
	[JOB_FINISHED] = "finished", [JOB_DAMAGED] = "damaged",
};

/* Adds a property as text, unless it is empty; where NULs separate parts, the spaces show the
 * seams. */
static void add_property(struct fields *fields, const struct catalog *catalog, const char *key)
{
	char text[512];
	size_t size = 0;
	const char *value = catalog_property(catalog, key, &size);
	if (!value)
		return;
	size = size < sizeof text ? size : sizeof text;
	while (size > 0 && value[size - 1] == '\0')
		size--;
	if (size == 0)
		return;
	for (size_t i = 0; i < size; i++)
		text[i] = value[i] ? value[i] : ' ';
	fields_text(fields, key, text, size);
}

static void add_created(struct fields *fields, const struct job *job)
{
	uint64_t ms = 0;
	for (int i = 0; i < 6; i++)
		ms = ms << 8 | job->id[i];
	time_t seconds = (time_t)(ms / 1000);
	struct tm calendar;
	char text[32];
	if (gmtime_r(&seconds, &calendar) &&
	    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &calendar) > 0)
		fields_word(fields, "created", text);
}

/* Adds how many temporary files lie at the target; those of a running job are its own business. */
static void add_leftovers(struct fields *fields, const struct job *job)
{
	const struct leftovers all = { .removes = false };
	uint64_t count;
	struct err err;
	if (!leftovers_look(job, &all, &count, &err) && count > 0)
		fields_number(fields, "temporary_files", count);
}

static enum fault describe_job(struct fields *fields, const struct job *job, struct err *err)
{
	const struct catalog_files plan = { .plan = job->manifest };
	struct catalog *catalog = NULL;
	bool locked = false;
	enum job_state state = job_look(job, &locked);
	fields_begin(fields, "job");
	fields_word(fields, "id", job->name);
	fields_word(fields, "state", locked ? "running" : state_word[state]);
	add_created(fields, job);
	if (!locked && (state == JOB_PENDING || state == JOB_DAMAGED))
		add_leftovers(fields, job);
	if (catalog_file_open(&plan, NULL, &catalog, NULL) == FAULT_NONE) {
		add_property(fields, catalog, JOB_COMMAND);
		add_property(fields, catalog, JOB_SOURCES);
		add_property(fields, catalog, JOB_TARGET);
		add_property(fields, catalog, JOB_SELECT);
		catalog_close(catalog);
	}
	return fields_end(fields, err);
}

static enum fault list_jobs(struct fields *fields, const char *state, struct err *err)
{
	struct job_list list;
	enum fault fault = job_list_read(state, &list, err);
	if (!fault && list.count == 0)
		say(fields->output, SAY_INFO, "there are no jobs in '%s'", state);
	for (size_t i = 0; i < list.count && !fault; i++) {
		struct job job;
		fault = job_open(state, list.name[i], &job, err);
		if (fault)
			break;
		fault = describe_job(fields, &job, err);
		job_close(&job);
	}
	job_list_fini(&list);
	return fault;
}

/* ---- show ---- */

/* What its command line left out on purpose, so that status 0 is still to be had. */
static unsigned asked(const struct catalog *catalog)
{
	char text[16] = "";
	size_t size = 0;
	const char *value = catalog_property(catalog, JOB_ASKED, &size);
	if (value && size < sizeof text)
		memcpy(text, value, size);
	return (unsigned)strtoul(text, NULL, 10);
}

static enum fault show_kind(struct fields *fields, const char *word,
			    const struct recount_kind *kind, struct err *err)
{
	fields_begin(fields, "count");
	fields_word(fields, "of", word);
	fields_number(fields, "planned", kind->planned);
	fields_number(fields, "done", kind->done);
	fields_number(fields, "skipped", kind->skipped);
	fields_number(fields, "failed", kind->failed);
	fields_number(fields, "left", kind->left);
	return fields_end(fields, err);
}

static enum fault show_counts(struct fields *fields, const struct recount *counts, struct err *err)
{
	static const char *const word[] = { "", "files", "directories", "symlinks", "others" };
	enum fault fault = show_kind(fields, "entries", &counts->all, err);
	for (size_t i = MANIFEST_FILE; i < ARRAY_COUNT(word) && !fault; i++)
		fault = show_kind(fields, word[i], &counts->kind[i], err);
	for (unsigned i = 0; i < RECOUNT_REASONS && !fault; i++) {
		if (counts->reason[i] == 0)
			continue;
		fields_begin(fields, "reason");
		fields_word(fields, "text", outcome_reason_text((uint8_t)i));
		fields_number(fields, "entries", counts->reason[i]);
		fault = fields_end(fields, err);
	}
	if (fault)
		return fault;
	fields_begin(fields, "result");
	fields_bool(fields, "plan_complete", counts->plan_complete);
	fields_bool(fields, "linked", counts->linked);
	fields_number(fields, "bytes_planned", counts->bytes_planned);
	fields_number(fields, "bytes", counts->bytes_done);
	fields_number(fields, "damaged", counts->damaged);
	return fields_end(fields, err);
}

static enum fault show_job(struct fields *fields, const struct job *job, struct err *err)
{
	struct catalog_files files = job_files(job);
	struct catalog *catalog = NULL;
	struct recount counts;
	enum fault fault = describe_job(fields, job, err);
	files.read_only = true;
	if (!fault)
		fault = catalog_file_open(&files, job->id, &catalog, err);
	if (!fault)
		fault = recount_job(catalog, asked(catalog), &counts, err);
	catalog_close(catalog);
	return fault ? fault : show_counts(fields, &counts, err);
}

/* ---- */

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
		fault = show_job(fields, &job, err);
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

enum fault command_jobs(const struct options *options, struct output *output, int *status,
			struct err *err)
{
	const struct text_list *words = &options->words;
	const char *verb = words->count > 0 ? words->text[0] : "list";
	bool is_list = strcmp(verb, "list") == 0;
	*status = 0;
	bool is_retry = strcmp(verb, "retry") == 0;
	if (!is_list && !is_retry && strcmp(verb, "show") != 0 && strcmp(verb, "remove") != 0)
		return err_set(err, FAULT_USAGE,
			       "barge jobs knows list, show JOB, retry JOB and remove JOB");
	if (words->count != (is_list ? (words->count > 0) : 2))
		return err_set(err, FAULT_USAGE,
			       is_list ? "barge jobs list takes no word more"
				       : "which job?  barge jobs lists them");
	if (is_retry)
		return retry_job(options, output, status, err);
	char *state = NULL;
	struct fields fields;
	fields_init(&fields, output);
	enum fault fault = job_state_dir(options->state_dir, &state, err);
	if (!fault && is_list)
		fault = list_jobs(&fields, state, err);
	else if (!fault)
		fault = of_one(&fields, state, verb, words->text[1], err);
	out_flush(output);
	fields_fini(&fields);
	free(state);
	return fault;
}
