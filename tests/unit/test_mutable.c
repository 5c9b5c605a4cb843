#include "tahoe/mutable.h"

#include "tests/unit/facts.h"

/* A throw-away key; the cap is what tahoe-lafs 1.20.0 derives from it. */
static const char key_text[] =
	"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCdRlGVyaNErMJfq71CSu27rLcs-VVq"
	"wUwDnm3HnMcv7JoCOczGrcgSiD4cXoB6qmNhwuYgOE3LG0-WKZwFmn_gH52nVQ6hkO4dhhsYMKMOWimk"
	"lWwwR6lcP29X2fqXu-tGhJVmtbrPEDTnNgIhipm3qvb3h8-oKfKDOGirRkfV46-UFtfS53VePKNAe71-"
	"GdxNFes_uGIszwr-pVFK9Wx1VNs9kW4GepIH1HMzdoIjeoVJUYAhR2Hdt_UbHPY9yPawm5WpjWpiEwBq"
	"4-dfy_Pa9OdxDsEMjZXlldvJ24mAFOs7nsTUkb3kltl6aAH3kbZmjUYmaxHlZCzTCJt4QubNAgMBAAEC"
	"ggEBAIObSUAXqEkaa9jVBJ2Jx-AJSosW5dRchjhtBZ5I4iGHUuTT6zjCSS7A1YC1z7tWA63WAu4pT2fL"
	"pdCZZxcFT0aEDk_tDD5E4gzQoLGgWYH0Du7LnunTvbQU3R5dqKX6OYob_k0he340KKDl_-iDa9hW9yzx"
	"d-JXn7kQpf3U5N3kxn-Kh_-M1cfYzOFeM-z9ecmYyNAVSL7IqK1aoM9d134wSTUoqzut4K0BWg8xyylO"
	"1SRCvSafbs_7R1vx4ochkDMZjO1wNExvqGOvgMycXSePNu-1R6U4UDVDgn6cqpZtY2AR0-RcnS9dwCs5"
	"NOn-wuI-lPYFM0xv-JY7bmaipX0CgYEAwPHuMR8-Uq6_UVwtsRpqU6Qu95MR3woqXZKUH4YHNLvBRtf6"
	"7XP5nYI2d02yVySWGTt9KDRE94kYIMXbR6PZVZYXiCS0kSUnng6VbZPg06H__XoFyh31Z3ci1Zbmii5T"
	"wK5xcIqHfkuroYLc-RXy5wjBQSLF09iEYpgtSwjTCeMCgYEA0KwnJnTTMWfDK0bphB-s1QKJAqLXqbA3"
	"57_OQ2aFY13EOTWRfwtRF5MmTyKuI0dn2BANUKH1aH1KuFoMrJpy-PBiHbP9LmFJ0vwaeLaJvznDNgMr"
	"wPsrnC8H16wQXEc80aC50s0zRMPT52fyoJBN-pLhNibiPisuuMQM4ZQP648CgYA6ShySnITAh-hmlPl8"
	"0qUipaxGwRiaEEEiScEUEPKmXL6UP3WgPPRBQHBh9IgXSYdLEizKc5gOTE2MwRlw-DAVaiWrzKL8YoQo"
	"fPFpzE4UwZFLq4yKNijIXDaa3l7BiiNlR44f2Mn8PrIYNie53Iaog32WxwGK8ZN1EdJFI-JVzwKBgGCj"
	"iZIOwov74PAW7ChrPvB7NxaIcdY9LPbf5ldikF2_XBOekl5C0HBZjoFRr1HZTOdML85q4ytb8xHDamE5"
	"Ogu9z8Kvy44CMl1Ksbu71blAt_44o7fA2qZ_RWOFZSJHP4xZohVVQOwUwPtHMZ9YlTR5d2FLyrU97GpX"
	"KRwDJQhTAoGALRnpRZ_EN13RQ8gPPul-PXi5I-f_zmLpJBycojB3CqbhHK5JPiPVD17lfGs5QZvZkSqg"
	"AUQbMF-80e3S3pQaP3WH4_faXwNJEckRtCz2cljLz3Q_xqO22xGtdKahgY6OEh2u4soKepfNB7iugqKb"
	"bm3HHfdNKmkw83_jU5y7biA=";
static const char key_cap[] = "URI:DIR2:sazfiwozvsrqro6evueurubpxq:chn6qsleosjn2spz2rbtrpdo"
			      "bjsugvw5lz22w3247wzfgswe5wva";

/* RFC 8410, section 10.3. */
static const unsigned char ed25519[] = {
	0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70,
	0x04, 0x22, 0x04, 0x20, 0xd4, 0xee, 0x72, 0xdb, 0xf9, 0x13, 0x58, 0x4a,
	0xd5, 0xb6, 0xd8, 0xf1, 0xf7, 0x69, 0xf8, 0xad, 0x3a, 0xfe, 0x7c, 0x28,
	0xcb, 0xf1, 0xd4, 0xfb, 0xe0, 0x97, 0xa8, 0x8f, 0x44, 0x75, 0x58, 0x42,
};

/* A throw-away RSA key of 1,024 bits. */
static const char small[] =
	"MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBAKUnEy4-sbiJ34NDJX8t6ftiP6cFBPm3"
	"OYp2zt-vZbI408hdWZTid6ib4TnyERv4q1WbA9iWKdUbMB2kNZFx50MV7kEdGnCDacY-DfPY9FVQPpUT"
	"8izjBxLytDp5FQlgAz6NmkhwkOpZHLnHnRJShHVWiWMygW0RWjE26dnDGERVAgMBAAECgYEAiW9tDMzr"
	"hJBnyoo0SBPjZWkrY0hQDacmYU3hdlA2JwwXYeQdSkL0JQIjed8x0b8shb7Mgo7kHQ3VCrW-Rl0tf1Xy"
	"4U2QvVfXjxPeTV56qDcB814IZhH4_pJT3vxSo2VZbqEcQFVYH24RINgq7dmEHRO6bMy1Snhbat7kpv82"
	"N0ECQQDUsx-U3h27AybcHeKnVV1woGCvcr2XZo-ZsU7UeC_lQojSsdlbht01X6Q2wPHNih-poWg0iZuF"
	"8yRqne4D_pb9AkEAxsYHeoA43o1cwkxwU-CiOpO516RgN3TpssR8BPaGSJbNW2ZzcxEbgJUzMCpA4xLO"
	"Z7qMt0RX9BaNTIAqU8MeOQJAC1OmoOTbLHRUg3BL-6E-IptHytAPbJqXlxWsHwBvfIP4iU_TRV5_NTJs"
	"qkXIGqv6V6wywml5kL6L9-mFHU1XeQJBALr-TsjCWT2cdPfgWwe9WkCK-pjP7Sgelz9ysk0k8dzV6Sij"
	"79X-8QV81qPoDBTSe1R_3aMG60sX8CNYqvkTpJkCQA1SDRtIRbb8pg_FThkbfXftAkcyI4vcxEcEyhPS"
	"ePkdQINQ-q93hOYO3qM032dbOKutRlaAJhMWIEv7Qxzdpyg=";

static void takes_a_key_over(void **state)
{
	(void)state;
	struct mutable_key key, again;
	struct err err;
	char text[CAP_TEXT_SIZE], encoded[MUTABLE_KEY_TEXT_SIZE];
	assert_int_equal(mutable_key_from_text(key_text, strlen(key_text), &key, &err), FAULT_NONE);
	cap_print(&key.cap, text);
	assert_string_equal(text, key_cap);
	assert_int_equal(mutable_key_text(&key, encoded), strlen(key_text));
	assert_string_equal(encoded, key_text);
	assert_int_equal(mutable_key_from_der(key.der, key.der_size, &again, &err), FAULT_NONE);
	assert_true(cap_equal(&key.cap, &again.cap));
	mutable_key_wipe(&key);
	assert_int_equal(key.der_size, 0);
	mutable_key_wipe(NULL);
}

static void makes_keys_that_differ(void **state)
{
	(void)state;
	struct mutable_key one, two;
	struct err err;
	memset(&one, 0xff, sizeof one); /* whatever was there before */
	assert_int_equal(mutable_key_generate(&one, &err), FAULT_NONE);
	assert_int_equal(mutable_key_generate(&two, &err), FAULT_NONE);
	assert_int_equal(one.cap.kind, CAP_DIR2);
	assert_int_equal(one.cap.size, 0);
	assert_int_equal(one.der[sizeof one.der - 1], 0);
	assert_false(cap_equal(&one.cap, &two.cap));
	struct mutable_key again;
	assert_int_equal(mutable_key_from_der(one.der, one.der_size, &again, &err), FAULT_NONE);
	assert_true(cap_equal(&one.cap, &again.cap));
	assert_int_equal(one.der_size, again.der_size);
	assert_memory_equal(one.der, again.der, sizeof one.der);
	assert_memory_equal(&one.cap, &again.cap, sizeof one.cap);
}

static void refuses_what_is_no_key(void **state)
{
	(void)state;
	struct mutable_key key, other;
	struct err err;
	assert_int_equal(mutable_key_from_text(key_text, strlen(key_text), &key, &err), FAULT_NONE);
	assert_int_equal(mutable_key_from_der(key.der, key.der_size - 1, &other, &err),
			 FAULT_CORRUPT);
	assert_int_equal(mutable_key_from_der(key.der, 0, &other, &err), FAULT_CORRUPT);
	key.der[key.der_size] = 0;
	assert_int_equal(mutable_key_from_der(key.der, key.der_size + 1, &other, &err),
			 FAULT_CORRUPT);
	key.der[0] ^= 1;
	assert_int_equal(mutable_key_from_der(key.der, key.der_size, &other, &err), FAULT_CORRUPT);
	assert_int_equal(mutable_key_from_text("!", 1, &other, &err), FAULT_CORRUPT);
	assert_int_equal(mutable_key_from_text("", 0, &other, &err), FAULT_CORRUPT);
	char longer[MUTABLE_KEY_TEXT_SIZE + 1];
	memset(longer, 'A', sizeof longer);
	assert_int_equal(mutable_key_from_text(longer, sizeof longer, &other, &err), FAULT_CORRUPT);
}

/* As text without padding, too; but of other keys none is taken. */
static void takes_keys_of_one_kind_and_size(void **state)
{
	(void)state;
	struct mutable_key key, other;
	struct err err;
	assert_int_equal(key_text[strlen(key_text) - 1], '=');
	assert_int_equal(mutable_key_from_text(key_text, strlen(key_text) - 1, &key, &err),
			 FAULT_NONE);
	assert_int_equal(mutable_key_from_der(ed25519, sizeof ed25519, &other, &err),
			 FAULT_CORRUPT);
	assert_int_equal(mutable_key_from_text(small, strlen(small), &other, &err), FAULT_CORRUPT);
	/* The same numbers, for RSASSA-PSS alone: another name, without parameters. */
	static const unsigned char rsa[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
					     0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00 };
	unsigned char *name = memmem(key.der, key.der_size, rsa, sizeof rsa);
	assert_ptr_equal(name, key.der + 7);
	name[1] -= 2;
	name[12] = 0x0a;
	memmove(name + 13, name + 15, key.der_size - 7 - 15);
	key.der_size -= 2;
	key.der[3] -= 2;
	assert_int_equal(mutable_key_from_der(key.der, key.der_size, &other, &err), FAULT_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(takes_a_key_over),
		cmocka_unit_test(makes_keys_that_differ),
		cmocka_unit_test(refuses_what_is_no_key),
		cmocka_unit_test(takes_keys_of_one_kind_and_size),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
