#include "serve/grid.h"

#include "tests/unit/facts.h"
#include "tests/unit/scratch.h"

#include <fcntl.h>
#include <unistd.h>

enum { LARGE = 2 * CHK_SEGMENT_SIZE + 12345 };

static const unsigned char secret[CHK_SECRET_MAX] = "a secret of thirty-two bytes ...";
static unsigned char content[LARGE], again[LARGE];
static char directory[256]; /* of the grid */
static struct grid *grid;

static int setup(void **state)
{
	for (size_t i = 0; i < sizeof content; i++)
		content[i] = (unsigned char)(i * 131 + i / 257);
	if (scratch_setup(state) != 0)
		return -1;
	snprintf(directory, sizeof directory, "%s", scratch_path("."));
	return 0;
}

static int open_grid(void **state)
{
	(void)state;
	unlink(scratch_path("shares.log"));
	return (int)grid_open(directory, secret, &grid, NULL);
}

static int close_grid(void **state)
{
	(void)state;
	grid_close(grid);
	return 0;
}

static void reopen(void)
{
	grid_close(grid);
	assert_int_equal(grid_open(directory, secret, &grid, NULL), FAULT_NONE);
}

static struct upload put(size_t size)
{
	struct spool spool;
	struct upload upload;
	spool_borrow(&spool, content, size);
	assert_int_equal(grid_put(grid, &spool, &upload, NULL), FAULT_NONE);
	spool_fini(&spool);
	return upload;
}

static void check_reading(const struct cap *cap, uint64_t offset, size_t size)
{
	struct download_reply *download;
	assert_int_equal(grid_open_file(grid, cap, &download, NULL), FAULT_NONE);
	for (size_t done = 0; done < size;) {
		size_t part = size - done;
		assert_int_equal(download_read(download, offset + done, again, &part, NULL),
				 FAULT_NONE);
		assert_true(part > 0);
		assert_memory_equal(again, content + offset + done, part);
		done += part;
	}
	size_t beyond = 1;
	const uint64_t end = download_size(download);
	assert_int_equal(download_read(download, end, again, &beyond, NULL), FAULT_NONE);
	assert_int_equal(beyond, 0);
	download_free(download);
}

static void files_come_back_and_have_the_cap_of_their_bytes(void **state)
{
	(void)state;
	static const size_t sizes[] = {
		0, 1, 55, 56, 4096, CHK_SEGMENT_SIZE, CHK_SEGMENT_SIZE + 1, LARGE
	};
	struct chk_params params = {
		.secret_size = sizeof secret, .k = 1, .n = 1, .max_segment_size = CHK_SEGMENT_SIZE
	};
	memcpy(params.secret, secret, sizeof secret);
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		struct cap expected;
		const struct upload upload = put(sizes[i]);
		assert_int_equal(chk_cap_of(&params, content, sizes[i], &expected, NULL),
				 FAULT_NONE);
		assert_true(cap_equal(&upload.cap, &expected));
		assert_int_equal(upload.stored, sizes[i] > LITERAL_SIZE_MAX);
		assert_int_equal(upload.created, upload.stored);
		check_reading(&upload.cap, 0, sizes[i]);
		reopen();
		check_reading(&upload.cap, sizes[i] / 2, sizes[i] - sizes[i] / 2);
		const struct upload second = put(sizes[i]);
		assert_true(cap_equal(&second.cap, &expected));
		assert_false(second.created);
	}
}

static void flip(uint64_t offset)
{
	unsigned char byte;
	int fd = open(scratch_path("shares.log"), O_RDWR | O_CLOEXEC);
	assert_int_equal(pread(fd, &byte, 1, (off_t)offset), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)offset), 1);
	close(fd);
}

static struct check_result check(const struct cap *cap, bool verify)
{
	struct check_result result;
	assert_int_equal(grid_check(grid, cap, verify, &result, NULL), FAULT_NONE);
	return result;
}

static void a_damaged_segment_is_410_and_only_verify_sees_it(void **state)
{
	(void)state;
	struct download_reply *download;
	struct share share;
	struct err err;
	const struct upload upload = put(LARGE);
	assert_true(shares_find(grid_shares(grid), upload.index, &share));
	flip(share.offset + 36 + LARGE - 1);
	assert_int_equal(grid_open_file(grid, &upload.cap, &download, NULL), FAULT_NONE);
	size_t size = 10;
	assert_int_equal(download_read(download, 0, again, &size, NULL), FAULT_NONE);
	assert_int_equal(download_read(download, LARGE - 10, again, &size, &err), FAULT_CORRUPT);
	assert_int_equal(err.http_status, 410);
	download_free(download);
	assert_true(check(&upload.cap, false).found);
	assert_false(check(&upload.cap, false).corrupt);
	assert_true(check(&upload.cap, true).corrupt);
	/* Putting it again changes nothing, TAHOE fact 6. */
	assert_false(put(LARGE).created);
	assert_true(check(&upload.cap, true).corrupt);
}

static void damaged_hashes_are_410_at_once(void **state)
{
	(void)state;
	struct download_reply *download;
	struct share share;
	struct err err;
	const struct upload upload = put(5000);
	struct cap verifier;
	assert_true(cap_to_verifier(&upload.cap, &verifier));
	assert_false(check(&verifier, true).corrupt);
	assert_true(shares_find(grid_shares(grid), upload.index, &share));
	flip(share.offset + share.size - 1);
	assert_int_equal(grid_open_file(grid, &upload.cap, &download, &err), FAULT_CORRUPT);
	assert_int_equal(err.http_status, 410);
	assert_true(check(&verifier, true).corrupt);
}

static void what_is_not_there_is_410(void **state)
{
	(void)state;
	struct upload upload = put(5000);
	struct download_reply *download;
	struct err err;
	upload.cap.key[3] ^= 1;
	assert_int_equal(grid_open_file(grid, &upload.cap, &download, &err), FAULT_CORRUPT);
	assert_int_equal(err.http_status, 410);
	assert_false(check(&upload.cap, true).found);
}

static void children(const char *text, struct stored_directory *out)
{
	assert_int_equal(directory_from_json(text, strlen(text), false, out, NULL), FAULT_NONE);
	assert_int_equal(directory_complete(out, NULL), FAULT_NONE);
}

static void a_key_makes_one_directory_once(void **state)
{
	(void)state;
	struct mutable_key key;
	struct stored_directory first, second, read = { 0 };
	struct err err;
	struct cap readonly;
	children("{\"a\": [\"f\", {\"ro_uri\": \"URI:LIT:me\"}]}", &first);
	children("{\"b\": [\"f\", {\"ro_uri\": \"URI:LIT:me\"}]}", &second);
	assert_int_equal(mutable_key_generate(&key, NULL), FAULT_NONE);
	assert_int_equal(grid_list(grid, &key.cap, &read, &err), FAULT_CORRUPT);
	assert_int_equal(err.http_status, 410);
	assert_int_equal(grid_mkdir(grid, &key, &first, NULL), FAULT_NONE);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(grid_mkdir(grid, &key, &second, &err), FAULT_RETRY);
		assert_int_equal(err.http_status, 500);
		assert_non_null(strstr(err.text, "UncoordinatedWriteError"));
		assert_int_equal(grid_list(grid, &key.cap, &read, NULL), FAULT_NONE);
		assert_int_equal(read.count, 1);
		assert_string_equal(read.list[0].name, "a");
		directory_fini(&read);
		reopen();
	}
	assert_true(cap_to_readonly(&key.cap, &readonly));
	assert_int_equal(grid_update(grid, &readonly, &second, &err), FAULT_RETRY);
	assert_int_equal(grid_update(grid, &key.cap, &second, NULL), FAULT_NONE);
	reopen();
	assert_int_equal(grid_list(grid, &readonly, &read, NULL), FAULT_NONE);
	assert_string_equal(read.list[0].name, "b");
	assert_int_equal(check(&readonly, true).sequence, 2);
	key.cap.hash[0] ^= 1;
	assert_int_equal(grid_update(grid, &key.cap, &first, NULL), FAULT_CORRUPT);
	directory_fini(&read);
	directory_fini(&first);
	directory_fini(&second);
}

static void immutable_directories_are_files(void **state)
{
	(void)state;
	struct stored_directory made, read = { 0 };
	struct upload upload;
	children("{\"a\": [\"f\", {\"ro_uri\": \"URI:LIT:me\"}]}", &made);
	assert_int_equal(grid_put_directory(grid, &made, &upload, NULL), FAULT_NONE);
	assert_int_equal(upload.cap.kind, CAP_DIR2_LIT);
	assert_int_equal(grid_list(grid, &upload.cap, &read, NULL), FAULT_NONE);
	assert_string_equal(read.list[0].ro, "URI:LIT:me");
	directory_fini(&read);
	directory_fini(&made);
	children("{\"a\": [\"f\", {\"ro_uri\": \"URI:LIT:me\", \"metadata\": {\"long\": "
		 "\"so that it does not fit into a literal\"}}]}",
		 &made);
	assert_int_equal(grid_put_directory(grid, &made, &upload, NULL), FAULT_NONE);
	assert_int_equal(upload.cap.kind, CAP_DIR2_CHK);
	assert_true(upload.created);
	reopen();
	assert_int_equal(grid_list(grid, &upload.cap, &read, NULL), FAULT_NONE);
	assert_int_equal(read.count, 1);
	struct err err;
	assert_int_equal(grid_update(grid, &upload.cap, &made, &err), FAULT_RETRY);
	assert_int_equal(err.http_status, 500);
	directory_fini(&read);
	directory_fini(&made);
}

static void a_large_body_goes_through_a_file(void **state)
{
	(void)state;
	struct spool spool;
	struct upload upload;
	const char *view;
	size_t size;
	spool_init(&spool, directory, 1 << 20);
	for (size_t at = 0; at < LARGE; at += 100000) {
		const size_t part = LARGE - at < 100000 ? LARGE - at : 100000;
		assert_int_equal(spool_append(&spool, content + at, part, NULL), FAULT_NONE);
	}
	assert_true(spool.fd >= 0);
	assert_int_equal(spool.size, LARGE);
	assert_int_equal(spool_view(&spool, &view, &size, NULL), FAULT_NONE);
	assert_int_equal(size, LARGE);
	assert_memory_equal(view, content, LARGE);
	assert_int_equal(grid_put(grid, &spool, &upload, NULL), FAULT_NONE);
	spool_fini(&spool);
	check_reading(&upload.cap, 0, LARGE);
	const struct upload same = put(LARGE);
	assert_true(cap_equal(&same.cap, &upload.cap));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(files_come_back_and_have_the_cap_of_their_bytes,
						open_grid, close_grid),
		cmocka_unit_test_setup_teardown(a_damaged_segment_is_410_and_only_verify_sees_it,
						open_grid, close_grid),
		cmocka_unit_test_setup_teardown(damaged_hashes_are_410_at_once, open_grid,
						close_grid),
		cmocka_unit_test_setup_teardown(what_is_not_there_is_410, open_grid, close_grid),
		cmocka_unit_test_setup_teardown(a_key_makes_one_directory_once, open_grid,
						close_grid),
		cmocka_unit_test_setup_teardown(immutable_directories_are_files, open_grid,
						close_grid),
		cmocka_unit_test_setup_teardown(a_large_body_goes_through_a_file, open_grid,
						close_grid),
	};
	return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
