/* Sizes, keys, logs and lists of chunks: rules C1 to C12, C30 to C33, C55 and K1 to K9 of
 * git-annex.  The values were seen with git-annex 10.20230126 and 10.20261026. */
#include "chunk/lists.h"
#include "tests/unit/facts.h"

static const uint64_t mib = 1 << 20;

static struct chunk_config configured(const char *chunksize, const char *chunk)
{
	struct chunk_config config;
	struct err err;
	assert_int_equal(chunk_config_read(chunksize, chunk, &config, &err), FAULT_NONE);
	return config;
}

static void c1_chunksize_is_looked_at_first(void **state)
{
	(void)state;
	struct chunk_config config = configured(NULL, NULL);
	assert_int_equal(config.method, CHUNK_NONE);
	config = configured(NULL, "1MiB");
	assert_int_equal(config.method, CHUNK_UNPADDED);
	assert_int_equal(config.size, mib);
	config = configured("2MiB", "1MiB");
	assert_int_equal(config.method, CHUNK_LEGACY);
	assert_int_equal(config.size, 2 * mib);
}

static void c2_nothing_is_no_chunks(void **state)
{
	(void)state;
	static const char *const none[] = { "0", "0.4", "0MiB", "0.5" };
	for (size_t i = 0; i < ARRAY_COUNT(none); i++)
		assert_int_equal(configured(NULL, none[i]).method, CHUNK_NONE);
	assert_int_equal(configured("0", "1MiB").method, CHUNK_NONE);
}

static void c3_the_error_names_the_field(void **state)
{
	(void)state;
	struct chunk_config config;
	struct err err;
	assert_int_equal(chunk_config_read(NULL, "foo", &config, &err), FAULT_USAGE);
	assert_string_equal(err.text, "bad configuration chunk=foo");
	assert_int_equal(chunk_config_read("-1", NULL, &config, &err), FAULT_USAGE);
	assert_string_equal(err.text, "bad configuration chunksize=-1");
}

static void c5_sizes(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t size;
	} good[] = {
		{ "1MiB", 1 << 20 },
		{ "1 MiB", 1 << 20 },
		{ " 1MiB", 1 << 20 },
		{ "1mib", 1 << 20 },
		{ "1MB", 1000000 },
		{ "1Mb", 1000000 },
		{ "100kb", 100000 },
		{ "1.5kb", 1500 },
		{ "1e3", 1000 },
		{ "0x10", 16 },
		{ "8Mbit", 1000000 },
		{ "1kilobyte", 1000 },
		{ "2KILOBYTES", 2000 },
		{ "1k", 1000 },
		{ "1ki", 1024 },
		{ "1.5", 2 },
		{ "2.5", 2 },
		{ "9223372036854774784", 9223372036854774784u },
		{ "7EiB", UINT64_C(7) << 60 },
	};
	static const char *const bad[] = { "foo",   "-1",  "",     ".5MB", "1MiBx", "1MiB junk",
					   "1_000", "10q", "8EiB", "1e99", "1 2",   "0x",
					   "MiB",   "nan", "inf",  "1.MB" };
	uint64_t size;
	for (size_t i = 0; i < ARRAY_COUNT(good); i++)
		if (!chunk_size_read(good[i].text, &size) || size != good[i].size)
			fail_msg("'%s' is %llu", good[i].text, (unsigned long long)size);
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		if (chunk_size_read(bad[i], &size))
			fail_msg("'%s' is %llu", bad[i], (unsigned long long)size);
}

static void c7_for_people(void **state)
{
	(void)state;
	static const struct {
		const char *chunksize, *chunk, *text;
	} row[] = {
		{ NULL, NULL, "none" },
		{ NULL, "1MiB", "1.05 megabytes chunks" },
		{ NULL, "1MB", "1 megabyte chunks" },
		{ NULL, "10", "10 bytes chunks" },
		{ "1.5kb", NULL, "1.5 kilobytes chunks (old style)" },
	};
	char text[CHUNK_TEXT_SIZE];
	for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
		const struct chunk_config config = configured(row[i].chunksize, row[i].chunk);
		chunk_config_text(&config, text);
		assert_string_equal(text, row[i].text);
	}
}

/* ---- keys ---- */

static struct chunk_key key_of(const char *text)
{
	struct chunk_key key;
	if (!chunk_key_read(text, &key))
		fail_msg("'%s' is no key", text);
	return key;
}

static void is_text(const struct chunk_key *key, const char *wanted)
{
	struct bytes text;
	bytes_init(&text, 2 * CHUNK_KEY_MAX);
	assert_int_equal(chunk_key_write(key, &text), FAULT_NONE);
	assert_string_equal(bytes_text(&text), wanted);
	bytes_fini(&text);
}

static void k5_keys_are_read_and_written(void **state)
{
	(void)state;
	static const char *const good[] = {
		"SHA256E-s5500000-S1048576-C4--0123abc.dat",
		"WORM-s3000000-m1795299325-S1048576-C1--w.dat",
		"URL--http://x/y?a=b",
		"SHA256E-s0--e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"MD5--a--b-c",
		"X-m1--n",
	};
	static const char *const bad[] = {
		"",
		"SHA256",
		"SHA256-s1",
		"-s1--a",
		"SHA256-s1--",
		"A-m1-s1--a",
		"A-s1-C1--a",
		"A-s1-S1--a",
		"A-C1-S1--a",
		"A-sx--a",
		"A-s--a",
		"A-s1-S0-C1--a",
		"A-s1-S1-C0--a",
		"A-s1--a b",
		"A-s1--a\n",
		"A-s18446744073709551616--a",
		"A-z1--a",
	};
	struct chunk_key key;
	for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
		key = key_of(good[i]);
		is_text(&key, good[i]);
	}
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		if (chunk_key_read(bad[i], &key))
			fail_msg("'%s' is a key", bad[i]);
	char large[CHUNK_KEY_MAX + 2];
	memset(large, 'a', sizeof large);
	memcpy(large, "A--", 3);
	large[sizeof large - 1] = '\0';
	assert_false(chunk_key_read(large, &key));
	large[CHUNK_KEY_MAX] = '\0';
	assert_true(chunk_key_read(large, &key));
}

static void c10_chunks_count_from_one_and_keep_the_size(void **state)
{
	(void)state;
	const struct chunk_key key = key_of("SHA256E-s5500000--0123.dat");
	const struct chunk_list list = { .size = mib, .count = 6 };
	struct chunk_key chunk = chunk_list_key(&list, &key, 0);
	is_text(&chunk, "SHA256E-s5500000-S1048576-C1--0123.dat");
	chunk = chunk_list_key(&list, &key, 5);
	is_text(&chunk, "SHA256E-s5500000-S1048576-C6--0123.dat");
	chunk = chunk_key_of_file(&chunk);
	is_text(&chunk, "SHA256E-s5500000--0123.dat");
	const struct chunk_list whole = { .size = 0, .count = 1 };
	chunk = chunk_list_key(&whole, &key, 0);
	is_text(&chunk, "SHA256E-s5500000--0123.dat");
}

static void c11_how_many(void **state)
{
	(void)state;
	assert_int_equal(chunk_count(0, mib), 1);
	assert_int_equal(chunk_count(1, mib), 1);
	assert_int_equal(chunk_count(mib, mib), 1);
	assert_int_equal(chunk_count(mib + 1, mib), 2);
	assert_int_equal(chunk_count(2 * mib, mib), 2);
	assert_int_equal(chunk_count(UINT64_MAX, 1), UINT64_MAX);
}

static void c12_only_stable_keys_are_cut(void **state)
{
	(void)state;
	static const char *const stable[] = { "SHA256-s1--a", "SHA256E-s1--a",  "WORM-s1-m2--a",
					      "MD5--a",       "BLAKE2B160E--a", "GITBUNDLE-s1--a" };
	static const char *const not [] = { "URL--a", "VURL-s1--a", "XFOO-s1--a", "SHA256EE--a",
					    "SHA25--a" };
	const struct chunk_config config = configured(NULL, "1MiB");
	const struct chunk_config legacy = configured("1MiB", NULL);
	struct chunk_key key;
	for (size_t i = 0; i < ARRAY_COUNT(stable); i++) {
		key = key_of(stable[i]);
		assert_true(chunk_cuts(&config, &key));
		assert_false(chunk_cuts(&legacy, &key)); /* C8 */
	}
	for (size_t i = 0; i < ARRAY_COUNT(not ); i++) {
		key = key_of(not [i]);
		assert_false(chunk_cuts(&config, &key));
	}
	key = key_of("SHA256-s1-S1-C1--a");
	assert_false(chunk_cuts(&config, &key));
}

static void k6_names_of_files(void **state)
{
	(void)state;
	struct bytes text;
	const struct chunk_key key = key_of("URL--http://a&b%c:d/e");
	bytes_init(&text, CHUNK_KEY_MAX);
	assert_int_equal(chunk_key_file_name(&key, &text), FAULT_NONE);
	assert_string_equal(bytes_text(&text), "URL--http&c%%a&ab&sc&cd%e");
	bytes_fini(&text);
}

static void k1_a_chunk_lies_where_its_file_does(void **state)
{
	(void)state;
	char hash[CHUNK_HASH_DIGITS + 1], other[CHUNK_HASH_DIGITS + 1];
	struct err err;
	struct chunk_key key = key_of("URL--a"), chunk;
	assert_int_equal(chunk_key_hash(&key, hash, &err), FAULT_NONE);
	/* printf %s 'URL--a' | md5sum */
	assert_string_equal(hash, "ed07d35d399b703eff356b0ef9056a33");
	key = key_of("SHA256-s9--abc");
	chunk = chunk_key_of_chunk(&key, 4, 2);
	assert_int_equal(chunk_key_hash(&key, hash, &err), FAULT_NONE);
	assert_int_equal(chunk_key_hash(&chunk, other, &err), FAULT_NONE);
	assert_string_equal(hash, other);
}

/* ---- the log ---- */

static const char owner[] = "7db45dc0-e4a1-4144-b1a2-57861ce835fa";

static struct chunk_log log_of(const char *text)
{
	struct chunk_log log = { .count = 0 };
	struct err err;
	assert_int_equal(chunk_log_read(&log, text, strlen(text), &err), FAULT_NONE);
	return log;
}

static void is_log(const struct chunk_log *log, const char *wanted)
{
	struct bytes text;
	bytes_init(&text, CHUNK_LOG_MAX);
	assert_int_equal(chunk_log_write(log, &text), FAULT_NONE);
	assert_string_equal(bytes_text(&text), wanted);
	bytes_fini(&text);
}

static void k2_lines_of_both_versions(void **state)
{
	(void)state;
	struct chunk_log log = log_of("1795299324s a-b:1048576 6\n"
				      "1795299353.871168097s c:10 2\r\n12 d:5 1");
	is_log(&log, "1795299324.000000000s a-b:1048576 6\n"
		     "1795299353.871168097s c:10 2\n12.000000000s d:5 1\n");
	chunk_log_fini(&log);
}

static void k3_the_newest_line_counts(void **state)
{
	(void)state;
	struct chunk_log log = log_of("5s a:10 1\n3s a:10 2\n4s a:20 7\n5s a:10 3\n4s b:10 9\n");
	is_log(&log, "5.000000000s a:10 3\n4.000000000s a:20 7\n4.000000000s b:10 9\n");
	struct err err;
	assert_int_equal(chunk_log_set(&log, "a", 10, 8, 1, &err), FAULT_NONE);
	assert_int_equal(chunk_log_set(&log, "a", 30, 1, 77, &err), FAULT_NONE);
	is_log(&log, "5.000000001s a:10 8\n4.000000000s a:20 7\n4.000000000s b:10 9\n"
		     "0.000000077s a:30 1\n");
	chunk_log_fini(&log);
}

static void c55_what_is_unknown_is_kept_and_junk_is_skipped(void **state)
{
	(void)state;
	struct chunk_log log = log_of("5s a:rolling/3 4\n\nnonsense\n5s a 1\n5s a:1\n5s a:1 x\n"
				      "s a:1 1\n5s :1 1\n99999999999999999999s a:1 1\n5s a:1 2\n");
	is_log(&log, "5.000000000s a:rolling/3 4\n5.000000000s a:1 2\n");
	assert_int_equal(log.line[0].size, 0);
	chunk_log_fini(&log);
}

/* ---- lists ---- */

static void are_lists(const char *chunk, const char *key, const char *log, const char *wanted)
{
	const struct chunk_config config = configured(NULL, chunk);
	const struct chunk_key made = key_of(key);
	struct chunk_log lines = log_of(log);
	struct chunk_lists lists;
	struct err err;
	char text[256] = "";
	size_t size = 0;
	assert_int_equal(chunk_lists_make(&config, &made, &lines, owner, &lists, &err), FAULT_NONE);
	for (size_t i = 0; i < lists.count; i++)
		size += (size_t)snprintf(text + size, sizeof text - size, "%llux%llu%s ",
					 (unsigned long long)lists.list[i].count,
					 (unsigned long long)lists.list[i].size,
					 lists.list[i].guessed ? "?" : "");
	assert_string_equal(text, wanted);
	chunk_lists_fini(&lists);
	chunk_log_fini(&lines);
}

#define LOG                                                                                        \
	"1s 7db45dc0-e4a1-4144-b1a2-57861ce835fa:2000 3\n"                                         \
	"2s 7db45dc0-e4a1-4144-b1a2-57861ce835fa:1000 6\n"                                         \
	"3s 7db45dc0-e4a1-4144-b1a2-57861ce835fa:500 0\n"                                          \
	"3s 7db45dc0-e4a1-4144-b1a2-57861ce835fa:odd 5\n"                                          \
	"1s other:700 9\n"

static void c30_the_log_by_size(void **state)
{
	(void)state;
	are_lists("1000", "SHA256-s5500--a", LOG, "6x1000 3x2000 1x0 ");
}

static void c31_without_chunks_the_key_comes_first(void **state)
{
	(void)state;
	are_lists(NULL, "SHA256-s5500--a", LOG, "1x0 6x1000 3x2000 ");
	are_lists("1000", "URL-s5500--a", LOG, "1x0 6x1000 3x2000 ");
	are_lists(NULL, "SHA256-s5500--a", "", "1x0 ");
}

static void c32_what_nobody_logged_comes_last(void **state)
{
	(void)state;
	are_lists("4000", "SHA256-s5500--a", LOG, "6x1000 3x2000 1x0 2x4000? ");
	are_lists("4000", "SHA256--a", LOG, "6x1000 3x2000 1x0 ");
	are_lists("4000", "SHA256-s0--a", "", "1x0 1x4000? ");
	are_lists("1000", "SHA256-s9000--a", LOG, "6x1000 3x2000 1x0 9x1000? ");
}

static void c33_unknown_methods_are_no_chunks(void **state)
{
	(void)state;
	are_lists(NULL, "SHA256-s5500--a", "1s 7db45dc0-e4a1-4144-b1a2-57861ce835fa:odd 5\n",
		  "1x0 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(c1_chunksize_is_looked_at_first),
		cmocka_unit_test(c2_nothing_is_no_chunks),
		cmocka_unit_test(c3_the_error_names_the_field),
		cmocka_unit_test(c5_sizes),
		cmocka_unit_test(c7_for_people),
		cmocka_unit_test(k5_keys_are_read_and_written),
		cmocka_unit_test(c10_chunks_count_from_one_and_keep_the_size),
		cmocka_unit_test(c11_how_many),
		cmocka_unit_test(c12_only_stable_keys_are_cut),
		cmocka_unit_test(k6_names_of_files),
		cmocka_unit_test(k1_a_chunk_lies_where_its_file_does),
		cmocka_unit_test(k2_lines_of_both_versions),
		cmocka_unit_test(k3_the_newest_line_counts),
		cmocka_unit_test(c55_what_is_unknown_is_kept_and_junk_is_skipped),
		cmocka_unit_test(c30_the_log_by_size),
		cmocka_unit_test(c31_without_chunks_the_key_comes_first),
		cmocka_unit_test(c32_what_nobody_logged_comes_last),
		cmocka_unit_test(c33_unknown_methods_are_no_chunks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
