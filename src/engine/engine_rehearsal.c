#include "base/cancel.h"
#include "base/escape.h"
#include "base/secret.h"
#include "engine/engine_parts.h"
#include "queue/retry.h"
#include "read/attempt.h"
#include "report/entry_line.h"
#include "report/json.h"
#include "report/out.h"
#include "report/progress.h"
#include "report/say.h"
#include "report/status.h"
#include "verify/likeness.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PATH_SIZE = 1 << 20,     /* bytes; a longer path shows its end, and is not looked for */
	LINE_MAX_SIZE = 8 << 20, /* a path, each byte escaped, and more */
};

/* NULL: nothing to tell, a directory that is there. */
static const char *const action_name[DECIDE_ACTIONS] = {
	[DECIDE_COPY] = "copy",   [DECIDE_OVERWRITE] = "overwrite", [DECIDE_LINK] = "link",
	[DECIDE_MKDIR] = "mkdir", [DECIDE_SKIP] = "skip",           [DECIDE_FAIL] = "fail",
	[DECIDE_KEEP] = "reuse",  [DECIDE_RELINK] = "relink",
};

/* The directory at a local target that the listing at hand goes to. */
enum place_state {
	PLACE_NEW,     /* nothing is there */
	PLACE_THERE,   /* `fd` is open */
	PLACE_BLOCKED, /* something else is there, or what is there cannot be opened */
};

struct rehearsal {
	struct engine engine; /* what was asked for, and what reads sources */
	struct decide_policy policy;
	struct attempt_tools sources; /* opened when a source is first to be read */
	struct replica_options replica;
	struct catalog_reader *reader;
	int root_fd; /* of a local target that is there, or -1 */
	enum place_state place;
	int fd;
	uint8_t blocked; /* enum outcome_reason */
	char *path;      /* of the listing at hand; then of an entry */
	size_t path_size;
	struct bytes line, name;
	uint64_t count[DECIDE_ACTIONS], bytes, asked;
};

/* An entry, and all there is to decide by. */
struct rehearsed {
	struct task task;
	struct work work; /* of the task; nothing ends it */
	struct outcome slot, source_slot;
	struct decide_known known;
	struct decide_source source;
	struct decide_there there;
	struct decision decision;
};

/* ---- where ---- */

static void leave_place(struct rehearsal *rehearsal)
{
	if (rehearsal->fd >= 0)
		close(rehearsal->fd);
	rehearsal->fd = -1;
	rehearsal->place = PLACE_NEW;
}

static enum fault open_root(struct rehearsal *rehearsal, struct err *err)
{
	const struct migration *migration = rehearsal->engine.migration;
	if (!migration->to_local)
		return FAULT_NONE;
	rehearsal->root_fd = open(migration->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (rehearsal->root_fd < 0 && errno != ENOENT)
		return err_os(err, FAULT_IO, errno, "cannot open the target '%.120s'",
			      migration->directory);
	return FAULT_NONE;
}

/* Turns to the directory of the listing whose path is in rehearsal->path. */
static void enter_place(struct rehearsal *rehearsal)
{
	struct err err;
	leave_place(rehearsal);
	if (rehearsal->root_fd < 0)
		return;
	enum fault fault = dirfd_open(rehearsal->root_fd, rehearsal->path, &rehearsal->fd, &err);
	if (!fault)
		rehearsal->place = PLACE_THERE;
	else
		rehearsal->fd = -1;
	if (!fault || fault == FAULT_NOT_FOUND)
		return;
	rehearsal->place = PLACE_BLOCKED;
	rehearsal->blocked = fault == FAULT_EXISTS ? REASON_CONFLICT : REASON_IO;
}

/* ---- what ---- */

static void rehearsal_fail(struct rehearsed *entry, uint8_t reason)
{
	entry->decision = (struct decision){ .action = DECIDE_FAIL, .reason = reason };
}

static void decide_again(const struct rehearsal *rehearsal, struct rehearsed *entry, bool same)
{
	entry->there.content = same ? DECIDE_SAME : DECIDE_DIFFERENT;
	entry->decision = decide(&rehearsal->policy, &entry->source, &entry->there, &entry->known);
}

/* Compares the file `name` at the target with the cap of the source, or those of its chunks. */
static void compare_here(const struct rehearsal *rehearsal, struct rehearsed *entry,
			 const char *name)
{
	const struct outcome *slot = &entry->source_slot;
	const bool in_chunks = entry_is_chunked(entry->task.kind, slot->cap_kind);
	struct chunked chunked = { 0 };
	struct cap cap = { 0 };
	struct err err;
	const struct likeness likeness = {
		.cap = &cap,
		.chunked = in_chunks ? &chunked : NULL,
		.secret = rehearsal->engine.setup->params,
		.cancel = &rehearsal->engine.stop,
	};
	struct outcomes *sources = rehearsal->engine.migration->catalog->sources;
	bool same = cap_unpack(slot->cap, slot->cap_size, slot->cap_kind, &cap) &&
		    !(in_chunks && entry_chunks(sources, &entry->task, &chunked, &err)) &&
		    likeness_is_at(&likeness, rehearsal->fd, name);
	chunked_fini(&chunked);
	cap_wipe(&cap);
	decide_again(rehearsal, entry, same);
}

/* Decides by what is in the directory at the local target. */
static void decide_here(const struct rehearsal *rehearsal, struct rehearsed *entry)
{
	char name[DIRFD_NAME_MAX + 1];
	struct err err = { 0 };
	size_t size = entry->task.name_size;
	bool fits = size <= DIRFD_NAME_MAX;
	entry->decision = decide(&rehearsal->policy, &entry->source, &entry->there, &entry->known);
	if (entry->known.state != OUTCOME_NONE || rehearsal->place == PLACE_NEW)
		return;
	if (rehearsal->place == PLACE_BLOCKED) {
		rehearsal_fail(entry, rehearsal->blocked);
		return;
	}
	memcpy(name, entry->task.name, fits ? size : 0);
	name[fits ? size : 0] = '\0';
	if (!fits || decide_there_here(rehearsal->fd, name, &entry->there, &err)) {
		rehearsal_fail(entry, !fits || err.fault == FAULT_USAGE ? REASON_NAME : REASON_IO);
		return;
	}
	entry->decision = decide(&rehearsal->policy, &entry->source, &entry->there, &entry->known);
	if (entry->decision.action == DECIDE_COMPARE)
		compare_here(rehearsal, entry, name);
}

static enum fault open_sources(struct rehearsal *rehearsal, struct err *err)
{
	struct readers_options readers;
	if (rehearsal->sources.tree)
		return FAULT_NONE;
	if (engine_readers_options(&rehearsal->engine, &readers, err))
		return err->fault;
	rehearsal->replica = readers.replica;
	rehearsal->sources.sources = readers.replica.sources;
	rehearsal->sources.existing = rehearsal->engine.migration->catalog->outcomes;
	rehearsal->sources.replica = replica_new(&rehearsal->replica, &rehearsal->engine.stop);
	if (!rehearsal->sources.replica)
		return err_set(err, FAULT_NOMEM, "no memory for reading sources");
	return source_tree_new(&readers.tree, &rehearsal->sources.tree, err);
}

/* Reads the source, to compare it with the cap of what is at the target. */
static enum fault compare_source(struct rehearsal *rehearsal, struct rehearsed *entry,
				 struct err *err)
{
	const struct engine *engine = &rehearsal->engine;
	struct attempt attempt;
	if (open_sources(rehearsal, err))
		return err->fault;
	const struct attempt_means means = {
		.secret = engine->setup->params,
		.replica = rehearsal->sources.replica,
		.cancel = &engine->stop,
	};
	enum fault fault = attempt_open(&attempt, &rehearsal->sources, &entry->work, err);
	if (!fault)
		fault = attempt_decide(&attempt, &rehearsal->policy, &means, err);
	entry->decision = attempt.decision;
	attempt_close(&attempt);
	if (fault && fault_is_general(fault))
		return fault;
	if (fault)
		rehearsal_fail(entry, reason_of(err));
	return FAULT_NONE;
}

/* What the planner has found on the grid is in the slots. */
static enum fault decide_on_grid(struct rehearsal *rehearsal, struct rehearsed *entry,
				 struct err *err)
{
	entry->there = decide_there_on_grid(entry->task.kind, &entry->slot);
	if (entry->known.state != OUTCOME_NONE || entry->known.stored)
		entry->decision =
			decide(&rehearsal->policy, &entry->source, &entry->there, &entry->known);
	else
		entry->decision = engine_decide(&rehearsal->policy, &entry->source, &entry->there,
						&entry->source_slot, &entry->slot);
	return entry->decision.action == DECIDE_COMPARE ? compare_source(rehearsal, entry, err)
							: FAULT_NONE;
}

/* Takes what the plan says of the entry: its verdict, its slot, that of its source. */
static enum fault look_up(const struct rehearsal *rehearsal, const struct catalog_page *page,
			  const struct manifest_entry *planned, struct rehearsed *entry,
			  struct err *err)
{
	const struct migration *migration = rehearsal->engine.migration;
	*entry = (struct rehearsed){
		.task = {
			.id = planned->id,
			.directory = page->id,
			.listing = page->listing,
			.bytes = planned->bytes,
			.chunk_size = planned->chunk_size,
			.kind = planned->kind,
			.name = planned->name,
			.name_size = planned->name_size,
			.meta = planned->meta,
			.meta_size = planned->meta_size,
		},
		.work = { .task = &entry->task },
		.known = { .state = planned->verdict, .reason = planned->reason },
	};
	if (outcomes_read(migration->catalog->outcomes, planned->id, 1, &entry->slot, err))
		return err->fault;
	if (migration->catalog->sources &&
	    outcomes_read(migration->catalog->sources, planned->id, 1, &entry->source_slot, err))
		return err->fault;
	entry->task.existing = outcome_has_existing(&entry->slot);
	if (!planned->verdict)
		entry->known = decide_known_of(&entry->slot);
	if (entry->known.state == OUTCOME_DONE) { /* nothing is, in a rehearsal: it was foreseen */
		entry->known = (struct decide_known){ .stored = DECIDE_STORED };
		entry->slot = (struct outcome){ .state = OUTCOME_NONE };
	}
	entry->source = decide_source_of(&entry->task, &entry->source_slot);
	return FAULT_NONE;
}

/* Decides about one entry as the run would. */
static enum fault rehearse_entry(struct rehearsal *rehearsal, const struct catalog_page *page,
				 const struct manifest_entry *planned, struct decision *decision,
				 struct err *err)
{
	struct rehearsed entry;
	enum fault fault = look_up(rehearsal, page, planned, &entry, err);
	if (!fault && rehearsal->policy.to_local)
		decide_here(rehearsal, &entry);
	else if (!fault)
		fault = decide_on_grid(rehearsal, &entry, err);
	*decision = entry.decision;
	secret_wipe(&entry, sizeof entry);
	return fault;
}

/* ---- lines ---- */

static bool is_sent(enum decide_action action)
{
	return action == DECIDE_COPY || action == DECIDE_OVERWRITE;
}

static enum fault print_json(struct bytes *line, const char *path,
			     const struct manifest_entry *entry, enum decide_action action,
			     uint8_t reason)
{
	const char *kind = entry_kind_text(entry->kind), *text = outcome_reason_text(reason);
	enum fault fault = bytes_append_text(line, "{\"event\":\"plan\"");
	if (!fault)
		fault = json_member(line, "path", path, strlen(path));
	if (!fault)
		fault = json_member(line, "kind", kind, strlen(kind));
	if (!fault)
		fault = json_member(line, "action", action_name[action],
				    strlen(action_name[action]));
	if (!fault)
		fault = json_number(line, "bytes", entry->bytes);
	if (!fault && reason)
		fault = json_member(line, "reason", text, strlen(text));
	return fault ? fault : bytes_append_text(line, "}\n");
}

static enum fault print_text(struct rehearsal *rehearsal, const struct manifest_entry *entry,
			     enum decide_action action, uint8_t reason)
{
	struct bytes *line = &rehearsal->line, *name = &rehearsal->name;
	char size[QUANTITY_SIZE];
	bytes_clear(name);
	enum fault fault = escape_name(name, rehearsal->path, strlen(rehearsal->path));
	if (!fault)
		fault = bytes_printf(line, "%s %s", action_name[action], bytes_text(name));
	if (!fault && is_sent(action))
		fault = bytes_printf(line, " (%s)", quantity_bytes(entry->bytes, size));
	if (!fault && reason)
		fault = bytes_printf(line, ": %s", outcome_reason_text(reason));
	return fault ? fault : bytes_append_text(line, "\n");
}

static void count(struct rehearsal *rehearsal, const struct manifest_entry *entry,
		  enum decide_action action, uint8_t reason)
{
	rehearsal->count[action]++;
	if (is_sent(action))
		rehearsal->bytes = add_saturated(rehearsal->bytes, entry->bytes);
	if (action == DECIDE_SKIP && recount_is_asked(rehearsal->engine.migration->asked, reason))
		rehearsal->asked++;
}

static enum fault tell(struct rehearsal *rehearsal, const struct catalog_page *page,
		       const struct manifest_entry *entry, struct err *err)
{
	struct decision decision;
	char *end = rehearsal->path + rehearsal->path_size;
	if (rehearse_entry(rehearsal, page, entry, &decision, err))
		return err->fault;
	const enum decide_action action = decision.action;
	count(rehearsal, entry, action, decision.reason);
	if (!action_name[action])
		return FAULT_NONE;
	snprintf(end, PATH_SIZE - rehearsal->path_size, "%s%.*s", rehearsal->path_size ? "/" : "",
		 (int)entry->name_size, entry->name);
	bytes_clear(&rehearsal->line);
	enum fault fault = rehearsal->engine.output->options.json
				   ? print_json(&rehearsal->line, rehearsal->path, entry, action,
						decision.reason)
				   : print_text(rehearsal, entry, action, decision.reason);
	*end = '\0';
	if (fault)
		return bytes_err(fault, err, "a line about an entry");
	out_put(rehearsal->engine.output, rehearsal->line.data, rehearsal->line.size);
	return FAULT_NONE;
}

/* ---- the walk ---- */

/* Goes through the plan entry by entry, as the run would. */
static enum fault walk(struct rehearsal *rehearsal, struct err *err)
{
	struct catalog_page page;
	for (;;) {
		if (cancel_asked())
			return err_set(err, FAULT_CANCELLED, "asked to stop");
		if (catalog_next(rehearsal->reader, &page, err))
			return err->fault;
		if (page.is_end)
			return FAULT_NONE;
		if (page.first) {
			if (catalog_path(rehearsal->reader, page.listing, rehearsal->path,
					 PATH_SIZE, err))
				return err->fault;
			rehearsal->path_size = strlen(rehearsal->path);
			enter_place(rehearsal);
		}
		for (size_t i = 0; i < page.count; i++)
			if (tell(rehearsal, &page, &page.entry[i], err))
				return err->fault;
	}
}

static void stop_on_signal(void *context) { engine_stop(context); }

static void say_totals(const struct rehearsal *rehearsal)
{
	const uint64_t *n = rehearsal->count;
	uint64_t linked = n[DECIDE_LINK] + n[DECIDE_RELINK];
	uint64_t copied = n[DECIDE_COPY] + n[DECIDE_OVERWRITE];
	char bytes[QUANTITY_SIZE];
	char reused[64] = "";
	if (n[DECIDE_KEEP] > 0)
		snprintf(reused, sizeof reused, ", reuse %llu entries",
			 (unsigned long long)n[DECIDE_KEEP]);
	say(rehearsal->engine.output, SAY_INFO,
	    "nothing was done; would copy %llu files (%s), link %llu entries, make %llu "
	    "directories%s; %llu would be skipped, %llu would fail",
	    (unsigned long long)copied, quantity_bytes(rehearsal->bytes, bytes),
	    (unsigned long long)linked, (unsigned long long)n[DECIDE_MKDIR], reused,
	    (unsigned long long)n[DECIDE_SKIP], (unsigned long long)n[DECIDE_FAIL]);
}

enum fault engine_rehearse(const struct engine_request *request, int *status, struct err *err)
{
	struct rehearsal rehearsal = { .root_fd = -1, .fd = -1 };
	struct manifest_totals totals;
	engine_init(&rehearsal.engine, request);
	if (engine_look_at_target(&rehearsal.engine, err))
		return err->fault;
	rehearsal.policy = engine_policy(&rehearsal.engine);
	if (engine_check_request(&rehearsal.engine, err) || engine_plan_only(request, &totals, err))
		return err->fault;
	int watch = cancel_watch(stop_on_signal, &rehearsal.engine);
	bytes_init(&rehearsal.line, LINE_MAX_SIZE);
	bytes_init(&rehearsal.name, LINE_MAX_SIZE);
	rehearsal.path = malloc(PATH_SIZE);
	enum fault fault = FAULT_NONE;
	if (!rehearsal.path)
		fault = err_set(err, FAULT_NOMEM, "no memory for paths");
	if (!fault)
		fault = catalog_reader_new(request->migration->catalog, &rehearsal.reader, err);
	if (!fault)
		fault = open_root(&rehearsal, err);
	if (!fault && request->backup)
		fault = engine_start_reuse(&rehearsal.engine, request->backup, err);
	if (!fault && request->backup)
		fault = engine_foresee(&rehearsal.engine, err);
	if (!fault)
		fault = walk(&rehearsal, err);
	cancel_unwatch(watch);
	out_flush(request->output);
	if (!fault) {
		say_totals(&rehearsal);
		bool lost = rehearsal.count[DECIDE_FAIL] > 0 ||
			    rehearsal.count[DECIDE_SKIP] > rehearsal.asked;
		*status = lost ? STATUS_PARTLY : STATUS_DONE;
	}
	leave_place(&rehearsal);
	if (rehearsal.root_fd >= 0)
		close(rehearsal.root_fd);
	source_tree_free(rehearsal.sources.tree);
	replica_free(rehearsal.sources.replica);
	free(rehearsal.engine.source_tree_root);
	reuse_asker_free(rehearsal.engine.asker);
	reuse_free(rehearsal.engine.reuse);
	catalog_reader_free(rehearsal.reader);
	bytes_fini(&rehearsal.line);
	bytes_fini(&rehearsal.name);
	free(rehearsal.path);
	return fault;
}
