#include "cli/snapshots.h"

#include "base/escape.h"
#include "report/json.h"
#include "report/out.h"
#include "report/say.h"
#include "report/status.h"
#include "report/summary.h"

#include <time.h>

enum { REASONS_SIZE = 64 };

struct difference {
	struct snapshots *snapshots;
	const char *name[2]; /* of the snapshots */
	uint64_t added, removed, changed;
};

/* Appends a word to those that are there. */
static void add_reason(char reason[REASONS_SIZE], const char *word)
{
	size_t used = strlen(reason);
	snprintf(reason + used, REASONS_SIZE - used, "%s%s", used ? ", " : "", word);
}

/* Says in what two versions differ; "" where it is only what is below two directories. */
static void reasons_of(const struct remote_child *a, const struct remote_child *b,
		       char reason[REASONS_SIZE])
{
	reason[0] = '\0';
	bool are_directories = a->kind == STORE_DIRECTORY && b->kind == STORE_DIRECTORY;
	if (strcmp(snapshots_kind(a), snapshots_kind(b)) != 0)
		add_reason(reason, "kind");
	else if (!are_directories && !trees_same_content(a, b))
		add_reason(reason, "content");
	if ((a->meta.mode & 07777) != (b->meta.mode & 07777))
		add_reason(reason, "mode");
	if (a->meta.uid != b->meta.uid || a->meta.gid != b->meta.gid)
		add_reason(reason, "owner");
	if (a->meta.mtime_ns != b->meta.mtime_ns)
		add_reason(reason, "time");
}

static enum fault put_text(const char *state, const char *reason, const struct trees_name *name,
			   struct bytes *out)
{
	bool is_directory = name->version[name->count - 1].child->kind == STORE_DIRECTORY;
	enum fault fault = bytes_printf(out, "%s: ", state);
	if (!fault)
		fault = escape_name(out, name->path, name->path_size);
	if (!fault && is_directory)
		fault = bytes_append_text(out, "/");
	if (!fault && *reason)
		fault = bytes_printf(out, " (%s)", reason);
	return fault ? fault : bytes_append_text(out, "\n");
}

static enum fault put_json(const char *state, const char *reason, const struct trees_name *name,
			   struct bytes *out)
{
	const char *kind = snapshots_kind(name->version[name->count - 1].child);
	enum fault fault = bytes_append_text(out, "{\"event\":\"entry\"");
	if (!fault)
		fault = json_member(out, "path", name->path, name->path_size);
	if (!fault)
		fault = json_member(out, "kind", kind, strlen(kind));
	if (!fault)
		fault = json_member(out, "state", state, strlen(state));
	if (!fault && *reason)
		fault = json_member(out, "reason", reason, strlen(reason));
	return fault ? fault : bytes_append_text(out, "}\n");
}

/* Hears of a name that is not the same in both (a trees_options.found). */
static void diff_found(void *context, const struct trees_name *name)
{
	struct difference *difference = context;
	struct snapshots *snapshots = difference->snapshots;
	struct bytes *line = &snapshots->line;
	char reason[REASONS_SIZE] = "";
	const char *state = trees_has(name->version[0].in, 0) ? "removed" : "added";
	if (name->count > 1) {
		state = "changed";
		reasons_of(name->version[0].child, name->version[1].child, reason);
		if (!*reason)
			return;
	}
	difference->changed += name->count > 1;
	difference->added += *state == 'a';
	difference->removed += *state == 'r';
	bytes_clear(line);
	if (snapshots->options->output.json ? put_json(state, reason, name, line)
					    : put_text(state, reason, name, line))
		snapshots->failed = true;
	else
		out_put(snapshots->output, line->data, line->size);
}

static void diff_unread(void *context, const char *path, const uint64_t *in, const struct err *err)
{
	struct difference *difference = context;
	snapshots_unread(difference->snapshots, difference->name[!trees_has(in, 0)], path, err);
}

static enum fault sum_up(struct difference *difference, int *status, struct err *err)
{
	typedef unsigned long long llu;
	struct snapshots *snapshots = difference->snapshots;
	const struct summary_number number[] = {
		{ "added", difference->added },
		{ "removed", difference->removed },
		{ "changed", difference->changed },
		{ "unread", snapshots->unread },
	};
	if (summary_put(snapshots->output, &snapshots->line, number, ARRAY_COUNT(number), err))
		return err->fault;
	say(snapshots->output, SAY_INFO, "%llu added, %llu removed, %llu changed from %s to %s",
	    (llu)difference->added, (llu)difference->removed, (llu)difference->changed,
	    difference->name[0], difference->name[1]);
	bool same = !difference->added && !difference->removed && !difference->changed &&
		    !snapshots->unread;
	*status = same ? STATUS_DONE : STATUS_PARTLY;
	return FAULT_NONE;
}

enum fault snapshots_diff(struct snapshots *snapshots, int *status, struct err *err)
{
	struct difference difference = { .snapshots = snapshots };
	const struct cap *root[2];
	for (size_t i = 0; i < 2; i++) {
		const struct archive_snapshot *found;
		if (archive_find(&snapshots->visit.archive, snapshots->options->words.text[2 + i],
				 time(NULL), &found, err))
			return err->fault;
		root[i] = &found->cap;
		difference.name[i] = found->stamp.name;
	}
	if (snapshots_open_remote(snapshots, err))
		return err->fault;
	const struct trees_options how = {
		.remote = snapshots->remote,
		.root = root,
		.count = 2,
		.differing = true,
		.found = diff_found,
		.unread = diff_unread,
		.context = &difference,
	};
	enum fault fault = trees_walk(&how, err);
	return fault ? fault : sum_up(&difference, status, err);
}
