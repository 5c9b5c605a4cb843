#include "tahoe/child_rw.h"

#include "tests/unit/facts.h"
#include "tests/unit/hex.h"

static const unsigned char writekey[CAP_KEY_SIZE] = { 0, 1, 2,  3,  4,  5,  6,  7,
						      8, 9, 10, 11, 12, 13, 14, 15 };
static const char rw[] = "URI:DIR2:jqaetaqsvifhgvk7ibkfrjd2rm:"
			 "tsdswpdri5blnmowjt2ticc2wfa7tsqv7n5rermsdwpe5sidhega";

static struct chk_cipher cipher;

static int open_cipher(void **state)
{
	struct err err;
	(void)state;
	return chk_cipher_init(&cipher, &err) ? -1 : 0;
}

static int close_cipher(void **state)
{
	(void)state;
	chk_cipher_fini(&cipher);
	return 0;
}

/* Hides and shows `size` bytes; `hex`: what they are hidden as, where that is known. */
static void assert_hidden(const char *text, size_t size, const char *hex)
{
	const struct bytes_view given = { text, size };
	struct bytes out;
	struct bytes_view from, hidden;
	unsigned char expected[CAP_TEXT_SIZE];
	char back[CAP_TEXT_SIZE];
	bytes_init(&out, 2 * CAP_TEXT_SIZE);
	assert_int_equal(child_rw_hide(&cipher, writekey, &given, &out), FAULT_NONE);
	from = (struct bytes_view){ out.data, out.size };
	assert_true(netstring_take(&from, &hidden));
	assert_int_equal(from.size, 0);
	assert_int_equal(hidden.size, size + CHILD_RW_OVERHEAD);
	if (hex) {
		assert_int_equal(hex_bytes(hex, expected), hidden.size);
		assert_memory_equal(hidden.data, expected, hidden.size);
	}
	assert_true(child_rw_show(&cipher, writekey, &hidden, back));
	assert_memory_equal(back, text, size);
	bytes_fini(&out);
}

/* Computed by tahoe-lafs 1.20.0: _encrypt_rw_uri of allmydata/dirnode.py. */
static void hides_as_tahoe_does(void **state)
{
	(void)state;
	assert_hidden("", 0,
		      "d05f738a043b8404b7495ccb5d5501866971af5bc2acc121f3a8c3c9e4c67eaa2cf628b320d7"
		      "3bc02284aa976c0018c7");
	assert_hidden(rw, strlen(rw),
		      "c2417549c43363275668be5d4b3b0ec672d036d4dd8e84a0a0dd2324afb1061da4b1b43ddc74"
		      "2d34090316639cd7fca40fede2b9dd2c9e6e05342f93be1e732f1873ee30550b4140ef23715a"
		      "9e36af978368e38fe0a806a72d5141649b416c18798f58c7731b59b82cb26012d2dcd27f54ca"
		      "077452abff17fa92125468fa6a728f6e0344fa1e6c87");
}

static void no_cap_is_too_long_that_a_text_has_room_for(void **state)
{
	(void)state;
	char text[CAP_TEXT_SIZE + 1];
	struct bytes out;
	memset(text, 'x', sizeof text);
	assert_hidden(text, CAP_TEXT_SIZE, NULL);
	bytes_init(&out, 1000);
	assert_int_equal(
		child_rw_hide(&cipher, writekey, &(struct bytes_view){ text, sizeof text }, &out),
		FAULT_USAGE);
	assert_int_equal(out.size, 0);
	bytes_fini(&out);
}

static void what_is_too_short_hides_nothing(void **state)
{
	(void)state;
	char hidden[CHILD_RW_OVERHEAD] = { 0 }, out[1] = { 'u' };
	assert_true(child_rw_show(&cipher, writekey,
				  &(struct bytes_view){ hidden, CHILD_RW_OVERHEAD }, out));
	assert_false(child_rw_show(&cipher, writekey,
				   &(struct bytes_view){ hidden, CHILD_RW_OVERHEAD - 1 }, out));
	assert_int_equal(out[0], 'u');
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(hides_as_tahoe_does),
		cmocka_unit_test(no_cap_is_too_long_that_a_text_has_room_for),
		cmocka_unit_test(what_is_too_short_hides_nothing),
	};
	return cmocka_run_group_tests(facts, open_cipher, close_cipher);
}
