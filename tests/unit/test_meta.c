#include "base/meta.h"

#include "tests/unit/facts.h"

#include <sys/stat.h>

static const struct meta samples[] = {
	{ .mode = S_IFREG | 0644 },
	{ .mode = S_IFREG | 0644,
	  .uid = 1000,
	  .gid = 100,
	  .mtime_ns = 1700000000123456789,
	  .ctime_ns = 1700000000123456789,
	  .dev = 2049,
	  .ino = 4711,
	  .nlink = 1 },
	{ .mtime_ns = INT64_MAX, .ctime_ns = INT64_MIN, .flags = META_FOLLOWED },
	{ .mtime_ns = INT64_MIN, .ctime_ns = INT64_MAX, .flags = META_MADE },
	{ .mtime_ns = -1, .ctime_ns = 0 },
	{ .mode = UINT32_MAX,
	  .uid = UINT32_MAX,
	  .gid = UINT32_MAX,
	  .mtime_ns = 0,
	  .ctime_ns = INT64_MIN,
	  .dev = UINT64_MAX,
	  .ino = UINT64_MAX,
	  .nlink = UINT64_MAX,
	  .rank = UINT32_MAX,
	  .flags = UINT8_MAX },
};

static void assert_same(const struct meta *a, const struct meta *b)
{
	assert_int_equal(a->mode, b->mode);
	assert_int_equal(a->uid, b->uid);
	assert_int_equal(a->gid, b->gid);
	assert_true(a->mtime_ns == b->mtime_ns);
	assert_true(a->ctime_ns == b->ctime_ns);
	assert_true(a->dev == b->dev);
	assert_true(a->ino == b->ino);
	assert_true(a->nlink == b->nlink);
	assert_int_equal(a->rank, b->rank);
	assert_int_equal(a->flags, b->flags);
}

static void comes_back_from_the_manifest(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(samples); i++) {
		unsigned char packed[META_PACKED_MAX];
		struct meta back;
		size_t size = meta_pack(&samples[i], packed);
		assert_in_range(size, 1, META_PACKED_MAX);
		assert_true(meta_unpack(packed, size, &back));
		assert_same(&back, &samples[i]);
	}
}

static void packs_an_ordinary_file_small(void **state)
{
	(void)state;
	unsigned char packed[META_PACKED_MAX];
	assert_in_range(meta_pack(&samples[1], packed), 1, 24);
}

static void has_the_documented_bytes(void **state)
{
	(void)state;
	static const unsigned char wanted[] = { 1,    1,    0xff, 0xff, 0xff, 0xff, 0xff,
						0xff, 0xff, 0xff, 0xa4, 3,    2,    0xc8,
						1,    5,    6,    7,    8 };
	struct meta meta = { .mode = 0x1a4,
			     .uid = 2,
			     .gid = 200,
			     .mtime_ns = -1,
			     .ctime_ns = -4,
			     .dev = 6,
			     .ino = 7,
			     .nlink = 8,
			     .flags = META_FOLLOWED };
	unsigned char packed[META_PACKED_MAX];
	assert_int_equal(meta_pack(&meta, packed), sizeof wanted);
	assert_memory_equal(packed, wanted, sizeof wanted);
}

static void keeps_a_rank_that_is_not_the_first(void **state)
{
	(void)state;
	unsigned char first[META_PACKED_MAX], packed[META_SIZE_MAX];
	struct meta meta = samples[1], back;
	const size_t plain = meta_pack(&meta, first);
	meta.rank = 300;
	size_t size = meta_pack(&meta, packed);
	assert_int_equal(size, plain + 2);
	assert_memory_equal(packed + 2, first + 2, plain - 2);
	assert_int_equal(packed[1], first[1] | META_RANKED);
	meta_set_merged(packed);
	size = meta_append_attributes(packed, size, (const unsigned char *)"abc", 3);
	assert_true(meta_unpack(packed, size, &back));
	assert_int_equal(back.rank, 300);
	assert_int_equal(back.flags, samples[1].flags | META_RANKED | META_MERGED);
	const unsigned char *attributes;
	assert_int_equal(meta_attributes(packed, size, &attributes), 3);
	first[1] |= META_RANKED; /* without a rank, or with the first */
	assert_false(meta_unpack(first, plain, &back));
	memcpy(packed, first, plain);
	packed[plain] = 0;
	assert_false(meta_unpack(packed, plain + 1, &back));
}

static void refuses_what_is_cut_or_too_long(void **state)
{
	(void)state;
	unsigned char packed[META_PACKED_MAX + 1] = { 0 };
	struct meta back = { .ino = 99 };
	size_t size = meta_pack(&samples[5], packed);
	for (size_t cut = 0; cut < size; cut++)
		assert_false(meta_unpack(packed, cut, &back));
	packed[size] = 0;
	assert_false(meta_unpack(packed, size + 1, &back));
	packed[0] = 2;
	assert_false(meta_unpack(packed, size, &back));
	assert_true(back.ino == 99);
}

static void attributes_follow_in_version_2(void **state)
{
	(void)state;
	unsigned char packed[META_SIZE_MAX];
	const unsigned char *found;
	struct meta back;
	const size_t size = meta_pack(&samples[1], packed);
	assert_int_equal(meta_attributes(packed, size, &found), 0);
	assert_int_equal(meta_append_attributes(packed, size, NULL, 0), size);
	assert_int_equal(packed[0], 1);
	const size_t all = meta_append_attributes(packed, size, (const unsigned char *)"abc", 3);
	assert_int_equal(all, size + 3);
	assert_int_equal(packed[0], 2);
	assert_int_equal(meta_attributes(packed, all, &found), 3);
	assert_memory_equal(found, "abc", 3);
	assert_true(meta_unpack(packed, all, &back));
	assert_true(back.mtime_ns == samples[1].mtime_ns && back.ino == samples[1].ino);
	packed[0] = 1;
	assert_int_equal(meta_attributes(packed, all, &found), 0);
}

static void refuses_numbers_that_do_not_fit(void **state)
{
	(void)state;
	struct meta back;
	/* A mode of 2^32, and a number of more than 64 bits. */
	unsigned char mode[] = { 1,    0,    0,    0,    0, 0, 0, 0, 0, 0, 0x80,
				 0x80, 0x80, 0x80, 0x10, 0, 0, 0, 0, 0, 0 };
	assert_false(meta_unpack(mode, sizeof mode, &back));
	mode[14] = 0x0f;
	assert_true(meta_unpack(mode, sizeof mode, &back));
	unsigned char nlink[10 + 6 + 10] = { 1 };
	memset(nlink + 16, 0xff, 9);
	nlink[25] = 1;
	assert_true(meta_unpack(nlink, sizeof nlink, &back));
	assert_true(back.nlink == UINT64_MAX);
	nlink[25] = 2;
	assert_false(meta_unpack(nlink, sizeof nlink, &back));
}

static void comes_back_from_a_slot(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(samples); i++) {
		unsigned char packed[META_OUTCOME_SIZE];
		meta_pack_outcome(&samples[i], packed);
		struct meta back = meta_unpack_outcome(packed), wanted = samples[i];
		wanted.dev = wanted.ino = wanted.nlink = wanted.rank = wanted.flags = 0;
		assert_same(&back, &wanted);
	}
}

static void takes_everything_from_a_stat(void **state)
{
	(void)state;
	struct stat st = { .st_mode = S_IFREG | 0600,
			   .st_uid = 3,
			   .st_gid = 4,
			   .st_dev = 5,
			   .st_ino = 6,
			   .st_nlink = 7,
			   .st_mtim = { -1, 999999999 },
			   .st_ctim = { INT64_MAX / 2, 0 } };
	struct meta meta = meta_from_stat(&st);
	assert_same(&meta, &(struct meta){ .mode = S_IFREG | 0600,
					   .uid = 3,
					   .gid = 4,
					   .dev = 5,
					   .ino = 6,
					   .nlink = 7,
					   .mtime_ns = -1,
					   .ctime_ns = INT64_MAX });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back_from_the_manifest),
		cmocka_unit_test(packs_an_ordinary_file_small),
		cmocka_unit_test(has_the_documented_bytes),
		cmocka_unit_test(keeps_a_rank_that_is_not_the_first),
		cmocka_unit_test(refuses_what_is_cut_or_too_long),
		cmocka_unit_test(attributes_follow_in_version_2),
		cmocka_unit_test(refuses_numbers_that_do_not_fit),
		cmocka_unit_test(comes_back_from_a_slot),
		cmocka_unit_test(takes_everything_from_a_stat),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
