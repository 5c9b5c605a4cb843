#include "verify/mending.h"

#include "base/secret.h"

enum {
	MENDED_MAX = 4 << 20,        /* bytes of a file */
	MENDED_SHARES_MAX = 32 << 20 /* bytes of its shares */
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
	const struct chk_params params = params_of(cap, CHK_SEGMENT_SIZE);
	return (cap->kind == CAP_CHK || cap->kind == CAP_DIR2_CHK) && cap->size <= MENDED_MAX &&
	       chk_shares_size(&params, cap->size) <= MENDED_SHARES_MAX;
}

void mending_fini(struct mending *mending)
{
	if (mending->bytes)
		secret_wipe(mending->bytes, (size_t)mending->file.size);
	free(mending->bytes);
	chk_shares_free(mending->shares);
	cap_wipe(&mending->file);
	mending->bytes = NULL;
	mending->shares = NULL;
}

void mending_cancel(struct mending *mending)
{
	if (mending->call)
		store_cancel(mending->store, mending->call);
	mending->call = NULL;
	mending_fini(mending);
}

static void mending_end(struct mending *mending, bool well)
{
	mending_fini(mending);
	mending->ended(mending->context, well);
}

static void mending_put(void *context, const struct store_reply *reply)
{
	struct mending *mending = context;
	mending->call = NULL;
	mending_end(mending, !reply->fault && reply->proven);
}

/* Makes the shares for one size of segments.  False: they are not those of the cap. */
static bool encode(struct mending *mending, struct chk_encoder *encoder, uint32_t segment_size)
{
	const struct cap *file = &mending->file;
	const struct chk_params params = params_of(file, segment_size);
	struct err err;
	if (chk_shares_new(encoder, &params, file->key, mending->bytes, (size_t)file->size,
			   &mending->shares, &err))
		return false;
	if (cap_equal(&mending->shares->cap, file))
		return true;
	chk_shares_free(mending->shares);
	mending->shares = NULL;
	return false;
}

static void put_shares(struct mending *mending)
{
	struct chk_encoder *encoder = NULL;
	struct err err;
	bool made = false;
	for (size_t i = 0; i < ARRAY_COUNT(segment_sizes) && !made; i++)
		made = (encoder || !chk_encoder_new(&encoder, &err)) &&
		       encode(mending, encoder, segment_sizes[i]);
	chk_encoder_free(encoder);
	const struct store_body body = {
		.data = mending->bytes,
		.size = mending->file.size,
		.shares = mending->shares,
		.no_gateway = true,
	};
	if (made)
		mending->call = store_put(mending->store, &body,
					  (struct store_then){ mending_put, mending }, &err);
	if (!mending->call)
		mending_end(mending, false);
}

static bool take_bytes(void *context, const void *data, size_t size)
{
	struct mending *mending = context;
	if (size > mending->file.size - mending->received)
		return false;
	memcpy(mending->bytes + mending->received, data, size);
	mending->received += size;
	return true;
}

static void mending_read(void *context, const struct store_reply *reply)
{
	struct mending *mending = context;
	mending->call = NULL;
	if (reply->fault || mending->received != mending->file.size)
		mending_end(mending, false);
	else
		put_shares(mending);
}

void mending_start(struct mending *mending)
{
	struct err err;
	mending->received = 0;
	bool is_file = cap_to_file(mending->cap, &mending->file);
	mending->bytes = is_file ? malloc((size_t)mending->file.size + 1) : NULL;
	const struct store_get get = {
		.cap = &mending->file,
		.length = UINT64_MAX,
		.sink = take_bytes,
		.context = mending,
	};
	if (mending->bytes)
		mending->call = store_get(mending->store, &get,
					  (struct store_then){ mending_read, mending }, &err);
	if (!mending->call)
		mending_end(mending, false);
}
