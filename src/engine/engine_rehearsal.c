#include "base/cancel.h"
#include "base/escape.h"
#include "engine/engine_parts.h"
#include "report/json.h"
#include "report/out.h"
#include "report/progress.h"
#include "report/say.h"
#include "report/status.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PATH_SIZE = 1 << 20,     /* bytes; a longer path shows its end, and is not looked for */
	LINE_MAX_SIZE = 8 << 20, /* a path, each byte escaped, and more */
};

/* What would be done with an entry. */
enum action {
	ACTION_COPY,
	ACTION_LINK,
	ACTION_MKDIR,
	ACTION_SKIP,
	ACTION_FAIL,
	ACTION_NONE, /* a directory that is there */
	ACTIONS,
};

static const char *const action_name[ACTIONS] = {
	[ACTION_COPY] = "copy", [ACTION_LINK] = "link", [ACTION_MKDIR] = "mkdir",
	[ACTION_SKIP] = "skip", [ACTION_FAIL] = "fail", [ACTION_NONE] = "none",
};

/* The directory at a local target that the listing at hand goes to. */
enum place_state {
	PLACE_NEW,     /* nothing is there */
	PLACE_THERE,   /* `fd` is open */
	PLACE_BLOCKED, /* something else is there, or what is there cannot be opened */
};

struct rehearsal {
	const struct engine_request *request;
	struct manifest_reader *reader, *paths;
	int root_fd; /* of a local target that is there, or -1 */
	enum place_state place;
	int fd;
	uint8_t blocked; /* enum outcome_reason */
	char *path;      /* of the listing at hand; then of an entry */
	size_t path_size;
	struct bytes line, name;
	uint64_t count[ACTIONS], bytes, asked;
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
	const struct migration *migration = rehearsal->request->migration;
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

static enum action look_for_directory(const struct rehearsal *rehearsal, const char *name,
				      uint8_t *reason)
{
	struct stat st;
	if (fstatat(rehearsal->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return ACTION_MKDIR;
	if (S_ISDIR(st.st_mode))
		return ACTION_NONE;
	*reason = REASON_CONFLICT;
	return ACTION_FAIL;
}

static enum action look_for_file(const struct rehearsal *rehearsal,
				 const struct manifest_entry *entry, const char *name,
				 uint8_t *reason)
{
	struct meta meta;
	struct standing standing;
	struct err err;
	if (!meta_unpack(entry->meta, entry->meta_size, &meta))
		meta = (struct meta){ .flags = META_GRID };
	const struct standing_file file = {
		.name = name,
		.bytes = entry->bytes,
		.meta = &meta,
		.is_symlink = entry->kind == MANIFEST_SYMLINK,
	};
	if (standing_look(rehearsal->fd, &file, engine_there(rehearsal->request->transfer),
			  &standing, &err)) {
		*reason = err.fault == FAULT_EXISTS  ? REASON_CONFLICT
			  : err.fault == FAULT_USAGE ? REASON_NAME
						     : REASON_IO;
		return ACTION_FAIL;
	}
	*reason = standing.reason;
	return standing.reason ? ACTION_SKIP : ACTION_COPY;
}

static enum action at_local_target(const struct rehearsal *rehearsal,
				   const struct manifest_entry *entry, uint8_t *reason)
{
	char name[DIRFD_NAME_MAX + 1];
	bool is_directory = entry->kind == MANIFEST_DIRECTORY;
	if (rehearsal->place == PLACE_BLOCKED) {
		*reason = rehearsal->blocked;
		return ACTION_FAIL;
	}
	if (entry->name_size > DIRFD_NAME_MAX) {
		*reason = REASON_NAME;
		return ACTION_FAIL;
	}
	if (rehearsal->place == PLACE_NEW)
		return is_directory ? ACTION_MKDIR : ACTION_COPY;
	memcpy(name, entry->name, entry->name_size);
	name[entry->name_size] = '\0';
	return is_directory ? look_for_directory(rehearsal, name, reason)
			    : look_for_file(rehearsal, entry, name, reason);
}

/* At a target on a grid the planner has looked already; only what is linked is to be told. */
static enum fault at_grid(const struct rehearsal *rehearsal, const struct manifest_entry *entry,
			  bool is_there, enum action *action, struct err *err)
{
	struct outcome source = { 0 };
	struct outcomes *sources = rehearsal->request->migration->sources;
	if (entry->kind == MANIFEST_DIRECTORY) {
		*action = is_there ? ACTION_NONE : ACTION_MKDIR;
		return FAULT_NONE;
	}
	if (sources && outcomes_read(sources, entry->id, 1, &source, err))
		return err->fault;
	bool linked = source.state == OUTCOME_PLANNED && !engine_copies(source.cap_kind);
	explicit_bzero(&source, sizeof source);
	*action = linked ? ACTION_LINK : ACTION_COPY;
	return FAULT_NONE;
}

/* Decides about one entry: by its verdict, by its slot, by what is at the target. */
static enum fault decide(const struct rehearsal *rehearsal, const struct manifest_entry *entry,
			 enum action *action, uint8_t *reason, struct err *err)
{
	const struct migration *migration = rehearsal->request->migration;
	struct outcome slot;
	uint8_t state = entry->verdict;
	*reason = entry->reason;
	if (outcomes_read(migration->outcomes, entry->id, 1, &slot, err))
		return err->fault;
	bool planned = slot.state == OUTCOME_PLANNED;
	if (!state && planned && slot.reason) {
		state = slot.level;
		*reason = slot.reason;
	}
	explicit_bzero(&slot, sizeof slot);
	if (state)
		*action = state == OUTCOME_SKIPPED ? ACTION_SKIP : ACTION_FAIL;
	else if (migration->to_local)
		*action = at_local_target(rehearsal, entry, reason);
	else
		return at_grid(rehearsal, entry, planned, action, err);
	return FAULT_NONE;
}

/* ---- lines ---- */

static const char *kind_text(uint8_t kind)
{
	return kind == MANIFEST_FILE      ? "file"
	       : kind == MANIFEST_SYMLINK ? "symlink"
	       : kind == MANIFEST_OTHER   ? "other"
					  : "directory";
}

static enum fault print_json(struct bytes *line, const char *path,
			     const struct manifest_entry *entry, enum action action, uint8_t reason)
{
	const char *kind = kind_text(entry->kind), *text = outcome_reason_text(reason);
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
			     enum action action, uint8_t reason)
{
	struct bytes *line = &rehearsal->line, *name = &rehearsal->name;
	char size[QUANTITY_SIZE];
	bytes_clear(name);
	enum fault fault = escape_name(name, rehearsal->path, strlen(rehearsal->path));
	if (!fault)
		fault = bytes_printf(line, "%s %s", action_name[action], bytes_text(name));
	if (!fault && action == ACTION_COPY)
		fault = bytes_printf(line, " (%s)", quantity_bytes(entry->bytes, size));
	if (!fault && reason)
		fault = bytes_printf(line, ": %s", outcome_reason_text(reason));
	return fault ? fault : bytes_append_text(line, "\n");
}

static void count(struct rehearsal *rehearsal, const struct manifest_entry *entry,
		  enum action action, uint8_t reason)
{
	rehearsal->count[action]++;
	if (action == ACTION_COPY)
		rehearsal->bytes += entry->bytes;
	if (action == ACTION_SKIP && recount_is_asked(rehearsal->request->migration->asked, reason))
		rehearsal->asked++;
}

static enum fault tell(struct rehearsal *rehearsal, const struct manifest_entry *entry,
		       struct err *err)
{
	enum action action = ACTION_NONE;
	uint8_t reason;
	char *end = rehearsal->path + rehearsal->path_size;
	if (decide(rehearsal, entry, &action, &reason, err))
		return err->fault;
	count(rehearsal, entry, action, reason);
	if (action == ACTION_NONE)
		return FAULT_NONE;
	snprintf(end, PATH_SIZE - rehearsal->path_size, "%s%.*s", rehearsal->path_size ? "/" : "",
		 (int)entry->name_size, entry->name);
	bytes_clear(&rehearsal->line);
	enum fault fault =
		rehearsal->request->output->json
			? print_json(&rehearsal->line, rehearsal->path, entry, action, reason)
			: print_text(rehearsal, entry, action, reason);
	*end = '\0';
	if (fault)
		return bytes_err(fault, err, "a line about an entry");
	out_put(rehearsal->line.data, rehearsal->line.size);
	return FAULT_NONE;
}

/* ---- the walk ---- */

static enum fault walk(struct rehearsal *rehearsal, struct err *err)
{
	struct manifest_block block = { .next = manifest_first(rehearsal->reader) };
	for (;;) {
		if (cancel_asked())
			return err_set(err, FAULT_CANCELLED, "asked to stop");
		if (manifest_read(rehearsal->reader, block.next, &block, err))
			return err->fault;
		if (block.is_trailer)
			return FAULT_NONE;
		if (block.first) {
			if (manifest_path(rehearsal->paths, block.listing, rehearsal->path,
					  PATH_SIZE, err))
				return err->fault;
			rehearsal->path_size = strlen(rehearsal->path);
			enter_place(rehearsal);
		}
		for (size_t i = 0; i < block.count; i++)
			if (tell(rehearsal, &block.entry[i], err))
				return err->fault;
	}
}

static void say_totals(const struct rehearsal *rehearsal)
{
	const uint64_t *n = rehearsal->count;
	char bytes[QUANTITY_SIZE];
	say(SAY_INFO,
	    "nothing was done; would copy %llu files (%s), link %llu entries, make %llu "
	    "directories; %llu would be skipped, %llu would fail",
	    (unsigned long long)n[ACTION_COPY], quantity_bytes(rehearsal->bytes, bytes),
	    (unsigned long long)n[ACTION_LINK], (unsigned long long)n[ACTION_MKDIR],
	    (unsigned long long)n[ACTION_SKIP], (unsigned long long)n[ACTION_FAIL]);
}

enum fault engine_rehearse(const struct engine_request *request, int *status, struct err *err)
{
	struct rehearsal rehearsal = { .request = request, .root_fd = -1, .fd = -1 };
	struct manifest_totals totals;
	if (engine_plan_only(request, &totals, err))
		return err->fault;
	bytes_init(&rehearsal.line, LINE_MAX_SIZE);
	bytes_init(&rehearsal.name, LINE_MAX_SIZE);
	rehearsal.path = malloc(PATH_SIZE);
	enum fault fault = FAULT_NONE;
	if (!rehearsal.path)
		fault = err_set(err, FAULT_NOMEM, "no memory for paths");
	if (!fault)
		fault = manifest_open(request->migration->manifest, &rehearsal.reader, err);
	if (!fault)
		fault = manifest_open(request->migration->manifest, &rehearsal.paths, err);
	if (!fault)
		fault = open_root(&rehearsal, err);
	if (!fault)
		fault = walk(&rehearsal, err);
	out_flush();
	if (!fault) {
		say_totals(&rehearsal);
		bool lost = rehearsal.count[ACTION_FAIL] > 0 ||
			    rehearsal.count[ACTION_SKIP] > rehearsal.asked;
		*status = out_failed() ? STATUS_IO : lost ? STATUS_PARTLY : STATUS_DONE;
	}
	leave_place(&rehearsal);
	if (rehearsal.root_fd >= 0)
		close(rehearsal.root_fd);
	manifest_close(rehearsal.reader);
	manifest_close(rehearsal.paths);
	bytes_fini(&rehearsal.line);
	bytes_fini(&rehearsal.name);
	free(rehearsal.path);
	return fault;
}
