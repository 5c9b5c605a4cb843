#include "base/secret.h"
#include "decide/entry.h"
#include "plan/lister_state.h"
#include "queue/core/kill.h"

enum { TICK_ENTRIES = 256 /* some 0.2 ms */ };

struct lister *lister_new(const struct plan_request *request, struct walk *walk,
			  struct publisher *publisher)
{
	struct lister *lister = calloc(1, sizeof *lister);
	if (!lister)
		return NULL;
	uint64_t max = request->options.max_dir_entries;
	lister->request = request;
	lister->walk = walk;
	lister->publisher = publisher;
	lister->names_max = max ? max : PLAN_DIR_ENTRIES_DEFAULT;
	lister->sources.fd = -1;
	lister->origin.options = &request->options;
	lister->origin.walk = walk;
	lister->origin.remote = request->remote;
	bytes_init(&lister->nfc, 4 * MANIFEST_NAME_MAX);
	chooser_init(&lister->chooser, request->select);
	lister->names = names_new(request->directory);
	lister->known = names_new(request->directory);
	lister->clashes = clashes_new(request->directory);
	if (lister->names && lister->known && lister->clashes)
		return lister;
	lister_free(lister);
	return NULL;
}

void lister_free(struct lister *lister)
{
	if (!lister)
		return;
	chunked_fini(&lister->found.chunked);
	chunked_fini(&lister->other.chunked);
	walk_directory_close(&lister->sources);
	free(lister->branch);
	names_free(lister->names);
	names_free(lister->known);
	clashes_free(lister->clashes);
	bytes_fini(&lister->nfc);
	chooser_fini(&lister->chooser);
	free(lister);
}

/* Whether several sources have the directory that was found. */
static bool is_merged(const struct lister *lister)
{
	return lister->found.entry.kind == MANIFEST_DIRECTORY && lister->branch_count > 1;
}

/* Whether the directory, of which the target has none, can be linked as it is. */
static bool is_linkable(const struct lister *lister)
{
	uint8_t kind = lister->found.source.cap_kind;
	return lister->found.entry.kind == MANIFEST_DIRECTORY && !lister->found.entry.verdict &&
	       !is_merged(lister) && !lister->request->options.to_local &&
	       !lister->chooser.select && (kind == CAP_DIR2_CHK || kind == CAP_DIR2_LIT);
}

/* Compares the entry with what the target holds under its name. */
static enum fault judge_target(struct lister *lister, struct manifest_entry *entry,
			       enum decide_kind *there, struct err *err)
{
	const struct plan_target *target = lister->request->target;
	const char *name = entry->name;
	size_t size = entry->name_size;
	enum fault fault = lister_normalize(lister, &name, &size, err);
	if (fault)
		return fault;
	if (target->look(target->context, name, size, there, err))
		return err->fault;
	/* What never changes is only linked once more. */
	if (*there == DECIDE_FIXED && is_linkable(lister) && target->is_same &&
	    target->is_same(target->context, name, size, &lister->found.source))
		*there = DECIDE_NOTHING;
	if (*there == DECIDE_NOTHING)
		return FAULT_NONE;
	const struct decide_policy policy = { .to_local = false };
	const struct decide_source source = { .kind = (uint8_t)decide_kind_of(entry->kind) };
	const struct decide_there stands = { .kind = (uint8_t)*there };
	const struct decide_known nothing = { .state = OUTCOME_NONE };
	const struct decision decision = decide(&policy, &source, &stands, &nothing);
	if (decision_is_end(&decision))
		entry_judge(entry, OUTCOME_FAILED, decision.reason);
	lister->bindable |= !entry->verdict;
	return FAULT_NONE;
}

/* Fails the entry when a sibling has the same name after normalization. */
static enum fault judge_clash(struct lister *lister, const struct name *name, struct err *err)
{
	if (lister->keeps_bytes || !clashes_any(lister->clashes) || name->flags & NAME_NOT_UTF8)
		return FAULT_NONE;
	const char *form = name->bytes;
	size_t size = name->size;
	enum fault fault = lister_normalize(lister, &form, &size, err);
	if (!fault && clashes_has(lister->clashes, form, size))
		entry_judge(&lister->found.entry, OUTCOME_FAILED, REASON_COLLISION);
	return fault;
}

/* Writes the caps of a file's chunks. */
static enum fault write_chunks(struct lister *lister, struct err *err)
{
	const struct chunked *chunked = &lister->found.chunked;
	struct outcomes_batch batch;
	enum fault fault = FAULT_NONE;
	batch.outcomes = lister->request->catalog->sources;
	batch.count = 0;
	for (size_t i = 0; i < chunked->count && !fault; i++) {
		struct outcome chunk = { .id = lister->found.entry.id + 1 + i,
					 .state = OUTCOME_PLANNED };
		if (cap_pack(&chunked->cap[i], chunk.cap, &chunk.cap_size, &chunk.cap_kind))
			fault = outcomes_batch_add(&batch, &chunk, err);
		else
			fault = err_set(err, FAULT_CORRUPT, "the cap of a chunk cannot be kept");
		secret_wipe(&chunk, sizeof chunk);
	}
	return fault ? fault : outcomes_batch_flush(&batch, err);
}

static void count_named(struct plan_named *named, const struct manifest_entry *entry)
{
	if (counter_add(&named->count, 1) > 0)
		return;
	named->first_size = (int)min_u64(entry->name_size, sizeof named->first);
	memcpy(named->first, entry->name, (size_t)named->first_size);
}

/* Writes the entry, and the cap of its source before the entry can be durable. */
static enum fault write_entry(struct lister *lister, struct err *err)
{
	struct manifest_entry *entry = &lister->found.entry;
	if (lister->found.chunked.count == 0) /* those of a grid are as many as they are */
		entry_bound_chunks(entry, manifest_writer_totals(lister->request->writer)->next_id);
	enum fault fault = manifest_add(lister->request->writer, entry, err);
	struct plan_progress *progress = lister->request->progress;
	if (progress && lister->found.untimed && !entry->verdict)
		counter_add(&progress->untimed, 1);
	if (progress && lister->found.cut && !entry->verdict)
		count_named(&progress->cut, entry);
	if (progress && lister->found.hollow && !entry->verdict)
		count_named(&progress->hollow, entry);
	if (fault || lister->found.source.state == OUTCOME_NONE || entry->verdict)
		return fault;
	lister->found.source.id = entry->id;
	if (lister->found.chunked.count > 0 && write_chunks(lister, err))
		return err->fault;
	return outcomes_write(lister->request->catalog->sources, &lister->found.source, 1, err);
}

/* Tells the walk which directories the written one goes on with, where that is not plain. */
static enum fault add_branches(struct lister *lister, struct err *err)
{
	const struct manifest_entry *entry = &lister->found.entry;
	enum fault fault = FAULT_NONE;
	if (entry->kind != MANIFEST_DIRECTORY || entry->verdict ||
	    (lister->at_sources && !is_merged(lister)))
		return FAULT_NONE;
	for (size_t i = 0; i < lister->branch_count && !fault; i++) {
		lister->branch[i].id = entry->id;
		fault = walk_add_branch(lister->walk, &lister->branch[i], err);
	}
	return fault;
}

/* One name becomes an entry: found, selected, judged, written. */
static enum fault add_entry(struct lister *lister, const struct name *name, bool appeared,
			    struct err *err)
{
	struct manifest_entry *entry = &lister->found.entry;
	enum decide_kind there = DECIDE_NOTHING;
	enum fault fault = lister_find(lister, name, err);
	if (fault || !lister->taken)
		return fault;
	if (is_merged(lister))
		meta_set_merged(lister->found.meta);
	if (lister->request->options.caps_only)
		entry_hold_cap(&lister->found);
	fault = judge_clash(lister, name, err);
	if (appeared)
		entry_judge(entry, OUTCOME_SKIPPED, REASON_APPEARED);
	if (!fault && !entry->verdict && lister->exists)
		fault = judge_target(lister, entry, &there, err);
	if (there == DECIDE_NOTHING && is_linkable(lister))
		entry->kind = MANIFEST_LINKED;
	if (!fault)
		fault = write_entry(lister, err);
	if (!fault)
		fault = add_branches(lister, err);
	if (fault)
		return fault;
	lister->parents |= entry->kind == MANIFEST_DIRECTORY && !entry->verdict;
	return ++lister->ticks % TICK_ENTRIES ? FAULT_NONE : publish_tick(lister->publisher, err);
}

/* Whether the listing cut short stands behind the name already.  A name may be empty. */
static bool is_passed(const struct lister *lister, const struct name *name)
{
	return lister->has_last &&
	       bytes_compare(name->bytes, name->size, lister->last, lister->last_size) <= 0;
}

/*
 * Adds the names read that are not known: those behind the last known one in order, or else those
 * that `appeared` before it.
 */
static enum fault add_entries(struct lister *lister, bool appeared, struct err *err)
{
	struct name name, known;
	enum fault fault = names_rewind(lister->names, err);
	if (!fault)
		fault = names_rewind(lister->known, err);
	if (!fault)
		fault = names_next(lister->known, &known, err);
	while (!fault) {
		fault = names_next(lister->names, &name, err);
		if (fault || !name.bytes)
			break;
		int order = -1;
		while (!fault && known.bytes &&
		       (order = bytes_compare(known.bytes, known.size, name.bytes, name.size)) < 0)
			fault = names_next(lister->known, &known, err);
		bool is_known = known.bytes && order == 0;
		if (!fault && !name.repeated && !is_known && is_passed(lister, &name) == appeared)
			fault = add_entry(lister, &name, appeared, err);
	}
	return fault;
}

/* Asks the target whether it has the directory. */
static enum fault open_target(struct lister *lister, uint64_t id, struct err *err)
{
	const struct plan_target *target = lister->request->target;
	lister->exists = lister->bindable = false;
	return target ? target->open(target->context, id, &lister->exists, err) : FAULT_NONE;
}

/* Binds the entries of one page that the target has under their names.  Sets `bound` if any. */
static enum fault bind_page(struct lister *lister, const struct catalog_page *page, bool *bound,
			    struct err *err)
{
	const struct plan_target *target = lister->request->target;
	for (size_t i = 0; i < page->count; i++) {
		const struct manifest_entry *entry = &page->entry[i];
		bool is_directory = entry->kind == MANIFEST_DIRECTORY;
		if (entry->kind == MANIFEST_LINKED || entry->verdict)
			continue;
		const char *name = entry->name;
		size_t size = entry->name_size;
		enum fault fault = lister_normalize(lister, &name, &size, err);
		if (fault)
			return fault;
		enum decide_kind there;
		fault = target->look(target->context, name, size, &there, err);
		if (fault)
			return fault;
		if (there != (is_directory ? DECIDE_DIRECTORY : DECIDE_FILE))
			continue;
		fault = target->bind(target->context, entry->id, name, size, err);
		if (fault)
			return fault;
		*bound = true;
	}
	return FAULT_NONE;
}

/* Binds what the directory the target is turned to has of the ended `listing`. */
static enum fault bind_all(struct lister *lister, struct listing_id listing, struct err *err)
{
	const struct plan_target *target = lister->request->target;
	struct catalog_reader *reader = walk_reader(lister->walk);
	struct catalog_page page = { 0 };
	bool bound = false;
	/* A slot must not be written before the entry it belongs to is durable. */
	enum fault fault = publish_entries(lister->publisher, listing, err);
	catalog_seek(reader, listing);
	while (!fault && !page.last) {
		fault = catalog_read(reader, &page, err);
		if (!fault)
			fault = bind_page(lister, &page, &bound, err);
	}
	return fault || !bound || !target->sync ? fault : target->sync(target->context, err);
}

enum fault lister_bind(struct lister *lister, uint64_t id, struct listing_id listing,
		       struct err *err)
{
	enum fault fault = open_target(lister, id, err);
	return fault || !lister->exists ? fault : bind_all(lister, listing, err);
}

/* Ends the listing begun last, `listing`. */
static enum fault lister_end(struct lister *lister, struct listing_id listing, struct err *err)
{
	enum fault fault = manifest_end(lister->request->writer, err);
	if (fault)
		return fault;
	KILL_POINT("plan-listing");
	if (lister->bindable)
		fault = bind_all(lister, listing, err);
	lister->publisher->held = false;
	return fault;
}

enum fault lister_write(struct lister *lister, const struct walk_child *child,
			struct walk_directory *directory, bool *parents, struct err *err)
{
	struct listing_id listing;
	lister->parents = false;
	enum fault fault = open_target(lister, child->id, err);
	if (!fault)
		fault = manifest_begin(lister->request->writer, child->id, child->parent_id,
				       child->parent_listing, child->name, child->name_size,
				       &listing, err);
	if (fault)
		return fault;
	lister->publisher->begun = listing;
	/* A job without the whole list of its sources on a grid is planned anew, so none of it may
	 * be on its way. */
	lister->publisher->held = lister->exists || (lister->request->remote && lister->at_sources);
	fault = add_entries(lister, false, err);
	if (!fault)
		fault = lister_end(lister, listing, err);
	if (fault)
		return fault;
	directory->listing = listing;
	*parents = lister->parents;
	return FAULT_NONE;
}

/* Takes the names a listing cut short holds already. */
static enum fault learn_page(struct lister *lister, const struct catalog_page *page,
			     struct err *err)
{
	for (size_t i = 0; i < page->count; i++) {
		const struct manifest_entry *entry = &page->entry[i];
		struct name name = { .bytes = entry->name, .size = entry->name_size };
		enum fault fault = names_add(lister->known, &name, err);
		if (fault)
			return fault;
		/* What appeared in an earlier gap stands behind the ordered ones. */
		if (entry->verdict == OUTCOME_SKIPPED && entry->reason == REASON_APPEARED)
			continue;
		memcpy(lister->last, entry->name, entry->name_size);
		lister->last_size = entry->name_size;
		lister->has_last = true;
	}
	return FAULT_NONE;
}

/* Reads the names that stand before the cut. */
static enum fault learn(struct lister *lister, struct listing_id listing, struct err *err)
{
	struct catalog_reader *reader = walk_reader(lister->walk);
	struct catalog_page page;
	catalog_seek(reader, listing);
	for (;;) {
		/* The writer goes on where the good pages end. */
		enum fault fault = catalog_read(reader, &page, err);
		if (fault == FAULT_NOT_FOUND)
			return names_sort(lister->known, err);
		if (!fault)
			fault = learn_page(lister, &page, err);
		if (fault)
			return fault;
	}
}

enum fault lister_go_on(struct lister *lister, struct walk_directory *directory, struct err *err)
{
	lister->publisher->begun = directory->listing;
	enum fault fault = open_target(lister, directory->id, err);
	/* What stands before the cut may be there, and was not bound. */
	lister->bindable = lister->publisher->held = lister->exists;
	if (!fault)
		fault = learn(lister, directory->listing, err);
	if (!fault)
		fault = add_entries(lister, false, err);
	if (!fault)
		fault = add_entries(lister, true, err);
	return fault ? fault : lister_end(lister, directory->listing, err);
}
