#include "engine/engine_parts.h"

#include "base/secret.h"
#include "tahoe/edge.h"

#include <fcntl.h>
#include <sys/stat.h>

/* Stores the slot of the source on a grid that the task has; state none: it has a local one. */
static enum fault source_of(const struct engine *engine, const struct task *task,
			    struct outcome *source, struct err *err)
{
	struct outcomes *sources = engine->migration->sources;
	*source = (struct outcome){ 0 };
	return sources ? outcomes_read(sources, task->id, 1, source, err) : FAULT_NONE;
}

/* From grid to grid nothing is sent: the cap is the outcome. */
static void link_source(struct work *work, const struct outcome *source)
{
	struct meta meta;
	struct outcome outcome = *source;
	outcome.state = OUTCOME_DONE;
	outcome.attempts = 1;
	outcome.level = OUTCOME_LINKED;
	outcome.length = work->task->bytes;
	if (meta_unpack(work->task->meta, work->task->meta_size, &meta))
		meta_pack_outcome(&meta, outcome.meta);
	work_settle(work, &outcome, NULL);
	secret_wipe(&outcome, sizeof outcome);
}

static bool can_write(uint8_t cap_kind) { return cap_kind == CAP_SSK || cap_kind == CAP_MDMF; }

bool engine_copies(uint8_t cap_kind)
{
	return can_write(cap_kind) || cap_kind == CAP_SSK_RO || cap_kind == CAP_MDMF_RO;
}

static void route_remote(struct engine *engine, struct work *work, const struct outcome *source,
			 const struct outcome *existing)
{
	if (engine->to_local)
		download_take(&engine->downloads, work, source);
	else if (engine_copies(source->cap_kind) || can_write(existing->cap_kind))
		readers_push(engine->readers, work);
	else
		link_source(work, source);
}

/* Stores the slot of what has the task's name at the target on a grid; state none: nothing. */
static enum fault existing_of(const struct engine *engine, const struct task *task,
			      struct outcome *existing, struct err *err)
{
	const struct migration *migration = engine->migration;
	*existing = (struct outcome){ 0 };
	if (migration->to_local || !task->existing)
		return FAULT_NONE;
	return outcomes_read(migration->outcomes, task->id, 1, existing, err);
}

/*
 * Whether size and time of what is at the target are those of the source.  Times on a grid are
 * floats of 0.2 us; what can change has no size in a listing.
 */
static bool is_unchanged(const struct task *task, const struct outcome *source,
			 const struct outcome *existing)
{
	struct meta meta;
	if (engine_copies(existing->cap_kind) || engine_copies(source->cap_kind) ||
	    !(existing->level & OUTCOME_HAS_MTIME) || existing->length != task->bytes ||
	    !meta_unpack(task->meta, task->meta_size, &meta))
		return false;
	const struct meta there = meta_unpack_outcome(existing->meta);
	bool timed = !(meta.flags & META_GRID) || meta.flags & META_HAS_MTIME;
	return timed && edge_seconds(meta.mtime_ns) == edge_seconds(there.mtime_ns);
}

static bool is_same_cap(const struct outcome *source, const struct outcome *existing)
{
	return source->cap_kind == existing->cap_kind && source->cap_size == existing->cap_size &&
	       memcmp(source->cap, existing->cap, sizeof source->cap) == 0 &&
	       source->cap_kind != CAP_NONE && !engine_copies(source->cap_kind);
}

/* Ends the work when what is at the target stays as it is.  Returns whether it did. */
static bool keep_existing(const struct engine *engine, struct work *work,
			  const struct outcome *source, const struct outcome *existing)
{
	unsigned attempts = work->task->attempts + 1u;
	struct err err;
	if (existing->state != OUTCOME_PLANNED)
		return false;
	bool unchanged =
		engine->transfer->checksum
			? is_same_cap(source, existing)
			: engine->transfer->update && is_unchanged(work->task, source, existing);
	if (engine->transfer->no_clobber) {
		work_fail(work, REASON_PRESENT, attempts, NULL);
	} else if (unchanged) {
		work_fail(work, REASON_UNCHANGED, attempts, NULL);
	} else if (engine_copies(existing->cap_kind) && !can_write(existing->cap_kind)) {
		err_set(&err, FAULT_EXISTS,
			"a mutable file has the name, and its cap grants no writing");
		work_fail(work, REASON_CONFLICT, attempts, &err);
	} else {
		return false;
	}
	return true;
}

/* A copy between local places; what is not to be replaced is not read. */
static void route_local(struct engine *engine, struct work *work)
{
	if (!local_writer_keeps(engine->local_writer, work))
		readers_push(engine->readers, work);
}

void engine_route(void *context, struct work *work)
{
	struct engine *engine = context;
	struct outcome source = { 0 }, existing;
	struct err err;
	if (!engine_admits(engine, 0)) {
		work_again(work, 0, work->task->attempts);
		return;
	}
	if (existing_of(engine, work->task, &existing, &err) ||
	    source_of(engine, work->task, &source, &err)) {
		engine_broken(engine, &err);
		work_again(work, 0, work->task->attempts);
	} else if (keep_existing(engine, work, &source, &existing)) {
		/* that was its end */
	} else if (source.state == OUTCOME_PLANNED) {
		route_remote(engine, work, &source, &existing);
	} else if (source.state == OUTCOME_DAMAGED || !engine->readers ||
		   work->task->kind == MANIFEST_LINKED) {
		err_set(&err, FAULT_CORRUPT, "the slot that holds its source's cap is damaged");
		work_fail(work, REASON_LOST, work->task->attempts + 1u, &err);
	} else if (engine->to_local) {
		route_local(engine, work);
	} else {
		readers_push(engine->readers, work);
	}
	secret_wipe(&source, sizeof source);
	secret_wipe(&existing, sizeof existing);
}

/* A directory whose parent is done and whose own slot was lost: what is there decides. */
static void find_directory(struct engine *engine, struct work *work)
{
	const struct task *task = work->task;
	struct outcome outcome = { .state = OUTCOME_DONE, .attempts = 1 };
	char name[DIRFD_NAME_MAX + 1];
	struct target_dir *target_dir;
	struct stat st;
	struct err err;
	if (target_tree_open(engine->downloads.target_tree, task->listing, &target_dir, &err)) {
		arrivals_fail(engine->arrivals, work, &err);
		return;
	}
	size_t size = min_u64(task->name_size, DIRFD_NAME_MAX);
	memcpy(name, task->name, size);
	name[size] = '\0';
	bool there =
		fstatat(target_dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
	target_dir_unref(target_dir);
	if (there)
		work_settle(work, &outcome, NULL);
	else
		work_fail(work, REASON_LOST, task->attempts + 1u, NULL);
}

void engine_route_below(void *context, struct work *work)
{
	struct engine *engine = context;
	if (!engine->to_local)
		committer_below(engine->committer, work);
	else if (work->task->kind == MANIFEST_DIRECTORY)
		find_directory(engine, work);
	else
		engine_route(engine, work);
}
