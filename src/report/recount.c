#include "report/recount.h"

enum { SLOTS_MAX = 512 };

/* No directory above is dead; ids never reach it. */
#define NOBODY UINT64_MAX

struct scan {
	const struct recount_options *options;
	struct manifest_reader *reader;
	struct recount *counts;
	/* The topmost failed directory whose subtree is being passed.  Ids are depth first: a later
	 * listing belongs to the subtree as long as its directory or its parent is not below it. */
	uint64_t dead;
	struct outcome slot[SLOTS_MAX];
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
	struct recount_kind *rows[] = { &counts->all, &counts->kind[row_of(entry)] };
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		rows[i]->planned++;
		rows[i]->done += state == OUTCOME_DONE;
		rows[i]->skipped += state == OUTCOME_SKIPPED;
		rows[i]->failed += state == OUTCOME_FAILED;
		rows[i]->left += !failed_state(state) && state != OUTCOME_DONE;
	}
	counts->damaged += state == OUTCOME_DAMAGED;
	if (entry->verdict == OUTCOME_NONE)
		counts->bytes_planned += entry->bytes;
	if (state == OUTCOME_DONE)
		counts->bytes_done += entry->bytes;
	if (failed_state(state))
		count_reason(counts, reason);
	if (state == OUTCOME_SKIPPED && recount_is_asked(scan->options->asked, reason))
		counts->skipped_asked++;
}

/* Decides what became of an entry from its verdict, its slot and the directories above it. */
static void judge_outcome(struct scan *scan, const struct manifest_entry *entry,
			  const struct outcome *outcome)
{
	if (entry->verdict != OUTCOME_NONE)
		count_entry(scan, entry, entry->verdict, entry->reason);
	else if (scan->dead != NOBODY && !failed_state(outcome->state))
		count_entry(scan, entry, OUTCOME_FAILED, REASON_UNLINKED);
	else
		count_entry(scan, entry, outcome->state, outcome->reason);
	bool is_done = entry->verdict == OUTCOME_NONE && scan->dead == NOBODY &&
		       outcome->state == OUTCOME_DONE;
	if (is_done && outcome->level & OUTCOME_LINKED) {
		scan->counts->linked_files += entry->kind == MANIFEST_FILE;
		scan->counts->linked_directories += entry->kind == MANIFEST_LINKED;
	}
}

static enum fault slots(struct scan *scan, uint64_t first, size_t count, struct err *err)
{
	if (scan->options->outcomes)
		return outcomes_read(scan->options->outcomes, first, count, scan->slot, err);
	memset(scan->slot, 0, count * sizeof scan->slot[0]);
	return FAULT_NONE;
}

/* Chunks take numbers between entries, so a window may hold fewer entries than slots. */
static enum fault scan_entries(struct scan *scan, const struct manifest_block *block,
			       struct err *err)
{
	size_t i = 0;
	while (i < block->count) {
		uint64_t first = block->entry[i].id;
		uint64_t last = block->entry[block->count - 1].id;
		size_t count = (size_t)min_u64(last - first + 1, SLOTS_MAX);
		enum fault fault = slots(scan, first, count, err);
		if (fault)
			return fault;
		for (; i < block->count && block->entry[i].id - first < count; i++) {
			const struct manifest_entry *entry = &block->entry[i];
			if (entry->kind == 0 || entry->kind > MANIFEST_LINKED)
				return err_set(err, FAULT_CORRUPT,
					       "manifest: entry %llu has no kind",
					       (unsigned long long)entry->id);
			judge_outcome(scan, entry, &scan->slot[entry->id - first]);
		}
	}
	return FAULT_NONE;
}

/* Enters the listing of `block`: are we below a failed directory? */
static enum fault scan_enter(struct scan *scan, const struct manifest_block *block, struct err *err)
{
	if (scan->dead != NOBODY && (block->id == scan->dead || block->parent_id >= scan->dead))
		return FAULT_NONE;
	scan->dead = NOBODY;
	enum fault fault = slots(scan, block->id, 1, err);
	if (!fault && failed_state(scan->slot[0].state))
		scan->dead = block->id;
	return fault;
}

/* The slot of the root says whether the tree is linked. */
static enum fault root(struct scan *scan, struct err *err)
{
	enum fault fault = slots(scan, 0, 1, err);
	if (fault)
		return fault;
	struct recount *counts = scan->counts;
	counts->root_settled = outcome_is_settled(&scan->slot[0]);
	counts->root_reason = failed_state(scan->slot[0].state) ? scan->slot[0].reason : 0;
	counts->linked = scan->slot[0].state == OUTCOME_DONE;
	return FAULT_NONE;
}

/* The plan is whole: what it says of itself must be what was counted. */
static enum fault scan_trailer(struct scan *scan, const struct manifest_totals *totals,
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

/* Reads manifest and slots in step, to the trailer or to where an unfinished plan ends. */
static enum fault scan_blocks(struct scan *scan, struct err *err)
{
	struct manifest_block block = { .next = manifest_first(scan->reader) };
	bool complete = manifest_is_complete(scan->reader);
	for (;;) {
		enum fault fault = manifest_read(scan->reader, block.next, &block, err);
		/* Behind the last durable block of an unfinished plan anything may stand. */
		if (!complete && (fault == FAULT_NOT_FOUND || fault == FAULT_CORRUPT)) {
			*err = (struct err){ .fault = FAULT_NONE };
			return FAULT_NONE;
		}
		if (fault)
			return err_wrap(err, "manifest");
		if (block.is_trailer)
			return scan_trailer(scan, block.totals, err);
		if (block.first)
			fault = scan_enter(scan, &block, err);
		if (!fault)
			fault = scan_entries(scan, &block, err);
		if (fault)
			return fault;
	}
}

enum fault recount_job(const struct recount_options *options, struct recount *counts,
		       struct err *err)
{
	struct err own;
	err = err ? err : &own;
	struct recount found = { 0 };
	struct scan *scan = malloc(sizeof *scan);
	if (!scan)
		return err_set(err, FAULT_NOMEM, "out of memory while counting");
	*scan = (struct scan){ .options = options, .counts = &found, .dead = NOBODY };
	enum fault fault = manifest_open(options->manifest, &scan->reader, err);
	if (!fault)
		fault = root(scan, err);
	if (!fault)
		fault = scan_blocks(scan, err);
	manifest_close(scan->reader);
	explicit_bzero(scan, sizeof *scan);
	free(scan);
	if (!fault)
		*counts = found;
	return fault;
}

int recount_status(const struct recount *counts)
{
	if (counts->reason[REASON_CONFLICT] > 0 || counts->root_reason == REASON_CONFLICT)
		return 4;
	bool whole = counts->all.failed == 0 && counts->all.skipped == counts->skipped_asked &&
		     counts->all.left == 0 && counts->linked;
	return whole ? 0 : 1;
}
