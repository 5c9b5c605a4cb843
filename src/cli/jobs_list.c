#include "base/escape.h"
#include "cli/jobs.h"
#include "report/out.h"
#include "report/progress.h"
#include "report/say.h"

#include <time.h>

enum {
	ID_MIN = 8, /* digits of an id that are shown at least */
	AGE_SIZE = 24,
	WHAT_MAX = 100, /* bytes of sources and target that are shown, each */
	LINE_MAX_SIZE = 8192,
};

struct jobs_row {
	char name[JOB_NAME_SIZE];
	char age[AGE_SIZE];
	enum job_state state;
	bool locked, summed;
	struct job_summary sum;
	struct bytes command, what;
};

static const char *age_text(uint64_t seconds, char text[AGE_SIZE])
{
	static const struct {
		uint64_t seconds;
		char unit;
	} step[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	size_t i = 0;
	while (i + 1 < ARRAY_COUNT(step) && seconds < 2 * step[i].seconds)
		i++;
	snprintf(text, AGE_SIZE, "%llu%c", (unsigned long long)(seconds / step[i].seconds),
		 step[i].unit);
	return text;
}

/* Appends a text, its end where it is long: that tells more of a path. */
static enum fault append_end(struct bytes *out, const char *text, size_t size)
{
	bool cut = size > WHAT_MAX;
	enum fault fault = cut ? bytes_append_text(out, "...") : FAULT_NONE;
	if (!fault)
		fault = escape_name(out, cut ? text + size - WHAT_MAX : text,
				    cut ? WHAT_MAX : size);
	return fault;
}

/* "photos and 2 more -> tahoe:": as it was typed, or, of an older job, as it was understood. */
static enum fault append_what(struct jobs_row *row, const struct catalog *catalog)
{
	size_t size = 0, target_size = 0, more = 0;
	const char *source = catalog_property(catalog, JOB_TYPED, &size);
	if (!source)
		source = catalog_property(catalog, JOB_SOURCES, &size);
	const char *target = catalog_property(catalog, JOB_TARGET, &target_size);
	if (!source || !target)
		return bytes_append_text(&row->what, "?");
	size_t first = strnlen(source, size);
	for (size_t i = first + 1; i < size; i++)
		more += source[i] == '\0';
	enum fault fault = append_end(&row->what, source, first);
	if (!fault && more)
		fault = bytes_printf(&row->what, " and %zu more", more);
	if (!fault)
		fault = bytes_append_text(&row->what, " -> ");
	return fault ? fault : append_end(&row->what, target, target_size);
}

static enum fault fill_row(struct jobs_row *row, const struct job *job, uint64_t now)
{
	const struct catalog_files plan = { .plan = job->manifest, .read_only = true };
	struct catalog *catalog = NULL;
	uint64_t made = job_created_ms(job->name) / 1000;
	size_t size = 0;
	memcpy(row->name, job->name, sizeof row->name);
	age_text(now > made ? now - made : 0, row->age);
	bytes_init(&row->command, LINE_MAX_SIZE);
	bytes_init(&row->what, LINE_MAX_SIZE);
	row->state = job_look(job, &row->locked);
	row->summed = !row->locked && jobs_sum(job, &row->sum);
	if (catalog_file_open(&plan, NULL, &catalog, NULL))
		return bytes_append_text(&row->command, "?");
	const char *command = catalog_property(catalog, JOB_COMMAND, &size);
	enum fault fault = escape_name(&row->command, command ? command : "?", command ? size : 1);
	if (!fault)
		fault = append_what(row, catalog);
	catalog_close(catalog);
	return fault;
}

/* How many digits tell each job from all others: they are sorted. */
static int id_width(const struct job_list *list)
{
	int width = ID_MIN;
	for (size_t i = 1; i < list->count; i++) {
		int same = 0;
		while (list->name[i][same] && list->name[i][same] == list->name[i - 1][same])
			same++;
		width = same + 1 > width ? same + 1 : width;
	}
	return width;
}

static enum fault print_row(struct output *output, const struct jobs_row *row, int width,
			    struct err *err)
{
	typedef unsigned long long llu;
	const struct job_summary *sum = &row->sum;
	char files[48] = "-", failed[24] = "-", bytes[QUANTITY_SIZE] = "-";
	struct bytes line;
	bytes_init(&line, 2 * LINE_MAX_SIZE);
	if (row->summed) {
		/* What an option left out, or was there already, is as it was asked for. */
		const llu as_asked = sum->files_done + sum->files_asked;
		snprintf(files, sizeof files, "%llu/%llu", as_asked, (llu)sum->files_planned);
		const llu not_done = sum->failed + sum->skipped - sum->skipped_asked;
		snprintf(failed, sizeof failed, "%llu", not_done);
		quantity_bytes(sum->bytes_done, bytes);
	}
	enum fault fault = bytes_printf(&line, "%.*s  %4s  %-8s  %-10s  %15s  %8s  %10s  %s\n",
					width, row->name, row->age, bytes_text(&row->command),
					jobs_state(row->state, row->locked), files, failed, bytes,
					bytes_text(&row->what));
	if (!fault)
		out_put(output, line.data, line.size);
	bytes_fini(&line);
	return fault ? bytes_err(fault, err, "a line") : FAULT_NONE;
}

static void print_head(struct output *output, int width)
{
	char line[200];
	int size = snprintf(line, sizeof line, "%-*s  %4s  %-8s  %-10s  %15s  %8s  %10s  %s\n",
			    width, "JOB", "AGE", "COMMAND", "STATE", "FILES", "NOT DONE", "BYTES",
			    "SOURCE -> TARGET");
	out_put(output, line, (size_t)size);
}

static enum fault list_one(struct fields *fields, const struct job *job, int width, struct err *err)
{
	struct jobs_row row = { 0 };
	if (fields->json)
		return jobs_describe(fields, job, err);
	enum fault fault = fill_row(&row, job, (uint64_t)time(NULL));
	fault = fault ? bytes_err(fault, err, "a line")
		      : print_row(fields->output, &row, width, err);
	bytes_fini(&row.command);
	bytes_fini(&row.what);
	return fault;
}

enum fault jobs_list(struct fields *fields, const char *state, struct err *err)
{
	struct job_list list;
	enum fault fault = job_list_read(state, &list, err);
	int width = id_width(&list);
	if (!fault && list.count == 0)
		say(fields->output, SAY_INFO, "there are no jobs in '%s'", state);
	else if (!fault && !fields->json)
		print_head(fields->output, width);
	for (size_t i = 0; i < list.count && !fault; i++) {
		struct job job;
		fault = job_open(state, list.name[i], &job, err);
		if (fault == FAULT_NOT_FOUND) { /* removed meanwhile */
			fault = FAULT_NONE;
			continue;
		}
		if (fault)
			break;
		fault = list_one(fields, &job, width, err);
		job_close(&job);
	}
	job_list_fini(&list);
	return fault;
}
