#include "keys/key_name.h"

#include "tests/unit/facts.h"

static bool reads(const char *key, struct key_name *name)
{
	struct err err;
	return !key_name_read(key, name, &err);
}

static void a_key_falls_where_its_md5_begins(void **state)
{
	(void)state;
	struct key_name name;
	/* As `printf %s KEY | md5sum` says. */
	assert_true(reads("SHA256E-s0--e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b"
			  "7852b855",
			  &name));
	assert_int_equal(name.leaf, 0xf87);
	assert_true(reads("WORM--a", &name));
	assert_int_equal(name.leaf, 0x366);
}

static void a_file_name_has_no_slash(void **state)
{
	(void)state;
	struct key_name name;
	assert_true(reads("URL--http://x/a%b&c", &name));
	assert_string_equal(name.file, "URL--http&c%%x%a&sb&ac");
	assert_int_equal(name.file_size, strlen(name.file));
}

static void a_path_begins_with_the_hash(void **state)
{
	(void)state;
	struct key_name name;
	struct bytes path;
	bytes_init(&path, 4096);
	assert_true(reads("WORM-s3-m17-S1048576-C1--w.dat", &name));
	assert_int_equal(key_name_path(&name, false, &path), FAULT_NONE);
	assert_string_equal(bytes_text(&path), "keys/{c,ca,ca/f}/WORM-s3-m17-S1048576-C1--w.dat");
	bytes_clear(&path);
	assert_int_equal(key_name_path(&name, true, &path), FAULT_NONE);
	assert_string_equal(bytes_text(&path), "chunks/{c,ca,ca/f}/WORM-s3-m17-S1048576-C1--w.dat");
	bytes_fini(&path);
}

static void a_key_says_how_much_it_names(void **state)
{
	(void)state;
	struct key_name name;
	assert_true(reads("WORM-s25-m17--a", &name) && name.has_size && name.size == 25);
	assert_true(reads("SHA256-s25-S10-C1--a", &name) && name.size == 10);
	assert_true(reads("SHA256-s25-S10-C3--a", &name) && name.size == 5);
	assert_true(reads("SHA256-s0-S10-C1--a", &name) && name.size == 0);
	assert_true(reads("SHA256-S10-C3--a", &name) && !name.has_size);
	assert_true(reads("GPGHMACSHA1--0123", &name) && !name.has_size);
	assert_true(reads("SHA256-s20-S10-C2--a", &name) && name.size == 10);
}

static void what_is_no_key_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"a",
		"--a",
		"WORM--",
		"WORM-s--a",
		"WORM-m1-s2--a",
		"WORM-S10--a",
		"WORM-C1--a",
		"WORM-S0-C1--a",
		"WORM-S10-C0--a",
		"WORM-s25-S10-C4--a",
		"WORM-s20-S10-C3--a",
		"WORM-s0-S10-C2--a",
		"WORM-s99999999999999999999--a",
		"WORM-s1x--a",
		"WORM-x1--a",
		"WORM--a b",
		"WORM--a\nb",
	};
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		struct key_name name;
		struct err err;
		assert_int_equal(key_name_read(bad[i], &name, &err), FAULT_USAGE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_falls_where_its_md5_begins),
		cmocka_unit_test(a_file_name_has_no_slash),
		cmocka_unit_test(a_path_begins_with_the_hash),
		cmocka_unit_test(a_key_says_how_much_it_names),
		cmocka_unit_test(what_is_no_key_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
