#include "files/holes.h"

#include "files/dirfd.h"
#include "queue/core/file_io.h"
#include "tests/unit/facts.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { SIZE = 1 << 20 };

static int opened(void)
{
	struct err err;
	int fd;
	const char *place = getenv("TMPDIR");
	assert_int_equal(file_open_unnamed(place ? place : "/tmp", &fd, &err), FAULT_NONE);
	return fd;
}

static void is(int fd, const unsigned char *data, size_t size)
{
	unsigned char *back = malloc(size + 1);
	assert_non_null(back);
	assert_int_equal(pread(fd, back, size + 1, 0), size);
	assert_memory_equal(back, data, size);
	free(back);
}

static void a_byte(unsigned char *data, size_t at, unsigned value)
{
	data[at] = (unsigned char)value;
}

/* Pieces of any size and place, with data wherever blocks and runs begin and end. */
static void bytes_are_what_was_written(void **state)
{
	(void)state;
	static const size_t place[] = { 0,
					1,
					HOLE_BLOCK - 1,
					HOLE_BLOCK,
					HOLE_BLOCK + 1,
					HOLE_MIN - 1,
					HOLE_MIN,
					HOLE_MIN + 1,
					SIZE - HOLE_BLOCK,
					SIZE - 1 };
	static const size_t piece[] = { 1000, HOLE_BLOCK, HOLE_MIN + 5, 65536, 100003, SIZE };
	unsigned char *data = calloc(1, SIZE);
	struct err err;
	assert_non_null(data);
	for (size_t i = 0; i < ARRAY_COUNT(place); i++) {
		a_byte(data, place[i], 7);
		for (size_t j = 0; j < ARRAY_COUNT(piece); j++) {
			int fd = opened();
			for (size_t at = 0, size; at < SIZE; at += size) {
				size = piece[j] < SIZE - at ? piece[j] : SIZE - at;
				assert_int_equal(holes_write_at(fd, at, data + at, size, &err),
						 FAULT_NONE);
			}
			is(fd, data, SIZE);
			close(fd);
		}
		a_byte(data, place[i], 0);
	}
	free(data);
}

static void what_stood_there_is_gone(void **state)
{
	(void)state;
	unsigned char *data = malloc(SIZE);
	struct err err;
	int fd = opened();
	assert_non_null(data);
	memset(data, 0xff, SIZE);
	assert_int_equal(dirfd_write_at(fd, 0, data, SIZE, &err), FAULT_NONE);
	memset(data, 0, SIZE);
	assert_int_equal(holes_write_at(fd, 0, data, SIZE, &err), FAULT_NONE);
	is(fd, data, SIZE);
	close(fd);
	free(data);
}

/* Whether the file system takes holes at all is seen by ftruncate. */
static void zeros_take_no_room(void **state)
{
	(void)state;
	unsigned char *data = calloc(1, SIZE);
	struct err err;
	struct stat st;
	int fd = opened(), like = opened();
	assert_non_null(data);
	assert_int_equal(ftruncate(like, SIZE), 0);
	assert_int_equal(fstat(like, &st), 0);
	bool able = holes_are_in(&st);
	a_byte(data, SIZE / 2, 1);
	assert_int_equal(holes_write_at(fd, 0, data, SIZE, &err), FAULT_NONE);
	assert_int_equal(fsync(fd), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, SIZE);
	if (able) {
		assert_true(holes_are_in(&st));
		assert_true(st.st_blocks * 512 <= 4 * HOLE_BLOCK);
	}
	close(fd);
	close(like);
	free(data);
}

/* Pieces of nothing but zeros, in a file that reaches behind them all. */
static void a_file_that_reaches_as_far_gets_no_block(void **state)
{
	(void)state;
	enum { PIECE = SIZE / 8 };
	unsigned char *data = calloc(1, PIECE);
	struct err err;
	struct stat before, after;
	int fd = opened();
	assert_non_null(data);
	assert_int_equal(ftruncate(fd, SIZE), 0);
	assert_int_equal(fstat(fd, &before), 0);
	for (uint64_t at = 0; at < SIZE; at += PIECE)
		assert_int_equal(holes_write_at(fd, at, data, PIECE, &err), FAULT_NONE);
	assert_int_equal(fsync(fd), 0);
	assert_int_equal(fstat(fd, &after), 0);
	assert_int_equal(after.st_size, SIZE);
	if (holes_are_in(&before))
		assert_int_equal(after.st_blocks, 0);
	close(fd);
	free(data);
}

static void a_fault_is_told(void **state)
{
	(void)state;
	unsigned char data[2 * HOLE_BLOCK] = { 0 };
	struct err err = { 0 };
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_not_equal(holes_write_at(fd, 0, data, sizeof data, &err), FAULT_NONE);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_what_was_written),
		cmocka_unit_test(what_stood_there_is_gone),
		cmocka_unit_test(zeros_take_no_room),
		cmocka_unit_test(a_file_that_reaches_as_far_gets_no_block),
		cmocka_unit_test(a_fault_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
