#include "queue/queue_file_state.h"

#include <inttypes.h>

/*
 * What becomes of an entry as it is read, the first that fits:
 *
 *   its slot is settled                told to `before`; a directory enters the ledger as settled
 *   it has a verdict                   settled by the queue itself
 *   a directory the planner condemned  enters the ledger as failed, and is settled by the queue
 *   below a directory that failed      settled by the queue: failed(unlinked)
 *   below a directory that is done     handed out with TASK_BELOW_DONE: its listing tells
 *   a file, a symlink                  handed out
 *   a directory                        enters the ledger and waits there for its children
 *
 * Each that is not settled yet counts as a child of the directory listed, which is ready once the
 * ledger has counted all of them down.  Where reading stops (EDGE) it goes on when the planner has
 * published more; at the TRAILER, or where the file ends when nothing more comes, it has ended.
 */

/* Tasks settled by the queue itself share holds of this many. */
enum { FOUND_TASKS = 64 };

static enum fault out_of_memory(struct err *err)
{
	return err_set(err, FAULT_NOMEM, "out of memory");
}

/* Flags of a directory that an earlier run settled with `outcome`; 0 when none did. */
static unsigned settled_flags(const struct outcome *outcome)
{
	if (!outcome_is_settled(outcome))
		return 0;
	return outcome->state == OUTCOME_DONE ? LEDGER_DONE : LEDGER_FAILED;
}

static void tell_before(struct queue_file *file, const struct manifest_entry *entry,
			const struct outcome *outcome)
{
	if (file->options.before)
		file->options.before(file->options.context, entry, outcome);
}

/* Adds a directory that is read for the first time. */
static enum fault add_directory(struct queue_file *file, uint64_t id, unsigned flags,
				struct err *err)
{
	/* The ledger may allocate under the lock, on purpose: once in 1,024 directories. */
	mutex_lock(&file->lock);
	bool added = ledger_add(&file->ledger, id, flags);
	mutex_unlock(&file->lock);
	return added ? FAULT_NONE : out_of_memory(err);
}

static void count_damaged(struct queue_file *file, const struct outcome *outcome)
{
	if (outcome->state != OUTCOME_DAMAGED)
		return;
	mutex_lock(&file->lock);
	file->damaged++;
	mutex_unlock(&file->lock);
}

enum fault queue_file_root(struct queue_file *file, struct err *err)
{
	struct outcome outcome;
	enum fault fault = outcomes_read(file->options.catalog->outcomes, 0, 1, &outcome, err);
	if (fault != FAULT_NONE)
		return fault;
	count_damaged(file, &outcome);
	const struct manifest_entry root = { .kind = MANIFEST_DIRECTORY, .name = "" };
	if (outcome_is_settled(&outcome))
		tell_before(file, &root, &outcome);
	fault = add_directory(file, 0, settled_flags(&outcome), err);
	explicit_bzero(&outcome, sizeof outcome);
	return fault;
}

static struct task task_of(const struct queue_file *file)
{
	const struct manifest_entry *entry = cursor_entry(file->cursor);
	return (struct task){ .id = entry->id,
			      .directory = file->listed,
			      .listing = cursor_page(file->cursor)->listing,
			      .bytes = entry->bytes,
			      .chunk_size = entry->chunk_size,
			      .kind = entry->kind,
			      .name = entry->name,
			      .name_size = entry->name_size,
			      .meta = entry->meta,
			      .meta_size = entry->meta_size };
}

/* Counts the entry at hand as an unsettled child of the directory listed. */
static void count_child(struct queue_file *file)
{
	mutex_lock(&file->lock);
	ledger_child(&file->ledger, file->listed);
	mutex_unlock(&file->lock);
}

/* Settles the entry at hand, counted as a child already, by what the queue knows itself. */
static enum fault settle_counted(struct queue_file *file, uint8_t state, uint8_t reason,
				 struct err *err)
{
	if (file->found && file->found->segment.count == FOUND_TASKS) {
		hold_unref(file->found);
		file->found = NULL;
	}
	if (!file->found)
		file->found = hold_new(SEGMENT_TRANSFERS, FOUND_TASKS);
	if (!file->found)
		return out_of_memory(err);
	struct task like = task_of(file);
	struct commit_item item = {
		.outcome = { .id = like.id, .state = state, .reason = reason },
		.task = hold_add(file->found, &like),
		.hold = file->found,
	};
	if (!item.task)
		return out_of_memory(err);
	hold_ref(file->found);
	return commit_put(file->commit, &item, err);
}

static enum fault queue_file_read_settle(struct queue_file *file, uint8_t state, uint8_t reason,
					 struct err *err)
{
	count_child(file);
	return settle_counted(file, state, reason, err);
}

/* A directory that the planner could not list after its entry was written: see outcome.h. */
static bool is_condemned(const struct outcome *outcome)
{
	return outcome->state == OUTCOME_PLANNED && outcome->reason != REASON_NONE &&
	       (outcome->level == OUTCOME_SKIPPED || outcome->level == OUTCOME_FAILED);
}

/* Hands the entry at hand out as a task of `hold`. */
static enum fault hand_out(struct queue_file *file, struct hold *hold, uint8_t flags,
			   struct err *err)
{
	struct task like = task_of(file);
	like.flags = flags;
	like.existing = outcome_has_existing(cursor_outcome(file->cursor));
	if (!hold_add(hold, &like))
		return out_of_memory(err);
	count_child(file);
	return FAULT_NONE;
}

/* An entry with neither a settled slot nor a verdict: the last four rows above. */
static enum fault take_unsettled(struct queue_file *file, struct hold *hold, struct err *err)
{
	const struct manifest_entry *entry = cursor_entry(file->cursor);
	bool is_directory = entry->kind == MANIFEST_DIRECTORY;
	unsigned flags = 0;
	if (file->above & LEDGER_DONE)
		flags = LEDGER_HANDED;
	else if (file->above & LEDGER_FAILED)
		flags = LEDGER_FAILED;
	enum fault fault = FAULT_NONE;
	if (is_directory)
		fault = add_directory(file, entry->id, flags, err);
	if (fault != FAULT_NONE)
		return fault;
	if (flags == LEDGER_FAILED)
		return queue_file_read_settle(file, OUTCOME_FAILED, REASON_UNLINKED, err);
	if (flags == LEDGER_HANDED)
		return hand_out(file, hold, TASK_BELOW_DONE, err);
	if (!is_directory)
		return hand_out(file, hold, 0, err);
	count_child(file);
	return FAULT_NONE;
}

/* The entry at hand, by the rows above. */
static enum fault take_entry(struct queue_file *file, struct hold *hold, struct err *err)
{
	const struct manifest_entry *entry = cursor_entry(file->cursor);
	const struct outcome *outcome = cursor_outcome(file->cursor);
	count_damaged(file, outcome);
	if (!file->inside || cursor_page(file->cursor)->id != file->listed)
		return err_set(err, FAULT_CORRUPT, "task %" PRIu64 " stands in no listing",
			       entry->id);
	if (outcome_is_settled(outcome)) {
		tell_before(file, entry, outcome);
		if (entry->kind != MANIFEST_DIRECTORY || entry->verdict != 0)
			return FAULT_NONE;
		return add_directory(file, entry->id, settled_flags(outcome), err);
	}
	if (entry->verdict == OUTCOME_SKIPPED || entry->verdict == OUTCOME_FAILED)
		return queue_file_read_settle(file, entry->verdict, entry->reason, err);
	if (entry->verdict != 0 || entry->kind == MANIFEST_OTHER)
		return err_set(err, FAULT_CORRUPT, "task %" PRIu64 " has no use of its kind",
			       entry->id);
	if (entry->kind == MANIFEST_DIRECTORY && is_condemned(outcome)) {
		enum fault fault = add_directory(file, entry->id, LEDGER_FAILED, err);
		return fault ? fault
			     : queue_file_read_settle(file, outcome->level, outcome->reason, err);
	}
	return take_unsettled(file, hold, err);
}

/* A directory has one listing, and listings do not lie in one another. */
static enum fault open_listing(struct queue_file *file, struct err *err)
{
	const struct catalog_page *page = cursor_page(file->cursor);
	mutex_lock(&file->lock);
	bool known = ledger_listing(&file->ledger, page->id, page->here.value, &file->above);
	mutex_unlock(&file->lock);
	if (!known || file->inside)
		return err_set(err, FAULT_CORRUPT, "a listing of directory %" PRIu64 " too many",
			       page->id);
	file->listed = page->id;
	file->inside = true;
	return FAULT_NONE;
}

static enum fault close_listing(struct queue_file *file, struct err *err)
{
	if (!file->inside || cursor_page(file->cursor)->id != file->listed)
		return err_set(err, FAULT_CORRUPT, "a listing ends that did not begin");
	file->inside = false;
	mutex_lock(&file->lock);
	if (ledger_listed(&file->ledger, file->listed))
		cond_wake_all(&file->work);
	mutex_unlock(&file->lock);
	return FAULT_NONE;
}

/* Whether the directory at hand has no listing in a manifest that has been read to its end. */
static bool take_unlisted(struct queue_file *file)
{
	const struct manifest_entry *entry = cursor_entry(file->cursor);
	bool found = false;
	if (entry->kind != MANIFEST_DIRECTORY || !is_condemned(cursor_outcome(file->cursor)))
		return false;
	mutex_lock(&file->lock);
	if (ledger_is_unlisted(&file->ledger, entry->id)) {
		ledger_condemn(&file->ledger, entry->id);
		found = true;
	}
	mutex_unlock(&file->lock);
	return found;
}

/* Reads the manifest once more for directories that the planner condemned after their entries had
 * been read. */
static enum fault settle_unlisted(struct queue_file *file, struct err *err)
{
	enum cursor_step step = CURSOR_EDGE;
	struct cursor *cursor;
	enum fault fault = cursor_new(file->options.catalog, &cursor, err);
	if (fault != FAULT_NONE)
		return fault;
	cursor_free(file->cursor);
	file->cursor = cursor;
	while (fault == FAULT_NONE && step != CURSOR_TRAILER) {
		fault = cursor_next(cursor, LISTING_END, &step, err);
		if (fault == FAULT_NONE && step == CURSOR_OPENED)
			file->listed = cursor_page(cursor)->id;
		if (fault == FAULT_NONE && step == CURSOR_ENTRY && take_unlisted(file))
			fault = settle_counted(file, cursor_outcome(cursor)->level,
					       cursor_outcome(cursor)->reason, err);
	}
	return fault;
}

/* All was read.  A directory that still waits for its listing was condemned since its entry was
 * read, or the manifest is damaged. */
static enum fault end_reading(struct queue_file *file, struct err *err)
{
	mutex_lock(&file->lock);
	uint64_t unlisted = file->ledger.unlisted;
	mutex_unlock(&file->lock);
	enum fault fault = unlisted ? settle_unlisted(file, err) : FAULT_NONE;
	mutex_lock(&file->lock);
	unlisted = file->ledger.unlisted;
	file->ended = true;
	cond_wake_all(&file->work);
	mutex_unlock(&file->lock);
	if (fault != FAULT_NONE || unlisted == 0)
		return fault;
	return err_set(err, FAULT_CORRUPT, "%" PRIu64 " directories of the manifest are not listed",
		       unlisted);
}

/* Stores how far may be read.  Returns false when the queue was stopped. */
static bool queue_file_read_look(struct queue_file *file, struct listing_id *limit)
{
	mutex_lock(&file->lock);
	*limit = file->durable;
	bool go_on = !file->stopped;
	mutex_unlock(&file->lock);
	return go_on;
}

/* At the edge of what could be read below `limit`: whether more was published meanwhile. */
static enum fault at_edge(struct queue_file *file, struct listing_id limit, bool *go_on,
			  struct err *err)
{
	mutex_lock(&file->lock);
	*go_on = file->durable.value > limit.value;
	bool end = !*go_on && file->complete;
	file->at_edge = !*go_on;
	mutex_unlock(&file->lock);
	return end ? end_reading(file, err) : FAULT_NONE;
}

/* One step of the cursor.  `go_on` becomes false where nothing more can be read now. */
static enum fault take_step(struct queue_file *file, struct hold *hold, struct listing_id limit,
			    bool *go_on, struct err *err)
{
	enum cursor_step step;
	enum fault fault = cursor_next(file->cursor, limit, &step, err);
	if (fault != FAULT_NONE)
		return fault;
	switch (step) {
	case CURSOR_ENTRY:
		return take_entry(file, hold, err);
	case CURSOR_OPENED:
		return open_listing(file, err);
	case CURSOR_CLOSED:
		return close_listing(file, err);
	case CURSOR_TRAILER:
		*go_on = false;
		return end_reading(file, err);
	case CURSOR_EDGE:
		break;
	}
	return at_edge(file, limit, go_on, err);
}

enum fault queue_file_read(struct queue_file *file, struct hold *hold, struct err *err)
{
	enum fault fault = FAULT_NONE;
	struct listing_id limit;
	bool go_on = true;
	while (go_on && fault == FAULT_NONE && hold->segment.count < hold->capacity &&
	       queue_file_read_look(file, &limit))
		fault = take_step(file, hold, limit, &go_on, err);
	hold_unref(file->found);
	file->found = NULL;
	return fault;
}
