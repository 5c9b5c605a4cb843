#include "engine/engine_parts.h"

#include "base/secret.h"

/* Stores the slot of the source on a grid that the task has; state none: it has a local one. */
static enum fault source_of(const struct engine *engine, const struct task *task,
			    struct outcome *source, struct err *err)
{
	struct outcomes *sources = engine->migration->catalog->sources;
	*source = (struct outcome){ 0 };
	return sources ? outcomes_read(sources, task->id, 1, source, err) : FAULT_NONE;
}

/* Stores the slot of what has the task's name at the target on a grid; state none: nothing. */
static enum fault existing_of(const struct engine *engine, const struct task *task,
			      struct outcome *existing, struct err *err)
{
	const struct migration *migration = engine->migration;
	*existing = (struct outcome){ 0 };
	if (migration->to_local || !task->existing)
		return FAULT_NONE;
	return outcomes_read(migration->catalog->outcomes, task->id, 1, existing, err);
}

enum fault engine_look_at_target(struct engine *engine, struct err *err)
{
	if (!engine->to_local || !engine_policy(engine).update)
		return FAULT_NONE;
	return dirfd_tick(engine->migration->directory, &engine->tick_ns, err);
}

struct decide_policy engine_policy(const struct engine *engine)
{
	const struct transfer_options *transfer = engine->transfer;
	const bool asked = transfer->update || transfer->checksum || transfer->always;
	const bool checks = transfer->checksum || (!asked && !engine->to_local);
	return (struct decide_policy){
		.to_local = engine->to_local,
		.no_clobber = transfer->no_clobber,
		.update = transfer->update || (!asked && engine->to_local),
		.checksum = checks && !engine->planning->caps_only,
		.tick_ns = engine->tick_ns,
		.planned_ns = engine->migration->planned_ns,
	};
}

enum fault engine_check_request(const struct engine *engine, struct err *err)
{
	const struct migration *migration = engine->migration;
	const struct engine_sides sides = {
		.remote = migration->remote,
		.to_local = engine->to_local,
		.params = migration->remote || !engine->to_local ? engine->setup->params : NULL,
	};
	return engine_check(engine->transfer, &sides, err);
}

enum fault engine_check(const struct transfer_options *transfer, const struct engine_sides *sides,
			struct err *err)
{
	if (!sides->to_local && policy_check(transfer->verify, sides->params, err))
		return err->fault;
	if (transfer->always && (transfer->update || transfer->checksum))
		return err_set(
			err, FAULT_USAGE,
			"--always sends what --update and --checksum would keep: give one of "
			"them");
	if (!transfer->checksum)
		return FAULT_NONE;
	if (sides->to_local && !sides->remote)
		return err_set(err, FAULT_USAGE,
			       "--checksum compares with caps: source or target has to be on a "
			       "grid");
	if (sides->params)
		return FAULT_NONE;
	return err_set(err, FAULT_USAGE,
		       "--checksum: the gateway's convergence secret is not known; name its node "
		       "directory with -d, or the file with --convergence-file");
}

static bool is_same_cap(const struct outcome *source, const struct outcome *existing)
{
	return source->cap_kind == existing->cap_kind && source->cap_size == existing->cap_size &&
	       memcmp(source->cap, existing->cap, sizeof source->cap) == 0;
}

struct decision engine_decide(const struct decide_policy *policy,
			      const struct decide_source *source, struct decide_there *there,
			      const struct outcome *source_slot, const struct outcome *slot)
{
	const struct decide_known nothing = { .state = OUTCOME_NONE };
	struct decision decision = decide(policy, source, there, &nothing);
	if (decision.action != DECIDE_COMPARE || !decide_is_linkable(policy, source))
		return decision;
	there->content = is_same_cap(source_slot, slot) ? DECIDE_SAME : DECIDE_DIFFERENT;
	return decide(policy, source, there, &nothing);
}

/* To a grid all is decided here, but what a reader has to compare first. */
static void route_to_grid(struct engine *engine, struct work *work,
			  const struct outcome *source_slot, const struct outcome *existing)
{
	const struct decide_policy policy = engine_policy(engine);
	const struct decide_source source = decide_source_of(work->task, source_slot);
	struct decide_there there = decide_there_on_grid(work->task->kind, existing);
	const struct decision decision =
		engine_decide(&policy, &source, &there, source_slot, existing);
	if (decision_ends(work, &decision, &there))
		return;
	if (decision.action == DECIDE_LINK) /* nothing is sent: the cap is the outcome */
		entry_link_cap(work, source_slot, &source.meta);
	else if (decision.action == DECIDE_RELINK)
		entry_link_cap(work, existing, &source.meta);
	else
		readers_push(engine->readers, work);
}

/* Here the arrivals decide, when they have looked at the target.  A local file that is not to come
 * is not even read. */
static void route_to_local(struct engine *engine, struct work *work, const struct outcome *source)
{
	if (source->state != OUTCOME_NONE || !engine->readers)
		download_take(&engine->downloads, work, source);
	else if (!local_writer_keeps(engine->local_writer, work))
		readers_push(engine->readers, work);
}

void engine_route(void *context, struct work *work)
{
	struct engine *engine = context;
	struct outcome source = { 0 }, existing;
	struct err err;
	if (!engine_admits(engine, 0)) {
		work_again(work, 0, work->task->attempts);
	} else if (existing_of(engine, work->task, &existing, &err) ||
		   source_of(engine, work->task, &source, &err)) {
		engine_broken(engine, &err);
		work_again(work, 0, work->task->attempts);
	} else if (engine->to_local) {
		route_to_local(engine, work, &source);
	} else if (engine->reuse && existing.state == OUTCOME_NONE) {
		engine_route_reused(engine, work);
	} else {
		route_to_grid(engine, work, &source, &existing);
	}
	secret_wipe(&source, sizeof source);
	secret_wipe(&existing, sizeof existing);
}

/* A directory whose parent is done and whose own slot was lost: what is there decides. */
static void find_directory(struct engine *engine, struct work *work)
{
	const struct task *task = work->task;
	const struct outcome none = { .state = OUTCOME_NONE };
	const struct decide_known lost = { .state = OUTCOME_DAMAGED };
	const struct decide_policy policy = engine_policy(engine);
	const struct decide_source source = decide_source_of(task, &none);
	struct outcome outcome = { .state = OUTCOME_DONE, .attempts = 1 };
	char name[DIRFD_NAME_MAX + 1];
	struct tree_dir *target_dir;
	struct decide_there there;
	struct err err;
	if (tree_open(engine->downloads.target_tree, task->listing, &target_dir, &err)) {
		arrivals_fail(work, &err);
		return;
	}
	size_t size = min_u64(task->name_size, DIRFD_NAME_MAX);
	memcpy(name, task->name, size);
	name[size] = '\0';
	enum fault fault = decide_there_here(target_dir->fd, name, &there, &err);
	tree_dir_unref(target_dir);
	if (fault) {
		arrivals_fail(work, &err);
		return;
	}
	const struct decision decision = decide(&policy, &source, &there, &lost);
	if (!decision_ends(work, &decision, &there))
		work_settle(work, &outcome, NULL);
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
