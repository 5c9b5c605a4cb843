#include "read/chunks.h"

#include "base/secret.h"
#include "tahoe/caps.h"

enum { SLOTS = 64 /* read at once */ };

bool chunks_wanted(const struct readers_options *options, const struct attempt *attempt)
{
	const struct task *task = attempt->work->task;
	return options->whole && !attempt->work->split && attempt->fd >= 0 &&
	       attempt->decision.action == DECIDE_COPY && task->chunk_size > 0 &&
	       attempt->size > split_part_size(task, attempt->size);
}

/* Whether the slot's cap reads as many bytes as it says: a directory is made of no other. */
static bool reads_chunk(const struct outcome *slot)
{
	struct cap cap;
	if (!cap_unpack(slot->cap, slot->cap_size, slot->cap_kind, &cap))
		return false;
	const bool reads = cap_is_file(&cap) && !cap_is_mutable(&cap) && !cap_is_verifier(&cap) &&
			   cap.size == slot->length;
	cap_wipe(&cap);
	return reads;
}

/* Takes what the slots say, of chunks of this very file. */
static enum fault believe(const struct readers_options *options, uint64_t first,
			  struct split *split, struct err *err)
{
	struct outcome slot[SLOTS];
	enum fault fault = FAULT_NONE;
	const uint64_t count = split_count(split);
	for (uint64_t at = 0; at < count && !fault; at += SLOTS) {
		const size_t read = (size_t)min_u64(SLOTS, count - at);
		fault = outcomes_read(options->existing, first + at, read, slot, err);
		for (size_t i = 0; i < read && !fault; i++)
			if (reads_chunk(&slot[i]))
				split_believe(split, at + i, &slot[i]);
	}
	secret_wipe(slot, sizeof slot);
	return fault;
}

enum fault chunks_divide(const struct readers_options *options, const struct attempt *attempt,
			 struct split **split, struct err *err)
{
	const struct task *task = attempt->work->task;
	struct split_options about = {
		.work = attempt->work,
		.size = attempt->size,
		.part_size = split_part_size(task, attempt->size),
		.whole = options->whole,
		.underway = options->underway,
		.context = options->context,
	};
	meta_pack_outcome(&attempt->meta, about.meta);
	struct split *made = split_new(&about);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for the chunks of a file");
	if (believe(options, task->id + 1, made, err)) {
		split_free(made);
		return err->fault;
	}
	*split = made;
	return FAULT_NONE;
}

static bool is_over(const struct readers_options *options)
{
	return atomic_load_explicit(options->cancel, memory_order_acquire) ||
	       (options->enough && atomic_load(options->enough));
}

void chunks_hand_out(const struct readers_options *options, struct split *split,
		     void (*take)(void *context, struct work *part), void *context)
{
	const uint64_t count = split_count(split);
	for (uint64_t i = 0; i < count && split_goes_on(split) && !is_over(options); i++) {
		struct work *part = split_lacks(split, i) ? split_part(split, i) : NULL;
		if (!part && split_lacks(split, i))
			break; /* out of memory: it goes on from here when it is leased again */
		if (part && !options->offer(options->offered, part))
			take(context, part);
	}
	split_close(split);
}
