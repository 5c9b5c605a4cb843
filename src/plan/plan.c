#include "plan/plan.h"

#include "plan/lister.h"
#include "plan/publish.h"
#include "plan/remote.h"
#include "plan/walk.h"

#include <limits.h>
#include <unistd.h>

enum { AHEAD = 5 /* directories whose listings are asked for, the one taken among them */ };

struct plan {
	const struct plan_request *request;
	struct plan_source *source; /* sorted by name */
	struct walk *walk;
	struct lister *lister;
	struct publisher publisher;
	uint64_t first_new; /* ids from here on are of this run */
};

static int compare_sources(const void *left, const void *right)
{
	const struct plan_source *a = left, *b = right;
	int order = strcmp(a->name, b->name);
	return order ? order : (a->number > b->number) - (a->number < b->number);
}

static bool name_is_usable(const char *name)
{
	bool is_dots = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
	return name[0] && strlen(name) <= NAME_MAX && !strchr(name, '/') && !is_dots;
}

static int compare_texts(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

bool plan_may_merge(const char *const *name, size_t count)
{
	const char **sorted = calloc(count + 1, sizeof *sorted);
	bool may = !sorted; /* to be on the safe side */
	if (sorted && count > 0) {
		memcpy(sorted, name, count * sizeof *sorted);
		qsort(sorted, count, sizeof *sorted, compare_texts);
		may = count > 1 && !sorted[0][0];
	}
	for (size_t i = 1; i < count && !may; i++)
		may = strcmp(sorted[i], sorted[i - 1]) == 0;
	free(sorted);
	return may;
}

/* Refuses so many sources of one name. */
static enum fault check_namesakes(const struct plan *plan, size_t count, const char *name,
				  struct err *err)
{
	if (count > 1 && plan->request->options.distinct)
		return err_set(err, FAULT_USAGE, "two sources would be called \"%.80s\"", name);
	if (count > WALK_PARTS_MAX)
		return err_set(err, FAULT_USAGE,
			       "more than %d sources are called \"%.80s\": merge the others by one "
			       "more copy",
			       WALK_PARTS_MAX, name);
	return FAULT_NONE;
}

/* Refuses sources, and directories to be made, that have no possible name or a wrong one.  Where
 * directories may be merged, as plan_may_merge has it, nothing is published before the plan is
 * complete. */
static enum fault check_names(struct plan *plan, struct err *err)
{
	for (size_t i = 0, same = 0; i < plan->request->source_count; i++) {
		const char *name = plan->source[i].name;
		same = i && strcmp(name, plan->source[i - 1].name) == 0 ? same + 1 : 1;
		plan->publisher.whole |= same > 1 || (!name[0] && plan->request->source_count > 1);
		if (!name[0] && plan->source[i].node)
			continue; /* its children have names */
		if (!name_is_usable(name))
			return err_set(err, FAULT_USAGE, "\"%.80s\" cannot be a name", name);
		if (check_namesakes(plan, same, name, err))
			return err->fault;
	}
	for (size_t i = 0; i < plan->request->made_count; i++)
		if (!name_is_usable(plan->request->made[i]))
			return err_set(err, FAULT_USAGE, "\"%.80s\" cannot be a name",
				       plan->request->made[i]);
	return FAULT_NONE;
}

/* Sources come in any order; a listing is in the order of names. */
static enum fault sort_sources(struct plan *plan, struct err *err)
{
	size_t count = plan->request->source_count;
	plan->source = calloc(count + 1, sizeof *plan->source);
	if (!plan->source)
		return err_set(err, FAULT_NOMEM, "no memory for %zu sources", count);
	for (size_t i = 0; i < count; i++) {
		plan->source[i] = plan->request->source[i];
		plan->source[i].number = i;
	}
	qsort(plan->source, count, sizeof *plan->source, compare_sources);
	return check_names(plan, err);
}

/* Writes the outcome of a directory that gets no listing, once its entry is durable. */
static enum fault plan_settle(struct plan *plan, const struct walk_child *child,
			      enum outcome_reason reason, struct err *err)
{
	enum outcome_state state = reason == REASON_VANISHED ? OUTCOME_SKIPPED : OUTCOME_FAILED;
	enum fault fault = publish_entries(&plan->publisher, child->parent_listing, err);
	if (fault)
		return fault;
	return plan->request->settle(plan->request->context, child->id, state, reason, err);
}

/* Lists an opened directory, which it takes, and puts it on the walk when it holds
 * directories itself. */
static enum fault plan_opened(struct plan *plan, const struct walk_child *child,
			      struct walk_directory *directory, struct err *err)
{
	enum outcome_reason refused;
	bool parents = false;
	enum fault fault = lister_read(plan->lister, directory, &refused, err);
	if (!fault && !refused)
		fault = lister_write(plan->lister, child, directory, &parents, err);
	if (!fault && parents)
		return walk_push(plan->walk, directory, err);
	walk_directory_close(directory);
	return fault || !refused ? fault : plan_settle(plan, child, refused, err);
}

/* Has the listing of the directory, on the grid it is read from and at the target, asked for before
 * anything waits for it. */
static enum fault list_ahead(const struct plan *plan, uint64_t id, struct err *err)
{
	const struct plan_request *request = plan->request;
	struct cap cap;
	if (walk_cap(plan->walk, id, &cap, err))
		return err->fault;
	if (request->remote && cap.kind != CAP_NONE)
		remote_ahead(request->remote, &cap);
	cap_wipe(&cap);
	if (request->target && request->target->ahead)
		request->target->ahead(request->target->context, id);
	return FAULT_NONE;
}

/* Does that for the directory taken and those that will be next. */
static enum fault look_ahead(const struct plan *plan, const struct walk_child *child,
			     struct err *err)
{
	uint64_t id[AHEAD] = { child->id };
	size_t count = 1 + walk_ahead(plan->walk, id + 1, AHEAD - 1);
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < count && !fault; i++)
		fault = list_ahead(plan, id[i], err);
	return fault;
}

/* Plans one sub-directory, unless it was settled before a kill. */
static enum fault plan_child(struct plan *plan, const struct walk_child *child, struct err *err)
{
	const struct plan_request *request = plan->request;
	if (child->id < plan->first_new && request->is_settled &&
	    request->is_settled(request->context, child->id))
		return FAULT_NONE;
	struct walk_directory directory;
	enum outcome_reason refused;
	enum fault fault = look_ahead(plan, child, err);
	if (!fault)
		fault = walk_open(plan->walk, child, &directory, &refused, err);
	if (!fault && refused)
		fault = plan_settle(plan, child, refused, err);
	else if (!fault)
		fault = plan_opened(plan, child, &directory, err);
	return fault ? fault : publish_tick(&plan->publisher, err);
}

/* Lists the root, which stands for no directory here. */
static enum fault plan_root(struct plan *plan, struct err *err)
{
	struct walk_child root = { .name = "" };
	struct walk_directory directory = { .fd = -1 };
	enum fault fault = plan_opened(plan, &root, &directory, err);
	return fault ? fault : publish_tick(&plan->publisher, err);
}

/* Completes the listing that a kill cut in the middle, of the directory `child`. */
static enum fault complete_listing(struct plan *plan, const struct walk_child *child,
				   struct walk_directory *directory, struct err *err)
{
	struct walk_directory opened = *directory;
	enum outcome_reason refused = REASON_NONE;
	enum fault fault = FAULT_NONE;
	if (walk_depth(plan->walk))
		fault = walk_open(plan->walk, child, &opened, &refused, err);
	if (fault)
		return fault;
	if (!refused) {
		opened.listing = directory->listing;
		*directory = opened;
		fault = lister_read(plan->lister, directory, &refused, err);
	}
	if (!fault && !refused)
		return lister_go_on(plan->lister, directory, err);
	/* It ends as it is; its files that are still there are tried all the same. */
	if (!fault)
		fault = manifest_end(plan->request->writer, err);
	return fault ? fault : plan_settle(plan, child, refused, err);
}

/* A plan that has merged directories cannot go on: what these are made of is known to the walk that
 * wrote them alone. */
static enum fault refuse_merged(const struct plan *plan, struct err *err)
{
	struct catalog_reader *reader = walk_reader(plan->walk);
	struct catalog_page page = { 0 };
	enum fault fault = FAULT_NONE;
	catalog_seek(reader, LISTING_NONE);
	while (!(fault = catalog_read(reader, &page, err)) && !page.is_end)
		for (size_t i = 0; i < page.count; i++) {
			struct meta meta;
			const struct manifest_entry *entry = &page.entry[i];
			if (meta_unpack(entry->meta, entry->meta_size, &meta) &&
			    meta.flags & META_MERGED)
				return err_set(err, FAULT_CORRUPT,
					       "the plan was cut, and it merges directories: the "
					       "same command with --new begins anew");
		}
	return fault == FAULT_NOT_FOUND ? FAULT_NONE : fault;
}

/* Goes on where a recovered manifest ends. */
static enum fault plan_go_on(struct plan *plan, struct err *err)
{
	const struct manifest_resume *resume = plan->request->resume;
	struct walk_child child;
	enum fault fault = plan->publisher.whole ? refuse_merged(plan, err) : FAULT_NONE;
	if (!fault)
		fault = walk_restore(plan->walk, resume->listing, &child, err);
	if (fault)
		return fault;
	struct walk_directory directory = { .id = child.id, .listing = resume->listing, .fd = -1 };
	plan->publisher.begun = resume->listing;
	fault = walk_recall(plan->walk, &directory, err);
	if (fault)
		return fault;
	if (resume->inside)
		fault = complete_listing(plan, &child, &directory, err);
	else
		fault = lister_bind(plan->lister, child.id, resume->listing, err);
	if (fault) {
		walk_directory_close(&directory);
		return fault;
	}
	fault = walk_push(plan->walk, &directory, err);
	return fault ? fault : publish_tick(&plan->publisher, err);
}

/* Plans directory after directory, depth first, until the walk is empty. */
static enum fault plan_walk(struct plan *plan, struct err *err)
{
	enum fault fault = FAULT_NONE;
	while (!fault && walk_depth(plan->walk)) {
		struct walk_child child;
		fault = walk_next(plan->walk, &child, err);
		if (!fault && child.id)
			fault = plan_child(plan, &child, err);
	}
	return fault;
}

/* Clears the slots behind the last entry: a slot is written before its entry, which a kill may have
 * dropped, and the next entry of that id may have another source or none. */
static enum fault forget_sources(const struct plan_request *request, struct err *err)
{
	uint64_t end;
	if (!request->catalog->sources)
		return FAULT_NONE;
	enum fault fault = outcomes_end(request->catalog->sources, &end, err);
	struct outcomes_batch batch = { .outcomes = request->catalog->sources };
	struct outcome none = { .id = manifest_writer_totals(request->writer)->next_id };
	for (; !fault && none.id < end; none.id++)
		fault = outcomes_batch_add(&batch, &none, err);
	return fault ? fault : outcomes_batch_flush(&batch, err);
}

enum fault plan_run(const struct plan_request *request, struct err *err)
{
	struct plan plan = { .request = request };
	const struct manifest_resume *resume = request->resume;
	if (resume && resume->complete)
		return FAULT_NONE;
	publish_init(&plan.publisher, request);
	plan.first_new = resume ? manifest_writer_totals(request->writer)->next_id : 0;
	enum fault fault = sort_sources(&plan, err);
	if (!fault)
		fault = forget_sources(request, err);
	if (!fault)
		fault = walk_new(request, plan.source, &plan.walk, err);
	if (fault)
		goto out;
	plan.lister = lister_new(request, plan.walk, &plan.publisher);
	if (!plan.lister) {
		fault = err_set(err, FAULT_NOMEM, "no memory for planning");
		goto out;
	}
	fault = resume && resume->listing.value ? plan_go_on(&plan, err) : plan_root(&plan, err);
	if (!fault)
		fault = plan_walk(&plan, err);
	if (!fault && request->there)
		fault = request->there(request->context, err);
	if (!fault)
		fault = publish_finish(&plan.publisher, err);
out:
	lister_free(plan.lister);
	walk_free(plan.walk);
	free(plan.source);
	return fault;
}
