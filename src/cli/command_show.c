#include "base/meta.h"
#include "cli/command.h"
#include "job/job.h"
#include "report/fields.h"
#include "report/out.h"
#include "report/say.h"
#include "tahoe/caps.h"

#include <errno.h>
#include <sys/stat.h>

enum { SLOTS = 256 };

static const char *const kind_word[] = { "unknown", "file",  "directory",
					 "symlink", "other", "linked" };

static const char *stored_kind(uint8_t kind)
{
	return kind_word[kind < ARRAY_COUNT(kind_word) ? kind : 0];
}

static const char *state_text(uint8_t state)
{
	static const char *const word[] = { "none", "planned", "done", "skipped", "failed" };
	return state < ARRAY_COUNT(word) ? word[state] : "damaged";
}

/* ---- plan ---- */

static void header_properties(struct fields *fields, const struct catalog *catalog)
{
	static const char *const key[] = { JOB_COMMAND, JOB_TARGET, JOB_TARGET_HASH,
					   JOB_OPTIONS, JOB_ASKED,  JOB_CREATED };
	for (size_t i = 0; i < ARRAY_COUNT(key); i++) {
		size_t size = 0;
		const char *value = catalog_property(catalog, key[i], &size);
		if (value)
			fields_text(fields, key[i], value, size);
	}
}

/* A property whose parts end in NULs, shown as a line each. */
struct parts {
	const char *key, *kind, *field;
};

static enum fault show_parts(struct fields *fields, const struct catalog *catalog,
			     const struct parts *parts, struct err *err)
{
	enum fault fault = FAULT_NONE;
	size_t size = 0;
	const char *part = catalog_property(catalog, parts->key, &size);
	const char *end = part ? part + size : NULL;
	while (!fault && part && part < end) {
		size_t length = strnlen(part, (size_t)(end - part));
		fields_begin(fields, parts->kind);
		fields_text(fields, parts->field, part, length);
		fault = fields_end(fields, err);
		part += length < (size_t)(end - part) ? length + 1 : length;
	}
	return fault;
}

static enum fault show_header(struct fields *fields, struct catalog *catalog, struct err *err)
{
	static const struct parts sources = { JOB_SOURCES, "source", "place" };
	static const struct parts selection = { JOB_SELECT, "select", "rule" };
	fields_begin(fields, "manifest");
	fields_hex(fields, "job", catalog_job_id(catalog), JOB_ID_SIZE);
	fields_bool(fields, "complete", catalog_is_complete(catalog));
	header_properties(fields, catalog);
	enum fault fault = fields_end(fields, err);
	if (!fault)
		fault = show_parts(fields, catalog, &sources, err);
	return fault ? fault : show_parts(fields, catalog, &selection, err);
}

static void entry_meta(struct fields *fields, const struct manifest_entry *entry)
{
	struct meta meta;
	if (!meta_unpack(entry->meta, entry->meta_size, &meta))
		return;
	char mode[16];
	snprintf(mode, sizeof mode, "%06o", meta.mode);
	fields_word(fields, "mode", mode);
	fields_number(fields, "uid", meta.uid);
	fields_number(fields, "gid", meta.gid);
	fields_signed(fields, "mtime_ns", meta.mtime_ns);
	fields_signed(fields, "ctime_ns", meta.ctime_ns);
	fields_number(fields, "dev", meta.dev);
	fields_number(fields, "ino", meta.ino);
	fields_number(fields, "nlink", meta.nlink);
	if (meta.flags & META_FOLLOWED)
		fields_bool(fields, "followed", true);
	if (meta.flags & META_MADE)
		fields_bool(fields, "made", true);
}

static enum fault show_entry(struct fields *fields, uint64_t directory,
			     const struct manifest_entry *entry, struct err *err)
{
	fields_begin(fields, "entry");
	fields_number(fields, "id", entry->id);
	fields_number(fields, "directory", directory);
	fields_word(fields, "kind", stored_kind(entry->kind));
	fields_text(fields, "name", entry->name, entry->name_size);
	fields_number(fields, "bytes", entry->bytes);
	if (entry->chunk_size)
		fields_number(fields, "chunk_size", entry->chunk_size);
	if (entry->verdict) {
		fields_word(fields, "verdict", state_text(entry->verdict));
		fields_word(fields, "reason", outcome_reason_text(entry->reason));
	}
	entry_meta(fields, entry);
	return fields_end(fields, err);
}

static enum fault show_listing(struct fields *fields, const struct catalog_page *page,
			       struct err *err)
{
	if (!page->first)
		return FAULT_NONE;
	fields_begin(fields, "listing");
	fields_number(fields, "id", page->id);
	fields_number(fields, "parent", page->parent_id);
	fields_number(fields, "offset", page->listing.value);
	fields_text(fields, "name", page->name, page->name_size);
	return fields_end(fields, err);
}

static enum fault show_totals(struct fields *fields, const struct manifest_totals *totals,
			      struct err *err)
{
	fields_begin(fields, "totals");
	fields_number(fields, "files", totals->files);
	fields_number(fields, "directories", totals->directories);
	fields_number(fields, "symlinks", totals->symlinks);
	fields_number(fields, "others", totals->others);
	fields_number(fields, "bytes", totals->bytes);
	fields_number(fields, "skipped", totals->skipped);
	fields_number(fields, "failed", totals->failed);
	fields_number(fields, "next_id", totals->next_id);
	return fields_end(fields, err);
}

/* Shows a plan page by page; of an unfinished one what can be read. */
static enum fault show_pages(struct fields *fields, struct catalog_reader *reader, struct err *err)
{
	for (;;) {
		struct catalog_page page;
		enum fault fault = catalog_next(reader, &page, err);
		if (!fault && page.is_end && page.totals)
			return show_totals(fields, page.totals, err);
		if (!fault && page.is_end)
			say(fields->output, SAY_INFO,
			    "the plan is not finished; what is durable has been shown");
		if (fault || page.is_end)
			return fault;
		fault = show_listing(fields, &page, err);
		for (size_t i = 0; i < page.count && !fault; i++)
			fault = show_entry(fields, page.id, &page.entry[i], err);
		if (fault || out_failed(fields->output))
			return fault;
	}
}

static enum fault show_plan(struct fields *fields, const char *path, struct err *err)
{
	const struct catalog_files plan = { .plan = path };
	struct catalog *catalog = NULL;
	struct catalog_reader *reader = NULL;
	enum fault fault = catalog_file_open(&plan, NULL, &catalog, err);
	if (!fault)
		fault = catalog_reader_new(catalog, &reader, err);
	if (!fault)
		fault = show_header(fields, catalog, err);
	if (!fault)
		fault = show_pages(fields, reader, err);
	catalog_reader_free(reader);
	catalog_close(catalog);
	return fault;
}

/* ---- outcomes ---- */

static void outcome_cap(struct fields *fields, const struct outcome *outcome, bool caps)
{
	struct cap cap;
	char text[CAP_TEXT_SIZE];
	if (outcome->cap_kind == CAP_NONE)
		return;
	fields_number(fields, "cap_kind", outcome->cap_kind);
	if (!cap_unpack(outcome->cap, outcome->cap_size, outcome->cap_kind, &cap))
		return;
	fields_word(fields, "cap_prefix", cap_prefix(cap.kind));
	size_t size = caps ? cap_print(&cap, text) : 0;
	if (caps)
		fields_text(fields, "cap", text, size);
	explicit_bzero(text, sizeof text);
	cap_wipe(&cap);
}

static enum fault show_outcome(struct fields *fields, const struct outcome *outcome, bool caps,
			       struct err *err)
{
	if (outcome->state == OUTCOME_NONE)
		return FAULT_NONE;
	fields_begin(fields, "outcome");
	fields_number(fields, "id", outcome->id);
	fields_word(fields, "state", state_text(outcome->state));
	if (outcome->state == OUTCOME_DAMAGED)
		return fields_end(fields, err);
	if (outcome->reason)
		fields_word(fields, "reason", outcome_reason_text(outcome->reason));
	fields_number(fields, "level", outcome->level);
	fields_number(fields, "attempts", outcome->attempts);
	fields_number(fields, "length", outcome->length);
	outcome_cap(fields, outcome, caps);
	fields_hex(fields, "content", outcome->content, sizeof outcome->content);
	struct meta meta = meta_unpack_outcome(outcome->meta);
	char mode[16];
	snprintf(mode, sizeof mode, "%06o", meta.mode);
	fields_word(fields, "mode", mode);
	fields_signed(fields, "mtime_ns", meta.mtime_ns);
	return fields_end(fields, err);
}

static enum fault show_slots(struct fields *fields, struct outcomes *outcomes, bool caps,
			     struct err *err)
{
	static struct outcome slot[SLOTS];
	uint64_t end = 0;
	enum fault fault = outcomes_end(outcomes, &end, err);
	for (uint64_t first = 0; first < end && !fault && !out_failed(fields->output);
	     first += SLOTS) {
		size_t count = (size_t)min_u64(end - first, SLOTS);
		fault = outcomes_read(outcomes, first, count, slot, err);
		for (size_t i = 0; i < count && !fault; i++)
			fault = show_outcome(fields, &slot[i], caps, err);
	}
	explicit_bzero(slot, sizeof slot);
	return fault;
}

/* FAULT_USAGE, with nothing shown, when it is no outcomes file. */
static enum fault show_outcomes(struct fields *fields, const char *path, bool caps, struct err *err)
{
	struct outcomes *outcomes = NULL;
	unsigned char job_id[JOB_ID_SIZE];
	enum fault fault = catalog_file_slots(path, job_id, &outcomes, err);
	if (fault)
		return fault;
	fields_begin(fields, "outcomes");
	fields_hex(fields, "job", job_id, JOB_ID_SIZE);
	fault = fields_end(fields, err);
	if (!fault)
		fault = show_slots(fields, outcomes, caps, err);
	outcomes_close(outcomes);
	return fault;
}

enum fault command_show(const struct options *options, struct output *output, int *status,
			struct err *err)
{
	const char *path = options->words.text[0];
	struct fields fields;
	struct stat st;
	*status = 0;
	if (stat(path, &st) != 0)
		return err_os(err, errno == ENOENT ? FAULT_NOT_FOUND : FAULT_IO, errno,
			      "cannot look at '%.120s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, FAULT_USAGE, "'%.120s' is not a file of a job", path);
	fields_init(&fields, output);
	enum fault fault = show_outcomes(&fields, path, options->show_caps, err);
	if (fault == FAULT_USAGE)
		fault = show_plan(&fields, path, err);
	out_flush(output);
	fields_fini(&fields);
	return fault ? err_wrap(err, "'%.120s'", path) : FAULT_NONE;
}
