#include "decide/entry.h"

#include "base/secret.h"
#include "files/dirfd.h"
#include "tahoe/caps.h"

#include <sys/stat.h>

enum decide_kind decide_kind_of(uint8_t manifest_kind)
{
	switch (manifest_kind) {
	case MANIFEST_FILE:
		return DECIDE_FILE;
	case MANIFEST_SYMLINK:
		return DECIDE_SYMLINK;
	case MANIFEST_DIRECTORY:
	case MANIFEST_LINKED:
		return DECIDE_DIRECTORY;
	default:
		return DECIDE_OTHER;
	}
}

struct decide_source decide_source_of(const struct task *task, const struct outcome *slot)
{
	bool whole = task->kind == MANIFEST_LINKED;
	bool planned = slot->state == OUTCOME_PLANNED;
	struct decide_source source = {
		.kind = (uint8_t)decide_kind_of(task->kind),
		.cap_kind = planned ? slot->cap_kind : CAP_NONE,
		.lost = slot->state == OUTCOME_DAMAGED || (whole && !planned),
		.whole = whole,
		.bytes = task->bytes,
	};
	if (!meta_unpack(task->meta, task->meta_size, &source.meta))
		source.meta = (struct meta){ .flags = META_GRID };
	return source;
}

bool entry_is_chunked(uint8_t manifest_kind, uint8_t cap_kind)
{
	const enum decide_kind kind = decide_kind_of(manifest_kind);
	return (kind == DECIDE_FILE || kind == DECIDE_SYMLINK) && cap_kind == CAP_DIR2_CHK;
}

/* Takes the chunks whose slots these are, `at` being the first one's number. */
static bool take_chunks(struct chunked *chunked, uint64_t at, const struct outcome *slot,
			size_t slots, uint64_t count)
{
	char name[CHUNK_NAME_SIZE];
	struct cap cap;
	bool taken = true;
	for (size_t i = 0; i < slots && taken; i++) {
		const bool whole =
			slot[i].state == OUTCOME_PLANNED &&
			cap_unpack(slot[i].cap, slot[i].cap_size, slot[i].cap_kind, &cap);
		taken = chunked_add(chunked, name, chunk_name(at + i, count, name),
				    whole ? &cap : &(struct cap){ .kind = CAP_NONE });
	}
	cap_wipe(&cap);
	return taken;
}

enum fault entry_chunks(struct outcomes *sources, const struct task *task, struct chunked *chunked,
			struct err *err)
{
	struct outcome slot[OUTCOMES_BATCH];
	const uint64_t count = task->chunk_size ? (task->bytes - 1) / task->chunk_size + 1 : 0;
	enum fault fault = FAULT_NONE;
	*chunked = (struct chunked){ 0 };
	chunked_begin(chunked, task->bytes);
	for (uint64_t at = 0; at < count && !fault; at += OUTCOMES_BATCH) {
		const size_t slots = (size_t)min_u64(count - at, OUTCOMES_BATCH);
		fault = outcomes_read(sources, task->id + 1 + at, slots, slot, err);
		if (!fault && !take_chunks(chunked, at, slot, slots, count))
			fault = err_set(err, FAULT_NOMEM, "no memory for the chunks of a file");
	}
	secret_wipe(slot, sizeof slot);
	if (!fault && (!chunked_end(chunked) || chunked->chunk_size != task->chunk_size))
		fault = err_set(err, FAULT_CORRUPT, "the slot of a chunk's cap is damaged");
	if (fault)
		chunked_fini(chunked);
	return fault;
}

struct decide_there decide_there_on_grid(uint8_t manifest_kind, const struct outcome *slot)
{
	const struct cap cap = { .kind = slot->cap_kind };
	const bool is_file =
		!cap_is_directory(&cap) || entry_is_chunked(manifest_kind, slot->cap_kind);
	if (!outcome_has_existing(slot) || slot->reason)
		return (struct decide_there){ .kind = DECIDE_NOTHING };
	const struct meta meta = meta_unpack_outcome(slot->meta);
	return (struct decide_there){
		.kind = is_file ? DECIDE_FILE : DECIDE_DIRECTORY,
		.cap_kind = slot->cap_kind,
		.timed = slot->level & OUTCOME_HAS_MTIME,
		.own = outcome_is_reopened(slot),
		.bytes = slot->length,
		.mtime_ns = meta.mtime_ns,
		.mode = meta.mode,
		.uid = meta.uid,
		.gid = meta.gid,
	};
}

struct decide_there decide_there_of(const struct stat *st)
{
	const struct meta meta = meta_from_stat(st);
	return (struct decide_there){
		.kind = S_ISREG(st->st_mode)   ? DECIDE_FILE
			: S_ISLNK(st->st_mode) ? DECIDE_SYMLINK
			: S_ISDIR(st->st_mode) ? DECIDE_DIRECTORY
					       : DECIDE_OTHER,
		.timed = true,
		.bytes = (uint64_t)st->st_size,
		.mtime_ns = meta.mtime_ns,
		.changed_ns = meta.ctime_ns,
	};
}

enum fault decide_there_here(int at, const char *name, struct decide_there *there, struct err *err)
{
	struct stat st;
	bool found;
	if (dirfd_look(at, name, &st, &found, err))
		return err->fault;
	*there = found ? decide_there_of(&st) : (struct decide_there){ .kind = DECIDE_NOTHING };
	return FAULT_NONE;
}

void decide_there_own(const struct outcome *slot, struct decide_there *there)
{
	if (there->kind == DECIDE_NOTHING || !outcome_is_reopened(slot))
		return;
	there->timed = false; /* the times of the plan are past */
	if (!outcome_has_existing(slot))
		return;
	there->own = there->changed_ns == meta_written(slot->meta);
	if (!there->own)
		there->changed_ns = INT64_MAX; /* since this job has put something there */
}

enum entry_link entry_link_of(const struct outcome *slot)
{
	const struct cap cap = { .kind = slot->cap_kind };
	bool planned = slot->state == OUTCOME_PLANNED;
	bool existed = planned ? outcome_has_existing(slot) : slot->level & OUTCOME_EXISTED;
	if (!planned && slot->level & OUTCOME_OWN)
		return ENTRY_KEEP;
	if (!existed)
		return ENTRY_NEW;
	if (cap_is_writable(&cap))
		return ENTRY_KEEP;
	return cap_is_directory(&cap) ? ENTRY_RELINK : ENTRY_REPLACE;
}

struct decide_known decide_known_of(const struct outcome *slot)
{
	if (outcome_is_settled(slot))
		return (struct decide_known){ .state = slot->state, .reason = slot->reason };
	/* A directory that could not be listed. */
	if (slot->state == OUTCOME_PLANNED && slot->reason)
		return (struct decide_known){ .state = slot->level, .reason = slot->reason };
	return (struct decide_known){ .state = OUTCOME_NONE };
}

void entry_link_cap(struct work *work, const struct outcome *slot, const struct meta *meta)
{
	struct outcome outcome = {
		.state = OUTCOME_DONE,
		.attempts = 1,
		.level = OUTCOME_LINKED,
		.length = work->task->bytes,
		.cap_kind = slot->cap_kind,
		.cap_size = slot->cap_size,
	};
	memcpy(outcome.cap, slot->cap, sizeof outcome.cap);
	meta_pack_outcome(meta, outcome.meta);
	work_settle(work, &outcome, NULL);
	secret_wipe(&outcome, sizeof outcome);
}

bool decision_ends(struct work *work, const struct decision *decision,
		   const struct decide_there *there)
{
	unsigned attempts = work->task->attempts + 1u;
	const struct err *why = NULL;
	struct err err;
	if (!decision_is_end(decision))
		return false;
	if (decision->reason == REASON_CONFLICT || decision->reason == REASON_LOST)
		why = &err;
	if (decision->reason == REASON_CONFLICT)
		err_set(&err, FAULT_EXISTS, "%s", decide_conflict_text(there));
	else if (decision->reason == REASON_LOST)
		err_set(&err, FAULT_CORRUPT, "the slot that holds its source's cap is damaged");
	work_fail(work, decision->reason, attempts, why);
	return true;
}
