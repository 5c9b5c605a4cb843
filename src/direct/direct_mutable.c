#include "direct/direct_mutable.h"

#include "base/secret.h"
#include "direct/direct_slot.h"

enum {
	MUTABLE_MAX = 8 << 20, /* bytes of a file; its shares are in memory for a while too */
	MUTABLE_PIECE = 64 << 10,
};

struct direct_mutable {
	struct direct *direct;
	struct direct_mutable *next;
	struct direct_mutable **back;
	struct store_then then;
	struct health_call health;
	struct cap cap;
	struct store_get wanted; /* of `cap` */
	struct bytes contents;
	size_t delivered;
	struct direct_slot *slot;   /* fills it; NULL: it has */
	struct store_call *gateway; /* reads instead */
	bool paused;
	bool resuming; /* in the next poll */
};

struct direct_mutable *direct_find_mutable(const struct direct *direct,
					   const struct store_call *call)
{
	struct direct_mutable *mutable = direct->mutables;
	while (mutable && (const struct store_call *)mutable != call)
		mutable = mutable->next;
	return mutable;
}

/* ---- ends ---- */

static void free_mutable(struct direct_mutable *mutable)
{
	if (mutable->back) {
		*mutable->back = mutable->next;
		if (mutable->next)
			mutable->next->back = mutable->back;
	}
	if (mutable->contents.size > 0)
		secret_wipe(mutable->contents.data, mutable->contents.size);
	bytes_fini(&mutable->contents);
	secret_wipe(mutable, sizeof *mutable);
	free(mutable);
}

void direct_cancel_mutable(struct direct_mutable *mutable)
{
	if (mutable->gateway)
		store_cancel(mutable->direct->base.behind, mutable->gateway);
	if (mutable->slot)
		direct_slot_cancel(mutable->slot);
	free_mutable(mutable);
}

static void end_mutable(struct direct_mutable *mutable, const struct store_reply *reply)
{
	mutable->then.done(mutable->then.context, reply);
	free_mutable(mutable);
}

static void mutable_gateway_done(void *context, const struct store_reply *reply)
{
	struct direct_mutable *mutable = context;
	mutable->gateway = NULL;
	end_mutable(mutable, reply);
}

/* ---- delivery ---- */

/* Gives the sink what it takes; the end of that may end the call. */
static void deliver(struct direct_mutable *mutable)
{
	struct bytes *contents = &mutable->contents;
	struct store_reply reply = { .answered = true, .proven = true };
	bool taken = true;
	while (mutable->delivered < contents->size && taken && !mutable->paused) {
		size_t size = (size_t)min_u64(contents->size - mutable->delivered, MUTABLE_PIECE);
		const unsigned char *data = contents->data;
		taken = mutable->wanted.sink(mutable->wanted.context, data + mutable->delivered,
					     size);
		mutable->delivered += taken ? size : 0;
	}
	if (taken && mutable->delivered < contents->size)
		return;
	if (!taken)
		reply.fault = err_set(&reply.err, FAULT_CANCELLED, "the bytes were refused");
	reply.proven = taken;
	reply.received = mutable->delivered;
	health_well(mutable->direct->health, &mutable->health);
	end_mutable(mutable, &reply);
}

void direct_deliver_mutables(struct direct *direct)
{
	struct direct_mutable *mutable = direct->mutables;
	while (mutable) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what ended has left the list */
		if (!mutable->resuming) {
			mutable = mutable->next;
			continue;
		}
		mutable->paused = mutable->resuming = false;
		deliver(mutable);
		mutable = direct->mutables;
	}
}

void direct_pause_mutable(struct direct_mutable *mutable)
{
	if (mutable->gateway) {
		store_pause(mutable->direct->base.behind, mutable->gateway);
		return;
	}
	mutable->paused = true;
	mutable->resuming = false;
}

void direct_resume_mutable(struct direct_mutable *mutable)
{
	if (mutable->gateway) {
		store_resume(mutable->direct->base.behind, mutable->gateway);
		return;
	}
	mutable->resuming = mutable->paused && !mutable->slot;
	mutable->paused &= mutable->resuming;
	mutable->direct->resuming |= mutable->resuming;
}

/* ---- the beginning ---- */

static void mutable_read(void *context, const struct err *why)
{
	struct direct_mutable *mutable = context;
	struct store_reply reply = { 0 };
	mutable->slot = NULL;
	if (!why) {
		deliver(mutable);
		return;
	}
	direct_tell(mutable->direct, why);
	mutable->gateway =
		store_get(mutable->direct->base.behind, &mutable->wanted,
			  (struct store_then){ mutable_gateway_done, mutable }, &reply.err);
	reply.fault = reply.err.fault;
	if (!mutable->gateway)
		end_mutable(mutable, &reply);
}

bool direct_can_read_mutable(const struct store_get *get)
{
	const struct cap *cap = get->cap;
	return cap_is_mutable(cap) && cap_is_file(cap) && !cap_is_verifier(cap) && !get->written &&
	       get->offset == 0 && get->length == UINT64_MAX;
}

struct store_call *direct_read_mutable(struct direct *direct, const struct store_get *get,
				       struct store_then then)
{
	struct err why = { 0 };
	struct direct_mutable *mutable = calloc(1, sizeof *mutable);
	if (!mutable)
		return NULL;
	*mutable = (struct direct_mutable){
		.direct = direct,
		.then = then,
		.health = health_begin(direct->health, direct->base.gateway, HEALTH_READING),
		.cap = *get->cap,
		.wanted = *get,
	};
	mutable->wanted.cap = &mutable->cap;
	bytes_init(&mutable->contents, MUTABLE_MAX);
	if (direct_can_read_slots(direct, &why))
		mutable->slot =
			direct_slot_start(direct, &mutable->cap, &mutable->contents,
					  (struct direct_slot_then){ mutable_read, mutable }, &why);
	if (!mutable->slot) {
		free_mutable(mutable);
		direct_tell(direct, &why);
		return NULL;
	}
	mutable->back = &direct->mutables;
	mutable->next = direct->mutables;
	if (mutable->next)
		mutable->next->back = &mutable->next;
	direct->mutables = mutable;
	return (struct store_call *)mutable;
}
