#include "queue/split.h"

#include "queue/core/thread.h"

enum { CHANGED_DELAY_MS = 500 /* before a file that changed is read again */ };

struct part {
	struct work work; /* first: it is known by this */
	struct task task;
	uint64_t number;
};

struct split {
	struct split_options options;
	uint64_t count;

	struct mutex lock;
	uint64_t left GUARDED;   /* parts that have not ended, and one for whoever begins them */
	uint64_t proven GUARDED; /* of all */
	bool advanced GUARDED;   /* some of them in this try */
	bool fails GUARDED;      /* one has: `failure` and `why` */
	bool returns GUARDED;    /* one was given back: `state` and `delay_ms` */
	struct outcome failure GUARDED;
	struct err why GUARDED;
	bool told GUARDED;      /* `why` was filled */
	uint64_t there GUARDED; /* bytes of the parts that are proven */
	struct retry_state state GUARDED;
	uint32_t delay_ms GUARDED;
	unsigned level GUARDED;
	struct split_cap cap[]; /* kind 0: that part is not proven */
};

uint64_t split_part_size(const struct task *task, uint64_t size)
{
	const uint64_t ids = (task->bytes - 1) / task->chunk_size + 1;
	return max_u64(task->chunk_size, size / ids + (size % ids > 0));
}

struct split *split_new(const struct split_options *options) UNCHECKED
{
	const uint64_t count = (options->size - 1) / options->part_size + 1;
	struct split *split = calloc(1, sizeof *split + count * sizeof split->cap[0]);
	if (!split)
		return NULL;
	split->options = *options;
	split->count = count;
	split->left = 1;
	split->level = UINT8_MAX;
	mutex_init(&split->lock);
	return split;
}

static void tell_underway(const struct split *split, int64_t bytes)
{
	if (split->options.underway)
		split->options.underway(split->options.context, bytes);
}

void split_free(struct split *split) UNCHECKED
{
	tell_underway(split, -(int64_t)split->there);
	mutex_fini(&split->lock);
	explicit_bzero(split, sizeof *split + split->count * sizeof split->cap[0]);
	free(split);
}

uint64_t split_count(const struct split *split) { return split->count; }

const struct split_options *split_about(const struct split *split) { return &split->options; }

const struct split_cap *split_cap_of(const struct split *split, uint64_t number)
{
	return &split->cap[number];
}

unsigned split_level(const struct split *split) UNCHECKED { return split->level; }

static uint64_t size_of(const struct split *split, uint64_t number)
{
	return min_u64(split->options.part_size,
		       split->options.size - number * split->options.part_size);
}

/* Keeps what came of a part. */
static void keep(struct split *split, uint64_t number, const struct outcome *outcome)
	REQUIRES(split->lock)
{
	struct split_cap *cap = &split->cap[number];
	if (cap->kind == 0) {
		split->proven++;
		split->there += size_of(split, number);
		tell_underway(split, (int64_t)size_of(split, number));
	}
	cap->kind = outcome->cap_kind;
	cap->size = outcome->cap_size;
	memcpy(cap->bytes, outcome->cap, sizeof cap->bytes);
	split->level &= outcome->level;
}

void split_believe(struct split *split, uint64_t number, const struct outcome *slot)
{
	if (slot->state != OUTCOME_DONE || slot->cap_kind == 0 ||
	    slot->length != size_of(split, number) ||
	    memcmp(slot->meta, split->options.meta, sizeof slot->meta) != 0)
		return;
	mutex_lock(&split->lock);
	keep(split, number, slot);
	mutex_unlock(&split->lock);
}

/* The part is not under way, so nobody writes there. */
bool split_lacks(const struct split *split, uint64_t number)
{
	return split->cap[number].kind == 0;
}

bool split_goes_on(struct split *split)
{
	mutex_lock(&split->lock);
	bool goes_on = !split->fails && !split->returns;
	mutex_unlock(&split->lock);
	return goes_on;
}

struct work *split_part(struct split *split, uint64_t number)
{
	const struct work *whole = split->options.work;
	struct part *part = malloc(sizeof *part);
	if (!part)
		return NULL;
	*part = (struct part){
		.work = { &part->task, whole->lease, split },
		.task = *whole->task,
		.number = number,
	};
	part->task.id += 1 + number;
	part->task.bytes = size_of(split, number);
	part->task.chunk_size = 0;
	part->task.existing = 0;
	mutex_lock(&split->lock);
	split->left++;
	mutex_unlock(&split->lock);
	return &part->work;
}

struct split_range split_range_of(const struct work *work)
{
	const struct part *part = (const struct part *)work;
	const struct split *split = work->split;
	return (struct split_range){
		.offset = part->number * split->options.part_size,
		.size = size_of(split, part->number),
		.file_size = split->options.size,
		.meta = split->options.meta,
	};
}

/* ---- the end of the task ---- */

/* Ends it as its parts have ended, with one that failed.  A file that changed is begun anew. */
static void end_failed(struct split *split) UNCHECKED
{
	struct work *work = split->options.work;
	const unsigned attempts = work->task->attempts + 1u;
	if (split->failure.reason == REASON_CHANGED && attempts < RETRY_CHANGED_ATTEMPTS)
		work_again(work, CHANGED_DELAY_MS, attempts);
	else
		work_settle(work, &split->failure, split->told ? &split->why : NULL);
}

/* Ends it, or hands it on to whoever makes it whole. */
static void end_whole(struct split *split) UNCHECKED
{
	struct work *work = split->options.work;
	if (!split->fails && split->proven == split->count) {
		split->options.whole(split->options.context, split);
		return;
	}
	if (split->fails) {
		end_failed(split);
	} else {
		if (split->advanced || !split->returns)
			split->state.attempts = work->task->attempts;
		work_return(work, &split->state, split->delay_ms);
	}
	split_free(split);
}

/* Counts a part, or the beginner of parts, out. */
static void leave(struct split *split)
{
	mutex_lock(&split->lock);
	const bool last = --split->left == 0;
	mutex_unlock(&split->lock);
	if (last)
		end_whole(split);
}

void split_close(struct split *split) { leave(split); }

static void end_part(struct work *work)
{
	struct split *split = work->split;
	free((struct part *)work);
	leave(split);
}

void split_settle(struct work *work, const struct outcome *outcome, const struct err *err)
{
	const struct part *part = (const struct part *)work;
	struct split *split = work->split;
	const bool done = outcome->state == OUTCOME_DONE;
	mutex_lock(&split->lock);
	if (done) {
		keep(split, part->number, outcome);
		split->advanced = true;
	} else if (!split->fails) {
		split->fails = true;
		split->failure = *outcome;
		split->told = err;
		if (err)
			split->why = *err;
	}
	mutex_unlock(&split->lock);
	if (done) /* before the task can end: its outcome comes after those of its chunks */
		work_note(split->options.work, outcome);
	end_part(work);
}

void split_give_back(struct work *work, const struct retry_state *state, uint32_t delay_ms)
{
	struct split *split = work->split;
	mutex_lock(&split->lock);
	split->returns = true;
	split->state.attempts = (unsigned)max_u64(split->state.attempts, state->attempts);
	if (split->state.trouble == 0)
		split->state.trouble = state->trouble;
	split->delay_ms = (uint32_t)max_u64(split->delay_ms, delay_ms);
	mutex_unlock(&split->lock);
	end_part(work);
}
