#include "net/url.h"

#include "net/http.h"
#include "tests/unit/facts.h"

static enum fault parse(const char *text, struct url *url)
{
	struct err err;
	return url_parse(text, NULL, url, &err);
}

static void takes_loopback_in_plain_http(void **state)
{
	(void)state;
	static const char *const local[] = {
		"http://127.0.0.1:3456/", "http://127.9.8.7/",      "http://[::1]:80/",
		"http://localhost:3456",  "http://LOCALHOST:3456/", "http://[::ffff:127.0.0.1]/",
	};
	struct url url;
	for (size_t i = 0; i < ARRAY_COUNT(local); i++)
		assert_int_equal(parse(local[i], &url), FAULT_NONE);
}

static void refuses_plain_http_to_others(void **state)
{
	(void)state;
	static const char *const other[] = {
		"http://192.168.0.1:3456/",      "http://example.com/", "http://[fe80::1]/",
		"http://127.0.0.1.example.com/", "http://0.0.0.0/",     "http://[::]/",
		"http://localhost.example.com/", "http://128.0.0.1/",   "http://[::ffff:10.0.0.1]/",
	};
	struct url url;
	for (size_t i = 0; i < ARRAY_COUNT(other); i++)
		assert_int_equal(parse(other[i], &url), FAULT_INSECURE);
}

static void takes_a_host_the_user_allows(void **state)
{
	(void)state;
	struct url url;
	struct err err;
	assert_int_equal(url_parse("http://nas:3456/", "nas", &url, &err), FAULT_NONE);
	assert_int_equal(url_parse("http://nas2:3456/", "nas", &url, &err), FAULT_INSECURE);
	assert_int_equal(url_parse("https://example.com/", NULL, &url, &err), FAULT_NONE);
	assert_true(url.encrypted);
	assert_int_equal(url.port, 443);
}

static void ends_the_base_with_a_slash(void **state)
{
	(void)state;
	struct url url;
	assert_int_equal(parse("http://127.0.0.1:3456", &url), FAULT_NONE);
	assert_string_equal(url.base, "http://127.0.0.1:3456/");
	assert_int_equal(url.port, 3456);
	assert_int_equal(parse("http://127.0.0.1/below/here", &url), FAULT_NONE);
	assert_string_equal(url.base, "http://127.0.0.1/below/here/");
	assert_int_equal(parse("http://[::1]:1/", &url), FAULT_NONE);
	assert_string_equal(url.host, "::1");
}

static void refuses_what_is_no_base(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"127.0.0.1:3456",
		"ftp://127.0.0.1/",
		"file:///etc/passwd",
		"http://user@127.0.0.1/",
		"http://user:word@127.0.0.1/",
		"http://127.0.0.1/?t=json",
		"http://127.0.0.1/#x",
		"http://127.0.0.1:99999/",
		"http://",
		"http://127.0.0.1/a b",
	};
	struct url url = { .port = 7 };
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(parse(bad[i], &url), FAULT_USAGE);
	assert_int_equal(url.port, 7); /* untouched */
}

static void takes_secrets_out_of_the_environment(void **state)
{
	static const char *const name[] = {
		"SSLKEYLOGFILE", "http_proxy", "HTTP_PROXY",     "https_proxy",
		"HTTPS_PROXY",   "all_proxy",  "ALL_PROXY",      "no_proxy",
		"NO_PROXY",      "CURL_HOME",  "CURL_CA_BUNDLE", "CURL_SSL_BACKEND",
	};
	(void)state;
	struct err err;
	for (size_t i = 0; i < ARRAY_COUNT(name); i++)
		setenv(name[i], "http://127.0.0.1:1/", 1);
	assert_int_equal(http_global_init(&err), FAULT_NONE);
	for (size_t i = 0; i < ARRAY_COUNT(name); i++)
		assert_null(getenv(name[i]));
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(takes_loopback_in_plain_http),
		cmocka_unit_test(refuses_plain_http_to_others),
		cmocka_unit_test(takes_a_host_the_user_allows),
		cmocka_unit_test(ends_the_base_with_a_slash),
		cmocka_unit_test(refuses_what_is_no_base),
		cmocka_unit_test(takes_secrets_out_of_the_environment),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
