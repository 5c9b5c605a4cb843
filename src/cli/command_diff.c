#include "base/escape.h"
#include "base/secret.h"
#include "cli/command.h"
#include "compare/compare.h"
#include "files/pipe.h"
#include "place/grid_path.h"
#include "place/places.h"
#include "place/session.h"
#include "report/json.h"
#include "report/out.h"
#include "report/say.h"
#include "report/status.h"
#include "verify/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { LINE_SIZE_MAX = 64 << 20 };

struct diff {
	const struct options *options;
	struct output *output;
	struct place local;
	struct grid_path grid;
	struct session session;
	struct remote *remote;
	uint64_t chunked;         /* the bytes of the one file on the grid, where it is in chunks */
	struct bytes line, typed; /* `typed`: the local word, to be shown */
	bool failed;              /* a line did not fit */
	uint64_t count[COMPARE_FAILED + 1], directories; /* these among COMPARE_SAME */
};

/* How a finding is told: what stands before the path, and behind it; what programs read. */
static const struct {
	const char *before, *behind, *state, *reason;
} form[] = {
	[COMPARE_SAME] = { NULL, NULL, NULL, NULL },
	[COMPARE_LEFT_OUT] = { NULL, NULL, NULL, NULL },
	[COMPARE_ONLY_LOCAL] = { "only in", "", "only local", NULL },
	[COMPARE_ONLY_GRID] = { "only on the grid: ", "", "only on the grid", NULL },
	[COMPARE_KIND] = { "differ: ", " (kind)", "differ", "kind" },
	[COMPARE_SIZE] = { "differ: ", " (size)", "differ", "size" },
	[COMPARE_CONTENT] = { "differ: ", " (content)", "differ", "content" },
	[COMPARE_UNKNOWN] = { "not compared: ", " (same size, content not compared)",
			      "not compared", "same size" },
	[COMPARE_FAILED] = { "cannot compare: ", "", "failed", NULL },
};

/* ---- lines ---- */

/* Names from the grid may hold slashes, which are shown as \x2f. */
static enum fault put_name(struct bytes *out, const char *name, size_t size)
{
	enum fault fault = FAULT_NONE;
	while (!fault) {
		const char *slash = memchr(name, '/', size);
		size_t length = slash ? (size_t)(slash - name) : size;
		fault = escape_name(out, name, length);
		if (!slash)
			break;
		if (!fault)
			fault = bytes_append_text(out, "\\x2f");
		name += length + 1;
		size -= length + 1;
	}
	return fault;
}

/* One finding as a line for people. */
static enum fault put_text(struct diff *diff, const struct compare_finding *finding)
{
	struct bytes *out = &diff->line;
	bool named = finding->name_size > 0 || finding->result == COMPARE_ONLY_GRID;
	bool nested = *finding->directory;
	enum fault fault = bytes_append_text(out, form[finding->result].before);
	if (!fault && finding->result == COMPARE_ONLY_LOCAL)
		fault = bytes_printf(out, " %s: ", bytes_text(&diff->typed));
	if (!fault)
		fault = escape_name(out, finding->directory, strlen(finding->directory));
	if (!fault && nested && named)
		fault = bytes_append_text(out, "/");
	if (!fault)
		fault = put_name(out, finding->name, finding->name_size);
	if (!fault && !nested && finding->name_size == 0)
		fault = bytes_append_text(out, named ? "\"\"" : ".");
	if (!fault)
		fault = bytes_append_text(out, form[finding->result].behind);
	if (!fault && finding->err) {
		fault = bytes_append_text(out, " (");
		if (!fault)
			fault = escape_name(out, finding->err->text, strlen(finding->err->text));
		if (!fault)
			fault = bytes_append_text(out, ")");
	}
	return fault ? fault : bytes_append_text(out, "\n");
}

static enum fault member(struct bytes *out, const char *key, const char *text)
{
	return json_member(out, key, text, strlen(text));
}

static enum fault put_json(struct diff *diff, const struct compare_finding *finding)
{
	struct bytes *out = &diff->line, path;
	const char *reason = finding->err ? finding->err->text : form[finding->result].reason;
	bytes_init(&path, LINE_SIZE_MAX);
	enum fault fault = bytes_append_text(&path, finding->directory);
	if (!fault && path.size > 0 && finding->name_size > 0)
		fault = bytes_append_text(&path, "/");
	if (!fault)
		fault = bytes_append(&path, finding->name, finding->name_size);
	if (!fault)
		fault = bytes_append_text(out, "{\"event\":\"entry\"");
	if (!fault)
		fault = json_member(out, "path", path.data, path.size);
	if (!fault)
		fault = member(out, "kind", finding->kind);
	if (!fault)
		fault = member(out, "state", form[finding->result].state);
	if (!fault && reason)
		fault = member(out, "reason", reason);
	bytes_fini(&path);
	return fault ? fault : bytes_append_text(out, "}\n");
}

/* Hears of an entry (a compare_options.found). */
static void diff_found(void *context, const struct compare_finding *finding)
{
	struct diff *diff = context;
	diff->count[finding->result]++;
	if (finding->result == COMPARE_SAME && strcmp(finding->kind, "directory") == 0)
		diff->directories++;
	if (!form[finding->result].state)
		return;
	bytes_clear(&diff->line);
	if (diff->options->output.json ? put_json(diff, finding) : put_text(diff, finding))
		diff->failed = true;
	else
		out_put(diff->output, diff->line.data, diff->line.size);
}

/* ---- the sum ---- */

static enum fault sum_json(const struct diff *diff, struct bytes *out)
{
	const uint64_t *count = diff->count;
	const struct {
		const char *key;
		uint64_t value;
	} number[] = {
		{ "same", count[COMPARE_SAME] },
		{ "directories", diff->directories },
		{ "only_local", count[COMPARE_ONLY_LOCAL] },
		{ "only_grid", count[COMPARE_ONLY_GRID] },
		{ "differ", count[COMPARE_KIND] + count[COMPARE_SIZE] + count[COMPARE_CONTENT] },
		{ "not_compared", count[COMPARE_UNKNOWN] },
		{ "left_out", count[COMPARE_LEFT_OUT] },
		{ "failed", count[COMPARE_FAILED] },
	};
	enum fault fault = bytes_append_text(out, "{\"event\":\"summary\"");
	for (size_t i = 0; i < ARRAY_COUNT(number) && !fault; i++)
		fault = json_number(out, number[i].key, number[i].value);
	return fault ? fault : bytes_append_text(out, "}\n");
}

static void say_sum(const struct diff *diff)
{
	const uint64_t *count = diff->count;
	typedef unsigned long long llu;
	say(diff->output, SAY_INFO,
	    "%llu files and %llu directories are the same; %llu differ, %llu are only in %s, %llu "
	    "only on the grid",
	    (llu)(count[COMPARE_SAME] - diff->directories), (llu)diff->directories,
	    (llu)(count[COMPARE_KIND] + count[COMPARE_SIZE] + count[COMPARE_CONTENT]),
	    (llu)count[COMPARE_ONLY_LOCAL], bytes_text(&diff->typed),
	    (llu)count[COMPARE_ONLY_GRID]);
	if (count[COMPARE_UNKNOWN])
		say(diff->output, SAY_WARNING,
		    "%llu files have the same size and were not compared: the key does not tell; "
		    "--verify=read does",
		    (llu)count[COMPARE_UNKNOWN]);
	if (count[COMPARE_LEFT_OUT])
		say(diff->output, SAY_INFO,
		    "%llu symlinks and special files in %s are not on the grid",
		    (llu)count[COMPARE_LEFT_OUT], bytes_text(&diff->typed));
	if (count[COMPARE_FAILED])
		say(diff->output, SAY_WARNING, "%llu could not be compared",
		    (llu)count[COMPARE_FAILED]);
}

/* The last lines, and the status: 1 where anything differs or was not compared. */
static enum fault sum_up(struct diff *diff, int *status, struct err *err)
{
	bytes_clear(&diff->line);
	if (diff->options->output.json && !sum_json(diff, &diff->line))
		out_put(diff->output, diff->line.data, diff->line.size);
	out_flush(diff->output);
	say_sum(diff);
	bool equal = true;
	for (int result = COMPARE_ONLY_LOCAL; result <= COMPARE_FAILED; result++)
		equal = equal && diff->count[result] == 0;
	*status = equal ? STATUS_DONE : STATUS_PARTLY;
	if (diff->failed)
		return err_set(err, FAULT_NOMEM, "no memory for a line");
	return FAULT_NONE;
}

/* ---- the two sides ---- */

/* One of two words is local, the other one on a grid. */
static enum fault resolve(struct diff *diff, struct err *err)
{
	const struct text_list *words = &diff->options->words;
	struct place place[2] = { 0 };
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < 2 && !fault; i++)
		fault = places_target(&diff->options->connection, words->text[i], &place[i], err);
	for (size_t i = 0; i < 2 && !fault; i++)
		if (place[i].local)
			fault = places_check_colon(&diff->options->connection, words->text[i], err);
	if (!fault && place[0].local == place[1].local)
		fault = err_set(err, FAULT_USAGE,
				"diff compares a local tree with one on a grid; both words are %s",
				place[0].local ? "local" : "on a grid");
	size_t local = place[0].local ? 0 : 1;
	if (!fault)
		fault = grid_path_resolve(&diff->options->connection, words->text[1 - local],
					  &diff->grid, err);
	if (!fault)
		fault = bytes_err(
			escape_name(&diff->typed, place[local].typed, strlen(place[local].typed)),
			err, "a word of the command line");
	if (!fault) {
		diff->local = place[local];
		place[local] = (struct place){ 0 };
	}
	place_fini(&place[0]);
	place_fini(&place[1]);
	return fault;
}

static enum fault open_local(const struct diff *diff, int *fd, struct stat *st, struct err *err)
{
	const char *typed = diff->local.typed;
	if (stat(diff->local.path, st) != 0)
		return err_set(err, FAULT_USAGE, "No such file or directory '%.120s'", typed);
	if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
		return err_set(err, FAULT_USAGE, "'%.120s' is neither a file nor a directory",
			       typed);
	*fd = open(diff->local.path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return *fd < 0 ? err_os(err, FAULT_IO, errno, "cannot open '%.120s'", typed) : FAULT_NONE;
}

static enum fault command_diff_look(struct diff *diff, struct store_node *node, struct err *err)
{
	const struct grid_look look = { .tries = diff->session.tries, .count = SIZE_MAX };
	struct chunked chunked;
	if (grid_path_look(&diff->grid, &look, node, err) ||
	    grid_path_chunks(&diff->grid, &look.tries, node, &chunked, err))
		return err->fault;
	diff->chunked = chunked.bytes;
	chunked_fini(&chunked);
	if (diff->grid.ends_in_slash && (node->kind != STORE_DIRECTORY || diff->chunked))
		return err_set(err, FAULT_USAGE,
			       "'%.100s' is not a directory, but ends with a slash",
			       diff->grid.typed);
	return FAULT_NONE;
}

static enum fault diff_compare(struct diff *diff, int fd, const struct stat *st,
			       const struct store_node *node, struct err *err)
{
	const struct options *options = diff->options;
	const struct compare_options how = {
		.content = {
			.tries = diff->session.tries,
			.secret = diff->session.setup.params,
			.read = options->transfer.verify & VERIFY_READ,
		},
		.remote = diff->remote,
		.folder = pipe_directory(),
		.found = diff_found,
		.context = diff,
	};
	if (node->kind == STORE_DIRECTORY && !diff->chunked && S_ISDIR(st->st_mode))
		return compare_trees(&how, fd, store_node_cap(node), err);
	struct remote_child child = { 0 };
	remote_describe(node, &child);
	if (diff->chunked)
		remote_be_file(&child, diff->chunked);
	enum fault fault = compare_files(&how, fd, diff->local.name, &child, err);
	secret_wipe(&child, sizeof child);
	return fault;
}

static enum fault command_diff_run(struct diff *diff, int fd, const struct stat *st, int *status,
				   struct err *err)
{
	struct store_node node = { 0 };
	const struct ask ask = { .wait = diff->session.wait, .tries = diff->session.tries };
	diff->remote = remote_new(&ask, REMOTE_SOURCE);
	enum fault fault = diff->remote ? command_diff_look(diff, &node, err)
					: err_set(err, FAULT_NOMEM, "no memory to compare");
	if (!fault)
		fault = diff_compare(diff, fd, st, &node, err);
	out_flush(diff->output);
	if (!fault)
		fault = sum_up(diff, status, err);
	cap_wipe(&node.rw);
	cap_wipe(&node.ro);
	remote_free(diff->remote);
	return fault;
}

static enum fault diff_words(struct diff *diff, int *status, struct err *err)
{
	int fd = -1;
	struct stat st;
	if (resolve(diff, err) || open_local(diff, &fd, &st, err))
		return err->fault;
	enum fault fault =
		session_open(&diff->options->connection, diff->output, &diff->session, err);
	if (!fault) {
		fault = command_diff_run(diff, fd, &st, status, err);
		session_fini(&diff->session);
	}
	close(fd);
	return fault;
}

enum fault command_diff(const struct options *options, struct output *output, int *status,
			struct err *err)
{
	struct diff diff = { .options = options, .output = output };
	if (options->transfer.verify & ~(unsigned)VERIFY_READ)
		return err_set(err, FAULT_USAGE,
			       "diff compares by keys, and with --verify=read what they do not "
			       "decide; it knows no other level");
	bytes_init(&diff.line, LINE_SIZE_MAX);
	bytes_init(&diff.typed, LINE_SIZE_MAX);
	enum fault fault = diff_words(&diff, status, err);
	bytes_fini(&diff.line);
	bytes_fini(&diff.typed);
	grid_path_fini(&diff.grid);
	place_fini(&diff.local);
	return fault;
}
