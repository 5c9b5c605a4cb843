#include "compare/content.h"

#include "tests/unit/facts.h"
#include "tests/unit/fake_store.h"
#include "tests/unit/tree.h"

#include <fcntl.h>
#include <unistd.h>

enum { SIZE = 3000 };

/* A local file and a gateway that has some file. */
struct compare_case {
	struct fake fake;
	struct store_wait wait;
	struct content_options options;
	struct chk_params secret;
	unsigned char there[SIZE]; /* on the grid */
	const char *plan;          /* a letter for each GET: g good, b bad, the last repeats */
	bool touch;                /* the local file, at the first GET */
	bool stopped;
};

static void write_local(const void *data, size_t size)
{
	int fd = open(tree_path("f"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(write(fd, data, size), (ssize_t)size);
	close(fd);
}

static bool script(void *context, struct fake_call *call, struct store_reply *reply)
{
	struct compare_case *compare_case = context;
	unsigned char bytes[SIZE];
	size_t step = min_u64(call->number, strlen(compare_case->plan)) - 1;
	memcpy(bytes, compare_case->there, SIZE);
	bytes[7] ^= compare_case->plan[step] == 'b';
	reply->err.retry_after_ms = 1;
	const struct timespec past[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	if (compare_case->touch)
		assert_int_equal(utimensat(AT_FDCWD, tree_path("f"), past, 0), 0);
	if (!call->sink(call->context, bytes, SIZE))
		fake_fail(reply, FAULT_CANCELLED, "refused");
	return true;
}

static bool stop(void *context)
{
	struct compare_case *compare_case = context;
	return compare_case->stopped;
}

static void open_bench(struct compare_case *compare_case, const char *plan)
{
	*compare_case =
		(struct compare_case){ .fake = { .script = script, .context = compare_case },
				       .plan = plan };
	for (size_t i = 0; i < SIZE; i++)
		compare_case->there[i] = (unsigned char)(i * 7 + i / 256);
	compare_case->secret = (struct chk_params){
		.secret_size = 32, .k = 1, .n = 1, .max_segment_size = CHK_SEGMENT_SIZE
	};
	compare_case->wait =
		(struct store_wait){ fake_open(&compare_case->fake), stop, compare_case };
	compare_case->options =
		(struct content_options){ .tries = { .wait = &compare_case->wait } };
}

/* Compares what was written with `size` bytes on the grid; returns the answer or minus the fault.
 */
static int compare_as(struct compare_case *compare_case, const struct cap *cap, uint64_t size)
{
	struct content_local local = { .fd = open(tree_path("f"), O_RDONLY) };
	struct err err;
	enum content_answer answer;
	const struct content_remote remote = { .cap = cap, .size = size };
	assert_int_equal(fstat(local.fd, &local.status), 0);
	enum fault fault = content_compare(&compare_case->options, &local, &remote, &answer, &err);
	close(local.fd);
	return fault ? -(int)fault : (int)answer;
}

static int compare(struct compare_case *compare_case, size_t size)
{
	struct cap cap;
	assert_int_equal(chk_cap_of(&compare_case->secret, compare_case->there, size, &cap, NULL),
			 FAULT_NONE);
	return compare_as(compare_case, &cap, 0);
}

static unsigned close_bench(struct compare_case *compare_case)
{
	store_close(compare_case->wait.store);
	return atomic_load(&compare_case->fake.started[FAKE_GET]);
}

static void literals_and_sizes_need_nothing(void **state)
{
	(void)state;
	struct compare_case compare_case;
	open_bench(&compare_case, "g");
	write_local(compare_case.there, 20);
	assert_int_equal(compare(&compare_case, 20), CONTENT_SAME);
	assert_int_equal(compare(&compare_case, 21), CONTENT_SIZE);
	assert_int_equal(compare(&compare_case, SIZE), CONTENT_SIZE);
	write_local(compare_case.there + 1, 20);
	assert_int_equal(compare(&compare_case, 20), CONTENT_OTHER);
	write_local("", 0);
	assert_int_equal(compare(&compare_case, 0), CONTENT_SAME);
	assert_int_equal(close_bench(&compare_case), 0);
}

static void the_key_tells_where_the_secret_is_known(void **state)
{
	(void)state;
	struct compare_case compare_case;
	open_bench(&compare_case, "g");
	write_local(compare_case.there, SIZE);
	assert_int_equal(compare(&compare_case, SIZE), CONTENT_UNKNOWN);
	struct chk_params other = compare_case.secret;
	other.k = other.n = 9; /* those of the cap count */
	compare_case.options.secret = &other;
	compare_case.options.read = true;
	assert_int_equal(compare(&compare_case, SIZE), CONTENT_SAME);
	assert_int_equal(close_bench(&compare_case), 0);
	open_bench(&compare_case, "g");
	compare_case.options.secret = &compare_case.secret;
	compare_case.there[9] ^= 1;
	assert_int_equal(compare(&compare_case, SIZE), CONTENT_OTHER);
	compare_case.stopped = true;
	assert_int_equal(compare(&compare_case, SIZE), -FAULT_CANCELLED);
	assert_int_equal(close_bench(&compare_case), 0);
}

static void reading_tells_the_rest(void **state)
{
	(void)state;
	struct compare_case compare_case;
	struct chk_params other = { .secret = { 1 },
				    .secret_size = 32,
				    .k = 1,
				    .n = 1,
				    .max_segment_size = CHK_SEGMENT_SIZE };
	for (int known = 0; known < 2; known++) {
		open_bench(&compare_case, "g");
		write_local(compare_case.there, SIZE);
		compare_case.options.read = true;
		compare_case.options.secret = known ? &other : NULL; /* of another gateway */
		assert_int_equal(compare(&compare_case, SIZE), CONTENT_SAME);
		compare_case.there[SIZE - 1] ^= 1;
		assert_int_equal(compare(&compare_case, SIZE), CONTENT_OTHER);
		assert_int_equal(close_bench(&compare_case),
				 4); /* what no key proves is read twice */
	}
	const struct cap mutable = { .kind = CAP_SSK_RO };
	open_bench(&compare_case, "g");
	compare_case.options.secret = &compare_case.secret;
	assert_int_equal(compare_as(&compare_case, &mutable, 0), CONTENT_UNKNOWN);
	assert_int_equal(compare_as(&compare_case, &mutable, SIZE), CONTENT_UNKNOWN);
	assert_int_equal(compare_as(&compare_case, &mutable, SIZE - 1), CONTENT_SIZE);
	compare_case.options.read = true;
	assert_int_equal(compare_as(&compare_case, &mutable, 0), CONTENT_SAME);
	write_local(compare_case.there, SIZE - 1);
	assert_int_equal(compare_as(&compare_case, &mutable, 0), CONTENT_SIZE);
	close_bench(&compare_case);
}

static void bytes_that_are_not_proven_are_no_difference(void **state)
{
	(void)state;
	struct compare_case compare_case;
	open_bench(&compare_case, "bgg");
	write_local(compare_case.there, SIZE);
	compare_case.options.read = true;
	assert_int_equal(compare(&compare_case, SIZE), CONTENT_SAME);
	assert_int_equal(close_bench(&compare_case), 4); /* b, g: not equal; g, g */
}

static void a_file_that_changes_is_not_compared(void **state)
{
	(void)state;
	struct compare_case compare_case;
	open_bench(&compare_case, "g");
	write_local(compare_case.there, SIZE);
	compare_case.options.read = compare_case.touch = true;
	assert_int_equal(compare(&compare_case, SIZE), -FAULT_CHANGED);
	close_bench(&compare_case);
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, tree_setup, tree_teardown)

int main(void)
{
	const struct CMUnitTest fact[] = {
		FACT(literals_and_sizes_need_nothing),
		FACT(the_key_tells_where_the_secret_is_known),
		FACT(reading_tells_the_rest),
		FACT(bytes_that_are_not_proven_are_no_difference),
		FACT(a_file_that_changes_is_not_compared),
	};
	return cmocka_run_group_tests(fact, NULL, NULL);
}
