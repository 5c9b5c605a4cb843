#include "report/lines.h"

#include "queue/core/file_io.h"
#include "queue/core/ring.h"
#include "queue/core/thread.h"
#include "report/entry_line.h"
#include "report/out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	NOTES_MAX = 4096,  /* in the ring: some 1 MiB, 50 ms of the fastest gateway */
	PATH_SIZE = 65536, /* a longer path shows its end */
	PATHS_KEPT = 16,   /* directories whose paths are remembered */
	LINE_MAX_SIZE = 8 << 20,
};

struct note {
	struct line line;
	char name[];
};

struct known_path {
	struct listing_id listing; /* 0: free */
	uint64_t id;               /* of the directory */
	char *path;
};

struct lines {
	struct output *output;
	struct catalog *catalog;
	char *errors; /* path, or NULL */
	char *target; /* path, or NULL */
	struct ring *ring;
	struct thread thread;
	bool running;
	atomic_size_t waiting; /* notes in the ring: at 0 what is written goes out */
	atomic_uint_least64_t lost;
	int errors_fd;
	uint64_t failures, remarks;
	struct catalog_reader *reader; /* made for the first path */
	struct known_path known[PATHS_KEPT];
	size_t next_known;
	struct bytes text;
	char path[PATH_SIZE];
};

/* Finds the path of a directory in the plan and keeps it in place of the oldest. */
static struct known_path *learn_path(struct lines *lines, struct listing_id listing)
{
	struct err err;
	struct catalog_page page;
	if (!lines->reader && catalog_reader_new(lines->catalog, &lines->reader, &err))
		return NULL;
	catalog_seek(lines->reader, listing);
	if (catalog_read(lines->reader, &page, &err) ||
	    catalog_path(lines->reader, listing, lines->path, sizeof lines->path, &err))
		return NULL;
	char *copy = strdup(lines->path);
	if (!copy)
		return NULL;
	struct known_path *known = &lines->known[lines->next_known++ % PATHS_KEPT];
	free(known->path);
	*known = (struct known_path){ .listing = listing, .id = page.id, .path = copy };
	return known;
}

/* Returns the path of the entry, in lines->path; only its name when the manifest does not tell.
 * Names from a grid may hold NUL. */
static const char *entry_path(struct lines *lines, const struct line *line, size_t *size)
{
	struct known_path *known = NULL;
	for (size_t i = 0; i < PATHS_KEPT && line->listing.value; i++)
		if (listing_is(lines->known[i].listing, line->listing))
			known = &lines->known[i];
	if (!known && line->listing.value)
		known = learn_path(lines, line->listing);
	if (line->listing.value && !known)
		atomic_fetch_add(&lines->lost, 1);
	if (known && known->id == line->id) { /* its own listing: the path ends in its name */
		*size = strlen(known->path);
		return known->path;
	}
	const char *above = known ? known->path : "";
	int length = snprintf(lines->path, sizeof lines->path, "%s%s", above, *above ? "/" : "");
	size_t at = min_u64((uint64_t)length, sizeof lines->path);
	size_t room = min_u64(line->name_size, sizeof lines->path - at);
	memcpy(lines->path + at, line->name, room);
	*size = at + room;
	return lines->path;
}

/* The root is the target: it has no path, and its line says whether all is linked. */
static void write_json(struct lines *lines, const struct entry_line *entry, bool is_remark)
{
	struct bytes *text = &lines->text;
	bytes_clear(text);
	enum fault fault = bytes_append_text(text, is_remark        ? "{\"event\":\"remark\""
						   : entry->id == 0 ? "{\"event\":\"target\""
								    : "{\"event\":\"entry\"");
	if (!fault)
		fault = entry_line_json(text, entry);
	if (fault)
		atomic_fetch_add(&lines->lost, 1);
	else
		out_put(lines->output, text->data, text->size);
}

static void write_error(struct lines *lines, const struct entry_line *entry)
{
	struct bytes *text = &lines->text;
	bytes_clear(text);
	enum fault fault = bytes_printf(text, "{\"time\":%lld", (long long)time(NULL));
	if (!fault)
		fault = entry_line_json(text, entry);
	ssize_t written = fault ? -1 : write(lines->errors_fd, text->data, text->size);
	if (written < 0 || (size_t)written != text->size)
		atomic_fetch_add(&lines->lost, 1);
}

static void write_line(struct lines *lines, const struct line *line)
{
	static const char link[] = "(the last link)";
	struct entry_line entry = {
		.id = line->id,
		.path = "",
		.kind = line->kind,
		.state = line->state,
		.reason = outcome_reason_text(line->reason),
		.detail = line->detail,
		.bytes = line->bytes,
	};
	if (line->reason == REASON_UNWRITTEN)
		entry.target = lines->target;
	if (line->id > 0)
		entry.path = entry_path(lines, line, &entry.path_size);
	if (lines->output->options.json)
		write_json(lines, &entry, line->is_remark);
	if (line->is_remark)
		entry_line_remark(lines->output, &entry, &lines->remarks);
	if (line->state == OUTCOME_DONE) {
		if (line->id > 0 && !line->is_remark)
			entry_line_say_done(lines->output, &entry);
		return;
	}
	if (lines->errors_fd >= 0)
		write_error(lines, &entry);
	if (line->id == 0) {
		entry.path = link;
		entry.path_size = sizeof link - 1;
	}
	entry_line_say(lines->output, &entry, &lines->failures,
		       "their reasons are in errors.jsonl of the job");
}

/* The thread.  stdout is flushed whenever nothing is waiting, so that a reader is never behind. */
static void lines_run(void *context)
{
	struct lines *lines = context;
	for (;;) {
		struct note *note = ring_pop(lines->ring);
		if (!note)
			break;
		note->line.name = note->name;
		write_line(lines, &note->line);
		free(note);
		if (atomic_fetch_sub(&lines->waiting, 1) == 1)
			out_flush(lines->output);
	}
	out_flush(lines->output);
}

void lines_put(struct lines *lines, const struct line *line)
{
	const struct output_options *options = &lines->output->options;
	if (!options->json && !options->verbose && line->state == OUTCOME_DONE && !line->is_remark)
		return;
	if (!lines->running) {
		write_line(lines, line);
		return;
	}
	struct note *note = malloc(sizeof *note + line->name_size);
	if (!note) {
		atomic_fetch_add(&lines->lost, 1);
		return;
	}
	note->line = *line;
	if (line->name_size > 0)
		memcpy(note->name, line->name, line->name_size);
	atomic_fetch_add(&lines->waiting, 1);
	if (ring_push(lines->ring, note))
		return;
	atomic_fetch_sub(&lines->waiting, 1);
	atomic_fetch_add(&lines->lost, 1);
	free(note);
}

static enum fault open_errors(struct lines *lines, struct err *err)
{
	if (!lines->errors)
		return FAULT_NONE;
	lines->errors_fd =
		open(lines->errors, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lines->errors_fd < 0)
		return err_os(err, FAULT_IO, errno, "cannot open '%s'", lines->errors);
	return FAULT_NONE;
}

static enum fault lines_start(struct lines *lines, struct err *err)
{
	lines->ring = ring_new(NOTES_MAX);
	if (!lines->ring || !thread_start(&lines->thread, "lines", lines_run, lines))
		return err_set(err, FAULT_NOMEM, "cannot start the report");
	lines->running = true;
	return FAULT_NONE;
}

enum fault lines_open(const struct lines_options *options, struct lines **out, struct err *err)
{
	struct lines *lines = calloc(1, sizeof *lines);
	if (!lines)
		return err_set(err, FAULT_NOMEM, "out of memory for the report");
	lines->errors_fd = -1;
	bytes_init(&lines->text, LINE_MAX_SIZE);
	lines->output = options->output;
	lines->catalog = options->catalog;
	lines->errors = options->errors ? strdup(options->errors) : NULL;
	enum fault fault = FAULT_NONE;
	lines->target = options->target ? strdup(options->target) : NULL;
	if ((options->errors && !lines->errors) || (options->target && !lines->target))
		fault = err_set(err, FAULT_NOMEM, "out of memory for the report");
	if (!fault)
		fault = open_errors(lines, err);
	if (!fault)
		fault = lines_start(lines, err);
	if (fault)
		(void)lines_close(lines);
	else
		*out = lines;
	return fault;
}

void lines_drain(struct lines *lines)
{
	if (!lines->running)
		return;
	ring_close(lines->ring);
	thread_join(&lines->thread);
	lines->running = false;
}

/* Closes the log of what failed, which is durable if there is anything in it. */
static bool keep_errors(struct lines *lines)
{
	struct err err;
	struct stat st;
	if (lines->errors_fd < 0)
		return true;
	bool good = fstat(lines->errors_fd, &st) == 0 &&
		    (st.st_size == 0 || (fdatasync(lines->errors_fd) == 0 &&
					 file_sync_parent(lines->errors, &err) == FAULT_NONE));
	return close(lines->errors_fd) == 0 && good;
}

uint64_t lines_close(struct lines *lines)
{
	if (!lines)
		return 0;
	lines_drain(lines);
	out_flush(lines->output);
	uint64_t lost = atomic_load(&lines->lost) + !keep_errors(lines);
	for (size_t i = 0; i < PATHS_KEPT; i++)
		free(lines->known[i].path);
	catalog_reader_free(lines->reader);
	ring_free(lines->ring);
	bytes_fini(&lines->text);
	free(lines->errors);
	free(lines->target);
	free(lines);
	return lost;
}
