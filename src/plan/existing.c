#include "plan/existing.h"

#include "base/meta.h"
#include "base/secret.h"
#include "plan/remote.h"

struct existing {
	struct existing_options options;
	struct remote *remote;
	struct remote_child file; /* the target itself where it is a file */
};

/* The target is a file that is overwritten, whatever the one source is called. */
static bool is_file(const struct existing *existing) { return cap_is_file(existing->options.root); }

static void describe_file(struct existing *existing)
{
	struct store_node node = { .kind = STORE_FILE, .rw = *existing->options.root };
	remote_describe(&node, &existing->file);
	cap_wipe(&node.rw);
}

/* Stores the cap of directory `id`, of kind CAP_NONE when the target has none. */
static enum fault cap_of(const struct existing *existing, uint64_t id, struct cap *cap,
			 struct err *err)
{
	struct outcome slot;
	*cap = (struct cap){ 0 };
	if (id == 0) {
		*cap = *existing->options.root;
		return FAULT_NONE;
	}
	if (outcomes_read(existing->options.outcomes, id, 1, &slot, err))
		return err->fault;
	if (slot.state != OUTCOME_PLANNED ||
	    !cap_unpack(slot.cap, slot.cap_size, slot.cap_kind, cap))
		*cap = (struct cap){ 0 };
	secret_wipe(&slot, sizeof slot);
	return FAULT_NONE;
}

/* Has the directory listed, if it was there before the job. */
static enum fault existing_open(void *context, uint64_t id, bool *exists, struct err *err)
{
	struct existing *existing = context;
	struct cap cap;
	remote_close(existing->remote);
	*exists = false;
	if (cap_of(existing, id, &cap, err))
		return err->fault;
	*exists = cap.kind != CAP_NONE;
	enum fault fault = FAULT_NONE;
	if (id == 0 && is_file(existing))
		describe_file(existing);
	else if (*exists)
		fault = remote_open(existing->remote, &cap, err);
	cap_wipe(&cap);
	return fault;
}

static void existing_ahead(void *context, uint64_t id)
{
	struct existing *existing = context;
	struct cap cap;
	struct err err;
	if (!cap_of(existing, id, &cap, &err) && cap_is_directory(&cap))
		remote_ahead(existing->remote, &cap);
	cap_wipe(&cap);
}

/* A name that was cut is longer than any of the plan. */
static const struct remote_child *existing_find(const struct existing *existing, const char *name,
						size_t size)
{
	if (is_file(existing))
		return existing->file.kind ? &existing->file : NULL;
	const struct remote_child *child = remote_find(existing->remote, name, size);
	return child && !child->cut ? child : NULL;
}

static bool is_directory(const struct remote_child *child)
{
	return child->kind == STORE_DIRECTORY;
}

static enum decide_kind existing_look(void *context, const char *name, size_t size)
{
	const struct remote_child *child = existing_find(context, name, size);
	if (!child)
		return DECIDE_NOTHING;
	if (!is_directory(child))
		return DECIDE_FILE;
	/* A directory nobody can write to is not merged into: a new one is made, and linking it
	 * decides. */
	return child->cap_kind ? DECIDE_DIRECTORY : DECIDE_NOTHING;
}

/* Keeps the cap of what is there in the slot of the entry; for a file also what --update asks. */
static enum fault existing_bind(void *context, uint64_t id, const char *name, size_t size,
				struct err *err)
{
	struct existing *existing = context;
	const struct remote_child *child = existing_find(existing, name, size);
	struct outcome before, slot = { .id = id, .state = OUTCOME_PLANNED };
	if (!child || (is_directory(child) && !child->cap_kind))
		return err_set(err, FAULT_CORRUPT, "a directory at the target has no cap to keep");
	enum fault fault = outcomes_read(existing->options.outcomes, id, 1, &before, err);
	/* After a kill what stands there may be what this job has linked. */
	if (fault || before.state == OUTCOME_PLANNED || outcome_is_settled(&before))
		return fault;
	slot.cap_kind = child->cap_kind;
	slot.cap_size = child->cap_size;
	memcpy(slot.cap, child->cap, sizeof slot.cap);
	if (!is_directory(child)) {
		const struct meta meta = { .mtime_ns = child->meta.mtime_ns };
		slot.level = child->meta.flags & META_HAS_MTIME ? OUTCOME_HAS_MTIME : 0;
		slot.length = child->bytes;
		meta_pack_outcome(&meta, slot.meta);
	}
	fault = outcomes_write(existing->options.outcomes, &slot, err);
	secret_wipe(&slot, sizeof slot);
	secret_wipe(&before, sizeof before);
	return fault;
}

static enum fault existing_sync(void *context, struct err *err)
{
	struct existing *existing = context;
	return outcomes_sync(existing->options.outcomes, err);
}

enum fault existing_new(const struct existing_options *options, struct existing **existing,
			struct plan_target *target, struct err *err)
{
	struct existing *made = calloc(1, sizeof *made);
	if (made)
		made->remote = remote_new(&options->ask, REMOTE_TARGET);
	if (!made || !made->remote) {
		free(made);
		return err_set(err, FAULT_NOMEM, "no memory for the target's listing");
	}
	made->options = *options;
	*target = (struct plan_target){
		.open = existing_open,
		.ahead = existing_ahead,
		.look = existing_look,
		.bind = existing_bind,
		.sync = existing_sync,
		.context = made,
	};
	*existing = made;
	return FAULT_NONE;
}

void existing_free(struct existing *existing)
{
	if (!existing)
		return;
	remote_free(existing->remote);
	secret_wipe(existing, sizeof *existing);
	free(existing);
}
