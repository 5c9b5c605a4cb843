#include "tahoe/slot_make.h"

#include "tests/unit/facts.h"

enum { MAX = 1 << 20 };

static struct mutable_key key;

static int make_key(void **state)
{
	struct err err;
	(void)state;
	return mutable_key_generate(&key, &err);
}

static struct slot_shares *make(unsigned k, unsigned n, const char *data, size_t size)
{
	const struct chk_params params = { .k = (uint16_t)k, .n = (uint16_t)n };
	struct slot_shares *shares = NULL;
	struct err err;
	assert_int_equal(slot_shares_new(&key, &params, data, size, &shares, &err), FAULT_NONE);
	assert_int_equal(shares->count, n);
	assert_true(cap_equal(&shares->cap, &key.cap));
	assert_true(n * shares->share_size <= slot_shares_size(&params, size));
	return shares;
}

/* Reads the contents back from the last k shares. */
static void assert_read(const struct slot_shares *shares, const char *data, size_t size)
{
	struct slot_share share[20];
	const unsigned k = shares->version.needed;
	struct bytes out;
	struct err err;
	for (unsigned i = 0; i < shares->count; i++) {
		struct slot_share *at = &share[i % k];
		assert_int_equal(slot_share_read(shares->data + i * shares->share_size,
						 shares->share_size, MAX, at, &err),
				 FAULT_NONE);
		at->number = i;
		assert_true(slot_same_version(&at->version, &shares->version));
		assert_int_equal(slot_prove_version(&key.cap, at, &err), FAULT_NONE);
		assert_int_equal(slot_prove_blocks(at, &err), FAULT_NONE);
	}
	bytes_init(&out, MAX);
	assert_int_equal(slot_decode(&key.cap, share, &out, &err), FAULT_NONE);
	assert_int_equal(out.size, size);
	assert_memory_equal(bytes_text(&out), data, size);
	bytes_fini(&out);
}

static void shares_give_back_what_they_were_made_of(void **state)
{
	(void)state;
	static const unsigned code[][2] = { { 1, 1 }, { 1, 4 }, { 2, 3 }, { 3, 10 }, { 20, 255 } };
	static const size_t size[] = { 0, 1, 27, 5000 };
	static char data[5000];
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (char)(i * i);
	for (size_t i = 0; i < ARRAY_COUNT(code); i++)
		for (size_t j = 0; j < ARRAY_COUNT(size); j++) {
			struct slot_shares *shares = make(code[i][0], code[i][1], data, size[j]);
			assert_read(shares, data, size[j]);
			slot_shares_free(shares);
		}
}

static void the_same_contents_are_the_same_version(void **state)
{
	(void)state;
	struct slot_shares *one = make(2, 3, "contents", 8), *again = make(2, 3, "contents", 8);
	struct slot_shares *other = make(2, 3, "contentS", 8);
	assert_true(slot_same_version(&one->version, &again->version));
	assert_false(slot_same_version(&one->version, &other->version));
	assert_memory_not_equal(one->version.salt, other->version.salt, SLOT_SALT_SIZE);
	slot_shares_free(one);
	slot_shares_free(again);
	slot_shares_free(other);
}

/* Encrypted by the write key, as a block is by its own: whoever may write finds it at the end. */
static void the_private_key_is_in_each_share(void **state)
{
	(void)state;
	struct slot_shares *shares = make(2, 3, "contents", 8);
	struct chk_cipher cipher;
	struct err err;
	assert_int_equal(chk_cipher_init(&cipher, &err), FAULT_NONE);
	for (unsigned i = 0; i < shares->count; i++) {
		unsigned char der[MUTABLE_DER_MAX];
		const unsigned char *end = shares->data + (i + 1) * shares->share_size;
		chk_cipher_start(&cipher, key.cap.key, 0);
		chk_cipher_apply(&cipher, end - key.der_size, der, key.der_size);
		assert_memory_equal(der, key.der, key.der_size);
	}
	chk_cipher_fini(&cipher);
	slot_shares_free(shares);
	slot_shares_free(NULL);
}

static void impossible_codes_are_refused(void **state)
{
	(void)state;
	static const uint16_t code[][2] = { { 0, 1 }, { 2, 1 }, { 3, 256 } };
	for (size_t i = 0; i < ARRAY_COUNT(code); i++) {
		const struct chk_params params = { .k = code[i][0], .n = code[i][1] };
		struct slot_shares *shares = NULL;
		struct err err;
		assert_int_equal(slot_shares_new(&key, &params, "x", 1, &shares, &err),
				 FAULT_USAGE);
	}
}

/* Computed by tahoe-lafs 1.20.0: allmydata.util.hashutil.ssk_write_enabler_hash. */
static void the_write_enabler_is_the_gateways(void **state)
{
	(void)state;
	static const unsigned char expected[] = { 0xf3, 0x6d, 0x7a, 0x65, 0xab, 0x7e, 0x5d, 0xe7,
						  0x7e, 0x14, 0xe0, 0xdc, 0x06, 0x75, 0xbb, 0x5f,
						  0x24, 0x46, 0x80, 0x6e, 0x4f, 0xd2, 0xd4, 0x85,
						  0x56, 0xf8, 0x3a, 0x6f, 0xb6, 0xb6, 0x1b, 0x65 };
	struct cap cap = { .kind = CAP_DIR2 };
	unsigned char server[LEASE_SERVER_SIZE], out[DIGEST_SIZE];
	for (unsigned char i = 0; i < CAP_KEY_SIZE; i++)
		cap.key[i] = i;
	for (unsigned char i = 0; i < LEASE_SERVER_SIZE; i++)
		server[i] = (unsigned char)(100 + i);
	slot_write_enabler(&cap, server, out);
	assert_memory_equal(out, expected, DIGEST_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_give_back_what_they_were_made_of),
		cmocka_unit_test(the_same_contents_are_the_same_version),
		cmocka_unit_test(the_private_key_is_in_each_share),
		cmocka_unit_test(impossible_codes_are_refused),
		cmocka_unit_test(the_write_enabler_is_the_gateways),
	};
	return cmocka_run_group_tests(tests, make_key, NULL);
}
