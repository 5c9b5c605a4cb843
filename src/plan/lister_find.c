#include "plan/lister_state.h"

#include "queue/core/array.h"

enum { SHOWN_MAX = 100 /* bytes of a path in an error */ };

/* Keeps which directory this part of a merged one goes on with. */
static enum fault note_branch(struct lister *lister, const struct entry_found *found,
			      struct err *err)
{
	if (!array_reserve(&lister->branch, lister->branch_count, &lister->branch_capacity,
			   sizeof *lister->branch))
		return err_set(err, FAULT_NOMEM, "no memory for merged directories");
	struct walk_branch *branch = &lister->branch[lister->branch_count++];
	*branch = (struct walk_branch){ .rank = lister->origin.directory.rank };
	if (found->source.state == OUTCOME_NONE)
		return FAULT_NONE;
	branch->cap_kind = found->source.cap_kind;
	branch->cap_size = found->source.cap_size;
	memcpy(branch->cap, found->source.cap, sizeof branch->cap);
	return FAULT_NONE;
}

/* E9 of docs/cp.md: all but directories collide. */
static enum fault refuse(const struct lister *lister, const struct name *name, struct err *err)
{
	bool any_directory = lister->found.entry.kind == MANIFEST_DIRECTORY ||
			     lister->other.entry.kind == MANIFEST_DIRECTORY;
	struct bytes path;
	bytes_init(&path, SIZE_MAX);
	enum fault fault = walk_path(lister->walk, lister->request->made_count, &path, err);
	if (!fault)
		fault = bytes_err(bytes_append(&path, name->bytes, name->size), err, "a path");
	if (!fault) {
		bool cut = path.size > SHOWN_MAX;
		fault = err_set(err, FAULT_USAGE,
				"cannot copy multiple %s with the same name into the same target "
				"directory: '%s%s'",
				any_directory ? "things" : "files", cut ? "..." : "",
				bytes_text(&path) + (cut ? path.size - SHOWN_MAX : 0));
	}
	bytes_fini(&path);
	return fault;
}

/* Looks at the name where the origin is turned to.  What was found first is the entry; all others
 * have to be directories that it is merged with. */
static enum fault look(struct lister *lister, const struct name *name, struct err *err)
{
	struct entry_found *first = &lister->found;
	struct entry_found *found = lister->taken ? &lister->other : first;
	enum fault fault = entry_find(&lister->origin, name, found, err);
	if (fault || !chooser_takes(&lister->chooser, found))
		return fault;
	if (!lister->taken)
		lister->keeps_bytes = entry_keeps_bytes(&lister->origin);
	else if (first->entry.kind != MANIFEST_DIRECTORY || found->entry.kind != MANIFEST_DIRECTORY)
		return refuse(lister, name, err);
	else if (found->entry.verdict)
		entry_judge(&first->entry, found->entry.verdict, found->entry.reason);
	lister->taken = true;
	return lister->at_sources || lister->part_count > 0 ? note_branch(lister, found, err)
							    : FAULT_NONE;
}

/* Looks at the sources that are called so. */
static enum fault look_at_sources(struct lister *lister, const struct name *name, struct err *err)
{
	/* A child may have the empty name; the sources called so are not looked up by it. */
	const struct plan_source *source =
		name->size > 0 ? walk_source(lister->walk, name->bytes, name->size) : NULL;
	uint32_t rank = 0;
	enum fault fault = FAULT_NONE;
	lister->chooser.marked = false;
	for (; source && !fault; source = walk_source_next(lister->walk, source)) {
		lister->origin.source = source;
		lister->origin.directory = (struct walk_directory){ .fd = -1, .rank = rank };
		fault = look(lister, name, err);
		rank += !source->node;
	}
	return fault;
}

/* Looks for the name in one part. */
static enum fault look_at_part(struct lister *lister, const struct walk_directory *part,
			       const struct name *name, struct err *err)
{
	enum fault fault = FAULT_NONE;
	lister->origin.directory = *part;
	lister->chooser.dev = part->dev;
	lister->chooser.marked = part->marked;
	if (part->cap.kind != CAP_NONE)
		fault = remote_open(lister->request->remote, &part->cap, err);
	return fault ? fault : look(lister, name, err);
}

/* Fails the entry that stands for the part which could not be listed; it may have a namesake. */
static void judge_missed(struct lister *lister)
{
	struct manifest_entry *entry = &lister->found.entry;
	if (!lister->taken)
		entry->kind = MANIFEST_DIRECTORY;
	lister->taken = true;
	entry_judge(entry, lister->missed == REASON_VANISHED ? OUTCOME_SKIPPED : OUTCOME_FAILED,
		    lister->missed);
}

enum fault lister_find(struct lister *lister, const struct name *name, struct err *err)
{
	enum fault fault = FAULT_NONE;
	lister->taken = false;
	lister->branch_count = 0;
	if (lister->at_sources)
		fault = look_at_sources(lister, name, err);
	else if (lister->part_count == 0)
		fault = look(lister, name, err);
	for (size_t i = 0; i < lister->part_count && !fault; i++)
		if (!lister->part[i].refused)
			fault = look_at_part(lister, &lister->part[i], name, err);
	if (!fault && lister->missed && lister_is_missed(name->bytes, name->size))
		judge_missed(lister);
	return fault;
}
