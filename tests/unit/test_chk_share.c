#include "tahoe/chk_share.h"

#include "tests/unit/facts.h"
#include "tests/unit/hex.h"

/* Of a file of 300,000 bytes, 3 of 10, and one of 5 GiB, 1 of 1: UEBs with hashes of bytes 1, 2 and
 * 3, as pack_extension of tahoe-lafs 1.20.0 makes them, allmydata/uri.py; headers and sizes of
 * WriteBucketProxy and WriteBucketProxy_v2, allmydata/immutable/layout.py. */
static const struct {
	struct chk_params params;
	uint64_t size, share_size;
	const char *header, *ueb;
} forms[] = {
	{ { .k = 3, .n = 10, .max_segment_size = CHK_SEGMENT_SIZE },
	  300000,
	  100632,
	  "00000001000186a0000186a000000024000186c4000186e40001870400018724000187ce",
	  "codec_name:3:crs,codec_params:11:300000-3-10,crypttext_hash:32:#1,"
	  "crypttext_root_hash:32:#2,needed_shares:1:3,num_segments:1:1,segment_size:6:300000,"
	  "share_root_hash:32:#3,size:6:300000,tail_codec_params:11:300000-3-10,"
	  "total_shares:2:10," },
	{ { .k = 1, .n = 1, .max_segment_size = CHK_SEGMENT_SIZE },
	  UINT64_C(5) << 30,
	  5370282332,
	  "0000000200000000001000000000000140000000000000000000004400000001400000440000000140080024"
	  "0000000140100004000000014017ffe40000000140180006",
	  "codec_name:3:crs,codec_params:11:1048576-1-1,crypttext_hash:32:#1,"
	  "crypttext_root_hash:32:#2,needed_shares:1:1,num_segments:4:5120,segment_size:7:1048576,"
	  "share_root_hash:32:#3,size:10:5368709120,tail_codec_params:11:1048576-1-1,"
	  "total_shares:1:1," },
};

static void headers_and_extension_blocks_are_those_of_tahoe(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
		const struct chk_params *params = &forms[i].params;
		struct chk_layout layout;
		struct chk_roots roots;
		unsigned char header[CHK_HEADER_MAX], header_expected[CHK_HEADER_MAX];
		unsigned char ueb[CHK_UEB_MAX], expected[CHK_UEB_MAX];
		size_t size = 0;
		for (const char *at = forms[i].ueb; *at; at++)
			if (*at == '#') {
				memset(expected + size, *++at - '0', DIGEST_SIZE);
				size += DIGEST_SIZE;
			} else {
				expected[size++] = (unsigned char)*at;
			}
		memset(roots.crypttext, 1, DIGEST_SIZE);
		memset(roots.crypttext_root, 2, DIGEST_SIZE);
		memset(roots.share_root, 3, DIGEST_SIZE);
		assert_int_equal(chk_layout_of(params, forms[i].size, &layout, NULL), FAULT_NONE);
		assert_int_equal(layout.share_size, forms[i].share_size);
		assert_int_equal(chk_shares_size(params, forms[i].size),
				 params->n * forms[i].share_size);
		assert_int_equal(chk_header_write(&layout, params->k, header),
				 hex_bytes(forms[i].header, header_expected));
		assert_memory_equal(header, header_expected, layout.data_offset);
		assert_int_equal(chk_ueb_write(&layout, params->k, params->n, &roots, ueb), size);
		assert_int_equal(layout.ueb_size, size);
		assert_memory_equal(ueb, expected, size);
	}
}

/* One whose hash a forged cap has: each field has to be what the others ask for. */
static void an_extension_block_may_not_contradict_itself(void **state)
{
	(void)state;
	const struct chk_params *params = &forms[0].params;
	struct chk_layout layout;
	struct chk_roots roots, back;
	unsigned char ueb[CHK_UEB_MAX];
	memset(&roots, 7, sizeof roots);
	assert_int_equal(chk_layout_of(params, forms[0].size, &layout, NULL), FAULT_NONE);
	const size_t size = chk_ueb_write(&layout, params->k, params->n, &roots, ueb);
	assert_true(chk_ueb_read(&layout, params->k, params->n, ueb, &back));
	assert_memory_equal(&back, &roots, sizeof roots);
	assert_false(chk_ueb_read(&layout, params->k, params->n + 1, ueb, &back));
	for (size_t at = 0; at < size; at++) {
		const bool hash = ueb[at] == 7;
		ueb[at] ^= 1;
		assert_int_equal(chk_ueb_read(&layout, params->k, params->n, ueb, &back), hash);
		ueb[at] ^= 1;
	}
}

/* Computed by tahoe-lafs 1.20.0: HashTree of allmydata/hashtree.py over three leaves, which are of
 * bytes 1, 2 and 3. */
static void trees_are_completed_as_by_tahoe(void **state)
{
	(void)state;
	static const char *const nodes[] = {
		"c3a16fe5a278b42b9b46824bb793d0bb80bbe70f018cb21fd3d74ba1de43e1cc",
		"29c2d1c651cb930ac440c4fbedc2dcd489a8e0ae95c2ad2370a81e5c958f98e4",
		"69234b2fb3681c934b428171b00e4ea3b96c5def17aa3ac34b7321a315344525",
		"0101010101010101010101010101010101010101010101010101010101010101",
		"0202020202020202020202020202020202020202020202020202020202020202",
		"0303030303030303030303030303030303030303030303030303030303030303",
		"9ed59076b6bee6b75864630c3c20cff6934efe03a60a7fd28b69542fb13a68a3",
	};
	unsigned char tree[7 * DIGEST_SIZE] = { 0 }, expected[DIGEST_SIZE];
	static const uint64_t leaves[][2] = { { 0, 1 }, { 1, 1 }, { 2, 2 },
					      { 3, 4 }, { 4, 4 }, { 5, 8 } };
	for (size_t i = 0; i < ARRAY_COUNT(leaves); i++)
		assert_int_equal(chk_tree_leaves(leaves[i][0]), leaves[i][1]);
	for (size_t i = 0; i < 3; i++)
		memset(tree + (3 + i) * DIGEST_SIZE, (int)i + 1, DIGEST_SIZE);
	chk_tree_complete(tree, 3);
	for (size_t i = 0; i < 7; i++) {
		assert_int_equal(hex_bytes(nodes[i], expected), DIGEST_SIZE);
		assert_memory_equal(tree + i * DIGEST_SIZE, expected, DIGEST_SIZE);
	}
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(headers_and_extension_blocks_are_those_of_tahoe),
		cmocka_unit_test(an_extension_block_may_not_contradict_itself),
		cmocka_unit_test(trees_are_completed_as_by_tahoe),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
