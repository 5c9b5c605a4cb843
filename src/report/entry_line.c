#include "report/entry_line.h"

#include "base/escape.h"
#include "queue/entry.h"
#include "queue/outcome.h"
#include "report/json.h"
#include "report/log.h"
#include "report/progress.h"
#include "report/say.h"

enum {
	FAILURES_SHOWN = 50,
	SHOWN_MAX = 8 << 20, /* bytes of a path, each byte escaped */
};

static const char *const kind_name[] = {
	[0] = "entry",
	[MANIFEST_FILE] = "file",
	[MANIFEST_DIRECTORY] = "directory",
	[MANIFEST_SYMLINK] = "symlink",
	[MANIFEST_OTHER] = "other",
	[MANIFEST_LINKED] = "directory",
};

const char *entry_kind_text(uint8_t kind)
{
	return kind_name[kind < ARRAY_COUNT(kind_name) ? kind : 0];
}

static const char *state_text(uint8_t state)
{
	return state == OUTCOME_DONE ? "done" : state == OUTCOME_SKIPPED ? "skipped" : "failed";
}

static enum fault member(struct bytes *out, const char *key, const char *text)
{
	return json_member(out, key, text, strlen(text));
}

enum fault entry_line_json(struct bytes *out, const struct entry_line *entry)
{
	enum fault fault = json_number(out, "id", entry->id);
	if (!fault)
		fault = json_member(out, "path", entry->path, entry->path_size);
	if (!fault)
		fault = member(out, "kind", entry_kind_text(entry->kind));
	if (!fault)
		fault = member(out, "state", state_text(entry->state));
	if (!fault && entry->state != OUTCOME_DONE)
		fault = member(out, "reason", entry->reason);
	if (!fault && entry->state != OUTCOME_DONE && entry->target)
		fault = member(out, "target", entry->target);
	if (!fault && entry->detail[0])
		fault = member(out, "detail", entry->detail);
	if (!fault)
		fault = json_number(out, "bytes", entry->bytes);
	if (!fault)
		fault = summary_numbers(out, entry->number, entry->numbers);
	return fault ? fault : bytes_append_text(out, "}\n");
}

/* Where it could not be written, for people: the entry's own path follows from it. */
static enum fault escape_place(struct bytes *out, const struct entry_line *entry)
{
	if (!entry->target)
		return bytes_append_text(out, "");
	enum fault fault = bytes_append_text(out, " in '");
	if (!fault)
		fault = escape_name(out, entry->target, strlen(entry->target));
	return fault ? fault : bytes_append_text(out, "'");
}

void entry_line_say_done(struct output *output, const struct entry_line *entry)
{
	char when[TIMESTAMP_SIZE], size[QUANTITY_SIZE];
	if (!say_shows(output, SAY_DEBUG))
		return;
	const bool sized = entry->kind == MANIFEST_FILE;
	struct bytes path;
	bytes_init(&path, SHOWN_MAX);
	if (!escape_name(&path, entry->path, entry->path_size))
		say(output, SAY_DEBUG, "%s done: '%s'%s%s%s", timestamp(time(NULL), when),
		    bytes_text(&path), sized ? " (" : "",
		    sized ? quantity_bytes(entry->bytes, size) : "", sized ? ")" : "");
	bytes_fini(&path);
}

void entry_line_say(struct output *output, const struct entry_line *entry, uint64_t *failures,
		    const char *rest)
{
	bool failed = entry->state == OUTCOME_FAILED;
	if (failed && ++*failures == FAILURES_SHOWN + 1)
		say(output, SAY_WARNING, "more entries fail; %s", rest);
	if (failed ? *failures > FAILURES_SHOWN : !say_shows(output, SAY_DEBUG))
		return;
	struct bytes path, place;
	bytes_init(&path, SHOWN_MAX);
	bytes_init(&place, SHOWN_MAX);
	if (!escape_name(&path, entry->path, entry->path_size) && !escape_place(&place, entry))
		say(output, failed ? SAY_WARNING : SAY_DEBUG, "%s: '%s': %s%s%s%s",
		    state_text(entry->state), bytes_text(&path), entry->reason, bytes_text(&place),
		    entry->detail[0] ? ": " : "", entry->detail);
	bytes_fini(&place);
	bytes_fini(&path);
}

void entry_line_remark(struct output *output, const struct entry_line *entry, uint64_t *remarks)
{
	struct bytes path;
	if (++*remarks == FAILURES_SHOWN + 1)
		say(output, SAY_WARNING, "there is more of the kind; --json names all");
	if (*remarks > FAILURES_SHOWN)
		return;
	bytes_init(&path, SHOWN_MAX);
	if (!escape_name(&path, entry->path, entry->path_size))
		say(output, SAY_WARNING, "'%s': %s", bytes_text(&path), entry->detail);
	bytes_fini(&path);
}
