#include "verify/likeness.h"

#include "tests/unit/facts.h"
#include "tests/unit/sandbox.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LARGE = 600000 };

static struct {
	const unsigned char *data;
	uint64_t read;
	enum fault fault; /* of the second reading and later */
	unsigned reads;
} file;

static const struct chk_params secret = {
	.secret = "ours", .secret_size = 4, .k = 7, .n = 9, .max_segment_size = 4096
};

static enum fault give(void *context, uint64_t offset, unsigned char *data, size_t size,
		       struct err *err)
{
	(void)context;
	if (file.reads++ > 0 && file.fault)
		return err_set(err, file.fault, "scripted");
	memcpy(data, file.data + offset, size);
	file.read += size;
	return FAULT_NONE;
}

static enum fault find(const struct cap *cap, const struct chk_params *params, const void *data,
		       size_t size, bool *alike)
{
	struct err err;
	file.data = data;
	file.read = file.reads = 0;
	const struct likeness likeness = {
		.cap = cap, .secret = params, .size = size, .read = give
	};
	*alike = true;
	return likeness_find(&likeness, alike, &err);
}

static bool alike(const struct cap *cap, const struct chk_params *params, const void *data,
		  size_t size)
{
	bool answer;
	assert_int_equal(find(cap, params, data, size, &answer), FAULT_NONE);
	return answer;
}

/* The cap of bytes, as far as a key tells, of 3-of-10 and the usual segments. */
static struct cap cap_of(const void *data, size_t size)
{
	struct chk_params params = secret;
	struct chk_key key = { 0 };
	struct cap cap = { .kind = CAP_CHK, .needed = 3, .total = 10, .size = size };
	struct err err;
	params.k = 3;
	params.n = 10;
	params.max_segment_size = CHK_SEGMENT_SIZE;
	assert_int_equal(chk_key_init(&key, &err), FAULT_NONE);
	assert_int_equal(chk_key_start(&key, &params, size, &err), FAULT_NONE);
	assert_int_equal(chk_key_update(&key, data, size, &err), FAULT_NONE);
	assert_int_equal(chk_key_final(&key, cap.key, &err), FAULT_NONE);
	chk_key_fini(&key);
	return cap;
}

static void bytes_are_known_by_their_key(void **state)
{
	(void)state;
	unsigned char *data = calloc(1, LARGE + 1);
	assert_non_null(data);
	static const size_t sizes[] = { 56, 262144, 262145, LARGE };
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		const struct cap cap = cap_of(data, sizes[i]);
		assert_true(alike(&cap, &secret, data, sizes[i]));
		assert_int_equal(file.read, sizes[i]);
		data[sizes[i] - 1] ^= 1;
		assert_false(alike(&cap, &secret, data, sizes[i]));
		data[sizes[i] - 1] ^= 1;
	}
	free(data);
}

static void what_cannot_be_alike_is_not_read(void **state)
{
	(void)state;
	static const unsigned char data[100];
	const struct cap cap = cap_of(data, 99);
	assert_false(alike(&cap, &secret, data, 98));
	assert_false(alike(&cap, &secret, data, 100));
	assert_false(alike(&cap, NULL, data, 99)); /* unknown is not alike */
	const struct cap changing = { .kind = CAP_SSK, .size = 0 };
	assert_false(alike(&changing, &secret, data, 0));
	const struct cap directory = { .kind = CAP_DIR2_CHK, .size = 99 };
	assert_false(alike(&directory, &secret, data, 99));
	assert_int_equal(file.read, 0);
}

static void literals_are_compared_by_their_bytes(void **state)
{
	(void)state;
	struct cap cap;
	chk_literal((const unsigned char *)"hello", 5, &cap);
	assert_true(alike(&cap, NULL, "hello", 5));
	assert_false(alike(&cap, NULL, "hellO", 5));
	assert_false(alike(&cap, NULL, "hello ", 6));
	chk_literal((const unsigned char *)"", 0, &cap);
	assert_true(alike(&cap, NULL, "", 0));
}

static void another_secret_is_not_alike(void **state)
{
	(void)state;
	static const unsigned char data[100];
	const struct cap cap = cap_of(data, sizeof data);
	struct chk_params other = secret;
	other.secret[0] ^= 1;
	assert_false(alike(&cap, &other, data, sizeof data));
}

static void a_hash_that_was_noted_tells_instead_of_the_cap(void **state)
{
	(void)state;
	static const unsigned char data[100];
	unsigned char noted[CONTENT_HASH_SIZE];
	struct cap chk = cap_of(data, sizeof data), literal;
	chk_literal(data, 5, &literal);
	file.data = data;
	const struct cap *const caps[] = { &chk, &literal };
	for (int right = 0; right < 2; right++)
		for (size_t i = 0; i < 2; i++) {
			bool answer;
			struct err err;
			const size_t size = (size_t)caps[i]->size;
			const struct likeness likeness = {
				.cap = caps[i], .content = noted, .size = size, .read = give
			};
			content_hash_of(data, right ? size : size - 1, noted);
			chk.key[0] ^= 1; /* nobody looks at it */
			assert_int_equal(likeness_find(&likeness, &answer, &err), FAULT_NONE);
			assert_int_equal(answer, right);
		}
}

static void what_cannot_be_read_is_told(void **state)
{
	(void)state;
	unsigned char *data = calloc(1, LARGE);
	bool answer;
	const struct cap cap = cap_of(data, LARGE);
	file.fault = FAULT_CANCELLED;
	assert_int_equal(find(&cap, &secret, data, LARGE, &answer), FAULT_CANCELLED);
	assert_false(answer);
	file.fault = FAULT_NONE;
	free(data);
}

/* ---- a file ---- */

static void a_file_is_read_where_it_is(void **state)
{
	(void)state;
	atomic_bool cancel = false;
	static char text[1001];
	memset(text, 'x', sizeof text - 1);
	sandbox_file("same", text, 0600);
	text[999] = 'y';
	sandbox_file("other", text, 0600);
	text[999] = 'x';
	sandbox_directory("directory", 0700);
	assert_int_equal(symlink("same", sandbox_path("link")), 0);
	const struct cap cap = cap_of(text, 1000);
	const struct likeness likeness = { .cap = &cap, .secret = &secret, .cancel = &cancel };
	int at = open(sandbox_path("."), O_RDONLY | O_DIRECTORY);
	assert_true(likeness_is_at(&likeness, at, "same"));
	assert_false(likeness_is_at(&likeness, at, "other"));
	assert_false(likeness_is_at(&likeness, at, "directory"));
	assert_false(likeness_is_at(&likeness, at, "link"));
	assert_false(likeness_is_at(&likeness, at, "nothing"));
	cancel = true;
	assert_false(likeness_is_at(&likeness, at, "same"));
	/* Nothing can be read from either; but only one is a file. */
	cancel = false;
	const struct cap empty = { .kind = CAP_LIT };
	const struct likeness nothing = { .cap = &empty, .secret = &secret, .cancel = &cancel };
	sandbox_file("empty", "", 0600);
	assert_int_equal(mkfifo(sandbox_path("fifo"), 0600), 0);
	assert_true(likeness_is_at(&nothing, at, "empty"));
	assert_false(likeness_is_at(&nothing, at, "fifo"));
	close(at);
}

static void a_file_in_chunks_is_compared_up_to_the_first_that_differs(void **state)
{
	(void)state;
	enum { SIZE = 2300, CHUNK = 1000 };
	unsigned char data[SIZE];
	struct chunked chunked = { 0 };
	struct err err;
	bool same;
	for (size_t i = 0; i < SIZE; i++)
		data[i] = (unsigned char)(i * 7 % 251);
	chunked_begin(&chunked, SIZE);
	for (size_t i = 0; i < 3; i++) {
		const size_t size = i < 2 ? CHUNK : SIZE - 2 * CHUNK;
		const struct cap cap = cap_of(data + i * CHUNK, size);
		assert_true(chunked_add(&chunked, (const char *[]){ "1", "2", "3" }[i], 1, &cap));
	}
	assert_true(chunked_end(&chunked));
	struct likeness likeness = {
		.chunked = &chunked, .secret = &secret, .size = SIZE, .read = give
	};
	file.data = data;
	file.read = file.reads = 0;
	assert_int_equal(likeness_find(&likeness, &same, &err), FAULT_NONE);
	assert_true(same);
	assert_int_equal(file.read, SIZE);
	data[CHUNK] ^= 1;
	file.read = 0;
	assert_int_equal(likeness_find(&likeness, &same, &err), FAULT_NONE);
	assert_false(same);
	assert_int_equal(file.read, 2 * CHUNK);
	likeness.size = SIZE - 1;
	file.read = 0;
	assert_int_equal(likeness_find(&likeness, &same, &err), FAULT_NONE);
	assert_false(same);
	assert_int_equal(file.read, 0);
	chunked_fini(&chunked);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(a_file_in_chunks_is_compared_up_to_the_first_that_differs),
		cmocka_unit_test(bytes_are_known_by_their_key),
		cmocka_unit_test(what_cannot_be_alike_is_not_read),
		cmocka_unit_test(literals_are_compared_by_their_bytes),
		cmocka_unit_test(another_secret_is_not_alike),
		cmocka_unit_test(what_cannot_be_read_is_told),
		cmocka_unit_test(a_hash_that_was_noted_tells_instead_of_the_cap),
		cmocka_unit_test_setup_teardown(a_file_is_read_where_it_is, sandbox_setup,
						sandbox_teardown),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
