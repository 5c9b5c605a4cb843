#include "cli/snapshots.h"

#include "base/escape.h"
#include "report/json.h"
#include "report/out.h"
#include "report/say.h"
#include "report/status.h"
#include "select/pattern.h"

enum { RANGE_WIDTH = 54, BYTES_WIDTH = 12 };

struct finding {
	struct snapshots *snapshots;
	struct pattern pattern;
	uint64_t names;
};

static const char *name_of(const struct finding *finding, size_t number)
{
	return finding->snapshots->visit.archive.snapshot[number].stamp.name;
}

static bool has_mtime(const struct remote_child *child)
{
	return meta_has_mtime(&child->meta) && meta_is_time(child->meta.mtime_ns);
}

/* Rounds towards the past, also before 1970. */
static int64_t seconds_of(int64_t ns) { return ns / 1000000000 - (ns % 1000000000 < 0); }

/* ---- for people: the path, and a line for each form that it had ---- */

/* "FIRST", or "FIRST - LAST", and how many have it. */
static enum fault put_range(const struct finding *finding, const uint64_t *in, struct bytes *out)
{
	size_t all = finding->snapshots->visit.archive.known, first = all, last = 0, count = 0;
	for (size_t i = 0; i < all; i++) {
		if (!trees_has(in, i))
			continue;
		first = count++ ? first : i;
		last = i;
	}
	char text[RANGE_WIDTH + 2 * STAMP_SIZE];
	int used = snprintf(text, sizeof text, "%s", name_of(finding, first));
	if (count > 1)
		snprintf(text + used, sizeof text - (size_t)used, " - %s (%zu)",
			 name_of(finding, last), count);
	return bytes_printf(out, "  %-*s", RANGE_WIDTH, text);
}

static enum fault put_version(const struct finding *finding, const struct trees_version *version,
			      struct bytes *out)
{
	char when[SNAPSHOTS_TIME_SIZE] = "-";
	const struct remote_child *child = version->child;
	enum fault fault = put_range(finding, version->in, out);
	if (has_mtime(child))
		snapshots_time(seconds_of(child->meta.mtime_ns), when);
	if (!fault && child->kind == STORE_FILE)
		fault = bytes_printf(out, "  %*llu", BYTES_WIDTH, (unsigned long long)child->bytes);
	else if (!fault)
		fault = bytes_printf(out, "  %*s", BYTES_WIDTH, "-");
	return fault ? fault : bytes_printf(out, "  %s\n", when);
}

static enum fault put_text(const struct finding *finding, const struct trees_name *name,
			   struct bytes *out)
{
	enum fault fault = escape_name(out, name->path, name->path_size);
	if (!fault)
		fault = bytes_append_text(
			out, name->version[0].child->kind == STORE_DIRECTORY ? "/\n" : "\n");
	for (size_t i = 0; i < name->count && !fault; i++)
		fault = put_version(finding, &name->version[i], out);
	return fault;
}

/* ---- for programs: an object for each snapshot that has it ---- */

static enum fault put_object(const char *snapshot, const struct trees_name *name,
			     const struct remote_child *child, struct bytes *out)
{
	const char *kind = snapshots_kind(child);
	enum fault fault = bytes_append_text(out, "{\"event\":\"found\"");
	if (!fault)
		fault = json_member(out, "snapshot", snapshot, strlen(snapshot));
	if (!fault)
		fault = json_member(out, "path", name->path, name->path_size);
	if (!fault)
		fault = json_member(out, "kind", kind, strlen(kind));
	if (!fault && child->kind == STORE_FILE)
		fault = json_number(out, "size", child->bytes);
	if (!fault && has_mtime(child))
		fault = bytes_printf(out, ",\"mtime\":%lld",
				     (long long)seconds_of(child->meta.mtime_ns));
	if (!fault && meta_has_mode(&child->meta))
		fault = json_number(out, "mode", child->meta.mode & 07777);
	return fault ? fault : bytes_append_text(out, "}\n");
}

static enum fault put_json(const struct finding *finding, const struct trees_name *name,
			   struct bytes *out)
{
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < finding->snapshots->visit.archive.known; i++)
		for (size_t j = 0; j < name->count && !fault; j++)
			if (trees_has(name->version[j].in, i))
				fault = put_object(name_of(finding, i), name,
						   name->version[j].child, out);
	return fault;
}

/* ---- ---- */

static bool matches(void *context, const char *path, size_t size, bool is_directory)
{
	const struct finding *finding = context;
	return pattern_matches(&finding->pattern, path, size, is_directory);
}

/* Hears of a name that matches (a trees_options.found). */
static void find_found(void *context, const struct trees_name *name)
{
	struct finding *finding = context;
	struct snapshots *snapshots = finding->snapshots;
	struct bytes *line = &snapshots->line;
	finding->names++;
	bytes_clear(line);
	if (snapshots->options->output.json ? put_json(finding, name, line)
					    : put_text(finding, name, line))
		snapshots->failed = true;
	else
		out_put(snapshots->output, line->data, line->size);
}

static void find_unread(void *context, const char *path, const uint64_t *in, const struct err *err)
{
	struct finding *finding = context;
	size_t first = 0, all = finding->snapshots->visit.archive.known;
	while (first + 1 < all && !trees_has(in, first))
		first++;
	snapshots_unread(finding->snapshots, name_of(finding, first), path, err);
}

enum fault snapshots_find(struct snapshots *snapshots, int *status, struct err *err)
{
	const struct archive *archive = &snapshots->visit.archive;
	const char *word = snapshots->options->words.text[2];
	struct finding finding = {
		.snapshots = snapshots,
		.pattern = pattern_parse(word, strlen(word)),
	};
	if (finding.pattern.size == 0)
		return err_set(err, FAULT_USAGE, "what is to be found?  The pattern is empty");
	const struct cap **root = calloc(archive->known + 1, sizeof *root);
	if (!root)
		return err_set(err, FAULT_NOMEM, "no memory to look at snapshots");
	for (size_t i = 0; i < archive->known; i++)
		root[i] = &archive->snapshot[i].cap;
	enum fault fault = snapshots_open_remote(snapshots, err);
	const struct trees_options how = {
		.remote = snapshots->remote,
		.root = root,
		.count = archive->known,
		.wanted = matches,
		.found = find_found,
		.unread = find_unread,
		.context = &finding,
	};
	if (!fault)
		fault = trees_walk(&how, err);
	free(root);
	out_flush(snapshots->output);
	if (!fault && finding.names == 0)
		say(snapshots->output, SAY_INFO, "no snapshot has it");
	*status = finding.names == 0 || snapshots->unread > 0 ? STATUS_PARTLY : STATUS_DONE;
	return fault;
}
