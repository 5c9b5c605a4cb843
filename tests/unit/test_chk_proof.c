#include "tahoe/chk_proof.h"
#include "tahoe/chk_share.h"

#include "tests/unit/facts.h"

struct shape {
	size_t size;
	uint16_t k, n;
	uint32_t segment;
};

/* Tails, one segment and several, one share and a tree that is not full. */
static const struct shape shapes[] = {
	{ 56, 1, 1, 1 << 20 },    { 3001, 3, 10, 1 << 20 }, { 3001, 3, 5, 1000 },
	{ 100000, 2, 3, 4096 },   { 4096, 4, 4, 1024 },     { 70000, 1, 7, 30000 },
	{ 2500, 101, 256, 1000 },
};

static struct chk_shares *make(const struct shape *shape)
{
	const struct chk_params params = { .k = shape->k,
					   .n = shape->n,
					   .max_segment_size = shape->segment };
	unsigned char *data = malloc(shape->size);
	struct chk_shares *shares = NULL;
	struct err err;
	assert_non_null(data);
	for (size_t i = 0; i < shape->size; i++)
		data[i] = (unsigned char)(i * 7 + (i >> 8) * 13);
	assert_int_equal(chk_shares_of(&params, data, shape->size, &shares, &err), FAULT_NONE);
	free(data);
	return shares;
}

static struct err why; /* of the last proof that failed */

/* Gives `size` bytes to a proof, `step` at a time. */
static enum fault prove(const struct cap *cap, unsigned number, const unsigned char *data,
			size_t size, size_t step)
{
	struct chk_proof *proof = NULL;
	enum fault fault = chk_proof_new(cap, number, &proof, &why);
	for (size_t at = 0; at < size && !fault; at += step)
		fault = chk_proof_take(proof, data + at, size - at < step ? size - at : step, &why);
	if (!fault)
		fault = chk_proof_end(proof, &why);
	chk_proof_free(proof);
	return fault;
}

static void shares_are_proven(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(shapes); i++) {
		struct chk_shares *shares = make(&shapes[i]);
		for (unsigned n = 0; n < shares->count; n++) {
			const unsigned char *share = shares->data + n * shares->share_size;
			const size_t step = n % 3 ? 1000 : 7;
			assert_int_equal(prove(&shares->cap, n, share, shares->share_size, step),
					 FAULT_NONE);
			if (shapes[i].k > 1) /* else all of them have the same blocks */
				assert_int_equal(prove(&shares->cap, (n + 1) % shares->count, share,
						       shares->share_size, step),
						 FAULT_CORRUPT);
		}
		chk_shares_free(shares);
	}
}

/* Where a byte is in a share that no hash covers. */
static bool is_free(const struct shape *shape, size_t at)
{
	const struct chk_params params = { .k = shape->k,
					   .n = shape->n,
					   .max_segment_size = shape->segment };
	struct chk_layout layout;
	struct err err;
	assert_int_equal(chk_layout_of(&params, shape->size, &layout, &err), FAULT_NONE);
	return at >= layout.data_offset + layout.data_size && at < layout.crypttext_tree_offset;
}

static void a_flipped_bit_is_found_wherever_it_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct chk_shares *shares = make(&shapes[i]);
		const size_t size = (size_t)shares->share_size;
		const size_t stride = size > 6000 ? 61 : 1;
		unsigned char *share = shares->data;
		for (size_t at = 0; at < size; at += stride) {
			share[at] ^= 0x10;
			enum fault fault = prove(&shares->cap, 0, share, size, 4096);
			if (is_free(&shapes[i], at))
				assert_int_equal(fault, FAULT_NONE);
			else
				assert_int_not_equal(fault, FAULT_NONE);
			share[at] ^= 0x10;
		}
		chk_shares_free(shares);
	}
}

static void what_is_cut_or_goes_on_is_no_share(void **state)
{
	(void)state;
	struct chk_shares *shares = make(&shapes[2]);
	const size_t size = (size_t)shares->share_size;
	assert_int_equal(prove(&shares->cap, 0, shares->data, size + 1, 500), FAULT_CORRUPT);
	assert_string_equal(why.text, "the share is too long");
	for (size_t less = 1; less < size; less += 13) {
		assert_int_equal(prove(&shares->cap, 0, shares->data, size - less, 500),
				 FAULT_CORRUPT);
		assert_string_equal(why.text, "the share is too short");
	}
	assert_int_equal(prove(&shares->cap, 0, shares->data, 0, 500), FAULT_CORRUPT);
	chk_shares_free(shares);
}

static void write_header(const struct cap *cap, uint32_t segment, struct chk_layout *layout,
			 unsigned char header[CHK_HEADER_MAX])
{
	const struct chk_params params = { .k = cap->needed,
					   .n = cap->total,
					   .max_segment_size = segment };
	struct err err;
	assert_int_equal(chk_layout_of(&params, cap->size, layout, &err), FAULT_NONE);
	assert_int_equal(chk_header_write(layout, cap->needed, header), layout->data_offset);
}

/* Before the header has come, the shorter of the two. */
static void the_header_says_what_is_left(void **state)
{
	(void)state;
	static const struct cap caps[] = {
		{ .kind = CAP_CHK, .needed = 3, .total = 10, .size = 300000 },
		{ .kind = CAP_CHK, .needed = 1, .total = 1, .size = UINT64_C(5) << 30 },
	};
	for (size_t i = 0; i < ARRAY_COUNT(caps); i++) {
		struct chk_layout layout;
		struct chk_proof *proof = NULL;
		unsigned char header[CHK_HEADER_MAX];
		struct err err;
		write_header(&caps[i], CHK_SEGMENT_SIZE, &layout, header);
		assert_int_equal(layout.wide, i == 1);
		assert_int_equal(chk_proof_new(&caps[i], 0, &proof, &err), FAULT_NONE);
		for (uint64_t at = 0; at < layout.data_offset; at++) {
			assert_int_equal(chk_proof_left(proof),
					 (layout.wide && at >= 4 ? 68 : 36) - at);
			assert_int_equal(chk_proof_take(proof, header + at, 1, &err), FAULT_NONE);
		}
		assert_int_equal(chk_proof_left(proof), layout.share_size - layout.data_offset);
		chk_proof_free(proof);
	}
	chk_proof_free(NULL);
}

/* By the size of blocks, which is the fourth byte of a header and those behind it. */
static void a_header_has_to_be_possible(void **state)
{
	(void)state;
	static const struct cap cap = {
		.kind = CAP_CHK, .needed = 2, .total = 2, .size = UINT64_C(1) << 33
	};
	static const struct {
		uint32_t block;
		enum fault fault;
	} row[] = {
		{ 0, FAULT_CORRUPT },          { UINT32_MAX, FAULT_CORRUPT },
		{ 0x80000000, FAULT_CORRUPT }, { 0x7fffffff, FAULT_NONE },
		{ 1 << 19, FAULT_NONE },
	};
	for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
		struct chk_layout layout;
		struct chk_proof *proof = NULL;
		unsigned char header[CHK_HEADER_MAX];
		struct err err;
		write_header(&cap, row[i].fault ? 1 << 20 : 2 * row[i].block, &layout, header);
		assert_true(layout.wide);
		for (unsigned byte = 0; byte < 4; byte++)
			header[8 + byte] = (unsigned char)(row[i].block >> 8 * (3 - byte));
		assert_int_equal(chk_proof_new(&cap, 0, &proof, &err), FAULT_NONE);
		assert_int_equal(chk_proof_take(proof, header, layout.data_offset, &err),
				 row[i].fault);
		chk_proof_free(proof);
	}
}

/* Two trees over 2^18 segments are 32 MiB, and with one segment more twice that. */
static void trees_that_are_too_large_are_not_kept(void **state)
{
	(void)state;
	static const struct {
		uint64_t segments;
		enum fault fault;
	} row[] = { { 1 << 18, FAULT_NONE }, { (1 << 18) + 1, FAULT_TOO_LARGE } };
	for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
		const struct cap cap = {
			.kind = CAP_CHK, .needed = 1, .total = 1, .size = row[i].segments << 20
		};
		struct chk_layout layout;
		struct chk_proof *proof = NULL;
		unsigned char header[CHK_HEADER_MAX];
		struct err err;
		write_header(&cap, 1 << 20, &layout, header);
		assert_int_equal(chk_proof_new(&cap, 0, &proof, &err), FAULT_NONE);
		assert_int_equal(chk_proof_take(proof, header, layout.data_offset, &err),
				 row[i].fault);
		chk_proof_free(proof);
	}
}

static void a_verifier_is_enough_and_another_cap_is_not(void **state)
{
	(void)state;
	struct chk_shares *shares = make(&shapes[1]), *others = make(&shapes[2]);
	struct cap verifier;
	assert_true(cap_to_verifier(&shares->cap, &verifier));
	assert_int_equal(prove(&verifier, 0, shares->data, shares->share_size, 4096), FAULT_NONE);
	assert_int_equal(prove(&others->cap, 0, shares->data, shares->share_size, 4096),
			 FAULT_CORRUPT);
	chk_shares_free(shares);
	chk_shares_free(others);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_are_proven),
		cmocka_unit_test(a_flipped_bit_is_found_wherever_it_is),
		cmocka_unit_test(what_is_cut_or_goes_on_is_no_share),
		cmocka_unit_test(the_header_says_what_is_left),
		cmocka_unit_test(a_header_has_to_be_possible),
		cmocka_unit_test(trees_that_are_too_large_are_not_kept),
		cmocka_unit_test(a_verifier_is_enough_and_another_cap_is_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
