#include "fetch/fetch.h"

#include "fetch/file.h"
#include "fetch/names.h"
#include "fetch/visit.h"

#include <unistd.h>

enum { PATH_SHOWN_MAX = 1 << 26 };

struct fetch {
	const struct fetch_request *request;
	struct crew *crew;
	struct folder *target;
	struct folder *pending; /* to be listed; the latest first, so that few are waiting */
	struct folder *filling; /* listed, with files that wait */
	struct fetch_counts *counts;
	struct bytes path;
	struct err fatal; /* ends everything */
};

/* ---- what became of an entry ---- */

static void tell(struct fetch *fetch, const struct folder *folder, const struct leaf *leaf,
		 struct fetch_entry *entry)
{
	bytes_clear(&fetch->path);
	if (folder_path(folder, leaf, &fetch->path))
		bytes_clear(&fetch->path); /* it is counted, if without its name */
	entry->path = bytes_text(&fetch->path);
	entry->path_size = fetch->path.size;
	entry->detail = entry->detail ? entry->detail : "";
	struct fetch_counts *counts = fetch->counts;
	if (entry->done && entry->kind == STORE_FILE)
		counts->files++;
	else if (entry->done)
		counts->directories++;
	else if (entry->skipped)
		counts->skipped++;
	else
		counts->failed++;
	counts->conflicts += entry->conflict;
	counts->bytes += entry->bytes;
	fetch->request->ended(fetch->request->context, entry);
}

static const char *reason_of(enum fault fault)
{
	switch (fault) {
	case FAULT_EXISTS:
		return "conflict at the target";
	case FAULT_CORRUPT:
		return "the bytes are not proven";
	case FAULT_FULL:
	case FAULT_IO:
	case FAULT_NOMEM:
		return "the local system refused";
	default:
		return "the gateway refused";
	}
}

static bool is_fatal(enum fault fault)
{
	return fault == FAULT_FULL || fault == FAULT_NOMEM || fault == FAULT_CANCELLED ||
	       fault == FAULT_UNAVAILABLE;
}

/* An entry failed with `err`; `leaf` NULL: the folder itself. */
static void lose(struct fetch *fetch, const struct folder *folder, const struct leaf *leaf,
		 const struct err *err)
{
	if (is_fatal(err->fault)) {
		if (!fetch->fatal.fault)
			fetch->fatal = *err;
		crew_stop(fetch->crew);
		if (err->fault == FAULT_CANCELLED || err->fault == FAULT_UNAVAILABLE)
			return; /* not tried to its end */
	}
	struct fetch_entry entry = {
		.kind = leaf ? leaf->kind : STORE_DIRECTORY,
		.conflict = err->fault == FAULT_EXISTS,
		.reason = reason_of(err->fault),
		.detail = err->text,
	};
	tell(fetch, folder, leaf, &entry);
}

static void refuse(struct fetch *fetch, const struct folder *folder, const struct leaf *leaf,
		   const char *reason)
{
	struct fetch_entry entry = {
		.kind = leaf ? leaf->kind : STORE_DIRECTORY,
		.skipped = leaf && leaf->kind == STORE_UNKNOWN,
		.reason = reason,
	};
	tell(fetch, folder, leaf, &entry);
}

static void lose_for_memory(struct fetch *fetch)
{
	if (!fetch->fatal.fault)
		err_set(&fetch->fatal, FAULT_NOMEM, "out of memory");
	crew_stop(fetch->crew);
}

/* ---- children ---- */

/* Makes a folder of `leaf`, which it takes, and puts it on the stack. */
static void add_folder(struct fetch *fetch, struct folder *parent, struct leaf *leaf)
{
	struct cap cap;
	struct err err;
	if (leaf_cap(leaf, &cap, &err)) {
		lose(fetch, parent, leaf, &err);
		leaf_free(leaf);
		return;
	}
	struct folder *folder = folder_new(parent, leaf, &cap);
	cap_wipe(&cap);
	if (!folder) {
		leaf_free(leaf);
		lose_for_memory(fetch);
		return;
	}
	const char *reason = folder_loops(folder)               ? "it is inside itself"
			     : folder->depth > FOLDER_DEPTH_MAX ? "too many directories "
								  "inside each other"
								: NULL;
	if (reason) {
		refuse(fetch, folder, NULL, reason);
		folder_unref(folder);
		return;
	}
	folder->next = fetch->pending;
	fetch->pending = folder;
}

/* Takes a child of `folder` in: a file to be fetched, a folder to be listed, or an entry that ends
 * here. */
static void adopt(struct fetch *fetch, struct folder *folder, struct leaf *leaf, bool collides)
{
	const char *reason = NULL;
	if (leaf->name_size > 0 || folder->self)
		reason = name_refusal(leaf->text, leaf->name_size);
	if (!reason && collides)
		reason = "another name is the same in Unicode";
	if (!reason && leaf->kind == STORE_UNKNOWN)
		reason = "of a kind that this program does not know";
	if (reason) {
		refuse(fetch, folder, leaf, reason);
		leaf_free(leaf);
	} else if (leaf->kind == STORE_DIRECTORY) {
		add_folder(fetch, folder, leaf);
	} else {
		leaf->next = folder->files;
		folder->files = leaf;
	}
}

/* Has the files of `folder` fetched. */
static void fill(struct fetch *fetch, struct folder *folder)
{
	struct err err;
	if (!folder->files)
		return;
	if (folder_open(folder, &err)) {
		for (struct leaf *leaf = folder->files; leaf; leaf = leaf->next)
			lose(fetch, folder, leaf, &err);
		return;
	}
	folder->next = fetch->filling;
	fetch->filling = folder_ref(folder);
}

static enum fault adopt_all(struct fetch *fetch, struct visit *visit, struct err *err)
{
	struct name_ref *name = calloc(visit->count ? visit->count : 1, sizeof *name);
	if (!name)
		return err_set(err, FAULT_NOMEM, "no memory for the names of a directory");
	size_t i = 0;
	for (struct leaf *leaf = visit->found; leaf; leaf = leaf->next, i++)
		name[i] = (struct name_ref){ .name = leaf->text, .size = leaf->name_size };
	enum fault fault = names_mark(name, visit->count, err);
	struct leaf *next = fault ? NULL : visit->found;
	if (!fault)
		visit->found = NULL;
	for (i = 0; next; i++) {
		struct leaf *leaf = next;
		next = leaf->next;
		adopt(fetch, visit->folder, leaf, name[i].collides);
	}
	free(name);
	return fault;
}

static void visited(struct fetch *fetch, struct visit *visit)
{
	struct folder *folder = visit->folder;
	struct err err = visit->task.err;
	if (!err.fault)
		err.fault = folder_make(folder, &err);
	if (!err.fault && folder->self->name_size > 0) {
		struct fetch_entry entry = { .kind = STORE_DIRECTORY, .done = true };
		tell(fetch, folder, NULL, &entry);
	}
	if (!err.fault)
		err.fault = adopt_all(fetch, visit, &err);
	if (err.fault)
		lose(fetch, folder, NULL, &err);
	else
		fill(fetch, folder);
	visit_free(visit);
	folder_unref(folder);
}

static void fetched(struct fetch *fetch, struct file *file)
{
	if (file->task.err.fault) {
		lose(fetch, file->folder, file->leaf, &file->task.err);
	} else {
		struct fetch_entry entry = {
			.kind = STORE_FILE,
			.done = true,
			.bytes = file->size,
		};
		fetch->counts->reread += !file->keyed;
		tell(fetch, file->folder, file->leaf, &entry);
	}
	folder_close(file->folder);
	folder_unref(file->folder);
	file_free(file);
}

/* ---- the loop ---- */

static void send_file(struct fetch *fetch, struct folder *folder, struct leaf *leaf)
{
	struct file *file = file_new(folder_ref(folder), leaf);
	struct err err;
	if (!file || folder_open(folder, &err)) {
		free(file);
		leaf_free(leaf);
		folder_unref(folder);
		lose_for_memory(fetch);
		return;
	}
	file->secret = fetch->request->secret;
	file->moved = fetch->request->moved;
	file->context = fetch->request->context;
	crew_submit(fetch->crew, &file->task);
}

static void next_file(struct fetch *fetch)
{
	struct folder *folder = fetch->filling;
	struct leaf *leaf = folder->files;
	folder->files = leaf->next;
	send_file(fetch, folder, leaf);
	if (folder->files)
		return;
	fetch->filling = folder->next;
	folder->next = NULL;
	folder_close(folder);
	folder_unref(folder);
}

static void next_folder(struct fetch *fetch)
{
	struct folder *folder = fetch->pending;
	fetch->pending = folder->next;
	folder->next = NULL;
	struct visit *visit = visit_new(folder);
	if (visit) {
		crew_submit(fetch->crew, &visit->task);
		return;
	}
	folder_unref(folder);
	lose_for_memory(fetch);
}

/* Starts the next request if there is one to start. */
static bool go_on(struct fetch *fetch)
{
	if (fetch->fatal.fault || !crew_has_room(fetch->crew))
		return false;
	if (fetch->filling)
		next_file(fetch);
	else if (fetch->pending)
		next_folder(fetch);
	else
		return false;
	return true;
}

static void add_sources(struct fetch *fetch)
{
	for (size_t i = 0; i < fetch->request->count; i++) {
		const struct fetch_source *source = &fetch->request->source[i];
		struct leaf *leaf = leaf_new(source->name, strlen(source->name), &source->node);
		if (!leaf) {
			lose_for_memory(fetch);
			return;
		}
		adopt(fetch, fetch->target, leaf, false);
	}
	fill(fetch, fetch->target);
}

enum fault fetch_run(struct fetch *fetch, struct fetch_counts *counts, struct err *err)
{
	*counts = (struct fetch_counts){ 0 };
	fetch->counts = counts;
	add_sources(fetch);
	for (;;) {
		while (go_on(fetch)) {
		}
		struct crew_task *task = crew_take(fetch->crew);
		if (!task)
			break;
		struct visit *visit = (struct visit *)task;
		if (visit_is(task))
			visited(fetch, visit);
		else
			fetched(fetch, (struct file *)task);
	}
	if (!fetch->fatal.fault)
		crew_stopped(fetch->crew, &fetch->fatal);
	if (fetch->fatal.fault)
		*err = fetch->fatal;
	return fetch->fatal.fault;
}

enum fault fetch_new(const struct fetch_request *request, struct fetch **out, struct err *err)
{
	int fd = -1;
	struct fetch *fetch = calloc(1, sizeof *fetch);
	if (!fetch)
		return err_set(err, FAULT_NOMEM, "out of memory");
	fetch->request = request;
	bytes_init(&fetch->path, PATH_SHOWN_MAX);
	const struct crew_options crew = {
		.open = request->open,
		.away = request->away,
		.context = request->context,
		.in_flight = request->in_flight,
		.away_ms = request->away_ms,
	};
	enum fault fault = beneath_open_root(request->target, &fd, err);
	if (!fault) {
		fetch->target = folder_target(fd);
		if (!fetch->target) {
			close(fd);
			fault = err_set(err, FAULT_NOMEM, "out of memory");
		}
	}
	if (!fault)
		fault = crew_new(&crew, &fetch->crew, err);
	if (fault)
		fetch_free(fetch);
	else
		*out = fetch;
	return fault;
}

void fetch_stop(struct fetch *fetch) { crew_stop(fetch->crew); }

static void drop(struct folder *folder)
{
	while (folder) {
		struct folder *next = folder->next;
		folder_unref(folder);
		folder = next;
	}
}

void fetch_free(struct fetch *fetch)
{
	if (!fetch)
		return;
	crew_free(fetch->crew);
	for (struct folder *folder = fetch->filling; folder; folder = folder->next)
		folder_close(folder);
	drop(fetch->filling);
	drop(fetch->pending);
	folder_unref(fetch->target);
	bytes_fini(&fetch->path);
	free(fetch);
}
