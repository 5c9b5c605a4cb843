#include "audit/tree.h"

#include "audit/earlier.h"
#include "audit/guess.h"
#include "audit/inspection.h"
#include "verify/policy.h"

#include <assert.h>

enum { SEEN_MIN = 1024 /* slots */ };

/* Storage indexes that were seen: open addressing, at most three quarters full. */
struct seen {
	unsigned char (*slot)[CAP_KEY_SIZE];
	size_t count, capacity; /* a power of two */
};

struct tree_audit {
	const struct audit_request *request;
	struct pool *pool;
	struct inspection *stack; /* by task.next */
	struct seen seen;
	struct audit_counts *counts;
	uint64_t objects;  /* numbered as they end */
	uint64_t unlisted; /* directories whose children are not known yet */
	bool all_found;    /* was told */
	struct guess guess;
	struct err fatal; /* ends everything */
};

/* ---- what was seen ---- */

static const unsigned char no_index[CAP_KEY_SIZE];

/* Returns the slot that has the index, or the free one where it belongs. */
static unsigned char *seen_find(const struct seen *seen, const unsigned char index[CAP_KEY_SIZE])
{
	uint64_t hash; /* of what is a hash already */
	memcpy(&hash, index, sizeof hash);
	size_t at = (size_t)hash & (seen->capacity - 1);
	while (memcmp(seen->slot[at], index, CAP_KEY_SIZE) != 0 &&
	       memcmp(seen->slot[at], no_index, CAP_KEY_SIZE) != 0)
		at = (at + 1) & (seen->capacity - 1);
	return seen->slot[at];
}

static bool seen_grow(struct seen *seen)
{
	struct seen grown = { .capacity = seen->capacity ? 2 * seen->capacity : SEEN_MIN,
			      .count = seen->count };
	grown.slot = calloc(grown.capacity, sizeof *grown.slot);
	if (!grown.slot)
		return false;
	for (size_t i = 0; i < seen->capacity; i++)
		if (memcmp(seen->slot[i], no_index, CAP_KEY_SIZE) != 0)
			memcpy(seen_find(&grown, seen->slot[i]), seen->slot[i], CAP_KEY_SIZE);
	free(seen->slot);
	*seen = grown;
	return true;
}

/* Notes the object of a cap; `fresh` says whether it was not seen before.  False: no memory. */
static bool seen_add(struct seen *seen, const struct cap *cap, bool *fresh)
{
	unsigned char index[CAP_KEY_SIZE];
	*fresh = true;
	if (!cap_storage_index(cap, index))
		return true; /* a literal is wherever it is linked */
	if (4 * (seen->count + 1) > 3 * seen->capacity && !seen_grow(seen))
		return false;
	unsigned char *slot = seen_find(seen, index);
	*fresh = memcmp(slot, index, CAP_KEY_SIZE) != 0;
	seen->count += *fresh;
	memcpy(slot, index, CAP_KEY_SIZE);
	return true;
}

/* ---- what is to be done ---- */

static void tree_found(const struct tree_audit *tree, bool is_directory, uint64_t size)
{
	const struct audit_request *request = tree->request;
	if (request->found)
		request->found(request->context, is_directory, is_directory ? 0 : size);
}

/* Tells once that nothing more will be found, and until then how far it is. */
static void tree_tell_found(struct tree_audit *tree)
{
	if (tree->all_found)
		return;
	if (tree->unlisted > 0) {
		if (tree->request->guessed)
			tree->request->guessed(tree->request->context, guess_percent(&tree->guess));
		return;
	}
	tree->all_found = true;
	if (tree->request->all_found)
		tree->request->all_found(tree->request->context);
}

/* ---- what became of an object ---- */

static void tree_tell(struct tree_audit *tree, const struct inspection *inspection,
		      const struct err *err)
{
	unsigned char index[CAP_KEY_SIZE];
	if (inspection->before && !err->fault) {
		audit_recount(tree->request, inspection->before, tree->counts);
		return;
	}
	const struct audit_entry entry = {
		.id = tree->objects++,
		.path = inspection->path,
		.is_directory = inspection->is_directory,
		.proven = !err->fault,
		.detail = err->fault ? err->text : "",
		.bytes = err->fault || inspection->is_directory ? 0 : inspection->size,
		.size = inspection->is_directory ? 0 : inspection->size,
		.moved = inspection->arrived,
		.health = inspection_health(inspection),
	};
	audit_count(tree->counts, &entry);
	tree->request->ended(tree->request->context, &entry);
	if (entry.proven && cap_storage_index(&inspection->cap, index))
		earlier_note(tree->request->earlier, index, &entry);
}

/* Returns what an earlier run has found of an object, or NULL. */
static const struct earlier_object *found_before(const struct tree_audit *tree,
						 const struct cap *cap)
{
	unsigned char index[CAP_KEY_SIZE];
	return cap_storage_index(cap, index) ? earlier_find(tree->request->earlier, index) : NULL;
}

/* Whether it was taken for what it is now.  A file in chunks is one under the same mark alone. */
static bool is_same_kind(const struct earlier_object *before, const struct inspected_child *child)
{
	if (child->chunked > 0 && !before->is_directory)
		return before->bytes == child->chunked;
	return before->is_directory == (child->kind == STORE_DIRECTORY);
}

static void out_of_memory(struct tree_audit *tree)
{
	if (!tree->fatal.fault)
		err_set(&tree->fatal, FAULT_NOMEM, "out of memory for a tree");
}

/* Puts a child on the stack, if nobody was there before.  Returns false where it is over. */
static bool push(struct tree_audit *tree, const struct inspected_child *child,
		 const struct inspection *parent, double part)
{
	bool fresh;
	struct err err;
	if (!seen_add(&tree->seen, &child->cap, &fresh)) {
		out_of_memory(tree);
		return false;
	}
	if (!fresh)
		return false;
	const struct earlier_object *before = found_before(tree, &child->cap);
	if (before && !is_same_kind(before, child))
		before = NULL;
	if (before && !before->is_directory) {
		tree_found(tree, false, before->bytes);
		audit_recount(tree->request, before, tree->counts);
		return false;
	}
	struct inspection *inspection = inspection_new(child, parent);
	if (!inspection) {
		out_of_memory(tree);
		return false;
	}
	inspection->marked = child->chunked > 0;
	if (!inspection->marked)
		tree_found(tree, inspection->is_directory, inspection->size);
	if (child->kind == STORE_UNKNOWN || child->cap.kind == CAP_UNKNOWN) {
		err_set(&err, FAULT_USAGE, "it is of a kind that is not known");
		tree_tell(tree, inspection, &err);
		inspection_free(inspection);
		return false;
	}
	inspection->unlisted = inspection->is_directory;
	tree->unlisted += inspection->unlisted;
	inspection->part = part;
	inspection->before = before;
	inspection->levels = tree->request->levels;
	inspection->add_lease = tree->request->add_lease;
	inspection->repair = tree->request->repair;
	/* Alone it may have all that may be in flight; in a tree others are beside it. */
	inspection->width = parent ? 1 : tree->request->width;
	inspection->secret = tree->request->secret;
	inspection->moved = tree->request->moved;
	inspection->context = tree->request->context;
	inspection->task.next = (struct pool_task *)tree->stack;
	tree->stack = inspection;
	return true;
}

static struct inspection *pop(struct tree_audit *tree)
{
	struct inspection *inspection = tree->stack;
	if (inspection) {
		tree->stack = (struct inspection *)inspection->task.next;
		inspection->task.next = NULL;
	}
	return inspection;
}

static double weight_of(const struct tree_audit *tree, const struct inspected_child *child,
			double directory)
{
	const bool reads = (tree->request->levels & (VERIFY_CHECK | VERIFY_READ)) != 0;
	return child->kind == STORE_DIRECTORY && child->chunked == 0
		       ? directory
		       : guess_file(max_u64(child->size, child->chunked), reads);
}

/* Goes on with the children of what has ended: each gets its part of what that was thought to be.
 */
static void push_children(struct tree_audit *tree, const struct inspection *inspection)
{
	double all = 1, met = 0, left = inspection->part;
	for (const struct inspected_child *child = inspection->child; child; child = child->next)
		met += weight_of(tree, child, 1);
	if (inspection->child)
		guess_listed(&tree->guess, met);
	const double directory = guess_directory(&tree->guess);
	for (const struct inspected_child *child = inspection->child; child; child = child->next)
		all += weight_of(tree, child, directory);
	for (const struct inspected_child *child = inspection->child; child && !tree->fatal.fault;
	     child = child->next) {
		const double part = inspection->part * weight_of(tree, child, directory) / all;
		if (push(tree, child, inspection, part))
			left -= part;
	}
	tree->guess.done += left;
}

/* Takes back one inspection.  Returns false when none is under way. */
static bool tree_take_back(struct tree_audit *tree)
{
	struct inspection *inspection = (struct inspection *)pool_take(tree->pool);
	if (!inspection)
		return false;
	const struct err err = inspection->task.err;
	tree->unlisted -= inspection->unlisted;
	if (inspection->marked)
		tree_found(tree, inspection->is_directory, inspection->size);
	if (err.fault == FAULT_CANCELLED || err.fault == FAULT_UNAVAILABLE) {
		if (!tree->fatal.fault)
			tree->fatal = err;
	} else {
		tree_tell(tree, inspection, &err);
	}
	push_children(tree, inspection);
	tree_tell_found(tree);
	inspection_free(inspection);
	return true;
}

/* ---- the walk ---- */

enum fault tree_audit_run(struct tree_audit *tree, const struct store_node *root,
			  struct audit_counts *counts, struct err *err)
{
	const struct store_child top = { .name = "", .node = *root };
	struct inspected_child *child = inspection_child_new(&top);
	*counts = (struct audit_counts){ 0 };
	tree->counts = counts;
	if (child)
		(void)push(tree, child, NULL, 1);
	else
		out_of_memory(tree);
	if (child)
		cap_wipe(&child->cap);
	free(child);
	tree_tell_found(tree);
	for (;;) {
		bool goes_on = !tree->fatal.fault && !pool_stopped(tree->pool, &tree->fatal);
		if (goes_on && tree->stack && pool_has_room(tree->pool))
			pool_submit(tree->pool, &pop(tree)->task);
		else if (!tree_take_back(tree) && !(goes_on && tree->stack))
			break;
	}
	if (tree->fatal.fault)
		*err = tree->fatal;
	return tree->fatal.fault;
}

enum fault tree_audit_new(const struct audit_request *request, struct tree_audit **out,
			  struct err *err)
{
	struct tree_audit *tree = calloc(1, sizeof *tree);
	if (!tree)
		return err_set(err, FAULT_NOMEM, "out of memory for a tree");
	tree->request = request;
	const struct pool_options pool = audit_pool(request);
	if (pool_new(&pool, &tree->pool, err)) {
		tree_audit_free(tree);
		return err->fault;
	}
	*out = tree;
	return FAULT_NONE;
}

void tree_audit_stop(struct tree_audit *tree) { pool_stop(tree->pool); }

void tree_audit_free(struct tree_audit *tree)
{
	if (!tree)
		return;
	for (struct inspection *inspection; (inspection = pop(tree));)
		inspection_free(inspection);
	pool_free(tree->pool);
	free(tree->seen.slot);
	free(tree);
}
