#include "audit/inspection.h"

#include "base/secret.h"
#include "verify/policy.h"

struct inspected_child *inspection_child_new(const struct store_child *from)
{
	struct inspected_child *child = malloc(sizeof *child + from->name_size + 1);
	if (!child)
		return NULL;
	*child = (struct inspected_child){
		.cap = *store_node_cap(&from->node),
		.kind = from->node.kind,
		.size = from->node.size,
		.chunked = store_node_chunked(&from->node),
		.name_size = from->name_size,
	};
	if (from->node.rw.kind) /* a repair may need it */
		child->cap = from->node.rw;
	memcpy(child->name, from->name, from->name_size);
	child->name[from->name_size] = '\0';
	return child;
}

static void free_children(struct inspection *inspection)
{
	while (inspection->child) {
		struct inspected_child *child = inspection->child;
		inspection->child = child->next;
		cap_wipe(&child->cap);
		free(child);
	}
	inspection->end = &inspection->child;
}

/* ---- a directory ---- */

static bool on_child(void *context, const struct store_child *from)
{
	struct inspection *inspection = context;
	struct inspected_child *child = inspection_child_new(from);
	if (!child)
		return false;
	*inspection->end = child;
	inspection->end = &child->next;
	return inspection->chunked == 0 ||
	       chunked_add(&inspection->chunks.chunked, from->name, from->name_size,
			   store_node_cap(&from->node));
}

static void inspection_proven(void *context, const struct err *err)
{
	struct inspection *inspection = context;
	pool_end(&inspection->task, err);
}

static void inspection_moved(void *context, uint64_t bytes)
{
	struct inspection *inspection = context;
	inspection->arrived += bytes;
	if (inspection->moved)
		inspection->moved(inspection->context, bytes);
}

/* What of the levels there is to be proven. */
static unsigned owed(const struct inspection *inspection)
{
	const unsigned levels = inspection->levels;
	if (cap_is_literal(&inspection->cap))
		return 0;
	if (inspection->is_directory || !(levels & VERIFY_READ))
		return levels & ~(unsigned)VERIFY_READ;
	return cap_is_mutable(&inspection->cap) ? VERIFY_CHECK : levels;
}

static void prove(struct inspection *inspection)
{
	const struct proving_options options = {
		.store = inspection->task.store,
		.add_lease = inspection->add_lease,
		.repair = inspection->repair,
		.believes = true,
		.cap = &inspection->cap,
		.secret = inspection->secret,
		.size = inspection->size,
		.moved = inspection_moved,
		.ended = inspection_proven,
		.context = inspection,
	};
	if (cap_is_literal(&inspection->cap) || inspection->before)
		pool_end(&inspection->task, NULL);
	else
		proving_start(&inspection->proving, &options, owed(inspection));
}

/* An attempt that has proven a chunk does not count as a failed one. */
static void inspection_advanced(void *context)
{
	struct inspection *inspection = context;
	inspection->task.state.attempts = 0;
}

static void prove_chunks(struct inspection *inspection)
{
	const struct chunks_proof_options options = {
		.store = inspection->task.store,
		.cap = &inspection->cap,
		.bytes = inspection->chunked,
		.levels = inspection->levels,
		.add_lease = inspection->add_lease,
		.repair = inspection->repair,
		.width = inspection->width,
		.secret = inspection->secret,
		.moved = inspection_moved,
		.advanced = inspection_advanced,
		.ended = inspection_proven,
		.context = inspection,
	};
	chunks_proof_start(&inspection->chunks, &options);
}

/* Takes a directory that is a file in chunks for that file. */
static void judge(struct inspection *inspection)
{
	if (!chunked_end(&inspection->chunks.chunked)) {
		inspection->chunked = 0;
		return;
	}
	inspection->is_directory = false;
	inspection->before = NULL; /* as a directory */
	inspection->size = inspection->chunked;
	free_children(inspection);
}

static void prove_listed(struct inspection *inspection)
{
	if (inspection->chunked > 0)
		prove_chunks(inspection);
	else
		prove(inspection);
}

static void inspection_listed(void *context, const struct store_reply *reply)
{
	struct inspection *inspection = context;
	inspection->call = NULL;
	if (!reply->fault && inspection->chunked > 0)
		judge(inspection);
	if (!reply->fault) {
		prove_listed(inspection);
		return;
	}
	struct err err = reply->err;
	free_children(inspection);
	pool_end(&inspection->task, &err);
}

/* ---- in general ---- */

static void inspection_start(struct pool_task *task)
{
	struct inspection *inspection = (struct inspection *)task;
	struct err err;
	free_children(inspection);
	if (!inspection->is_directory) {
		prove_listed(inspection);
		return;
	}
	if (inspection->chunked > 0)
		chunked_begin(&inspection->chunks.chunked, inspection->chunked);
	const struct store_list list = {
		.cap = &inspection->cap,
		.child = on_child,
		.context = inspection,
	};
	inspection->call = store_list(task->store, &list,
				      (struct store_then){ inspection_listed, inspection }, &err);
	if (!inspection->call)
		pool_end(task, &err);
}

static void inspection_abandon(struct pool_task *task)
{
	struct inspection *inspection = (struct inspection *)task;
	proving_cancel(&inspection->proving);
	chunks_proof_cancel(&inspection->chunks);
	if (inspection->call)
		store_cancel(task->store, inspection->call);
	inspection->call = NULL;
}

struct inspection *inspection_new(const struct inspected_child *child,
				  const struct inspection *parent)
{
	struct inspection *inspection = calloc(1, sizeof *inspection);
	const size_t above = parent ? parent->path_size : 0;
	char *path = malloc(above + child->name_size + 2);
	if (!inspection || !path) {
		free(inspection);
		free(path);
		return NULL;
	}
	inspection->task.start = inspection_start;
	inspection->task.abandon = inspection_abandon;
	inspection->cap = child->cap;
	inspection->is_directory = child->kind == STORE_DIRECTORY;
	inspection->size = child->size;
	inspection->chunked = child->chunked;
	if (cap_is_chk(&child->cap))
		inspection->size = child->cap.size;
	inspection->path = path;
	if (above > 0) {
		memcpy(path, parent->path, above);
		path[above] = '/';
	}
	const size_t at = above > 0 ? above + 1 : 0;
	memcpy(path + at, child->name, child->name_size + 1);
	inspection->path_size = at + child->name_size;
	inspection->end = &inspection->child;
	return inspection;
}

const struct store_health *inspection_health(const struct inspection *inspection)
{
	return inspection->proving.checked  ? &inspection->proving.health
	       : inspection->chunks.checked ? &inspection->chunks.health
					    : NULL;
}

void inspection_free(struct inspection *inspection)
{
	if (!inspection)
		return;
	free_children(inspection);
	proving_fini(&inspection->proving);
	chunks_proof_fini(&inspection->chunks);
	cap_wipe(&inspection->cap);
	free(inspection->path);
	free(inspection);
}
