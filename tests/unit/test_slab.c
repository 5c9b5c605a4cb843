#include "tahoe/slab.h"

#include "tests/unit/facts.h"

enum { SLABS_MAX = 64 };

static uint64_t memory_of(const struct chk_params *params, uint64_t size)
{
	return slab_memory(&(struct slab_shape){ params, size, SLAB_MAX });
}

static struct slab *slab_of(const struct chk_params *params, uint64_t size)
{
	return slab_new(&(struct slab_shape){ params, size, SLAB_MAX });
}

/* Slabs that were filled, put together to shares again. */
struct gathering {
	struct slab_writer writer;
	struct slab *slab; /* used again and again */
	uint64_t at[ERASURE_BLOCKS_MAX];
	unsigned char *share[ERASURE_BLOCKS_MAX];
	uint64_t share_size;
	unsigned slabs, left; /* filled; that may still be opened */
};

static struct slab *room(void *context)
{
	struct gathering *gathering = context;
	return gathering->left-- > 0 ? gathering->slab : NULL;
}

static void filled(void *context, struct slab *slab)
{
	struct gathering *gathering = context;
	assert_true(slab->used > 0 && slab->used <= slab->rows);
	for (unsigned i = 0; i < slab->used; i++) {
		const struct slab_row *row = &slab->row[i];
		assert_true(gathering->writer.wanted[row->share]);
		assert_true(row->size > 0 && row->size <= slab->stride);
		assert_int_equal(row->offset, gathering->at[row->share]);
		gathering->at[row->share] += row->size;
		assert_true(gathering->at[row->share] <= gathering->share_size);
		memcpy(gathering->share[row->share] + row->offset, slab->data + i * slab->stride,
		       row->size);
	}
	gathering->slabs++;
}

static void start(struct gathering *gathering, const struct chk_params *params, uint64_t size)
{
	struct chk_layout layout;
	struct err err;
	*gathering = (struct gathering){ .left = SLABS_MAX };
	gathering->writer.room = room;
	gathering->writer.filled = filled;
	gathering->writer.context = gathering;
	gathering->slab = slab_of(params, size);
	assert_non_null(gathering->slab);
	assert_int_equal(gathering->slab->stride * params->n, memory_of(params, size));
	assert_int_equal(chk_layout_of(params, size, &layout, &err), 0);
	gathering->share_size = layout.share_size;
	for (unsigned i = 0; i < params->n; i++)
		gathering->share[i] = malloc(layout.share_size);
}

static void end(struct gathering *gathering, const struct chk_params *params)
{
	for (unsigned i = 0; i < params->n; i++)
		free(gathering->share[i]);
	slab_free(gathering->slab);
}

static unsigned char *some_bytes(size_t size)
{
	unsigned char *data = malloc(size);
	for (size_t i = 0; i < size; i++)
		data[i] = (unsigned char)(i * 7 + (i >> 8) * 13 + (i >> 16));
	return data;
}

static const unsigned char key[CAP_KEY_SIZE] = { 1, 2, 3 };

static enum fault encode(struct gathering *gathering, const struct chk_params *params,
			 const unsigned char *data, size_t size)
{
	struct chk_encoder *encoder;
	struct cap cap;
	struct err err;
	assert_int_equal(chk_encoder_new(&encoder, &err), 0);
	assert_int_equal(chk_encoder_start(encoder, params, size, key, &err), 0);
	chk_encoder_set_sink(encoder, slab_writer_take, &gathering->writer);
	enum fault fault = chk_encoder_update(encoder, data, size, &err);
	if (!fault)
		fault = chk_encoder_final(encoder, &cap, &err);
	if (!fault)
		slab_writer_end(&gathering->writer);
	chk_encoder_free(encoder);
	return fault;
}

static void compare(const struct chk_params *params, size_t size, unsigned every)
{
	unsigned char *data = some_bytes(size);
	struct chk_encoder *encoder;
	struct chk_shares *shares;
	struct gathering gathering;
	struct err err;
	start(&gathering, params, size);
	for (unsigned i = 0; i < params->n; i += every)
		gathering.writer.wanted[i] = true;
	assert_int_equal(encode(&gathering, params, data, size), 0);
	const unsigned slabs = gathering.slabs;
	slab_writer_end(&gathering.writer); /* nothing is open */
	assert_int_equal(gathering.slabs, slabs);
	assert_int_equal(chk_encoder_new(&encoder, &err), 0);
	assert_int_equal(chk_shares_new(encoder, params, key, data, size, &shares, &err), 0);
	for (unsigned i = 0; i < params->n; i++) {
		const bool wanted = gathering.writer.wanted[i];
		assert_int_equal(gathering.at[i], wanted ? shares->share_size : 0);
		if (wanted)
			assert_memory_equal(gathering.share[i],
					    shares->data + i * shares->share_size,
					    shares->share_size);
	}
	if (memory_of(params, size) == shares->share_size * params->n)
		assert_int_equal(gathering.slabs, 1);
	chk_shares_free(shares);
	chk_encoder_free(encoder);
	end(&gathering, params);
	free(data);
}

static void rows_make_up_the_shares(void **state)
{
	(void)state;
	static const struct {
		uint16_t k, n;
		uint32_t segment;
		size_t size;
		unsigned every;
	} row[] = {
		{ 1, 1, 1 << 20, 70000, 1 },
		{ 1, 1, 1 << 20, 5 << 20, 1 },
		{ 3, 10, 1 << 20, 131073, 1 },
		{ 3, 10, 1 << 20, (8 << 20) + 1, 1 },
		{ 3, 10, 1 << 20, (8 << 20) + 1, 4 },
		{ 1, 4, 1 << 20, 5000000, 1 },
		{ 101, 256, 1 << 20, 5000000, 1 },
		{ 2, 3, 1024, 1000001, 1 }, /* a large end */
		{ 2, 3, 256, 3000000, 2 },
	};
	for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
		const struct chk_params params = { .k = row[i].k,
						   .n = row[i].n,
						   .max_segment_size = row[i].segment };
		compare(&params, row[i].size, row[i].every);
	}
}

static void a_slab_is_bounded(void **state)
{
	(void)state;
	struct chk_params params = { .k = 3, .n = 10, .max_segment_size = CHK_SEGMENT_SIZE };
	const uint64_t large = UINT64_C(1) << 40;
	assert_in_range(memory_of(&params, large), SLAB_MAX / 2, SLAB_MAX + 10 * 128);
	const struct slab_shape small = { &params, large, 5 << 20 }, one = { &params, large, 1 };
	assert_in_range(slab_memory(&small), 2 << 20, (5 << 20) + 10 * 128);
	assert_in_range(slab_memory(&one), 10 * (CHK_SEGMENT_SIZE / 3), 10 * 350000);
	params.k = params.n = 1;
	assert_in_range(memory_of(&params, large), SLAB_ROW, SLAB_ROW + 128);
	assert_in_range(memory_of(&params, 100000), 100000, 101000);
	params.k = 2;
	assert_int_equal(memory_of(&params, large), 0);
	assert_null(slab_of(&params, large));
	slab_free(NULL);
}

/* Computed by hand: as many blocks as SLAB_ROW has room for, a header, and, up to 64 KiB, what is
 * behind the blocks.  That is trees of 32 bytes a node, 34 bytes for each node of a chain, the UEB
 * and four bytes for its length. */
static void a_row_holds_whole_blocks_and_what_is_beside_them(void **state)
{
	(void)state;
	struct chk_params params = { .k = 1, .n = 1, .max_segment_size = CHK_SEGMENT_SIZE };
	const uint64_t five = 3 * 15 * 32 + 34 + 4 + 326; /* five segments; 326 as chk_ueb_write */
	assert_int_equal(memory_of(&params, 5000000), SLAB_ROW + 68 + five);
	assert_int_equal(memory_of(&params, 2000000), 2000000 + 36 + 3 * 3 * 32 + 34 + 4 + 326);
	params.max_segment_size = 4096;
	assert_int_equal(memory_of(&params, UINT64_C(1) << 30), SLAB_ROW + 68);
	params = (struct chk_params){ .k = 3, .n = 10, .max_segment_size = 3000000 };
	assert_int_equal(memory_of(&params, UINT64_C(1) << 40), 10 * (UINT64_C(1000000) + 68));
	const struct slab_shape shape = { &params, UINT64_C(1) << 40, 19999999 };
	assert_int_equal(slab_memory(&shape), 10 * (UINT64_C(1000000) + 68));
	const struct slab_shape more = { &params, UINT64_C(1) << 40, 20000000 };
	assert_int_equal(slab_memory(&more), 10 * (UINT64_C(2000000) + 68));
}

static void nobody_may_want_the_rest(void **state)
{
	(void)state;
	const struct chk_params params = { .k = 1, .n = 1, .max_segment_size = 1 << 20 };
	unsigned char *data = some_bytes(5 << 20);
	struct gathering gathering;
	start(&gathering, &params, 5 << 20);
	gathering.writer.wanted[0] = true;
	gathering.left = 1;
	assert_int_equal(encode(&gathering, &params, data, 5 << 20), FAULT_CANCELLED);
	assert_int_equal(gathering.slabs, 1);
	end(&gathering, &params);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_make_up_the_shares),
		cmocka_unit_test(a_slab_is_bounded),
		cmocka_unit_test(a_row_holds_whole_blocks_and_what_is_beside_them),
		cmocka_unit_test(nobody_may_want_the_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
