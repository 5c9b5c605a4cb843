#include "recheck/reopen.h"

#include "base/meta.h"
#include "base/secret.h"
#include "queue/core/array.h"
#include "tahoe/caps.h"

/* The directories that are taken up, and a bit for each id. */
struct reopen {
	struct catalog *catalog;
	struct catalog_reader *reader;
	struct outcomes_batch batch;
	bool to_local;
	uint64_t end; /* of the ids that have a slot */
	uint64_t *seen;
	struct reopen_directory *directory;
	size_t count, capacity;
};

struct outcome reopen_slot(const struct outcome *slot, const struct reopen_place *place)
{
	struct outcome again = { .id = slot->id, .state = OUTCOME_PLANNED, .level = OUTCOME_OWN };
	/* What failed kept what was planned for it. */
	if (slot->state != OUTCOME_DONE && slot->cap_kind != CAP_NONE) {
		again = *slot;
		again.state = OUTCOME_PLANNED;
		again.reason = REASON_NONE;
		again.attempts = 0;
		if (slot->state == OUTCOME_SKIPPED) /* by times that are past */
			again.level &= (uint8_t)~OUTCOME_HAS_MTIME;
		return again;
	}
	if (place->to_local && place->written_ns != 0) {
		again.level |= OUTCOME_EXISTED;
		meta_keep_written(again.meta, place->written_ns);
	} else if (!place->to_local && place->linked && slot->cap_kind != CAP_NONE) {
		again.level |= OUTCOME_EXISTED;
		again.cap_kind = slot->cap_kind;
		again.cap_size = slot->cap_size;
		memcpy(again.cap, slot->cap, sizeof again.cap);
	}
	return again;
}

/* ---- which directories ---- */

static enum fault reopen_no_memory(struct err *err)
{
	return err_set(err, FAULT_NOMEM, "no memory to take entries up again");
}

/* Returns whether it is new. */
static bool see(struct reopen *reopen, uint64_t id)
{
	uint64_t bit = UINT64_C(1) << id % 64;
	bool is_new = !(reopen->seen[id / 64] & bit);
	reopen->seen[id / 64] |= bit;
	return is_new;
}

static enum fault append(struct reopen *reopen, const struct reopen_directory *directory,
			 struct err *err)
{
	if (!array_reserve(&reopen->directory, reopen->count, &reopen->capacity,
			   sizeof *reopen->directory))
		return reopen_no_memory(err);
	reopen->directory[reopen->count++] = *directory;
	return FAULT_NONE;
}

/* Takes in a directory and those above it, up to one that is in already. */
static enum fault climb(struct reopen *reopen, struct reopen_directory at, struct err *err)
{
	while (at.id < reopen->end && see(reopen, at.id)) {
		struct catalog_page page;
		if (append(reopen, &at, err))
			return err->fault;
		if (at.id == 0)
			break;
		catalog_seek(reopen->reader, at.listing);
		if (catalog_read(reopen->reader, &page, err) || page.is_end || page.id != at.id)
			return err_set(err, FAULT_CORRUPT, "the plan lacks a listing");
		at = (struct reopen_directory){ page.parent_id, page.parent };
	}
	return FAULT_NONE;
}

/* Ids are depth first: a directory comes before those in it. */
static int compare_directories(const void *a, const void *b)
{
	const struct reopen_directory *left = a, *right = b;
	return left->id < right->id ? -1 : left->id > right->id;
}

/* ---- slots ---- */

static bool is_mutable_directory(const struct outcome *slot)
{
	const struct cap cap = { .kind = slot->cap_kind };
	return cap_is_directory(&cap) && cap_is_mutable(&cap);
}

static enum fault sync_batch(struct reopen *reopen, struct err *err)
{
	enum fault fault = outcomes_batch_flush(&reopen->batch, err);
	return fault ? fault : outcomes_sync(reopen->catalog->outcomes, err);
}

/* Marks a child that is done as linked: its directory is done. */
static enum fault mark_child(void *context, const struct manifest_entry *entry,
			     const struct outcome *slot, struct err *err)
{
	struct reopen *reopen = context;
	struct outcome marked = *slot;
	(void)entry;
	if (slot->state != OUTCOME_DONE || slot->level & OUTCOME_OWN)
		return FAULT_NONE;
	marked.level |= OUTCOME_OWN;
	enum fault fault = outcomes_batch_add(&reopen->batch, &marked, err);
	secret_wipe(&marked, sizeof marked);
	return fault;
}

/* What is linked in a directory that will be merged into is not linked again. */
static enum fault mark_children(struct reopen *reopen, struct err *err)
{
	const struct catalog_visitor visitor = { mark_child, reopen };
	for (size_t i = 0; i < reopen->count; i++) {
		const struct reopen_directory *directory = &reopen->directory[i];
		struct outcome slot;
		if (outcomes_read(reopen->catalog->outcomes, directory->id, 1, &slot, err))
			return err->fault;
		bool merges = slot.state == OUTCOME_DONE &&
			      (directory->id == 0 || is_mutable_directory(&slot));
		secret_wipe(&slot, sizeof slot);
		if (merges && catalog_children(reopen->reader, directory->listing, &visitor, err))
			return err->fault;
	}
	return sync_batch(reopen, err);
}

/* Plans a directory anew, if it was settled.  The root is not planned: it is the target. */
static struct outcome plan_directory(const struct reopen *reopen, const struct outcome *slot)
{
	if (slot->id == 0)
		return (struct outcome){ .state = OUTCOME_NONE };
	const struct reopen_place place = { .to_local = reopen->to_local };
	struct outcome again = reopen_slot(slot, &place);
	if (slot->state != OUTCOME_DONE || reopen->to_local)
		return again;
	if (slot->level & (OUTCOME_OWN | OUTCOME_EXISTED))
		again.level |= OUTCOME_EXISTED;
	if (is_mutable_directory(slot)) {
		again.cap_kind = slot->cap_kind;
		again.cap_size = slot->cap_size;
		memcpy(again.cap, slot->cap, sizeof again.cap);
	}
	return again;
}

static enum fault plan_directories(struct reopen *reopen, struct err *err)
{
	struct outcomes *outcomes = reopen->catalog->outcomes;
	for (size_t i = 0; i < reopen->count; i++) {
		struct outcome slot;
		if (outcomes_read(outcomes, reopen->directory[i].id, 1, &slot, err))
			return err->fault;
		if (!outcome_is_settled(&slot))
			continue;
		struct outcome again = plan_directory(reopen, &slot);
		enum fault fault = outcomes_batch_add(&reopen->batch, &again, err);
		secret_wipe(&slot, sizeof slot);
		secret_wipe(&again, sizeof again);
		if (fault)
			return fault;
	}
	return sync_batch(reopen, err);
}

enum fault reopen_above(struct catalog *catalog, bool to_local,
			const struct reopen_directory *directory, size_t count, struct err *err)
{
	struct reopen reopen = { .catalog = catalog,
				 .batch = { .outcomes = catalog->outcomes },
				 .to_local = to_local };
	if (count == 0)
		return FAULT_NONE;
	if (outcomes_end(catalog->outcomes, &reopen.end, err) ||
	    catalog_reader_new(catalog, &reopen.reader, err))
		return err->fault;
	/* A directory that is not settled may have a number above all slots. */
	for (size_t i = 0; i < count; i++)
		reopen.end = max_u64(reopen.end, directory[i].id + 1);
	reopen.seen = calloc(reopen.end / 64 + 1, sizeof *reopen.seen);
	if (!reopen.seen) {
		catalog_reader_free(reopen.reader);
		return reopen_no_memory(err);
	}
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < count && !fault; i++)
		fault = climb(&reopen, directory[i], err);
	if (!fault)
		qsort(reopen.directory, reopen.count, sizeof *reopen.directory,
		      compare_directories);
	if (!fault && !to_local)
		fault = mark_children(&reopen, err);
	if (!fault)
		fault = plan_directories(&reopen, err);
	catalog_reader_free(reopen.reader);
	free(reopen.seen);
	free(reopen.directory);
	return fault;
}
