#include "queue/file/frame.h"

#include "tests/unit/facts.h"
#include "tests/unit/scratch.h"

#include <xxhash.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

static const uint64_t seed = 0x1234567890abcdef;
static unsigned char payload[FRAME_PAYLOAD_MAX], again[FRAME_PAYLOAD_MAX];

static int open_new(const char *name)
{
	int fd = open(scratch_path(name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	return fd;
}

static struct frame write_at(int fd, uint64_t offset, size_t size)
{
	struct frame frame = { .offset = offset, .type = 7, .size = size };
	assert_int_equal(frame_write(fd, seed, &frame, payload, NULL), FAULT_NONE);
	return frame;
}

static enum fault read_at(int fd, uint64_t offset)
{
	struct frame frame;
	return frame_read(fd, seed, offset, &frame, again, NULL);
}

static void fill(void)
{
	for (size_t i = 0; i < sizeof payload; i++)
		payload[i] = (unsigned char)(i * 31 + i / 256);
}

static void reads_back_what_was_written(void **state)
{
	(void)state;
	static const size_t sizes[] = { 0, 1, 100, FRAME_PAYLOAD_MAX };
	int fd = open_new("frames");
	uint64_t offset = 3;
	fill();
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		struct frame wrote = write_at(fd, offset, sizes[i]);
		struct frame frame = { 0 };
		memset(again, 0, sizeof again);
		assert_int_equal(frame_read(fd, seed, offset, &frame, again, NULL), FAULT_NONE);
		assert_memory_equal(again, payload, sizes[i]);
		assert_int_equal(frame.type, 7);
		assert_int_equal(frame.size, sizes[i]);
		assert_int_equal(frame.offset, offset);
		assert_int_equal(frame.next, offset + FRAME_HEADER_SIZE + sizes[i]);
		assert_int_equal(frame.next, wrote.next);
		assert_true(frame.hash == wrote.hash);
		offset = frame.next;
	}
	assert_int_equal(read_at(fd, offset), FAULT_NOT_FOUND);
	assert_int_equal(read_at(fd, offset + 1), FAULT_NOT_FOUND);
	close(fd);
}

static void finds_every_flipped_bit(void **state)
{
	(void)state;
	unsigned char bytes[FRAME_HEADER_SIZE + 40];
	int fd = open_new("flips");
	fill();
	write_at(fd, 0, 40);
	assert_int_equal(pread(fd, bytes, sizeof bytes, 0), sizeof bytes);
	for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
		bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
		assert_int_equal(pwrite(fd, bytes, sizeof bytes, 0), sizeof bytes);
		assert_int_equal(read_at(fd, 0), FAULT_CORRUPT);
		bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
	}
	close(fd);
}

static void finds_every_cut(void **state)
{
	(void)state;
	int fd = open_new("cuts");
	for (off_t size = FRAME_HEADER_SIZE + 39; size > 0; size--) {
		write_at(fd, 0, 40);
		assert_int_equal(ftruncate(fd, size), 0);
		assert_int_equal(read_at(fd, 0), FAULT_CORRUPT);
	}
	close(fd);
}

static void does_not_check_at_another_place_or_for_another_job(void **state)
{
	(void)state;
	unsigned char bytes[FRAME_HEADER_SIZE + 40];
	struct frame frame;
	int fd = open_new("places");
	write_at(fd, 0, 40);
	assert_int_equal(pread(fd, bytes, sizeof bytes, 0), sizeof bytes);
	assert_int_equal(pwrite(fd, bytes, sizeof bytes, sizeof bytes), sizeof bytes);
	assert_int_equal(read_at(fd, 0), FAULT_NONE);
	assert_int_equal(read_at(fd, sizeof bytes), FAULT_CORRUPT);
	assert_int_equal(frame_read(fd, seed + 1, 0, &frame, again, NULL), FAULT_CORRUPT);
	unsigned char one[16] = { 1 }, two[16] = { 2 };
	assert_true(frame_seed(one) != frame_seed(two));
	close(fd);
}

/* The formula of docs/formats.md, written down a second time. */
static void believes_no_size_over_the_limit(void **state)
{
	(void)state;
	unsigned char header[FRAME_HEADER_SIZE] = { 'B', 'G', 'F', 'R', 7 }, place[20];
	struct frame frame;
	int fd = open_new("sizes");
	for (unsigned over = 0; over < 2; over++) {
		store_le32(header + 8, FRAME_PAYLOAD_MAX + over);
		memcpy(place, header, 12);
		store_le64(place + 12, 0);
		uint64_t hash = XXH3_64bits_withSeed(place, sizeof place, seed);
		store_le32(header + 12, (uint32_t)hash);
		assert_int_equal(pwrite(fd, header, sizeof header, 0), sizeof header);
		assert_int_equal(frame_peek(fd, seed, 0, &frame, NULL),
				 over ? FAULT_CORRUPT : FAULT_NONE);
	}
	close(fd);
}

static void peeks_at_a_header_whose_payload_is_missing(void **state)
{
	(void)state;
	struct frame frame = { 0 };
	int fd = open_new("peek");
	write_at(fd, 5, 40);
	assert_int_equal(ftruncate(fd, 5 + FRAME_HEADER_SIZE), 0);
	assert_int_equal(frame_peek(fd, seed, 5, &frame, NULL), FAULT_NONE);
	assert_int_equal(frame.size, 40);
	assert_int_equal(frame.next, 5 + FRAME_HEADER_SIZE + 40);
	assert_int_equal(read_at(fd, 5), FAULT_CORRUPT);
	assert_int_equal(frame_peek(fd, seed, frame.next, &frame, NULL), FAULT_NOT_FOUND);
	close(fd);
}

static void refuses_offsets_no_file_has(void **state)
{
	(void)state;
	struct frame frame = { .offset = UINT64_MAX - 8, .size = 1 };
	int fd = open_new("far");
	assert_int_equal(read_at(fd, UINT64_MAX - 8), FAULT_CORRUPT);
	assert_int_equal(file_read_at(fd, (uint64_t)INT64_MAX, again, 1, NULL), FAULT_CORRUPT);
	assert_int_equal(file_read_at(fd, 0, again, 1, NULL), FAULT_CORRUPT);
	assert_int_equal(frame_write(fd, seed, &frame, payload, NULL), FAULT_FULL);
	assert_int_equal(file_write_at(fd, UINT64_MAX, payload, 1, NULL), FAULT_FULL);
	close(fd);
}

static void calls_a_file_at_its_limit_full(void **state)
{
	(void)state;
	struct rlimit before;
	struct frame frame = { .type = 1, .size = 4096 };
	int fd = open_new("limit");
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	struct rlimit tight = { .rlim_cur = 1000, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	struct err err = { 0 };
	enum fault fault = frame_write(fd, seed, &frame, payload, &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(fault, FAULT_FULL);
	assert_int_equal(err.os_error, EFBIG);
	assert_int_equal(read_at(fd, 0), FAULT_CORRUPT);
	close(fd);
}

static void syncs_files_and_directories(void **state)
{
	(void)state;
	struct err err;
	int fd = open_new("synced");
	assert_int_equal(file_sync(fd, NULL), FAULT_NONE);
	close(fd);
	assert_int_equal(file_sync(fd, &err), FAULT_IO);
	assert_int_equal(err.os_error, EBADF);
	assert_int_equal(file_sync_parent(scratch_path("synced"), NULL), FAULT_NONE);
	assert_int_equal(file_sync_parent("no-slash", NULL), FAULT_NONE);
	assert_int_equal(file_sync_parent(scratch_path("synced/x"), NULL), FAULT_IO);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(reads_back_what_was_written),
		cmocka_unit_test(finds_every_flipped_bit),
		cmocka_unit_test(finds_every_cut),
		cmocka_unit_test(does_not_check_at_another_place_or_for_another_job),
		cmocka_unit_test(believes_no_size_over_the_limit),
		cmocka_unit_test(peeks_at_a_header_whose_payload_is_missing),
		cmocka_unit_test(refuses_offsets_no_file_has),
		cmocka_unit_test(calls_a_file_at_its_limit_full),
		cmocka_unit_test(syncs_files_and_directories),
	};
	return cmocka_run_group_tests(facts, scratch_setup, scratch_teardown);
}
