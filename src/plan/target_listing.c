#include "plan/target_listing.h"

#include "base/meta.h"
#include "base/secret.h"
#include "plan/chunks.h"

struct target_listing {
	struct target_listing_options options;
	struct outcomes_batch bound; /* until target_listing_sync */
	struct remote *remote;
	struct remote_child file; /* the target itself where it is a file */
};

/* The target is a file that is overwritten, whatever the one source is called. */
static bool is_file(const struct target_listing *listing)
{
	return cap_is_file(listing->options.root);
}

static void describe_file(struct target_listing *listing)
{
	struct store_node node = { .kind = STORE_FILE, .rw = *listing->options.root };
	remote_describe(&node, &listing->file);
	cap_wipe(&node.rw);
}

/* Stores the cap of directory `id`, of kind CAP_NONE when the target has none. */
static enum fault cap_of(const struct target_listing *listing, uint64_t id, struct cap *cap,
			 struct err *err)
{
	struct outcome slot;
	*cap = (struct cap){ 0 };
	if (id == 0) {
		*cap = *listing->options.root;
		return FAULT_NONE;
	}
	if (outcomes_read(listing->options.outcomes, id, 1, &slot, err))
		return err->fault;
	if (slot.state != OUTCOME_PLANNED ||
	    !cap_unpack(slot.cap, slot.cap_size, slot.cap_kind, cap))
		*cap = (struct cap){ 0 };
	secret_wipe(&slot, sizeof slot);
	return FAULT_NONE;
}

/* Has the directory listed, if it was there before the job. */
static enum fault target_listing_open(void *context, uint64_t id, bool *exists, struct err *err)
{
	struct target_listing *listing = context;
	struct cap cap;
	remote_close(listing->remote);
	*exists = false;
	if (cap_of(listing, id, &cap, err))
		return err->fault;
	*exists = cap.kind != CAP_NONE;
	enum fault fault = FAULT_NONE;
	if (id == 0 && is_file(listing))
		describe_file(listing);
	else if (*exists)
		fault = remote_open(listing->remote, &cap, err);
	cap_wipe(&cap);
	return fault;
}

static void target_listing_ahead(void *context, uint64_t id)
{
	struct target_listing *listing = context;
	struct cap cap;
	struct err err;
	if (!cap_of(listing, id, &cap, &err) && cap_is_directory(&cap))
		remote_ahead(listing->remote, &cap);
	cap_wipe(&cap);
}

/* A name that was cut is longer than any of the plan. */
static const struct remote_child *target_listing_find(const struct target_listing *listing,
						      const char *name, size_t size)
{
	if (is_file(listing))
		return listing->file.kind ? &listing->file : NULL;
	const struct remote_child *child = remote_find(listing->remote, name, size);
	return child && !child->cut ? child : NULL;
}

static bool is_directory(const struct remote_child *child)
{
	return child->kind == STORE_DIRECTORY;
}

/* A file in chunks is a file, whatever it is for others. */
static enum fault target_listing_look(void *context, const char *name, size_t size,
				      enum decide_kind *there, struct err *err)
{
	const struct target_listing *listing = context;
	const struct remote_child *child = target_listing_find(listing, name, size);
	if (child && chunks_judge(listing->remote, child, err))
		return err->fault;
	if (!child)
		*there = DECIDE_NOTHING;
	else if (!is_directory(child))
		*there = DECIDE_FILE;
	else
		*there = child->cap_kind && !child->fixed ? DECIDE_DIRECTORY : DECIDE_FIXED;
	return FAULT_NONE;
}

/* Whether what has the name is the very directory of the source. */
static bool target_listing_is_same(void *context, const char *name, size_t size,
				   const struct outcome *source)
{
	const struct remote_child *child = target_listing_find(context, name, size);
	return child && child->cap_kind == source->cap_kind &&
	       child->cap_size == source->cap_size &&
	       memcmp(child->cap, source->cap, source->cap_size) == 0;
}

/* Keeps the cap of what is there in the slot of the entry; for a file also what --update asks. */
static enum fault target_listing_bind(void *context, uint64_t id, const char *name, size_t size,
				      struct err *err)
{
	struct target_listing *listing = context;
	const struct remote_child *child = target_listing_find(listing, name, size);
	struct outcome before, slot = { .id = id, .state = OUTCOME_PLANNED };
	if (!child || (is_directory(child) && (!child->cap_kind || child->fixed)))
		return err_set(err, FAULT_CORRUPT, "a directory at the target has no cap to keep");
	enum fault fault = outcomes_read(listing->options.outcomes, id, 1, &before, err);
	/* After a kill what stands there may be what this job has linked. */
	if (fault || before.state == OUTCOME_PLANNED || outcome_is_settled(&before))
		return fault;
	slot.cap_kind = child->cap_kind;
	slot.cap_size = child->cap_size;
	memcpy(slot.cap, child->cap, sizeof slot.cap);
	if (!is_directory(child)) {
		const struct meta meta = {
			.mtime_ns = child->meta.mtime_ns,
			.mode = child->meta.flags & META_HAS_MODE ? child->meta.mode : 0,
			.uid = child->meta.uid,
			.gid = child->meta.gid,
		};
		slot.level = child->meta.flags & META_HAS_MTIME ? OUTCOME_HAS_MTIME : 0;
		slot.length = child->bytes;
		meta_pack_outcome(&meta, slot.meta);
	}
	fault = outcomes_batch_add(&listing->bound, &slot, err);
	secret_wipe(&slot, sizeof slot);
	secret_wipe(&before, sizeof before);
	return fault;
}

static enum fault target_listing_sync(void *context, struct err *err)
{
	struct target_listing *listing = context;
	enum fault fault = outcomes_batch_flush(&listing->bound, err);
	return fault ? fault : outcomes_sync(listing->options.outcomes, err);
}

enum fault target_listing_new(const struct target_listing_options *options,
			      struct target_listing **listing, struct plan_target *target,
			      struct err *err)
{
	struct target_listing *made = calloc(1, sizeof *made);
	if (made)
		made->remote = remote_new(&options->ask, REMOTE_TARGET);
	if (!made || !made->remote) {
		free(made);
		return err_set(err, FAULT_NOMEM, "no memory for the target's listing");
	}
	made->options = *options;
	made->bound.outcomes = options->outcomes;
	*target = (struct plan_target){
		.open = target_listing_open,
		.ahead = target_listing_ahead,
		.look = target_listing_look,
		.is_same = target_listing_is_same,
		.bind = target_listing_bind,
		.sync = target_listing_sync,
		.context = made,
	};
	*listing = made;
	return FAULT_NONE;
}

void target_listing_free(struct target_listing *listing)
{
	if (!listing)
		return;
	remote_free(listing->remote);
	secret_wipe(listing, sizeof *listing);
	free(listing);
}
