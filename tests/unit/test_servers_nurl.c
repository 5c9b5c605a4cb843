#include "node/servers_parts.h"

#include "tests/unit/facts.h"

#define HASH "6OKNU-mbC--1cTpaOfHKpMG2AQuqUHZV00A53dPzMII"

#define WORD(literal)                                                                              \
	{                                                                                          \
		literal, sizeof(literal) - 1                                                       \
	}
#define AT(literal) WORD("pb://" HASH "@" literal)

static void assert_word(struct word word, const char *expected)
{
	assert_int_equal(word.size, strlen(expected));
	assert_memory_equal(word.text, expected, word.size);
}

static void takes_a_nurl_apart(void **state)
{
	(void)state;
	static const struct word text = AT("[2001:db8::1]:65535/Swiss_-9#v=1");
	struct nurl nurl;
	assert_true(nurl_split(text, &nurl));
	assert_word(nurl.hash, HASH);
	assert_word(nurl.host, "[2001:db8::1]");
	assert_word(nurl.port, "65535");
	assert_word(nurl.swissnum, "Swiss_-9");
}

static void accepts_names_and_addresses(void **state)
{
	(void)state;
	static const struct word good[] = {
		AT("storage-1.example.org:1/s#v=1"),
		AT("storage_1:80/s#v=1"),
		AT("10.0.0.1:9/-_#v=1"),
		AT("[::ffff:10.0.0.1]:443/s#v=1"),
	};
	struct nurl nurl;
	for (size_t i = 0; i < ARRAY_COUNT(good); i++)
		if (!nurl_split(good[i], &nurl))
			fail_msg("%s is refused", good[i].text);
}

static const struct word bad[] = {
	WORD(""),
	WORD("pb://"),
	WORD("PB://" HASH "@h:1/s#v=1"),
	WORD("pb:/" HASH "@h:1/s#v=1"),
	WORD("pb+tor://" HASH "@h:1/s#v=1"),
	WORD(" pb://" HASH "@h:1/s#v=1"),
	WORD("pb://@h:1/s#v=1"),
	WORD("pb://" HASH "A@h:1/s#v=1"),
	WORD("pb://6OKNU-mbC--1cTpaOfHKpMG2AQuqUHZV00A53dPzMI@h:1/s#v=1"),
	WORD("pb://6OKNU-mbC--1cTpaOfHKpMG2AQuqUHZV00A53dPzMIJ@h:1/s#v=1"),
	WORD("pb://6OKNU+mbC--1cTpaOfHKpMG2AQuqUHZV00A53dPzMII@h:1/s#v=1"),
	AT(""),
	AT(":1/s#v=1"),
	AT("-h:1/s#v=1"),
	AT("h h:1/s#v=1"),
	AT("h\0:1/s#v=1"),
	AT("\xE9:1/s#v=1"),
	AT("u@h:1/s#v=1"),
	AT("::1:1/s#v=1"),
	AT("[::1:1/s#v=1"),
	AT("[::g]:1/s#v=1"),
	AT("[]:1/s#v=1"),
	AT("[1.2.3.4]:1/s#v=1"),
	AT("[::1%1]:1/s#v=1"),
	AT("[1:2:3:4:5:6:7:8:1:2:3:4:5:6:7:8:1:2:3:4:5:6:7:8]:1/s#v=1"),
	AT("h/s#v=1"),
	AT("h:/s#v=1"),
	AT("h:0/s#v=1"),
	AT("h:01/s#v=1"),
	AT("h:+1/s#v=1"),
	AT("h:65536/s#v=1"),
	AT("h:4294967297/s#v=1"),
	AT("h:1#v=1"),
	AT("h:1/#v=1"),
	AT("h:1/s.#v=1"),
	AT("h:1/s/t#v=1"),
	AT("h:1/s?q#v=1"),
	AT("h:1/s"),
	AT("h:1/s#v=2"),
	AT("h:1/s#v=11"),
	AT("h:1/s#v=1\0"),
	AT("h:1/s#v=1\n"),
};

static void refuses_everything_else(void **state)
{
	(void)state;
	struct nurl nurl;
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		/* Alone in memory, so that a sanitizer sees a read behind it. */
		char *copy = malloc(bad[i].size + !bad[i].size);
		assert_non_null(copy);
		memcpy(copy, bad[i].text, bad[i].size);
		if (nurl_split((struct word){ copy, bad[i].size }, &nurl))
			fail_msg("%s is accepted", bad[i].text);
		free(copy);
	}
}

static void parts_have_their_longest_length(void **state)
{
	(void)state;
	struct nurl nurl;
	char text[600];
	for (int over = 0; over <= 1; over++) {
		int size = snprintf(text, sizeof text, "pb://" HASH "@%0*d:1/s#v=1", 253 + over, 0);
		assert_int_equal(nurl_split((struct word){ text, (size_t)size }, &nurl), !over);
		size = snprintf(text, sizeof text, "pb://" HASH "@h:1/%0*d#v=1", 128 + over, 0);
		assert_int_equal(nurl_split((struct word){ text, (size_t)size }, &nurl), !over);
	}
}

static void becomes_a_url_a_pin_and_an_authorization(void **state)
{
	(void)state;
	char text[300];
	struct nurl nurl;
	struct server server = { .url = NULL };
	struct err err;
	const int size = snprintf(text, sizeof text, "pb://__%s@[::1]:80/%0128d#v=1", &HASH[2], 0);
	assert_true(nurl_split((struct word){ text, (size_t)size }, &nurl));
	assert_int_equal(nurl_apply(&nurl, &server, &err), FAULT_NONE);
	assert_string_equal(server.url, "https://[::1]:80/");
	assert_string_equal(server.pin, "sha256////KNU+mbC++1cTpaOfHKpMG2AQuqUHZV00A53dPzMII=");
	assert_int_equal(strlen(server.authorization), strlen("Tahoe-LAFS ") + 172);
	assert_string_equal(server.authorization + strlen("Tahoe-LAFS ") + 164, "MDAwMDA=");
	free(server.url);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(takes_a_nurl_apart),
		cmocka_unit_test(accepts_names_and_addresses),
		cmocka_unit_test(refuses_everything_else),
		cmocka_unit_test(parts_have_their_longest_length),
		cmocka_unit_test(becomes_a_url_a_pin_and_an_authorization),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
