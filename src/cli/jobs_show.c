#include "cli/jobs.h"
#include "job/leftovers.h"
#include "report/entry_line.h"
#include "report/recount.h"

#include <sys/stat.h>
#include <time.h>

enum {
	PATH_SIZE = 4096,
	COUNTED_MAX = 16 << 20, /* bytes of a plan that a list counts without being asked to */
	SHOWN_MAX = 50,         /* failures that people are shown */
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

static void add_time(struct fields *fields, const char *key, uint64_t when)
{
	time_t seconds = (time_t)when;
	struct tm calendar;
	char text[32];
	if (gmtime_r(&seconds, &calendar) &&
	    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &calendar) > 0)
		fields_word(fields, key, text);
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

const char *jobs_state(enum job_state state, bool locked)
{
	static const char *const word[] = {
		[JOB_EMPTY] = "empty",        [JOB_PLANNED] = "planned",
		[JOB_PENDING] = "unfinished", [JOB_FINISHED] = "finished",
		[JOB_DAMAGED] = "damaged",
	};
	return locked ? "running" : word[state];
}

/* Whether the plan is so large that counting it takes long. */
static bool is_large(const struct job *job)
{
	struct stat st;
	return stat(job->manifest, &st) == 0 && st.st_size > COUNTED_MAX;
}

bool jobs_sum(const struct job *job, struct job_summary *summary)
{
	return job_summary_read(job, summary) ||
	       (!is_large(job) && job_summary_count(job, summary));
}

static void add_sum(struct fields *fields, const struct job *job)
{
	struct job_summary sum;
	if (!jobs_sum(job, &sum))
		return;
	fields_number(fields, "planned", sum.planned);
	fields_number(fields, "done", sum.done);
	fields_number(fields, "skipped", sum.skipped);
	fields_number(fields, "skipped_asked", sum.skipped_asked);
	fields_number(fields, "failed", sum.failed);
	fields_number(fields, "left", sum.left);
	fields_number(fields, "files_planned", sum.files_planned);
	fields_number(fields, "files_done", sum.files_done);
	fields_number(fields, "files_asked", sum.files_asked);
	fields_number(fields, "bytes_planned", sum.bytes_planned);
	fields_number(fields, "bytes", sum.bytes_done);
	if (sum.status < 0)
		return;
	fields_number(fields, "status", (uint64_t)sum.status);
	add_time(fields, "ended", sum.ended);
}

enum fault jobs_describe(struct fields *fields, const struct job *job, struct err *err)
{
	const struct catalog_files plan = { .plan = job->manifest, .read_only = true };
	struct catalog *catalog = NULL;
	bool locked = false;
	enum job_state state = job_look(job, &locked);
	fields_begin(fields, "job");
	fields_word(fields, "id", job->name);
	fields_word(fields, "state", jobs_state(state, locked));
	add_time(fields, "created", job_created_ms(job->name) / 1000);
	if (!locked && (state == JOB_PENDING || state == JOB_DAMAGED))
		add_leftovers(fields, job);
	if (catalog_file_open(&plan, NULL, &catalog, NULL) == FAULT_NONE) {
		add_property(fields, catalog, JOB_COMMAND);
		add_property(fields, catalog, JOB_TYPED);
		add_property(fields, catalog, JOB_SOURCES);
		add_property(fields, catalog, JOB_TARGET);
		add_property(fields, catalog, JOB_SELECT);
		catalog_close(catalog);
	}
	if (!locked)
		add_sum(fields, job);
	return fields_end(fields, err);
}

/* ---- show ---- */

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

/* ---- what is not done ---- */

struct failures {
	struct fields *fields;
	struct catalog_reader *reader;
	struct listing_id listing;
	uint64_t count;
};

static enum fault show_failure(void *context, const struct manifest_entry *entry,
			       const struct outcome *outcome, struct err *err)
{
	struct failures *failures = context;
	struct fields *fields = failures->fields;
	bool planned = entry->verdict != OUTCOME_NONE;
	uint8_t state = planned ? entry->verdict : outcome->state;
	uint8_t reason = planned ? entry->reason : outcome->reason;
	char path[PATH_SIZE];
	if (state != OUTCOME_FAILED && state != OUTCOME_SKIPPED)
		return FAULT_NONE;
	if (failures->count++ >= SHOWN_MAX && !fields->json)
		return FAULT_NONE;
	if (catalog_path(failures->reader, failures->listing, path, sizeof path - 1, err))
		return err->fault;
	size_t size = strlen(path);
	if (size)
		path[size++] = '/';
	size_t more = entry->name_size < sizeof path - size ? entry->name_size : sizeof path - size;
	memcpy(path + size, entry->name, more);
	fields_begin(fields, "entry");
	fields_word(fields, "state", state == OUTCOME_FAILED ? "failed" : "skipped");
	fields_text(fields, "path", path, size + more);
	fields_word(fields, "kind", entry_kind_text(entry->kind));
	fields_word(fields, "reason", outcome_reason_text(reason));
	return fields_end(fields, err);
}

/* Goes over the plan, however far it is, and shows what was given up. */
static enum fault show_failures(struct fields *fields, struct catalog *catalog, struct err *err)
{
	struct failures failures = { .fields = fields };
	const struct catalog_visitor visitor = { show_failure, &failures };
	struct catalog_page page = { 0 };
	enum fault fault = catalog_reader_new(catalog, &failures.reader, err);
	while (!fault && !page.is_end) {
		fault = catalog_next(failures.reader, &page, err);
		failures.listing = page.listing;
		if (!fault && !page.is_end)
			fault = catalog_visit(failures.reader, &page, &visitor, err);
	}
	catalog_reader_free(failures.reader);
	return fault;
}

enum fault jobs_show(struct fields *fields, const struct job *job, struct err *err)
{
	struct catalog_files files = job_files(job);
	struct catalog *catalog = NULL;
	struct recount counts;
	files.read_only = true;
	enum fault fault = jobs_describe(fields, job, err);
	if (!fault)
		fault = catalog_file_open(&files, job->id, &catalog, err);
	if (!fault)
		fault = recount_job(catalog, job_asked(catalog), &counts, err);
	if (!fault)
		fault = show_counts(fields, &counts, err);
	if (!fault && counts.all.failed + counts.all.skipped > 0)
		fault = show_failures(fields, catalog, err);
	catalog_close(catalog);
	if (fault)
		return fault;
	fields_begin(fields, "log");
	fields_word(fields, "path", job->errors);
	return fields_end(fields, err);
}
