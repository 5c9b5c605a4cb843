#include "base/secret.h"

#include "tests/unit/facts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
	char directory[64];
	char path[96];
	struct bytes out;
	struct err err;
};

static void write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof *place);
	const char *base = getenv("TMPDIR");
	snprintf(place->directory, sizeof place->directory, "%s/secretXXXXXX",
		 base ? base : "/tmp");
	if (!mkdtemp(place->directory))
		return -1;
	snprintf(place->path, sizeof place->path, "%s/file", place->directory);
	bytes_init(&place->out, 16);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	unlink(place->path);
	rmdir(place->directory);
	bytes_fini(&place->out);
	free(place);
	return 0;
}

static enum fault read_it(struct place *place, enum secret_file_rule rule)
{
	return secret_file_read(place->path, rule, &place->out, &place->err);
}

static void reads_a_private_file(void **state)
{
	struct place *place = *state;
	write_file(place->path, "0123456789abcdef", 0600);
	assert_int_equal(read_it(place, SECRET_FILE_STRICT), FAULT_NONE);
	assert_string_equal(bytes_text(&place->out), "0123456789abcdef");
}

static void refuses_an_open_file_but_for_tahoe(void **state)
{
	struct place *place = *state;
	write_file(place->path, "alias", 0644);
	assert_int_equal(read_it(place, SECRET_FILE_STRICT), FAULT_INSECURE);
	assert_int_equal(read_it(place, SECRET_FILE_TAHOE), FAULT_NONE);
	write_file(place->path, "alias", 0604);
	assert_int_equal(read_it(place, SECRET_FILE_STRICT), FAULT_INSECURE);
	write_file(place->path, "alias", 0666);
	assert_int_equal(read_it(place, SECRET_FILE_TAHOE), FAULT_INSECURE);
	assert_null(strstr(place->err.text, "alias"));
}

static void refuses_what_is_no_regular_file(void **state)
{
	struct place *place = *state;
	assert_int_equal(mkfifo(place->path, 0600), 0);
	assert_int_equal(read_it(place, SECRET_FILE_TAHOE), FAULT_INSECURE);
}

static void refuses_a_second_name(void **state)
{
	struct place *place = *state;
	char other[128];
	snprintf(other, sizeof other, "%s2", place->path);
	write_file(place->path, "x", 0600);
	assert_int_equal(link(place->path, other), 0);
	assert_int_equal(read_it(place, SECRET_FILE_STRICT), FAULT_INSECURE);
	unlink(other);
}

static void refuses_a_directory_open_to_everybody(void **state)
{
	struct place *place = *state;
	write_file(place->path, "x", 0600);
	assert_int_equal(chmod(place->directory, 0777), 0);
	assert_int_equal(read_it(place, SECRET_FILE_STRICT), FAULT_INSECURE);
	assert_int_equal(chmod(place->directory, 01777), 0);
	assert_int_equal(read_it(place, SECRET_FILE_STRICT), FAULT_NONE);
}

static void keeps_what_was_there_when_it_does_not_fit(void **state)
{
	struct place *place = *state;
	assert_int_equal(bytes_append_text(&place->out, "ab"), FAULT_NONE);
	write_file(place->path, "0123456789abcdef", 0600);
	assert_int_equal(read_it(place, SECRET_FILE_STRICT), FAULT_TOO_LARGE);
	assert_string_equal(bytes_text(&place->out), "ab");
	char text[6001] = { 0 };
	memset(text, 'x', sizeof text - 1);
	write_file(place->path, text, 0600);
	place->out.max = 5000; /* above the first read */
	assert_int_equal(read_it(place, SECRET_FILE_STRICT), FAULT_TOO_LARGE);
	assert_string_equal(bytes_text(&place->out), "ab");
	assert_int_equal(place->out.size, 2);
	unlink(place->path);
	assert_int_equal(read_it(place, SECRET_FILE_STRICT), FAULT_NOT_FOUND);
}

static void compares_every_byte(void **state)
{
	(void)state;
	unsigned char a[32] = { 0 }, b[32] = { 0 };
	assert_true(secret_equal(a, b, sizeof a));
	for (size_t i = 0; i < sizeof a; i++) {
		b[i] = 0x80;
		assert_false(secret_equal(a, b, sizeof a));
		b[i] = 0;
	}
	assert_true(secret_equal(NULL, NULL, 0));
}

static void random_bytes_differ(void **state)
{
	(void)state;
	unsigned char a[32] = { 0 }, b[32] = { 0 };
	struct err err;
	assert_int_equal(secret_random(a, sizeof a, &err), FAULT_NONE);
	assert_int_equal(secret_random(b, sizeof b, &err), FAULT_NONE);
	assert_false(secret_equal(a, b, sizeof a));
	secret_wipe(a, sizeof a);
	assert_int_equal(a[0] | a[31], 0);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test_setup_teardown(reads_a_private_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_an_open_file_but_for_tahoe, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(refuses_what_is_no_regular_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_a_second_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_a_directory_open_to_everybody, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(keeps_what_was_there_when_it_does_not_fit, set_up,
						tear_down),
		cmocka_unit_test(compares_every_byte),
		cmocka_unit_test(random_bytes_differ),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
