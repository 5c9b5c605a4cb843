#include "verify/mending.h"

#include "queue/core/array.h"

enum {
	TREES_MAX = 64 << 20, /* bytes of hash trees: some 40 GiB of 3-of-10 */
	READY_MAX = 1,        /* slabs that wait before the reading is paused */
};

/* Of files of Tahoe-LAFS since 1.19, and before. */
static const uint32_t segment_sizes[] = { CHK_SEGMENT_SIZE, 128 << 10 };

static struct chk_params params_of(const struct cap *cap, uint32_t segment_size)
{
	return (struct chk_params){
		.k = cap->needed,
		.n = cap->total,
		.max_segment_size = segment_size,
	};
}

bool mending_can(const struct cap *cap)
{
	const struct chk_params params = params_of(cap, segment_sizes[1]);
	return (cap->kind == CAP_CHK || cap->kind == CAP_DIR2_CHK) &&
	       chk_trees_size(&params, cap->size) <= TREES_MAX;
}

/* ---- ends ---- */

static void drop_slabs(struct mending *mending)
{
	for (size_t i = 0; i < mending->ready_count; i++)
		slab_free(mending->ready[i]);
	mending->ready_count = 0;
	slab_free(mending->writer.slab);
	mending->writer.slab = NULL;
}

void mending_fini(struct mending *mending)
{
	drop_slabs(mending);
	slab_free(mending->spare);
	free(mending->ready);
	chk_encoder_free(mending->encoder);
	cap_wipe(&mending->file);
	cap_wipe(&mending->feed.cap);
	mending->ready = NULL;
	mending->ready_room = 0;
	mending->spare = NULL;
	mending->encoder = NULL;
}

static void stop_reading(struct mending *mending)
{
	if (mending->get)
		store_cancel(mending->store, mending->get);
	mending->get = NULL;
}

void mending_cancel(struct mending *mending)
{
	stop_reading(mending);
	if (mending->put)
		store_cancel(mending->store, mending->put);
	mending->put = NULL;
	mending_fini(mending);
}

static void mending_end(struct mending *mending, bool well)
{
	mending_fini(mending);
	mending->ended(mending->context, well);
}

/* ---- slabs ---- */

static struct slab *slab_room(void *context)
{
	struct mending *mending = context;
	const struct slab_shape shape = {
		.params = &mending->params,
		.size = mending->file.size,
		.most = SLAB_MAX,
	};
	struct slab *slab = mending->spare ? mending->spare : slab_new(&shape);
	mending->spare = NULL;
	return slab;
}

static void slab_filled(void *context, struct slab *slab)
{
	struct mending *mending = context;
	if (!array_reserve(&mending->ready, mending->ready_count, &mending->ready_room,
			   sizeof *mending->ready)) {
		err_set(&mending->err, FAULT_NOMEM, "no memory for shares");
		slab_free(slab);
		return;
	}
	mending->ready[mending->ready_count++] = slab;
}

/* ---- the bytes ---- */

static bool take_bytes(void *context, const void *data, size_t size)
{
	struct mending *mending = context;
	if (chk_encoder_update(mending->encoder, data, size, &mending->err) || mending->err.fault)
		return false;
	if (mending->ready_count < READY_MAX)
		return true;
	mending->paused = true;
	store_pause(mending->store, mending->get);
	store_resume(mending->store, mending->put);
	return true;
}

static void has_read(void *context, const struct store_reply *reply)
{
	struct mending *mending = context;
	struct cap cap;
	mending->get = NULL;
	if (!mending->err.fault && reply->fault)
		mending->err = reply->err;
	if (!mending->err.fault && !chk_encoder_final(mending->encoder, &cap, &mending->err)) {
		slab_writer_end(&mending->writer);
		cap_wipe(&cap);
		mending->encoded = true;
	}
	store_resume(mending->store, mending->put);
}

/* ---- what the put asks for ---- */

/* Reads and encodes from the first byte on. */
static void begin_pass(void *context, const bool *wanted)
{
	struct mending *mending = context;
	const struct store_get get = {
		.cap = &mending->file,
		.length = UINT64_MAX,
		.sink = take_bytes,
		.context = mending,
		.damage = mending->damage,
	};
	stop_reading(mending);
	drop_slabs(mending);
	mending->paused = mending->encoded = false;
	mending->err = (struct err){ 0 };
	mending->writer = (struct slab_writer){
		.room = slab_room,
		.filled = slab_filled,
		.context = mending,
	};
	memcpy(mending->writer.wanted, wanted, sizeof mending->writer.wanted);
	if (chk_encoder_start(mending->encoder, &mending->params, mending->file.size,
			      mending->file.key, &mending->err))
		return;
	chk_encoder_set_sink(mending->encoder, slab_writer_take, &mending->writer);
	chk_encoder_expect(mending->encoder, &mending->file);
	mending->get = store_get(mending->store, &get, (struct store_then){ has_read, mending },
				 &mending->err);
}

static const struct slab *peek_slab(void *context)
{
	const struct mending *mending = context;
	return mending->ready_count > 0 ? mending->ready[0] : NULL;
}

static void pop_slab(void *context)
{
	struct mending *mending = context;
	struct slab *slab = mending->ready[0];
	mending->ready_count--;
	memmove(mending->ready, mending->ready + 1, mending->ready_count * sizeof *mending->ready);
	slab->used = 0;
	if (mending->spare)
		slab_free(slab);
	else
		mending->spare = slab;
	if (!mending->paused || mending->ready_count >= READY_MAX)
		return;
	mending->paused = false;
	if (mending->get)
		store_resume(mending->store, mending->get);
}

static bool is_over(void *context, struct cap *cap, struct err *err)
{
	const struct mending *mending = context;
	if (mending->err.fault)
		*err = mending->err;
	else if (mending->encoded)
		*cap = mending->file;
	return mending->err.fault || mending->encoded;
}

/* ---- one size of segments after the other ---- */

static void try_size(struct mending *mending);

static void has_put(void *context, const struct store_reply *reply)
{
	struct mending *mending = context;
	const bool other = mending->err.fault == FAULT_CORRUPT && !mending->err.remote;
	mending->put = NULL;
	stop_reading(mending);
	if (other && ++mending->attempt < ARRAY_COUNT(segment_sizes))
		try_size(mending);
	else
		mending_end(mending, !reply->fault && reply->proven);
}

static void try_size(struct mending *mending)
{
	struct err err;
	mending->params = params_of(&mending->file, segment_sizes[mending->attempt]);
	mending->err = (struct err){ 0 };
	slab_free(mending->spare); /* of another shape */
	mending->spare = NULL;
	mending->feed = (struct store_feed){
		.params = &mending->params,
		.cap = mending->file,
		.begin = begin_pass,
		.peek = peek_slab,
		.pop = pop_slab,
		.over = is_over,
		.context = mending,
	};
	const struct store_body body = {
		.size = mending->file.size,
		.feed = &mending->feed,
		.damage = mending->damage,
		.no_gateway = true,
	};
	mending->put =
		store_put(mending->store, &body, (struct store_then){ has_put, mending }, &err);
	if (!mending->put)
		mending_end(mending, false);
}

void mending_start(struct mending *mending)
{
	mending->attempt = 0;
	if (cap_to_file(mending->cap, &mending->file) &&
	    !chk_encoder_new(&mending->encoder, &mending->err))
		try_size(mending);
	else
		mending_end(mending, false);
}
