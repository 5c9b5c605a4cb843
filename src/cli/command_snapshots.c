#include "archive/census.h"
#include "base/escape.h"
#include "base/secret.h"
#include "cli/command.h"
#include "cli/snapshots.h"
#include "report/json.h"
#include "report/out.h"
#include "report/say.h"
#include "report/status.h"
#include "snapshot/tags.h"

enum { LINE_SIZE_MAX = 64 << 20, NAME_WIDTH = 20 };

/* ---- what the parts share ---- */

const char *snapshots_time(int64_t seconds, char text[SNAPSHOTS_TIME_SIZE])
{
	struct tm tm;
	time_t time = seconds;
	if (!localtime_r(&time, &tm) ||
	    strftime(text, SNAPSHOTS_TIME_SIZE, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(text, SNAPSHOTS_TIME_SIZE, "-");
	return text;
}

void snapshots_unread(struct snapshots *snapshots, const char *name, const char *path,
		      const struct err *err)
{
	struct bytes shown;
	bytes_init(&shown, LINE_SIZE_MAX);
	enum fault fault = name ? bytes_append_text(&shown, name) : FAULT_NONE;
	if (!fault && name)
		fault = bytes_append_text(&shown, "/");
	if (fault || escape_name(&shown, path, strlen(path)))
		bytes_clear(&shown);
	snapshots->unread++;
	out_flush(snapshots->output);
	say(snapshots->output, SAY_ERROR, "cannot list '%.120s': %s", bytes_text(&shown),
	    err->text);
	bytes_fini(&shown);
}

enum fault snapshots_open_remote(struct snapshots *snapshots, struct err *err)
{
	const struct session *session = &snapshots->visit.session;
	const struct ask ask = { .wait = session->wait, .tries = session->tries };
	snapshots->remote = remote_new(&ask, REMOTE_SOURCE);
	return snapshots->remote ? FAULT_NONE
				 : err_set(err, FAULT_NOMEM, "no memory to look at snapshots");
}

const char *snapshots_kind(const struct remote_child *child)
{
	return child->kind == STORE_DIRECTORY ? "directory"
	       : remote_is_link(child)        ? "symlink"
	       : child->kind == STORE_FILE    ? "file"
					      : "other";
}

/* ---- lines ---- */

static enum fault put_name(struct bytes *out, const struct stamp *stamp)
{
	size_t begin = out->size;
	enum fault fault = stamp->size ? escape_name(out, stamp->name, stamp->size)
				       : bytes_append_text(out, "\"\"");
	while (!fault && out->size - begin < NAME_WIDTH)
		fault = bytes_append_text(out, " ");
	return fault;
}

static enum fault put_row(struct bytes *out, const struct archive_snapshot *snapshot,
			  const struct census_sum *sum)
{
	typedef unsigned long long llu;
	char when[SNAPSHOTS_TIME_SIZE] = "-";
	enum fault fault = put_name(out, &snapshot->stamp);
	if (snapshot->stamp.known)
		snapshots_time(snapshot->stamp.seconds, when);
	if (!fault)
		fault = bytes_printf(out, "  %-19s", when);
	if (!fault && sum)
		fault = bytes_printf(out, "  %9llu  %11llu  %15llu  %15llu", (llu)sum->files,
				     (llu)sum->directories, (llu)sum->bytes, (llu)sum->new_bytes);
	if (!fault && snapshot->latest)
		fault = bytes_append_text(out, "  latest");
	if (!fault && *snapshot->tags)
		fault = bytes_printf(out, "  tags: %s", snapshot->tags);
	if (!fault && !snapshot->stamp.known)
		fault = bytes_append_text(out, "  no snapshot");
	return fault ? fault : bytes_append_text(out, "\n");
}

static enum fault put_cap(struct bytes *out, const struct cap *cap)
{
	char text[CAP_TEXT_SIZE];
	size_t size = cap_print(cap, text);
	enum fault fault = size ? json_member(out, "cap", text, size) : FAULT_NONE;
	secret_wipe(text, sizeof text);
	return fault;
}

static enum fault put_sum(struct bytes *out, const struct census_sum *sum)
{
	enum fault fault = json_number(out, "files", sum->files);
	if (!fault)
		fault = json_number(out, "directories", sum->directories);
	if (!fault)
		fault = json_number(out, "bytes", sum->bytes);
	if (!fault)
		fault = json_number(out, "new_bytes", sum->new_bytes);
	if (!fault)
		fault = json_number(out, "unread", sum->unread);
	return fault;
}

static enum fault put_object(struct bytes *out, const struct archive_snapshot *snapshot,
			     const struct census_sum *sum, bool with_cap)
{
	const struct stamp *stamp = &snapshot->stamp;
	enum fault fault =
		bytes_printf(out, "{\"event\":\"%s\"", stamp->known ? "snapshot" : "no snapshot");
	if (!fault)
		fault = json_member(out, "name", stamp->name, stamp->size);
	if (!fault && stamp->known)
		fault = bytes_printf(out, ",\"time\":%lld", (long long)stamp->seconds);
	if (!fault)
		fault = json_bool(out, "latest", snapshot->latest);
	if (!fault)
		fault = tags_json(out, snapshot->tags);
	if (!fault && sum)
		fault = put_sum(out, sum);
	if (!fault && with_cap)
		fault = put_cap(out, &snapshot->cap);
	return fault ? fault : bytes_append_text(out, "}\n");
}

static enum fault print_snapshot(struct snapshots *snapshots,
				 const struct archive_snapshot *snapshot,
				 const struct census_sum *sum, struct err *err)
{
	const struct options *options = snapshots->options;
	struct bytes *line = &snapshots->line;
	bytes_clear(line);
	enum fault fault = options->output.json
				   ? put_object(line, snapshot, sum, options->show_caps)
				   : put_row(line, snapshot, sum);
	if (fault)
		return bytes_err(fault, err, "a line");
	out_put(snapshots->output, line->data, line->size);
	if (sum)
		out_flush(snapshots->output);
	return FAULT_NONE;
}

/* ---- what is in them ---- */

/* Hears of a directory that could not be listed (a census_unread). */
static void tell_unread(void *context, const char *path, const struct err *err)
{
	snapshots_unread(context, NULL, path, err);
}

static enum fault list_one(struct snapshots *snapshots, struct census *census,
			   const struct archive_snapshot *snapshot, struct err *err)
{
	struct census_sum sum;
	if (!census || !snapshot->stamp.known)
		return print_snapshot(snapshots, snapshot, NULL, err);
	if (census_count(census, &snapshot->cap, &sum, err))
		return err_wrap(err, "%.40s", snapshot->stamp.name);
	return print_snapshot(snapshots, snapshot, &sum, err);
}

static enum fault list_all(struct snapshots *snapshots, struct census *census, struct err *err)
{
	static const char head[] = "NAME                  TIME               ";
	static const char more[] = "      FILES  DIRECTORIES            BYTES        NEW BYTES";
	const struct archive *archive = &snapshots->visit.archive;
	const struct options *options = snapshots->options;
	const struct text_list *tag = &options->backup.tag;
	bool has_latest = false;
	if (archive->known == 0)
		say(snapshots->output, SAY_INFO, "there are no snapshots in '%.120s'",
		    archive->typed);
	if (archive->count > 0 && !options->output.json) {
		out_put(snapshots->output, head, sizeof head - 1);
		out_put(snapshots->output, more, options->long_listing ? sizeof more - 1 : 0);
		out_put(snapshots->output, "\n", 1);
	}
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < archive->count && !fault && !out_failed(snapshots->output); i++) {
		const struct archive_snapshot *snapshot = &archive->snapshot[i];
		if (tag->count == 0 || (snapshot->stamp.known && tags_match(snapshot->tags, tag)))
			fault = list_one(snapshots, census, snapshot, err);
		has_latest |= snapshot->latest;
	}
	out_flush(snapshots->output);
	if (!fault && archive->known > 0 && !has_latest)
		say(snapshots->output, SAY_WARNING, "'" ARCHIVE_LATEST "' leads to none of them");
	return fault;
}

static enum fault list(struct snapshots *snapshots, int *status, struct err *err)
{
	struct census *census = NULL;
	if (snapshots->options->long_listing) {
		if (snapshots_open_remote(snapshots, err))
			return err->fault;
		census = census_new(snapshots->remote, tell_unread, snapshots);
		if (!census)
			return err_set(err, FAULT_NOMEM, "no memory to count snapshots");
	}
	enum fault fault = list_all(snapshots, census, err);
	census_free(census);
	*status = snapshots->unread > 0 ? STATUS_PARTLY : STATUS_DONE;
	return fault;
}

/* The verbs; without one it is the list. */
static const struct verb {
	const char *word, *usage;
	size_t words, most; /* with the verb */
	enum fault (*run)(struct snapshots *snapshots, int *status, struct err *err);
} verb[] = {
	{ "list", "list ALIAS:TO", 2, 2, list },
	{ "find", "find ALIAS:TO NAME", 3, 3, snapshots_find },
	{ "diff", "diff ALIAS:TO A B", 4, 4, snapshots_diff },
	{ "check", "check ALIAS:TO [A]", 2, 3, snapshots_check },
};

enum fault command_snapshots(const struct options *options, struct output *output, int *status,
			     struct err *err)
{
	static const struct verb plain = { NULL, "[list] ALIAS:TO", 1, 1, list };
	const struct text_list *words = &options->words;
	struct snapshots snapshots = { .options = options, .output = output };
	const struct verb *what = &plain;
	char tags[TAGS_SIZE];
	for (size_t i = 0; i < ARRAY_COUNT(verb); i++)
		if (strcmp(words->text[0], verb[i].word) == 0)
			what = &verb[i];
	if (words->count < what->words || words->count > what->most)
		return err_set(err, FAULT_USAGE, "usage: barge snapshots [OPTION...] %s",
			       what->usage);
	if (what->run != list && (options->long_listing || options->show_caps))
		return err_set(err, FAULT_USAGE, "%s goes with the list of snapshots",
			       options->show_caps ? "--caps" : "--long");
	if (what->run != list && options->backup.tag.count > 0)
		return err_set(err, FAULT_USAGE, "--tag goes with the list of snapshots");
	if (tags_join(&options->backup.tag, tags, err))
		return err->fault;
	if (what->run != snapshots_check && options->read_data_subset)
		return err_set(err, FAULT_USAGE,
			       "--read-data-subset goes with barge snapshots check");
	if (options->show_caps && !options->output.json)
		return err_set(err, FAULT_USAGE, "--caps goes with --json");
	if (visit_begin(&options->connection, output, words->text[what != &plain], &snapshots.visit,
			err))
		return err->fault;
	bytes_init(&snapshots.line, LINE_SIZE_MAX);
	enum fault fault = what->run(&snapshots, status, err);
	out_flush(output);
	if (!fault && snapshots.failed)
		fault = err_set(err, FAULT_NOMEM, "no memory for a line");
	remote_free(snapshots.remote);
	bytes_fini(&snapshots.line);
	visit_end(&snapshots.visit);
	return fault;
}
