#include "tahoe/chk.h"

#include "tests/unit/facts.h"
#include "tests/unit/hex.h"

/* AES-128-CTR of zeros with the key 00 01 .. 0f, computed by Python's cryptography: at the start,
 * and at byte 3 of block 2^40. */
static void counters_count_beyond_32_bits(void **state)
{
	(void)state;
	static const unsigned char zeros[16];
	unsigned char key[CAP_KEY_SIZE], out[16], expected[16];
	struct chk_cipher cipher;
	struct err err;
	for (unsigned char i = 0; i < CAP_KEY_SIZE; i++)
		key[i] = i;
	assert_int_equal(chk_cipher_init(&cipher, &err), FAULT_NONE);
	chk_cipher_start(&cipher, key, 0);
	chk_cipher_apply(&cipher, zeros, out, sizeof out);
	assert_int_equal(hex_bytes("c6a13b37878f5b826f4f8162a1c8d879", expected), sizeof out);
	assert_memory_equal(out, expected, sizeof out);
	chk_cipher_start(&cipher, key, (UINT64_C(16) << 40) + 3);
	chk_cipher_apply(&cipher, zeros, out, sizeof out);
	assert_int_equal(hex_bytes("1ac8496a0d203173bd3f4262b33c5b1d", expected), sizeof out);
	assert_memory_equal(out, expected, sizeof out);
	chk_cipher_fini(&cipher);
	chk_cipher_fini(&cipher); /* as whoever failed to make one does */
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(counters_count_beyond_32_bits),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
