#include "land/standing.h"

#include "queue/file/outcomes.h"
#include "tests/unit/facts.h"
#include "tests/unit/sandbox.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MTIME_S = 1000000000 };

static int directory;

/* Makes a file of 5 bytes and a known time. */
static void make_file(const char *name)
{
	int fd = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = MTIME_S } };
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "bytes", 5), 5);
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

static uint8_t reason_for(const char *name, uint64_t bytes, const struct meta *meta,
			  enum arrival_there there)
{
	const struct standing_file file = { name, bytes, meta, false };
	struct standing standing;
	struct err err;
	assert_int_equal(standing_look(directory, &file, there, &standing, &err), FAULT_NONE);
	return standing.reason;
}

static const struct meta same_time = { .mtime_ns = MTIME_S * INT64_C(1000000000) };

static void nothing_keeps_nothing(void **state)
{
	(void)state;
	const struct standing_file file = { "absent", 5, &same_time, false };
	struct standing standing;
	struct err err;
	for (int there = ARRIVAL_REPLACE; there <= ARRIVAL_UPDATE; there++) {
		assert_int_equal(
			standing_look(directory, &file, (enum arrival_there)there, &standing, &err),
			FAULT_NONE);
		assert_false(standing.is_there);
		assert_int_equal(standing.reason, REASON_NONE);
	}
}

static void a_file_is_kept_as_asked(void **state)
{
	(void)state;
	struct meta later = same_time, grid = { .flags = META_GRID };
	later.mtime_ns++;
	make_file("f");
	assert_int_equal(reason_for("f", 5, &same_time, ARRIVAL_REPLACE), REASON_NONE);
	assert_int_equal(reason_for("f", 9, &later, ARRIVAL_KEEP), REASON_PRESENT);
	assert_int_equal(reason_for("f", 5, &same_time, ARRIVAL_UPDATE), REASON_UNCHANGED);
	assert_int_equal(reason_for("f", 6, &same_time, ARRIVAL_UPDATE), REASON_NONE);
	assert_int_equal(reason_for("f", 5, &later, ARRIVAL_UPDATE), REASON_NONE);
	grid.mtime_ns = same_time.mtime_ns; /* an edge without an mtime says nothing */
	assert_int_equal(reason_for("f", 5, &grid, ARRIVAL_UPDATE), REASON_NONE);
	grid.flags |= META_HAS_MTIME;
	assert_int_equal(reason_for("f", 5, &grid, ARRIVAL_UPDATE), REASON_UNCHANGED);
}

static void what_no_file_may_replace_is_a_conflict(void **state)
{
	(void)state;
	struct standing standing;
	struct err err;
	assert_int_equal(mkdirat(directory, "d", 0700), 0);
	assert_int_equal(symlinkat("f", directory, "l"), 0);
	for (const char *name = "dl"; *name; name++) {
		const char text[] = { *name, '\0' };
		const struct standing_file file = { text, 5, &same_time, false };
		assert_int_equal(standing_look(directory, &file, ARRIVAL_REPLACE, &standing, &err),
				 FAULT_EXISTS);
	}
}

static int open_room(void **state)
{
	if (sandbox_setup(state) != 0)
		return -1;
	directory = open(sandbox_path("."), O_RDONLY | O_DIRECTORY);
	return directory < 0;
}

static int close_room(void **state)
{
	close(directory);
	return sandbox_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_keeps_nothing),
		cmocka_unit_test(a_file_is_kept_as_asked),
		cmocka_unit_test(what_no_file_may_replace_is_a_conflict),
	};
	return cmocka_run_group_tests(tests, open_room, close_room);
}
