#include "serve/shares.h"

#include "tests/unit/facts.h"
#include "tests/unit/scratch.h"

#include <fcntl.h>
#include <unistd.h>

enum { RECORD_OVERHEAD = 64 + 16, FILE_HEADER = 16 };

static unsigned char data[1024 * 1024], again[1024 * 1024];

static void index_of(uint64_t number, unsigned char index[CAP_KEY_SIZE])
{
	memset(index, 0, CAP_KEY_SIZE);
	store_le64(index, number * 0x9e3779b97f4a7c15u);
	store_le64(index + 8, number);
}

static struct shares *open_log(const char *name)
{
	struct shares *shares;
	struct err err;
	assert_int_equal(shares_open(scratch_path(name), &shares, &err), FAULT_NONE);
	return shares;
}

static void put(struct shares *shares, uint64_t number, size_t size, uint64_t sequence)
{
	struct share share = { .kind = sequence ? SHARE_SLOT : SHARE_IMMUTABLE,
			       .size = size,
			       .sequence = sequence };
	index_of(number, share.index);
	assert_int_equal(shares_begin(shares, &share, NULL), FAULT_NONE);
	assert_int_equal(shares_write(shares, data, size / 3, NULL), FAULT_NONE);
	assert_int_equal(shares_write(shares, data + size / 3, size - size / 3, NULL), FAULT_NONE);
	assert_int_equal(shares_commit(shares, NULL), FAULT_NONE);
}

static bool has(struct shares *shares, uint64_t number, struct share *share)
{
	unsigned char index[CAP_KEY_SIZE];
	index_of(number, index);
	return shares_find(shares, index, share);
}

static void check(struct shares *shares, uint64_t number, size_t size)
{
	struct share share;
	assert_true(has(shares, number, &share));
	assert_int_equal(share.size, size);
	assert_int_equal(shares_read(shares, share.offset, again, size, NULL), FAULT_NONE);
	assert_memory_equal(again, data, size);
	assert_int_equal(shares_check(shares, &share, again, NULL), FAULT_NONE);
}

static int setup(void **state)
{
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (unsigned char)(i * 7 + i / 251);
	return scratch_setup(state);
}

static void finds_what_was_put_now_and_after_reopening(void **state)
{
	(void)state;
	static const size_t sizes[] = { 0, 1, 500, 300000, sizeof data };
	struct shares *shares = open_log("log");
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++)
		put(shares, i, sizes[i], 0);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < ARRAY_COUNT(sizes); i++)
			check(shares, i, sizes[i]);
		struct share share;
		assert_false(has(shares, ARRAY_COUNT(sizes), &share));
		assert_int_equal(shares_count(shares, SHARE_IMMUTABLE), ARRAY_COUNT(sizes));
		shares_close(shares);
		shares = open_log("log");
	}
	shares_close(shares);
}

static void holds_ten_thousand(void **state)
{
	(void)state;
	struct shares *shares = open_log("many");
	for (uint64_t i = 0; i < 10000; i++)
		put(shares, i, (size_t)(i % 50), 0);
	shares_close(shares);
	shares = open_log("many");
	for (uint64_t i = 0; i < 10000; i++)
		check(shares, i, (size_t)(i % 50));
	shares_close(shares);
}

static void the_last_version_of_a_slot_counts(void **state)
{
	(void)state;
	struct shares *shares = open_log("slots");
	struct share share;
	put(shares, 1, 10, 1);
	put(shares, 2, 20, 1);
	put(shares, 1, 30, 2);
	for (int round = 0; round < 2; round++) {
		assert_true(has(shares, 1, &share));
		assert_int_equal(share.sequence, 2);
		check(shares, 1, 30);
		assert_int_equal(shares_count(shares, SHARE_SLOT), 2);
		shares_close(shares);
		shares = open_log("slots");
	}
	shares_close(shares);
}

static void cuts_a_torn_tail_of_any_length(void **state)
{
	(void)state;
	struct share share;
	const size_t last = 100 + RECORD_OVERHEAD;
	for (size_t torn = 0; torn < last; torn++) {
		unlink(scratch_path("torn"));
		struct shares *shares = open_log("torn");
		put(shares, 1, 50, 0);
		const uint64_t good = shares_log_size(shares);
		put(shares, 2, 100, 0);
		shares_close(shares);
		assert_int_equal(truncate(scratch_path("torn"), (off_t)(good + torn)), 0);
		shares = open_log("torn");
		check(shares, 1, 50);
		assert_false(has(shares, 2, &share));
		assert_int_equal(shares_log_size(shares), good);
		assert_int_equal(scratch_size(scratch_path("torn")), good);
		put(shares, 3, 70, 0);
		shares_close(shares);
		shares = open_log("torn");
		check(shares, 3, 70);
		shares_close(shares);
	}
}

static void a_torn_file_header_is_written_again(void **state)
{
	(void)state;
	for (size_t size = 0; size < FILE_HEADER; size++) {
		scratch_store(scratch_path("header"), "barge shares 1\n", size);
		struct shares *shares = open_log("header");
		put(shares, 1, 5, 0);
		shares_close(shares);
		shares = open_log("header");
		check(shares, 1, 5);
		shares_close(shares);
	}
}

static void refuses_foreign_files_and_damaged_headers(void **state)
{
	(void)state;
	struct shares *shares;
	scratch_store(scratch_path("foreign"), "this is another kind of file", 28);
	assert_int_equal(shares_open(scratch_path("foreign"), &shares, NULL), FAULT_CORRUPT);
	for (size_t at = 0; at < 64; at += 3) {
		unlink(scratch_path("flip"));
		shares = open_log("flip");
		put(shares, 1, 5, 0);
		put(shares, 2, 5, 0);
		shares_close(shares);
		const size_t size = scratch_load(scratch_path("flip"), again, sizeof again);
		again[FILE_HEADER + at] ^= 0x10;
		scratch_store(scratch_path("flip"), again, size);
		assert_int_equal(shares_open(scratch_path("flip"), &shares, NULL), FAULT_CORRUPT);
	}
}

static void damaged_data_is_noticed_when_checked(void **state)
{
	(void)state;
	struct share share;
	struct shares *shares = open_log("data");
	put(shares, 1, 1000, 0);
	assert_true(has(shares, 1, &share));
	int fd = open(scratch_path("data"), O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "!", 1, (off_t)share.offset + 999), 1);
	close(fd);
	assert_int_equal(shares_read(shares, share.offset, again, 1000, NULL), FAULT_NONE);
	assert_int_equal(shares_check(shares, &share, again, NULL), FAULT_CORRUPT);
	shares_close(shares);
}

static void an_aborted_share_leaves_nothing(void **state)
{
	(void)state;
	struct share share = { .kind = SHARE_IMMUTABLE, .size = sizeof data };
	struct shares *shares = open_log("abort");
	put(shares, 1, 10, 0);
	const uint64_t before = shares_log_size(shares);
	index_of(2, share.index);
	assert_int_equal(shares_begin(shares, &share, NULL), FAULT_NONE);
	assert_int_equal(shares_write(shares, data, sizeof data, NULL), FAULT_NONE);
	assert_true(scratch_size(scratch_path("abort")) > before);
	shares_abort(shares);
	assert_int_equal(scratch_size(scratch_path("abort")), before);
	assert_false(has(shares, 2, &share));
	put(shares, 3, 10, 0);
	shares_close(shares);
	shares = open_log("abort");
	check(shares, 1, 10);
	check(shares, 3, 10);
	assert_int_equal(shares_count(shares, SHARE_IMMUTABLE), 2);
	shares_close(shares);
}

static void a_share_has_exactly_the_announced_size(void **state)
{
	(void)state;
	struct share share = { .kind = SHARE_IMMUTABLE, .size = 10 };
	struct shares *shares = open_log("exact");
	assert_int_equal(shares_begin(shares, &share, NULL), FAULT_NONE);
	assert_int_equal(shares_write(shares, data, 11, NULL), FAULT_CHANGED);
	shares_abort(shares);
	assert_int_equal(shares_begin(shares, &share, NULL), FAULT_NONE);
	assert_int_equal(shares_write(shares, data, 9, NULL), FAULT_NONE);
	assert_int_equal(shares_commit(shares, NULL), FAULT_CHANGED);
	shares_abort(shares);
	assert_int_equal(shares_commit(shares, NULL), FAULT_CHANGED);
	assert_int_equal(shares_log_size(shares), FILE_HEADER);
	shares_close(shares);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_was_put_now_and_after_reopening),
		cmocka_unit_test(holds_ten_thousand),
		cmocka_unit_test(the_last_version_of_a_slot_counts),
		cmocka_unit_test(cuts_a_torn_tail_of_any_length),
		cmocka_unit_test(a_torn_file_header_is_written_again),
		cmocka_unit_test(refuses_foreign_files_and_damaged_headers),
		cmocka_unit_test(damaged_data_is_noticed_when_checked),
		cmocka_unit_test(an_aborted_share_leaves_nothing),
		cmocka_unit_test(a_share_has_exactly_the_announced_size),
	};
	return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
