#include "files/unchanged.h"

#include "tests/unit/facts.h"
#include "tests/unit/sandbox.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int fd;
static struct stat before;

static int setup(void **state)
{
	const struct timespec times[2] = { { .tv_sec = 5 }, { .tv_sec = 7 } };
	if (sandbox_setup(state) != 0)
		return -1;
	sandbox_file("f", "0123456789", 0600);
	fd = open(sandbox_path("f"), O_RDWR);
	return futimens(fd, times) | fstat(fd, &before);
}

static int teardown(void **state)
{
	close(fd);
	return sandbox_teardown(state);
}

static enum fault check(void)
{
	struct err err;
	return unchanged_check(fd, &before, &err);
}

static void what_did_not_change_is_read(void **state)
{
	(void)state;
	unsigned char data[4];
	struct err err;
	assert_int_equal(unchanged_read(fd, 3, data, sizeof data, &err), FAULT_NONE);
	assert_memory_equal(data, "3456", 4);
	assert_int_equal(check(), FAULT_NONE);
}

static void what_became_shorter_has_changed(void **state)
{
	(void)state;
	unsigned char data[4];
	struct err err;
	assert_int_equal(ftruncate(fd, 6), 0);
	assert_int_equal(unchanged_read(fd, 3, data, sizeof data, &err), FAULT_CHANGED);
	assert_int_equal(check(), FAULT_CHANGED);
}

static void what_became_longer_has_changed(void **state)
{
	(void)state;
	assert_int_equal(pwrite(fd, "x", 1, 10), 1);
	assert_int_equal(check(), FAULT_CHANGED);
}

/* Its time was set back: the ctime tells. */
static void what_was_written_over_has_changed(void **state)
{
	(void)state;
	const struct timespec times[2] = { before.st_atim, before.st_mtim };
	before.st_ctim.tv_sec--;
	assert_int_equal(pwrite(fd, "x", 1, 4), 1);
	assert_int_equal(futimens(fd, times), 0);
	assert_int_equal(check(), FAULT_CHANGED);
}

static void what_has_another_time_has_changed(void **state)
{
	(void)state;
	before.st_mtim.tv_nsec++;
	assert_int_equal(check(), FAULT_CHANGED);
}

static void another_file_is_not_the_one_that_was_opened(void **state)
{
	(void)state;
	before.st_ino++;
	assert_int_equal(check(), FAULT_CHANGED);
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest facts[] = {
		FACT(what_did_not_change_is_read),
		FACT(what_became_shorter_has_changed),
		FACT(what_became_longer_has_changed),
		FACT(what_was_written_over_has_changed),
		FACT(what_has_another_time_has_changed),
		FACT(another_file_is_not_the_one_that_was_opened),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
