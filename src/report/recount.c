#include "report/recount.h"

/* No directory above is dead; ids never reach it. */
#define NOBODY UINT64_MAX

struct scan {
	struct catalog *catalog;
	unsigned asked;
	struct recount *counts;
	/* The topmost failed directory whose subtree is being passed.  Ids are depth first: a later
	 * listing belongs to the subtree as long as its directory or its parent is not below it. */
	uint64_t dead;
};

static bool failed_state(uint8_t state)
{
	return state == OUTCOME_FAILED || state == OUTCOME_SKIPPED;
}

static void count_reason(struct recount *counts, uint8_t reason)
{
	counts->reason[reason < RECOUNT_REASONS ? reason : REASON_NONE]++;
}

bool recount_is_asked(unsigned asked, uint8_t reason)
{
	return (reason == REASON_SYMLINK && asked & RECOUNT_ASKED_SYMLINKS) ||
	       (reason == REASON_SPECIAL && asked & RECOUNT_ASKED_SPECIALS) ||
	       reason == REASON_UNCHANGED || reason == REASON_PRESENT;
}

/* A directory that was linked whole is a directory to whoever counts. */
static uint8_t row_of(const struct manifest_entry *entry)
{
	return entry->kind == MANIFEST_LINKED ? MANIFEST_DIRECTORY : entry->kind;
}

/* Counts one entry that ended as `state` for `reason` into both of its rows. */
static void count_entry(struct scan *scan, const struct manifest_entry *entry, uint8_t state,
			uint8_t reason)
{
	struct recount *counts = scan->counts;
	const bool asked = state == OUTCOME_SKIPPED && recount_is_asked(scan->asked, reason);
	struct recount_kind *rows[] = { &counts->all, &counts->kind[row_of(entry)] };
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		rows[i]->planned++;
		rows[i]->done += state == OUTCOME_DONE;
		rows[i]->skipped += state == OUTCOME_SKIPPED;
		rows[i]->asked += asked;
		rows[i]->failed += state == OUTCOME_FAILED;
		rows[i]->left += !failed_state(state) && state != OUTCOME_DONE;
	}
	counts->damaged += state == OUTCOME_DAMAGED;
	if (entry->verdict == OUTCOME_NONE)
		counts->bytes_planned = add_saturated(counts->bytes_planned, entry->bytes);
	if (state == OUTCOME_DONE)
		counts->bytes_done = add_saturated(counts->bytes_done, entry->bytes);
	if (failed_state(state))
		count_reason(counts, reason);
}

/* Decides what became of an entry from its verdict, its slot and the directories above it. */
static enum fault judge_outcome(void *context, const struct manifest_entry *entry,
				const struct outcome *outcome, struct err *err)
{
	struct scan *scan = context;
	(void)err;
	if (entry->verdict != OUTCOME_NONE)
		count_entry(scan, entry, entry->verdict, entry->reason);
	else if (scan->dead != NOBODY && !failed_state(outcome->state))
		count_entry(scan, entry, OUTCOME_FAILED, REASON_UNLINKED);
	else
		count_entry(scan, entry, outcome->state, outcome->reason);
	if (entry->verdict == OUTCOME_NONE && failed_state(outcome->state) &&
	    !(outcome->state == OUTCOME_SKIPPED &&
	      recount_is_asked(scan->asked, outcome->reason))) {
		scan->counts->retriable++;
		/* Planning has settled it: nothing was tried. */
		scan->counts->unlisted +=
			entry->kind == MANIFEST_DIRECTORY && outcome->attempts == 0;
	}
	bool is_done = entry->verdict == OUTCOME_NONE && scan->dead == NOBODY &&
		       outcome->state == OUTCOME_DONE;
	if (is_done && outcome->level & OUTCOME_LINKED) {
		scan->counts->linked_files += entry->kind == MANIFEST_FILE;
		scan->counts->bytes_linked =
			add_saturated(scan->counts->bytes_linked,
				      entry->kind == MANIFEST_FILE ? entry->bytes : 0);
		scan->counts->linked_symlinks += entry->kind == MANIFEST_SYMLINK;
		scan->counts->linked_directories +=
			entry->kind == MANIFEST_LINKED || entry->kind == MANIFEST_DIRECTORY;
	}
	return FAULT_NONE;
}

/* Stores the slot of a task; all zeros while nothing is begun. */
static enum fault slot_of(const struct scan *scan, uint64_t id, struct outcome *slot,
			  struct err *err)
{
	*slot = (struct outcome){ .id = id };
	return scan->catalog->outcomes ? outcomes_read(scan->catalog->outcomes, id, 1, slot, err)
				       : FAULT_NONE;
}

/* Enters the listing of `page`: are we below a failed directory? */
static enum fault scan_enter(struct scan *scan, const struct catalog_page *page, struct err *err)
{
	struct outcome slot;
	if (scan->dead != NOBODY && (page->id == scan->dead || page->parent_id >= scan->dead))
		return FAULT_NONE;
	scan->dead = NOBODY;
	enum fault fault = slot_of(scan, page->id, &slot, err);
	if (!fault && failed_state(slot.state))
		scan->dead = page->id;
	return fault;
}

/* The slot of the root says whether the tree is linked. */
static enum fault scan_root(struct scan *scan, struct err *err)
{
	struct outcome slot;
	enum fault fault = slot_of(scan, 0, &slot, err);
	if (fault)
		return fault;
	struct recount *counts = scan->counts;
	counts->root_settled = outcome_is_settled(&slot);
	counts->root_reason = failed_state(slot.state) ? slot.reason : 0;
	counts->linked = slot.state == OUTCOME_DONE;
	return FAULT_NONE;
}

/* The plan is whole: what it says of itself must be what was counted. */
static enum fault check_trailer(struct scan *scan, const struct manifest_totals *totals,
				struct err *err)
{
	const struct recount *counts = scan->counts;
	const struct recount_kind *kind = counts->kind;
	if (totals->files != kind[MANIFEST_FILE].planned ||
	    totals->directories != kind[MANIFEST_DIRECTORY].planned ||
	    totals->symlinks != kind[MANIFEST_SYMLINK].planned ||
	    totals->others != kind[MANIFEST_OTHER].planned ||
	    totals->bytes != counts->bytes_planned)
		return err_set(err, FAULT_CORRUPT,
			       "manifest: its totals are not those of its %llu entries",
			       (unsigned long long)counts->all.planned);
	scan->counts->plan_complete = true;
	return FAULT_NONE;
}

/* Reads plan and slots in step, to its end or to where an unfinished plan ends. */
static enum fault scan_pages(struct scan *scan, struct catalog_reader *reader, struct err *err)
{
	const struct catalog_visitor visitor = { judge_outcome, scan };
	for (;;) {
		struct catalog_page page;
		if (catalog_next(reader, &page, err))
			return err_wrap(err, "manifest");
		if (page.is_end)
			return page.totals ? check_trailer(scan, page.totals, err) : FAULT_NONE;
		if (page.first && scan_enter(scan, &page, err))
			return err->fault;
		if (catalog_visit(reader, &page, &visitor, err))
			return err->fault;
	}
}

enum fault recount_job(struct catalog *catalog, unsigned asked, struct recount *counts,
		       struct err *err)
{
	struct err own;
	err = err ? err : &own;
	struct recount found = { 0 };
	struct scan scan = {
		.catalog = catalog,
		.asked = asked,
		.counts = &found,
		.dead = NOBODY,
	};
	struct catalog_reader *reader;
	enum fault fault = catalog_reader_new(catalog, &reader, err);
	if (fault)
		return fault;
	fault = scan_root(&scan, err);
	if (!fault)
		fault = scan_pages(&scan, reader, err);
	catalog_reader_free(reader);
	if (!fault)
		*counts = found;
	return fault;
}

int recount_status(const struct recount *counts)
{
	if (counts->reason[REASON_CONFLICT] > 0 || counts->reason[REASON_FIXED] > 0 ||
	    counts->root_reason == REASON_CONFLICT)
		return 4;
	bool whole = counts->all.failed == 0 && counts->all.skipped == counts->all.asked &&
		     counts->all.left == 0 && counts->linked;
	return whole ? 0 : 1;
}
