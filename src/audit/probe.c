#include "audit/probe.h"

#include "decide/entry.h"
#include "verify/policy.h"

/* ---- a directory ---- */

static bool probe_child(void *context, const struct store_child *child)
{
	struct probe *probe = context;
	childset_see(&probe->set, child);
	return true;
}

static void probe_listed(void *context, const struct store_reply *reply)
{
	struct probe *probe = context;
	const struct childset *set = &probe->set;
	struct err err = reply->err;
	probe->call = NULL;
	if (!err.fault && !childset_matches(set, probe->exact))
		err_wrong(&err, "%llu of its %llu children are there, among %llu that are listed",
			  (unsigned long long)set->found, (unsigned long long)set->count,
			  (unsigned long long)set->listed);
	pool_end(&probe->task, err.fault ? &err : NULL);
}

static void list_children(struct probe *probe)
{
	struct err err;
	childset_begin(&probe->set);
	const struct store_list wanted = { .cap = &probe->cap,
					   .child = probe_child,
					   .context = probe };
	probe->call = store_list(probe->task.store, &wanted,
				 (struct store_then){ probe_listed, probe }, &err);
	if (!probe->call)
		pool_end(&probe->task, &err);
}

/* ---- in general ---- */

/* A literal is its own proof, as far as it goes: no share is anywhere. */
static void compare_literal(struct probe *probe)
{
	const struct cap *cap = &probe->cap;
	unsigned char content[CONTENT_HASH_SIZE];
	struct err err = { 0 };
	content_hash_of(cap->content, (size_t)cap->size, content);
	if (cap->size != probe->length ||
	    (probe->has_content && memcmp(content, probe->content, sizeof content) != 0))
		err_wrong(&err, "the bytes in its cap are not the ones stored");
	pool_end(&probe->task, err.fault ? &err : NULL);
}

static void probe_moved(void *context, uint64_t bytes)
{
	struct probe *probe = context;
	probe->arrived += bytes;
	if (probe->moved)
		probe->moved(probe->context, bytes);
}

/* The shares are good, and the bytes of a file are the ones stored. */
static void probe_proven(void *context, const struct err *err)
{
	struct probe *probe = context;
	if (!err && probe->is_directory && (probe->levels & VERIFY_READ))
		list_children(probe);
	else
		pool_end(&probe->task, err);
}

/* An attempt that has proven a chunk does not count as a failed one. */
static void probe_advanced(void *context)
{
	struct probe *probe = context;
	probe->task.state.attempts = 0;
}

static void prove_chunks(struct probe *probe)
{
	const struct chunks_proof_options options = {
		.store = probe->task.store,
		.cap = &probe->cap,
		.bytes = probe->length,
		.levels = probe->levels & (VERIFY_COUNT | VERIFY_ALL),
		.add_lease = probe->add_lease,
		.repair = probe->repair,
		.secret = probe->secret,
		.moved = probe_moved,
		.advanced = probe_advanced,
		.ended = probe_proven,
		.context = probe,
	};
	chunks_proof_start(&probe->chunks, &options);
}

static void probe_start(struct pool_task *task)
{
	struct probe *probe = (struct probe *)task;
	unsigned known = VERIFY_COUNT | (probe->is_directory ? VERIFY_CHECK : VERIFY_ALL);
	const struct proving_options options = {
		.store = task->store,
		.add_lease = probe->add_lease,
		.repair = probe->repair,
		.believes = true,
		.cap = &probe->cap,
		.content = probe->has_content ? probe->content : NULL,
		.secret = probe->secret,
		.size = probe->length,
		.moved = probe_moved,
		.ended = probe_proven,
		.context = probe,
	};
	if (probe->in_chunks)
		prove_chunks(probe);
	else if (cap_is_literal(&probe->cap) && probe->linked)
		pool_end(&probe->task, NULL);
	else if (cap_is_literal(&probe->cap) && !probe->is_directory)
		compare_literal(probe);
	else
		proving_start(&probe->proving, &options, probe->levels & known);
}

static void probe_abandon(struct pool_task *task)
{
	struct probe *probe = (struct probe *)task;
	proving_cancel(&probe->proving);
	chunks_proof_cancel(&probe->chunks);
	if (probe->call)
		store_cancel(task->store, probe->call);
	probe->call = NULL;
}

struct probe *probe_new(const struct outcome *outcome, uint8_t manifest_kind, unsigned levels,
			struct err *err)
{
	struct probe *probe = calloc(1, sizeof *probe);
	if (!probe) {
		err_set(err, FAULT_NOMEM, "out of memory");
		return NULL;
	}
	if (!cap_unpack(outcome->cap, outcome->cap_size, outcome->cap_kind, &probe->cap)) {
		free(probe);
		err_set(err, FAULT_CORRUPT, "its slot holds no cap");
		return NULL;
	}
	probe->task.start = probe_start;
	probe->task.abandon = probe_abandon;
	/* Of what was linked no bytes and no children are known: all of its shares are checked. */
	probe->linked = outcome->level & OUTCOME_LINKED;
	probe->levels = probe->linked && levels == VERIFY_READ ? VERIFY_CHECK : levels;
	if (probe->linked)
		probe->levels &= ~(unsigned)VERIFY_READ;
	probe->id = outcome->id;
	probe->in_chunks = entry_is_chunked(manifest_kind, outcome->cap_kind);
	probe->is_directory = cap_is_directory(&probe->cap) && !probe->in_chunks;
	probe->exact = !cap_is_mutable(&probe->cap);
	probe->length = outcome->length;
	memcpy(probe->content, outcome->content, sizeof probe->content);
	/* What was settled from a listing has none. */
	static const unsigned char none[sizeof probe->content];
	probe->has_content = memcmp(probe->content, none, sizeof none) != 0;
	return probe;
}

const struct store_health *probe_health(const struct probe *probe)
{
	return probe->proving.checked  ? &probe->proving.health
	       : probe->chunks.checked ? &probe->chunks.health
				       : NULL;
}

void probe_free(struct probe *probe)
{
	if (!probe)
		return;
	childset_fini(&probe->set);
	proving_fini(&probe->proving);
	chunks_proof_fini(&probe->chunks);
	free(probe->name);
	cap_wipe(&probe->cap);
	free(probe);
}
