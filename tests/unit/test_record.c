#include "queue/record.h"

#include "tests/unit/facts.h"
#include "tests/unit/scratch.h"

#include <xxhash.h>

#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { RECORDS = 4, PREAMBLE = 40 };

static const unsigned char job[16] = "sixteen bytes id";
static unsigned char whole[4096], changed[4096];
/* Where each record ends in `whole`. */
static size_t end[RECORDS + 1];

/* Stands in for the C library's: a disk that loses what it was given. */
static bool sync_fails;

int fdatasync(int fd)
{
	if (!sync_fails)
		return (int)syscall(SYS_fdatasync, fd);
	errno = EIO;
	return -1;
}

/* Payload `i` has 0, 10, 40, 90... bytes, and ends in zeros where it can. */
static size_t payload_of(int i, unsigned char bytes[512])
{
	memset(bytes, 0, 512);
	memset(bytes, 'a' + i, (size_t)(5 * i));
	return (size_t)(10 * i * i);
}

static void count(void *context, uint8_t type, const unsigned char *payload, size_t size)
{
	unsigned char expected[512];
	int *found = context;
	assert_int_equal(type, 100 + *found);
	assert_int_equal(size, payload_of(*found, expected));
	assert_memory_equal(payload, expected, size);
	++*found;
}

static void append(struct record_log *log, int i)
{
	unsigned char bytes[512];
	size_t size = payload_of(i, bytes);
	assert_int_equal(record_log_append(log, (uint8_t)(100 + i), bytes, size, NULL), FAULT_NONE);
}

/* Opens the log and returns how many of its records are there, or -1 when it is corrupt. */
static int open_log(const char *path, struct record_log **log)
{
	int found = 0;
	struct err err;
	enum fault fault = record_log_open(path, job, count, &found, log, &err);
	if (fault == FAULT_NONE)
		return found;
	assert_int_equal(fault, FAULT_CORRUPT);
	return -1;
}

static void make_whole(const char *path)
{
	struct record_log *log = NULL;
	unlink(path);
	assert_int_equal(open_log(path, &log), 0);
	end[0] = scratch_size(path);
	for (int i = 0; i < RECORDS; i++) {
		append(log, i);
		end[i + 1] = scratch_size(path);
	}
	record_log_close(log);
	assert_int_equal(scratch_load(path, whole, sizeof whole), end[RECORDS]);
}

/* Opens, appends the records that are missing, and opens again. */
static void completes(const char *path, int present)
{
	struct record_log *log = NULL;
	assert_int_equal(open_log(path, &log), present);
	assert_int_equal(scratch_size(path), end[present]);
	for (int i = present; i < RECORDS; i++)
		append(log, i);
	record_log_close(log);
	assert_int_equal(open_log(path, &log), RECORDS);
	record_log_close(log);
}

static int whole_records(size_t length)
{
	int n = 0;
	while (n < RECORDS && end[n + 1] <= length)
		n++;
	return n;
}

static void finds_its_records_again_in_a_private_file(void **state)
{
	(void)state;
	struct stat status;
	const char *path = scratch_path("log");
	make_whole(path);
	completes(path, RECORDS);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
}

static void size_of(void *context, uint8_t type, const unsigned char *payload, size_t size)
{
	(void)type;
	(void)payload;
	*(size_t *)context = size;
}

/* The example of docs/formats.md; when this fails, the version has to change. */
static void writes_the_bytes_of_the_documented_example(void **state)
{
	(void)state;
	const char *path = scratch_path("example");
	struct record_log *log = NULL;
	unsigned char id[16];
	size_t size = 0;
	for (unsigned char i = 0; i < 16; i++)
		id[i] = i;
	assert_int_equal(record_log_open(path, id, size_of, &size, &log, NULL), FAULT_NONE);
	assert_int_equal(record_log_append(log, 1, "intent", 6, NULL), FAULT_NONE);
	record_log_close(log);
	assert_int_equal(scratch_load(path, changed, sizeof changed), 71);
	assert_true(XXH3_64bits(changed, 71) == 0x4a9225fb6a02597f);
}

static void cuts_a_record_torn_at_any_length(void **state)
{
	(void)state;
	const char *path = scratch_path("torn");
	make_whole(path);
	for (size_t length = 0; length <= end[RECORDS]; length++) {
		scratch_store(path, whole, length);
		completes(path, whole_records(length));
	}
}

static void cuts_a_record_whose_tail_is_zeros(void **state)
{
	(void)state;
	const char *path = scratch_path("zeros");
	make_whole(path);
	for (size_t length = end[0] + 1; length < end[RECORDS]; length++) {
		int present = whole_records(length);
		memcpy(changed, whole, length);
		/* Up to the end of the record, and of a page. */
		size_t sizes[] = { end[present + 1], end[present + 1] + 700 };
		for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
			memset(changed + length, 0, sizes[i] - length);
			scratch_store(path, changed, sizes[i]);
			completes(path, present);
		}
	}
}

static void ignore(void *context, uint8_t type, const unsigned char *payload, size_t size)
{
	(void)type, (void)payload, (void)size;
	++*(int *)context;
}

/* Stores two records of three pages each but for what lies in [from, to), which is zeros, and
 * returns how many are found, or -1. */
static int found_without(const char *path, size_t from, size_t to)
{
	static unsigned char large[9000], file[2 * sizeof large + 200];
	struct record_log *log = NULL;
	struct err err;
	int found = 0;
	memset(large, 'l', sizeof large);
	scratch_store(path, "", 0);
	assert_int_equal(record_log_open(path, job, ignore, &found, &log, &err), FAULT_NONE);
	for (int i = 0; i < 2; i++)
		assert_int_equal(record_log_append(log, 1, large, sizeof large, NULL), FAULT_NONE);
	record_log_close(log);
	const size_t size = scratch_load(path, file, sizeof file);
	memset(file + from, 0, to - from);
	scratch_store(path, file, size);
	enum fault fault = record_log_open(path, job, ignore, &found, &log, &err);
	record_log_close(fault ? NULL : log);
	assert_true(!fault || fault == FAULT_CORRUPT);
	assert_int_equal(scratch_size(path),
			 fault ? size : PREAMBLE + (size - PREAMBLE) / 2 * found);
	return fault ? -1 : found;
}

/* A disk writes pages in any order. */
static void cuts_a_record_of_which_a_page_is_missing(void **state)
{
	enum { SECOND = PREAMBLE + 24 + 9001 };
	(void)state;
	const char *path = scratch_path("page");
	assert_int_equal(found_without(path, 0, 0), 2);
	assert_int_equal(found_without(path, SECOND, 12288), 1); /* its header, too */
	assert_int_equal(found_without(path, 12288, 16384), 1);
	assert_int_equal(found_without(path, 16384, PREAMBLE + 2 * (SECOND - PREAMBLE)), 1);
	assert_int_equal(found_without(path, 12288, 16383), -1); /* no page of it */
	assert_int_equal(found_without(path, SECOND + 1, 12288), -1);
	assert_int_equal(found_without(path, 4096, 8192), -1); /* not of the last one */
	assert_int_equal(found_without(path, PREAMBLE, 4096), -1);
}

static void opens_no_log_with_a_flipped_bit(void **state)
{
	(void)state;
	struct record_log *log = NULL;
	const char *path = scratch_path("flip");
	make_whole(path);
	for (size_t bit = 0; bit < 8 * end[RECORDS]; bit++) {
		memcpy(changed, whole, end[RECORDS]);
		changed[bit / 8] ^= (unsigned char)(1u << bit % 8);
		scratch_store(path, changed, end[RECORDS]);
		assert_int_equal(open_log(path, &log), -1);
		assert_null(log);
		assert_int_equal(scratch_size(path), end[RECORDS]);
	}
}

static void opens_no_log_with_a_hole_of_zeros(void **state)
{
	(void)state;
	struct record_log *log = NULL;
	const char *path = scratch_path("hole");
	make_whole(path);
	memcpy(changed, whole, end[RECORDS]);
	memset(changed + end[1], 0, end[2] - end[1]);
	scratch_store(path, changed, end[RECORDS]);
	assert_int_equal(open_log(path, &log), -1);
	/* Zeros behind a record that is damaged before them. */
	memcpy(changed, whole, end[2]);
	changed[end[1] + 25] ^= 1;
	memset(changed + end[2], 0, 200);
	scratch_store(path, changed, end[2] + 200);
	assert_int_equal(open_log(path, &log), -1);
}

static void opens_no_log_of_another_job_or_version(void **state)
{
	(void)state;
	struct record_log *log = NULL;
	const unsigned char other[16] = { 1 };
	struct err err;
	int found = 0;
	const char *path = scratch_path("foreign");
	make_whole(path);
	assert_int_equal(record_log_open(path, other, count, &found, &log, &err), FAULT_CORRUPT);
	assert_non_null(strstr(err.text, "another job"));
	memcpy(changed, whole, end[RECORDS]);
	store_le16(changed + 8, 3);
	store_le64(changed + 32, XXH3_64bits(changed, 32));
	scratch_store(path, changed, end[RECORDS]);
	assert_int_equal(record_log_open(path, job, count, &found, &log, &err), FAULT_CORRUPT);
	assert_non_null(strstr(err.text, "version 3"));
	assert_non_null(strstr(err.text, "version 1"));
	assert_int_equal(found, 0);
}

static void starts_afresh_where_creation_was_cut(void **state)
{
	(void)state;
	const char *path = scratch_path("created");
	make_whole(path);
	memset(changed, 0, PREAMBLE);
	scratch_store(path, changed, PREAMBLE);
	completes(path, 0);
}

static void takes_the_first_failure_as_final(void **state)
{
	(void)state;
	struct record_log *log = NULL;
	struct err err;
	const char *path = scratch_path("unsynced");
	assert_int_equal(open_log(path, &log), 0);
	sync_fails = true;
	assert_int_equal(record_log_append(log, 100, "", 0, &err), FAULT_IO);
	sync_fails = false;
	assert_int_equal(err.os_error, EIO);
	memset(&err, 0, sizeof err);
	assert_int_equal(record_log_append(log, 100, "", 0, &err), FAULT_IO);
	assert_int_equal(err.os_error, EIO);
	record_log_close(log);
}

static void goes_on_once_a_full_disk_has_room_again(void **state)
{
	(void)state;
	struct record_log *log = NULL;
	struct rlimit before;
	const char *path = scratch_path("full");
	make_whole(path);
	scratch_store(path, whole, end[3]);
	assert_int_equal(open_log(path, &log), 3);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	struct rlimit tight = { .rlim_cur = end[3] + 50, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	unsigned char bytes[512];
	size_t size = payload_of(3, bytes);
	enum fault fault = record_log_append(log, 103, bytes, size, NULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(fault, FAULT_FULL);
	assert_int_equal(record_log_append(log, 103, bytes, size, NULL), FAULT_FULL);
	record_log_close(log);
	completes(path, 3);
}

static void holds_a_record_of_the_largest_size(void **state)
{
	(void)state;
	static unsigned char bytes[RECORD_PAYLOAD_MAX];
	size_t size = 0;
	struct record_log *log = NULL;
	const char *path = scratch_path("large");
	assert_int_equal(record_log_open(path, job, size_of, &size, &log, NULL), FAULT_NONE);
	assert_int_equal(record_log_append(log, 1, bytes, sizeof bytes, NULL), FAULT_NONE);
	record_log_close(log);
	assert_int_equal(record_log_open(path, job, size_of, &size, &log, NULL), FAULT_NONE);
	assert_int_equal(size, sizeof bytes);
	record_log_close(log);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(finds_its_records_again_in_a_private_file),
		cmocka_unit_test(writes_the_bytes_of_the_documented_example),
		cmocka_unit_test(cuts_a_record_torn_at_any_length),
		cmocka_unit_test(cuts_a_record_whose_tail_is_zeros),
		cmocka_unit_test(cuts_a_record_of_which_a_page_is_missing),
		cmocka_unit_test(opens_no_log_with_a_flipped_bit),
		cmocka_unit_test(opens_no_log_with_a_hole_of_zeros),
		cmocka_unit_test(opens_no_log_of_another_job_or_version),
		cmocka_unit_test(starts_afresh_where_creation_was_cut),
		cmocka_unit_test(takes_the_first_failure_as_final),
		cmocka_unit_test(goes_on_once_a_full_disk_has_room_again),
		cmocka_unit_test(holds_a_record_of_the_largest_size),
	};
	return cmocka_run_group_tests(facts, scratch_setup, scratch_teardown);
}
