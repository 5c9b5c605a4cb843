#include "base/redact.h"

#include "tests/unit/facts.h"

static void check(const char *text, const char *expected)
{
	struct bytes out;
	bytes_init(&out, 1000);
	assert_int_equal(redact_text(&out, text, strlen(text)), FAULT_NONE);
	assert_string_equal(bytes_text(&out), expected);
	bytes_fini(&out);
}

static void leaves_other_text_alone(void **state)
{
	(void)state;
	check("", "");
	check("no cap here: URL http://127.0.0.1/uri", "no cap here: URL http://127.0.0.1/uri");
}

/* The digits: printf 'URI:LIT:nbswy3dp' | sha256sum. */
static void replaces_each_cap_by_its_digest(void **state)
{
	(void)state;
	check("URI:LIT:nbswy3dp", "URI:CHK:bdeed2ef");
	check("\"URI:LIT:nbswy3dp\",x", "\"URI:CHK:bdeed2ef\",x");
	check("GET /uri/URI%3ALIT%3Anbswy3dp/name?t=json", "GET /uri/URI:CHK:bdeed2ef/name?t=json");
	check("/uri/uri%3alit%3anbswy3dp", "/uri/URI:CHK:14f6df84");
	check("ro.URI:LIT:nbswy3dp URI:LIT:nbswy3dp\n", "ro.URI:CHK:bdeed2ef URI:CHK:bdeed2ef\n");
}

static void takes_furls_to_their_end(void **state)
{
	(void)state;
	struct bytes out;
	bytes_init(&out, 1000);
	const char *text = "to pb://id@127.0.0.1:45/swissnum, LAFS://x/y z";
	assert_int_equal(redact_text(&out, text, strlen(text)), FAULT_NONE);
	assert_null(strstr(bytes_text(&out), "swissnum"));
	assert_null(strstr(bytes_text(&out), "/y"));
	assert_non_null(strstr(bytes_text(&out), ", URI:CHK:"));
	bytes_fini(&out);
}

static void takes_out_who_is_named_before_a_host(void **state)
{
	(void)state;
	check("gateway http://me:s3cret@127.0.0.1:1/x?y is",
	      "gateway http://***@127.0.0.1:1/x?y is");
	check("https://me@h", "https://***@h");
	check("https://a@b:c@h", "https://***@h");
	check("'http://a:b@h' http://c:d@h", "'http://***@h' http://***@h");
	check("http://h/a@b", "http://h/a@b");
	check("http://h?a@b http://h#a@b http://h a@b", "http://h?a@b http://h#a@b http://h a@b");
	check("a@b ://@x", "a@b ://@x");
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(leaves_other_text_alone),
		cmocka_unit_test(replaces_each_cap_by_its_digest),
		cmocka_unit_test(takes_furls_to_their_end),
		cmocka_unit_test(takes_out_who_is_named_before_a_host),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
