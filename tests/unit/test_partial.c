#include "land/partial.h"

#include "base/digest.h"
#include "tests/unit/facts.h"
#include "tests/unit/land_case.h"
#include "tests/unit/thread_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY "out/.barge-0123456789abcdef-100"

enum { SIZE = 3 * 100000, PIECE = 100000, QUEUE_MAX = 2 * PIECE };

enum { WRITTEN_OUT = 4 << 20 }; /* bytes that are sent to the disk together */

/* What was sent to the disk ahead, each in the place of the library's call. */
static struct {
	atomic_uint count;
	int64_t offset, size;
} ahead;

int sync_file_range(int fd, off_t offset, off_t size, unsigned flags)
{
	assert_true(fd >= 0 && flags == SYNC_FILE_RANGE_WRITE);
	ahead.offset = offset;
	ahead.size = size;
	atomic_fetch_add(&ahead.count, 1);
	return 0;
}

static struct workers *workers;
static atomic_uint wakes;
static char temporary[600]; /* the file's path */
static off_t size_at_wake;  /* what was written before the first */
static struct cap cap;
static unsigned char content[SIZE];
static struct fake_task *task;
static struct partial *partial;

static int setup(void **state)
{
	land_case_setup(state);
	land_case_start(&land_case);
	workers = workers_new("writer", 1);
	assert_non_null(workers);
	for (size_t i = 0; i < SIZE; i++)
		content[i] = (unsigned char)(i * 31 >> 5);
	atomic_store(&wakes, 0);
	size_at_wake = 0;
	snprintf(temporary, sizeof temporary, "%s", tree_path(TEMPORARY));
	cap = (struct cap){ .kind = CAP_SSK_RO };
	task = land_case_file(&land_case, LAND_CASE_ROOT, "file", SIZE, NULL);
	return 0;
}

static int teardown(void **state)
{
	workers_free(workers);
	return land_case_teardown(state);
}

static void wake(void *context)
{
	struct stat st;
	(void)context;
	if (atomic_load(&wakes) == 0 && stat(temporary, &st) == 0)
		size_at_wake = st.st_size;
	atomic_fetch_add(&wakes, 1);
}

/* Begins the file, one with pieces of which an earlier attempt may have left some if `resumes`. */
static struct arrival *begin(bool resumes)
{
	struct err err;
	struct arrival *arrival = land_case_begin(&land_case);
	assert_non_null(arrival);
	arrival->resumes = resumes;
	const struct partial_options options = {
		.workers = workers,
		.arrival = arrival,
		.cap = &cap,
		.queue_max = QUEUE_MAX,
		.wake = wake,
	};
	assert_int_equal(partial_new(&options, &partial, &err), 0);
	return arrival;
}

/* A job with the bytes of the piece `number`, or for it. */
static struct partial_job *job_of(unsigned steps, unsigned number)
{
	bool data = !(steps & (PARTIAL_CHECK | PARTIAL_ADD));
	struct partial_job *job = partial_job_new(steps, data ? PIECE : 0);
	assert_non_null(job);
	job->slot = number % PARTIAL_SLOTS;
	job->number = number;
	job->offset = (uint64_t)number * PIECE;
	job->size = PIECE;
	if (data)
		memcpy(job->data, content + job->offset, PIECE);
	else
		content_hash_of(content + job->offset, PIECE, job->content);
	return job;
}

static void push(unsigned steps, unsigned number) { partial_push(partial, job_of(steps, number)); }

/* Waits for the next result. */
static struct partial_job *result(void)
{
	for (struct partial_job *job;; usleep(100))
		if ((job = partial_done(partial)))
			return job;
}

static void assert_content(const unsigned char found[CONTENT_HASH_SIZE], size_t at, size_t size)
{
	unsigned char hash[CONTENT_HASH_SIZE];
	content_hash_of(content + at, size, hash);
	assert_memory_equal(found, hash, sizeof hash);
}

static void assert_arrived(void)
{
	fake_queue_wait(&land_case.queue);
	assert_true(task->settled);
	assert_int_equal(task->outcome.state, OUTCOME_DONE);
	assert_int_equal(task->outcome.length, SIZE);
	assert_content(task->outcome.content, 0, SIZE);
	assert_true(tree_holds("out/file", content, SIZE));
}

enum { READ = PARTIAL_TAKE | PARTIAL_FIRST | PARTIAL_WRITE | PARTIAL_LAST };

/* A worker that is busy with something else. */
struct holding {
	struct worker_task task; /* first */
	atomic_bool free;
};

static bool hold(struct worker_task *held)
{
	while (!atomic_load(&((struct holding *)held)->free))
		usleep(100);
	return true;
}

/* ---- the ordinary way ---- */

static void writes_and_hashes_in_the_workers(void **state)
{
	(void)state;
	struct thread_io before = thread_io_of("writer"), here = thread_io_of("test_partial");
	begin(false);
	for (unsigned piece = 0; piece < 3; piece++)
		push(READ | PARTIAL_WHOLE | (piece == 2 ? PARTIAL_FINISH : 0), piece);
	for (unsigned piece = 0; piece < 3; piece++) {
		struct partial_job *job = result();
		assert_int_equal(job->number, piece);
		assert_int_equal(job->err.fault, 0);
		assert_content(job->content, (size_t)piece * PIECE, PIECE);
		partial_job_free(job);
	}
	assert_true(atomic_load(&wakes) >= 1);
	assert_true(thread_io_of("writer").written - before.written >= SIZE);
	assert_true(thread_io_of("test_partial").written - here.written < PIECE);
	partial_close(partial, NULL, false);
	assert_arrived();
}

/* Without a lane that asks: the last job and the end are one. */
static void completes_by_itself(void **state)
{
	(void)state;
	begin(false);
	for (unsigned piece = 0; piece < 3; piece++)
		push(READ | PARTIAL_WHOLE, piece);
	partial_close(partial, NULL, false);
	assert_arrived();
}

/* Of a second reading nothing is written, and the whole is not touched. */
static void only_hashes_a_second_reading(void **state)
{
	(void)state;
	begin(false);
	for (unsigned piece = 0; piece < 3; piece++)
		push(READ | PARTIAL_WHOLE, piece);
	struct partial_job *job = job_of(PARTIAL_TAKE | PARTIAL_FIRST | PARTIAL_LAST, 0);
	job->data[7] ^= 1;
	partial_push(partial, job);
	for (unsigned i = 0; i < 3; i++)
		partial_job_free(result());
	job = result();
	content[7] ^= 1;
	assert_content(job->content, 0, PIECE);
	content[7] ^= 1;
	partial_job_free(job);
	partial_close(partial, NULL, false);
	assert_arrived();
}

/* Whoever asks hears of those alone that have a result. */
static void gives_back_what_has_a_result(void **state)
{
	(void)state;
	begin(false);
	push(PARTIAL_TAKE | PARTIAL_FIRST | PARTIAL_WRITE | PARTIAL_WHOLE, 0);
	push(READ | PARTIAL_WHOLE, 1);
	struct partial_job *job = result();
	assert_int_equal(job->number, 1);
	partial_job_free(job);
	assert_null(partial_done(partial));
	push(READ | PARTIAL_WHOLE, 2);
	partial_close(partial, NULL, false);
	assert_arrived();
}

/* Each time another 4 MiB are whole. */
static void sends_what_was_written_to_the_disk(void **state)
{
	(void)state;
	static const struct {
		uint64_t offset;
		int64_t from, size;
	} row[] = {
		{ 0, 0, 0 },
		{ WRITTEN_OUT - PIECE - 1, 0, 0 },
		{ WRITTEN_OUT - PIECE, 0, WRITTEN_OUT },
		{ WRITTEN_OUT - 1, 0, WRITTEN_OUT },
		{ WRITTEN_OUT, 0, 0 },
		{ 3 * WRITTEN_OUT - 7, 2 * WRITTEN_OUT, WRITTEN_OUT },
	};
	struct err err;
	err_set(&err, FAULT_CANCELLED, "asked to stop");
	begin(false);
	for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
		struct partial_job *job = job_of(READ, 0);
		job->offset = row[i].offset;
		atomic_store(&ahead.count, 0);
		partial_push(partial, job);
		partial_job_free(result());
		assert_int_equal(atomic_load(&ahead.count), row[i].size > 0);
		if (row[i].size > 0) {
			assert_int_equal(ahead.offset, row[i].from);
			assert_int_equal(ahead.size, row[i].size);
		}
	}
	partial_close(partial, &err, true);
}

/* What is to have holes is as long as it will be from the beginning, where the cap tells. */
static void a_sparse_file_has_its_length_at_once(void **state)
{
	(void)state;
	struct err err;
	struct stat st;
	err_set(&err, FAULT_CANCELLED, "asked to stop");
	for (int told = 0; told < 2; told++) {
		cap = (struct cap){ .kind = told ? CAP_CHK : CAP_SSK_RO, .size = SIZE };
		begin(false)->sparse = true;
		push(READ | PARTIAL_WHOLE, 0);
		partial_job_free(result());
		assert_int_equal(stat(tree_path(TEMPORARY), &st), 0);
		assert_int_equal(st.st_size, told ? SIZE : PIECE);
		partial_close(partial, &err, true);
		fake_queue_wait(&land_case.queue);
	}
}

/* ---- what an earlier attempt has left ---- */

static void leave(const char *path, size_t size)
{
	FILE *file = fopen(tree_path(path), "w");
	assert_non_null(file);
	assert_int_equal(fwrite(content, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static void checks_and_adds_pieces_in_the_workers(void **state)
{
	(void)state;
	leave(TEMPORARY, 2 * PIECE);
	struct thread_io before = thread_io_of("writer"), here = thread_io_of("test_partial");
	begin(true);
	push(PARTIAL_CHECK | PARTIAL_ADD, 0);
	push(PARTIAL_CHECK, 1);
	push(PARTIAL_ADD, 1);
	push(PARTIAL_CHECK | PARTIAL_ADD, 2);
	for (unsigned i = 0; i < 4; i++) {
		struct partial_job *job = result();
		assert_int_equal(job->err.fault, 0);
		if (job->steps & PARTIAL_CHECK)
			assert_int_equal(job->kept, job->number < 2);
		partial_job_free(job);
	}
	/* Each of the two was read to be checked, and again to be added. */
	assert_true(thread_io_of("writer").read - before.read >= 4 * PIECE);
	assert_true(thread_io_of("test_partial").read - here.read < PIECE);
	push(READ | PARTIAL_WHOLE, 2);
	partial_close(partial, NULL, false);
	assert_arrived();
}

static void keeps_no_piece_that_is_another(void **state)
{
	(void)state;
	content[PIECE + 5] ^= 1;
	leave(TEMPORARY, SIZE);
	content[PIECE + 5] ^= 1;
	begin(true);
	push(PARTIAL_CHECK | PARTIAL_ADD, 1);
	struct partial_job *job = result();
	assert_false(job->kept);
	partial_job_free(job);
	push(PARTIAL_CHECK | PARTIAL_ADD, 0);
	partial_job_free(result());
	push(READ | PARTIAL_WHOLE, 1);
	push(PARTIAL_ADD, 2);
	partial_close(partial, NULL, false);
	assert_arrived();
}

static void cuts_what_stands_behind(void **state)
{
	(void)state;
	leave(TEMPORARY, SIZE);
	struct stat st;
	FILE *file = fopen(tree_path(TEMPORARY), "a");
	assert_non_null(file);
	assert_true(fputs("and more", file) >= 0);
	assert_int_equal(fclose(file), 0);
	begin(true);
	for (unsigned piece = 0; piece < 3; piece++)
		push(PARTIAL_CHECK | PARTIAL_ADD | (piece == 2 ? PARTIAL_FINISH : 0), piece);
	for (unsigned piece = 0; piece < 3; piece++)
		partial_job_free(result());
	assert_int_equal(stat(tree_path(TEMPORARY), &st), 0);
	assert_int_equal(st.st_size, SIZE);
	partial_close(partial, NULL, false);
	assert_arrived();
}

/* ---- failures ---- */

static void a_full_disk_fails_all_that_follows(void **state)
{
	(void)state;
	struct arrival *arrival = begin(false);
	arrival->fd = open("/dev/full", O_RDWR | O_CLOEXEC);
	assert_true(arrival->fd >= 0);
	push(PARTIAL_TAKE | PARTIAL_FIRST | PARTIAL_WRITE, 0);
	push(PARTIAL_TAKE | PARTIAL_FIRST | PARTIAL_WRITE, 1);
	push(PARTIAL_TAKE | PARTIAL_LAST, 1);
	struct partial_job *job = result();
	assert_int_equal(job->number, 0);
	assert_int_equal(job->err.fault, FAULT_FULL);
	partial_job_free(job);
	/* Whoever waits for a result gets one. */
	job = result();
	assert_int_equal(job->number, 1);
	assert_int_equal(job->err.fault, FAULT_FULL);
	partial_job_free(job);
	partial_close(partial, NULL, false);
	fake_queue_wait(&land_case.queue);
	assert_false(task->settled);
	assert_int_equal(land_case.queue.broken.fault, FAULT_FULL);
	assert_int_equal(tree_count("out"), 0);
}

static void keeps_no_piece_that_cannot_be_read(void **state)
{
	(void)state;
	struct err err;
	err_set(&err, FAULT_CANCELLED, "asked to stop");
	struct arrival *arrival = begin(true);
	arrival->fd = open(tree_path("out"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(arrival->fd >= 0);
	push(PARTIAL_CHECK | PARTIAL_ADD, 0);
	struct partial_job *job = result();
	assert_false(job->kept);
	assert_int_equal(job->err.fault, FAULT_NONE);
	partial_job_free(job);
	partial_close(partial, &err, true);
	fake_queue_wait(&land_case.queue);
}

static void keeps_or_drops_what_there_is_when_it_fails(void **state)
{
	(void)state;
	struct err err;
	err_set(&err, FAULT_CANCELLED, "asked to stop");
	for (int drop = 0; drop < 2; drop++) {
		begin(true);
		push(READ, 0);
		partial_close(partial, &err, drop);
		fake_queue_wait(&land_case.queue);
		assert_false(task->settled);
		assert_int_equal(tree_count("out"), drop ? 0 : 1);
	}
}

/* ---- the queue ---- */

static void is_full_until_half_of_it_is_written(void **state)
{
	(void)state;
	struct holding holding = { .task = { .run = hold } };
	workers_wake(workers, &holding.task);
	begin(false);
	push(PARTIAL_TAKE | PARTIAL_FIRST | PARTIAL_WRITE | PARTIAL_WHOLE, 0);
	assert_false(partial_is_full(partial));
	push(PARTIAL_TAKE | PARTIAL_FIRST | PARTIAL_WRITE | PARTIAL_WHOLE, 1);
	assert_true(partial_is_full(partial));
	assert_int_equal(atomic_load(&wakes), 0);
	atomic_store(&holding.free, true);
	while (atomic_load(&wakes) == 0)
		usleep(100);
	assert_int_equal(size_at_wake, PIECE); /* one of two */
	assert_false(partial_is_full(partial));
	push(READ | PARTIAL_WHOLE, 2);
	partial_close(partial, NULL, false);
	assert_arrived();
	/* The last job has a result, and may be done before the end. */
	assert_in_range(atomic_load(&wakes), 1, 2);
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		FACT(writes_and_hashes_in_the_workers),
		FACT(completes_by_itself),
		FACT(only_hashes_a_second_reading),
		FACT(gives_back_what_has_a_result),
		FACT(sends_what_was_written_to_the_disk),
		FACT(a_sparse_file_has_its_length_at_once),
		FACT(checks_and_adds_pieces_in_the_workers),
		FACT(keeps_no_piece_that_is_another),
		FACT(cuts_what_stands_behind),
		FACT(a_full_disk_fails_all_that_follows),
		FACT(keeps_no_piece_that_cannot_be_read),
		FACT(keeps_or_drops_what_there_is_when_it_fails),
		FACT(is_full_until_half_of_it_is_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
