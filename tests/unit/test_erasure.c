#include "tahoe/erasure.h"

#include "tests/unit/facts.h"

#include <sys/mman.h>

/*
 * The first `period` bytes of the blocks k..n-1, one behind the other, as zfec makes them from the
 * primary blocks of `data_byte`.  The bytes of a block repeat them, as each is coded by itself.
 */
struct code {
	unsigned k, n, period;
	const char *hex;
};

static const struct code codes[] = {
	{ 1, 3, 7, "0368cd3297fc610368cd3297fc61" },
	{ 3, 10, 7,
	  "873056cb0ec9f9d6bc13fa42065293509f23ef6f7fa216825a7c32a016acd8d7308e2d1c1df13169f392"
	  "e925ed43f8692b" },
	{ 7, 20, 7,
	  "b8fa44988bc5200ab031ed23846828d4c46a6364dd6d7c4bf43afaaacafc036014dd90ec720062122e68"
	  "6c1a36e67abacc75677c18eed560203627de96f8ab51379860db6f719b55499897f9c303c1c0f9b23065"
	  "94963a89dfd2ec" },
	{ 25, 100, 3,
	  "29c18cf6444519489eead4731efd4b67b04d20d02f45812bfc16e957e7f00dc531a367c932aed1c6e046"
	  "e629e2df62151041b5940c2a742af833f760564310c28184c986b4c4b73369df4a39cd625cd0c475dc75"
	  "b45c59bc4bb4516591823a3127cc4f782fc2a96581c1a39b7bf7744a83a9ff13c0abae650ff6a4b871be"
	  "1a843ff807fffd41f6ab7b446a2a6138e167a9055978e8b49ec810c3bcd87b88b4f586ab4c8c32b237ac"
	  "77913e2589ebda50717160dcdd3b82ae2b618ace4838cd0f658a506d895822f194a54e6d0f7e692e97f3"
	  "8f15073a9fd60f7a4156b36f1635ef" },
	{ 101, 256, 3,
	  "de33590ac39a28b1a09efc52c61297b417bd24b2861bc7ef5288b63709ef9a8576d655c157e915da3511"
	  "bdf7f2981461808a977aa3e9eab1e8a8620602d48e0dc52d91628145eb6be09df11d10dcd4223c113d5e"
	  "87c52f12617a31e8e223d77135baea64da412c2b7342fb00d7f1c47c73e91d4e3f9b63f66b0d128f884f"
	  "415c926b4081cfc520e464652a5c37cca63d61111ec06ca21d83bca5a38664160bacdc3b4568c3e4a5a0"
	  "92563f09c96c84e1944775c3b2d308c1600185be9ab76f7a03d4a3f57c03261af338d9838f8e743717bd"
	  "c84b6f223c4350d441f93c25b15662ca4b8f72c21178de950bf190c3a8e7640414861179d04d2742816a"
	  "c3d9593d5ac22d437789595efd9ba18e8b221e8cdf7a86fbf6c0a913760d0a30288d0c18deecdd770cbb"
	  "c76282dfcc1905bc6aa809f81e12b35a64100111f59d7c41f034081dcc3b6924e4e1756919e3e8bcef65"
	  "cf8eb97d396760dc3b9efc3557d29219f8ac1d932bba35811bd2ad84ca96e773df4b4e8795eff01ae982"
	  "3c10081e1d050ed507c04a11d00b624197329408fa96d0de2c3b753c1d95dfd86c357037660d5e9653f8"
	  "45b78be6187f49a65ef851b551d348b303274f1a17f5222b627d684688485f2db3750ca664024fcaa74f"
	  "86b5d0" },
	{ 255, 256, 7, "ea4bac0d6ecf30" },
	{ 256, 256, 7, "" },
};

/* The i-th number is (start + i * step) % n.  Every step has no divisor in common with n. */
struct choice {
	unsigned start, step;
};

/* Bytes that end where nothing may be read or written. */
struct fenced {
	unsigned char *map, *data;
	size_t map_size;
};

enum { PAGE = 4096 };

static const size_t sizes[] = { 0, 1, 15, 31, 33, 64, 1000 };

static struct fenced fenced_new(size_t size)
{
	const size_t room = (size + PAGE - 1) / PAGE * PAGE;
	struct fenced made = { .map_size = room + PAGE };
	made.map = mmap(NULL, made.map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	assert_ptr_not_equal(made.map, MAP_FAILED);
	assert_int_equal(mprotect(made.map + room, PAGE, PROT_NONE), 0);
	made.data = made.map + room - size;
	return made;
}

static void fenced_free(struct fenced fenced)
{
	assert_int_equal(munmap(fenced.map, fenced.map_size), 0);
}

static unsigned char data_byte(unsigned block, unsigned column)
{
	return (unsigned char)(block * block * 6 + block * 31 + column * 101 + block * column * 4 +
			       3);
}

static unsigned char code_byte(const struct code *code, unsigned block, size_t at)
{
	const unsigned column = (unsigned)(at % code->period);
	if (block < code->k)
		return data_byte(block, column);
	const char *hex = code->hex + 2 * ((block - code->k) * code->period + column);
	const char digits[3] = { hex[0], hex[1] };
	return (unsigned char)strtoul(digits, NULL, 16);
}

static struct erasure *erasure_of(const struct code *code, const unsigned char *numbers)
{
	struct erasure *erasure = NULL;
	struct err err;
	assert_int_equal(erasure_new(code->k, code->n, numbers, &erasure, &err), FAULT_NONE);
	return erasure;
}

static void decode(const struct code *code, const unsigned char *numbers, size_t size)
{
	struct erasure *erasure = erasure_of(code, numbers);
	struct fenced fences[ERASURE_BLOCKS_MAX];
	const unsigned char *blocks[ERASURE_BLOCKS_MAX];
	const struct fenced out = fenced_new(code->k * size);
	for (unsigned i = 0; i < code->k; i++) {
		fences[i] = fenced_new(size);
		blocks[i] = fences[i].data;
		for (size_t at = 0; at < size; at++)
			fences[i].data[at] = code_byte(code, numbers[i], at);
	}
	erasure_decode(erasure, blocks, size, out.data);
	for (unsigned i = 0; i < code->k; i++) {
		for (size_t at = 0; at < size; at++) {
			assert_int_equal(out.data[i * size + at], code_byte(code, i, at));
			assert_int_equal(blocks[i][at], code_byte(code, numbers[i], at));
		}
		fenced_free(fences[i]);
	}
	fenced_free(out);
	erasure_free(erasure);
}

static void decode_all_sizes(const struct code *code, struct choice choice)
{
	unsigned char numbers[ERASURE_BLOCKS_MAX];
	for (unsigned i = 0; i < code->k; i++)
		numbers[i] = (unsigned char)((choice.start + i * choice.step) % code->n);
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++)
		decode(code, numbers, sizes[i]);
}

static void primary_blocks_go_to_their_places(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(codes); i++)
		decode_all_sizes(&codes[i], (struct choice){ codes[i].k - 1, codes[i].n - 1 });
}

static void the_last_blocks_of_zfec_give_the_data(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(codes); i++)
		decode_all_sizes(&codes[i], (struct choice){ codes[i].n - codes[i].k, 1 });
}

static void a_mixture_of_blocks_gives_the_data(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
		decode_all_sizes(&codes[i], (struct choice){ codes[i].n - 1, 7 });
		decode_all_sizes(&codes[i], (struct choice){ 1, 7 });
	}
}

static void every_three_of_ten_give_the_data(void **state)
{
	(void)state;
	const struct code *code = &codes[1];
	unsigned char numbers[3];
	for (unsigned i = 0; i < 1000; i++) {
		numbers[0] = (unsigned char)(i / 100);
		numbers[1] = (unsigned char)(i / 10 % 10);
		numbers[2] = (unsigned char)(i % 10);
		if (numbers[0] != numbers[1] && numbers[0] != numbers[2] &&
		    numbers[1] != numbers[2])
			decode(code, numbers, 33);
	}
}

static void encode(const struct code *code, size_t size)
{
	struct erasure *erasure = NULL;
	struct err err;
	const struct fenced data = fenced_new(code->k * size);
	assert_int_equal(erasure_new_encoder(code->k, code->n, &erasure, &err), FAULT_NONE);
	for (size_t i = 0; i < code->k * size; i++)
		data.data[i] = code_byte(code, (unsigned)(i / size), i % size);
	for (unsigned first = code->k; first < code->n;) {
		const unsigned left = code->n - first;
		const unsigned count = left < ERASURE_GROUP ? left : ERASURE_GROUP;
		const struct fenced out = fenced_new(count * size);
		assert_int_equal(erasure_encode(erasure, first, data.data, size, out.data), count);
		for (size_t i = 0; i < count * size; i++)
			assert_int_equal(out.data[i],
					 code_byte(code, first + (unsigned)(i / size), i % size));
		fenced_free(out);
		first += count;
	}
	fenced_free(data);
	erasure_free(erasure);
}

static void makes_the_blocks_of_zfec(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(codes); i++)
		for (size_t j = 0; j < ARRAY_COUNT(sizes); j++)
			encode(&codes[i], sizes[j]);
}

static void refuses_what_is_no_code(void **state)
{
	(void)state;
	static const struct {
		unsigned k, n;
		unsigned char numbers[3];
		const char *why;
	} bad[] = {
		{ 0, 3, { 0 }, "no erasure code has 0 of 3 blocks" },
		{ 0, 0, { 0 }, "no erasure code has 0 of 0 blocks" },
		{ 3, 2, { 0, 1, 2 }, "no erasure code has 3 of 2 blocks" },
		{ 3, 257, { 0, 1, 2 }, "no erasure code has 3 of 257 blocks" },
		{ 3, 10, { 0, 1, 10 }, "block 10 of 10 does not exist" },
		{ 3, 10, { 255, 1, 2 }, "block 255 of 10 does not exist" },
		{ 3, 10, { 4, 1, 4 }, "block 4 is given twice" },
		{ 3, 10, { 0, 0, 1 }, "block 0 is given twice" },
		{ 3, 10, { 9, 8, 8 }, "block 8 is given twice" },
	};
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		struct erasure *erasure = NULL;
		struct err err;
		assert_int_equal(erasure_new(bad[i].k, bad[i].n, bad[i].numbers, &erasure, &err),
				 FAULT_USAGE);
		assert_string_equal(err.text, bad[i].why);
		assert_null(erasure);
	}
	struct erasure *none = NULL;
	struct err err;
	assert_int_equal(erasure_new_encoder(3, 2, &none, &err), FAULT_USAGE);
	assert_int_equal(erasure_new_encoder(0, 2, &none, &err), FAULT_USAGE);
	assert_int_equal(erasure_new_encoder(3, 257, &none, &err), FAULT_USAGE);
	assert_null(none);
	erasure_free(NULL);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(primary_blocks_go_to_their_places),
		cmocka_unit_test(the_last_blocks_of_zfec_give_the_data),
		cmocka_unit_test(a_mixture_of_blocks_gives_the_data),
		cmocka_unit_test(every_three_of_ten_give_the_data),
		cmocka_unit_test(makes_the_blocks_of_zfec),
		cmocka_unit_test(refuses_what_is_no_code),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
