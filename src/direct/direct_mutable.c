#include "direct/direct_mutable.h"

#include "base/secret.h"
#include "direct/direct_slot.h"

enum {
	MUTABLE_MAX = 8 << 20, /* bytes of a file; its shares are in memory for a while too */
	MUTABLE_PIECE = 64 << 10,
};

struct direct_mutable {
	struct direct_own own;
	struct cap cap;
	struct store_get wanted; /* of `cap` */
	struct bytes contents;
	size_t delivered;
	struct direct_slot *slot; /* fills it; NULL: it has */
	bool paused;
};

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
	health_well(mutable->own.direct->health, &mutable->own.health);
	direct_own_end(&mutable->own, &reply);
}

static struct direct_mutable *to_mutable(struct direct_own *own)
{
	return (struct direct_mutable *)own;
}

static void move_mutable(struct direct_own *own)
{
	to_mutable(own)->paused = false;
	deliver(to_mutable(own));
}

static void pause_mutable(struct direct_own *own)
{
	to_mutable(own)->paused = true;
	own->due = false;
}

/* What is not there yet is delivered as soon as it is. */
static void resume_mutable(struct direct_own *own)
{
	struct direct_mutable *mutable = to_mutable(own);
	if (mutable->paused && !mutable->slot)
		direct_own_due(own);
	else
		mutable->paused = false;
}

static void fini_mutable(struct direct_own *own)
{
	struct direct_mutable *mutable = to_mutable(own);
	if (mutable->slot)
		direct_slot_cancel(mutable->slot);
	if (mutable->contents.size > 0)
		secret_wipe(mutable->contents.data, mutable->contents.size);
	bytes_fini(&mutable->contents);
}

static const struct direct_kind mutable_kind = {
	.size = sizeof(struct direct_mutable),
	.move = move_mutable,
	.pause = pause_mutable,
	.resume = resume_mutable,
	.fini = fini_mutable,
};

/* ---- the beginning ---- */

static void mutable_read(void *context, const struct err *why)
{
	struct direct_mutable *mutable = context;
	struct direct *direct = mutable->own.direct;
	struct err err;
	mutable->slot = NULL;
	if (!why) {
		deliver(mutable);
		return;
	}
	direct_tell(direct, why);
	struct store_call *gateway = store_get(direct->base.behind, &mutable->wanted,
					       direct_own_then(&mutable->own), &err);
	direct_own_leave(&mutable->own, gateway, &err);
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
		.own = {
			.kind = &mutable_kind,
			.direct = direct,
			.then = then,
			.health = health_begin(direct->health, direct->base.gateway,
					       HEALTH_READING),
		},
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
		direct_own_free(&mutable->own);
		direct_tell(direct, &why);
		return NULL;
	}
	return direct_own_add(&mutable->own);
}
