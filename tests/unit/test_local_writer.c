#include "land/local_writer.h"

#include "base/digest.h"
#include "read/readers.h"
#include "tests/unit/facts.h"
#include "tests/unit/land_case.h"
#include "tests/unit/no_memory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LONG = 3 * BODY_PIECE_SIZE + 7, BUDGET = 64 << 20 };

/* Sources lie in "src", which is the source called d of the plan. */
struct copy {
	struct land_case land_case;
	struct gate *gate;
	struct local_writer *local_writer;
	struct readers *readers;
	char path[600];
	struct source_tree_root source;
	atomic_bool cancel;
	atomic_uint_least64_t moved;
	atomic_int_least64_t underway; /* bytes of files that have not ended */
	bool refuses;                  /* what it wants admitted */
};

static struct copy copy;
static unsigned char content[LONG];

static void moved(void *context, uint64_t bytes)
{
	(void)context;
	atomic_fetch_add(&copy.moved, bytes);
}

static void underway(void *context, int64_t bytes)
{
	(void)context;
	atomic_fetch_add(&copy.underway, bytes);
}

/* Says what it says after the run was stopped, by some other thread it may be. */
static bool admits(void *context, uint64_t bytes)
{
	(void)context, (void)bytes;
	arrivals_stop(copy.land_case.arrivals);
	return !copy.refuses;
}

static int setup(void **state)
{
	tree_setup(state);
	memset(&copy, 0, sizeof copy);
	land_case_init(&copy.land_case);
	assert_int_equal(mkdir(tree_path("src"), 0755), 0);
	snprintf(copy.path, sizeof copy.path, "%s", tree_path("src"));
	copy.source = (struct source_tree_root){ .path = copy.path, .name = "d" };
	copy.gate = gate_new(64, BUDGET);
	assert_non_null(copy.gate);
	for (size_t i = 0; i < LONG; i++)
		content[i] = (unsigned char)(i * 31 >> 7);
	return 0;
}

/* Opens the local writer, and readers before it. */
static void open_shelf_admitting(unsigned threads, bool (*admitting)(void *, uint64_t))
{
	struct err err;
	land_case_start(&copy.land_case);
	const struct local_writer_options local_writer = {
		.catalog = copy.land_case.catalog,
		.root = copy.land_case.root,
		.arrivals = copy.land_case.arrivals,
		.admits = admitting,
		.moved = moved,
		.underway = underway,
	};
	assert_int_equal(local_writer_new(&local_writer, &copy.local_writer, &err), 0);
	const struct readers_options readers = {
		.tree = { .catalog = copy.land_case.catalog,
			  .source = &copy.source,
			  .source_count = 1 },
		.threads = threads,
		.plain = true,
		.gate = copy.gate,
		.cancel = &copy.cancel,
		.deliver = local_writer_deliver,
		.context = copy.local_writer,
	};
	assert_int_equal(readers_new(&readers, &copy.readers, &err), 0);
}

static void open_shelf(unsigned threads) { open_shelf_admitting(threads, NULL); }

static void close_shelf(void)
{
	readers_free(copy.readers);
	local_writer_free(copy.local_writer);
	copy.readers = NULL;
	copy.local_writer = NULL;
	land_case_settle(&copy.land_case);
	assert_int_equal(copy.underway, 0);
}

static int teardown(void **state)
{
	close_shelf();
	gate_free(copy.gate);
	land_case_fini(&copy.land_case);
	return tree_teardown(state);
}

/* Makes a source of `size` bytes, and its task. */
static struct fake_task *add_file(const char *name, size_t size)
{
	char path[100];
	const struct meta local = { .mode = S_IFREG | 0644 };
	snprintf(path, sizeof path, "src/%s", name);
	FILE *file = fopen(tree_path(path), "w");
	assert_non_null(file);
	assert_int_equal(fwrite(content, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
	return land_case_file(&copy.land_case, LAND_CASE_D, name, size, &local);
}

static void push_all(void)
{
	size_t count;
	struct work *work = fake_works(&copy.land_case.queue, SEGMENT_TRANSFERS, &count);
	for (size_t i = 0; i < count; i++)
		readers_push(copy.readers, &work[i]);
	fake_queue_wait(&copy.land_case.queue);
}

static void assert_copied(const struct fake_task *task, size_t size)
{
	char path[100];
	unsigned char hash[CONTENT_HASH_SIZE];
	snprintf(path, sizeof path, "out/d/%.80s", task->task.name);
	assert_true(task->settled);
	assert_int_equal(task->outcome.state, OUTCOME_DONE);
	assert_true(tree_holds(path, content, size));
	assert_int_equal(task->outcome.length, size);
	content_hash_of(content, size, hash);
	assert_memory_equal(task->outcome.content, hash, sizeof hash);
	assert_int_equal(task->outcome.cap_kind, 0);
}

/* ---- through the readers ---- */

static void copies_files_of_all_sizes(void **state)
{
	(void)state;
	static const size_t size[] = {
		0,
		1,
		55,
		56,
		BODY_WHOLE_MAX,
		BODY_WHOLE_MAX + 1,
		BODY_PIECE_SIZE,
		BODY_PIECE_SIZE + 1,
		2 * BODY_PIECE_SIZE,
		LONG,
	};
	static char name[ARRAY_COUNT(size)][8];
	uint64_t sum = 0;
	open_shelf(2);
	for (size_t i = 0; i < ARRAY_COUNT(size); i++) {
		snprintf(name[i], sizeof name[i], "%zu", i);
		add_file(name[i], size[i]);
		sum += size[i];
	}
	push_all();
	for (size_t i = 0; i < ARRAY_COUNT(size); i++)
		assert_copied(&copy.land_case.queue.task[i], size[i]);
	assert_int_equal(tree_count("out/d"), ARRAY_COUNT(size));
	assert_int_equal(copy.moved, sum);
}

/* What fstat says when it is copied counts, not the plan. */
static void takes_mode_and_time_of_the_source(void **state)
{
	(void)state;
	const struct timespec times[2] = { { .tv_sec = 5 }, { .tv_sec = 7, .tv_nsec = 9 } };
	static const size_t size[] = { 10, LONG };
	static const char *const name[] = { "small", "large" };
	open_shelf(1);
	for (size_t i = 0; i < 2; i++) {
		char path[40];
		struct stat st;
		struct fake_task *task = add_file(name[i], size[i]);
		snprintf(path, sizeof path, "src/%s", name[i]);
		assert_int_equal(chmod(tree_path(path), 0750), 0);
		assert_int_equal(utimensat(AT_FDCWD, tree_path(path), times, 0), 0);
		push_all();
		assert_copied(task, size[i]);
		snprintf(path, sizeof path, "out/d/%s", name[i]);
		assert_int_equal(stat(tree_path(path), &st), 0);
		assert_int_equal(st.st_mode, S_IFREG | 0750);
		assert_int_equal(st.st_mtim.tv_sec, 7);
		assert_int_equal(st.st_mtim.tv_nsec, 9);
		const struct meta told = meta_unpack_outcome(task->outcome.meta);
		assert_int_equal(told.mode, S_IFREG | 0750);
	}
}

static void copies_many_at_once(void **state)
{
	(void)state;
	enum { FILES = 60 };
	static char name[FILES][8];
	open_shelf(4);
	for (size_t i = 0; i < FILES; i++) {
		snprintf(name[i], sizeof name[i], "%02zu", i);
		add_file(name[i], i % 6 ? 100 * i : BODY_WHOLE_MAX + 20000 * i);
	}
	push_all();
	for (size_t i = 0; i < FILES; i++)
		assert_copied(&copy.land_case.queue.task[i],
			      i % 6 ? 100 * i : BODY_WHOLE_MAX + 20000 * i);
	assert_int_equal(tree_count("out/d"), FILES);
}

static void lets_readers_go_where_it_cannot_put_a_file(void **state)
{
	(void)state;
	open_shelf(1);
	struct fake_task *small = add_file("small", 10);
	struct fake_task *large = add_file("large", LONG);
	struct fake_task *next = add_file("next", 20);
	assert_int_equal(mkdir(tree_path("out/d"), 0755), 0);
	assert_int_equal(mkdir(tree_path("out/d/small"), 0755), 0);
	assert_int_equal(mkdir(tree_path("out/d/large"), 0755), 0);
	push_all();
	assert_int_equal(small->outcome.state, OUTCOME_FAILED);
	assert_int_equal(small->outcome.reason, REASON_CONFLICT);
	assert_int_equal(large->outcome.state, OUTCOME_FAILED);
	assert_int_equal(large->outcome.reason, REASON_CONFLICT);
	assert_copied(next, 20);
	assert_int_equal(tree_count("out/d"), 3);
}

static void fails_below_something_that_is_no_directory(void **state)
{
	(void)state;
	open_shelf(1);
	tree_store("out/d", "a file");
	add_file("small", 10);
	add_file("large", LONG);
	push_all();
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(copy.land_case.queue.task[i].outcome.reason, REASON_CONFLICT);
	assert_true(tree_holds("out/d", "a file", 6));
}

/* Before it is read at all. */
static void what_cannot_be_put_needs_no_reading(void **state)
{
	(void)state;
	open_shelf(1);
	tree_store("out/d", "a file");
	const struct fake_task *file = add_file("small", 10);
	assert_true(local_writer_keeps(copy.local_writer, land_case_work(&copy.land_case)));
	fake_queue_wait(&copy.land_case.queue);
	assert_true(file->settled);
	assert_int_equal(file->outcome.state, OUTCOME_FAILED);
	assert_int_equal(file->outcome.reason, REASON_CONFLICT);
}

static void finishes_what_was_admitted_before_a_stop(void **state)
{
	(void)state;
	open_shelf_admitting(1, admits);
	struct fake_task *task = add_file("file", 10);
	push_all();
	assert_copied(task, 10);
}

static void gives_back_what_is_not_admitted(void **state)
{
	(void)state;
	copy.refuses = true;
	open_shelf_admitting(1, admits);
	struct fake_task *task = add_file("file", 10);
	push_all();
	assert_false(task->settled);
	assert_int_equal(task->task.attempts, 0);
	assert_int_equal(tree_count("out/d"), 0);
	assert_int_equal(copy.moved, 0);
}

static void gives_back_what_is_not_to_be_read(void **state)
{
	(void)state;
	copy.land_case.options.policy.no_clobber = true;
	open_shelf(1);
	assert_int_equal(mkdir(tree_path("out/d"), 0755), 0);
	tree_store("out/d/there", "before");
	struct fake_task *there = add_file("there", 10);
	struct fake_task *new_one = add_file("new", 10);
	struct work *work = land_case_work(&copy.land_case);
	assert_true(local_writer_keeps(copy.local_writer, &work[0]));
	assert_false(local_writer_keeps(copy.local_writer, &work[1]));
	readers_push(copy.readers, &work[1]);
	fake_queue_wait(&copy.land_case.queue);
	assert_int_equal(there->outcome.state, OUTCOME_SKIPPED);
	assert_int_equal(there->outcome.reason, REASON_PRESENT);
	assert_copied(new_one, 10);
	assert_true(tree_holds("out/d/there", "before", 6));
}

/* ---- bodies of the test's own ---- */

/* Begins the body of a stream for the only task, and delivers it. */
static struct body *deliver_stream(uint64_t size)
{
	struct work *work = land_case_work(&copy.land_case);
	assert_true(gate_enter(copy.gate, body_share(size)));
	struct body *body = body_new(work, size, copy.gate);
	assert_non_null(body);
	body->meta.mode = 0644;
	body_ref(body);
	local_writer_deliver(copy.local_writer, body);
	return body;
}

static void push_piece(struct body *body, uint64_t offset, size_t size)
{
	struct body_piece *piece = body_room(body);
	assert_non_null(piece);
	piece->offset = offset;
	piece->size = size;
	memcpy(piece->data, content + offset, size);
	body_push(body, piece);
}

static void writes_a_stream_as_it_comes(void **state)
{
	(void)state;
	enum { SMALL = 1000 };
	open_shelf(1);
	struct fake_task *task = add_file("file", LONG);
	struct body *body = deliver_stream(LONG);
	struct body_proof proof = { .content = { 0 } };
	/* So many small ones that the writer sleeps and wakes again and again. */
	for (uint64_t offset = 0; offset < LONG; offset += SMALL)
		push_piece(body, offset, (size_t)min_u64(SMALL, LONG - offset));
	content_hash_of(content, LONG, proof.content);
	body_finish(body, &proof, NULL);
	body_unref(body);
	fake_queue_wait(&copy.land_case.queue);
	assert_copied(task, LONG);
}

static void keeps_nothing_of_a_stream_that_breaks_off(void **state)
{
	(void)state;
	struct err err;
	open_shelf(1);
	struct fake_task *task = add_file("file", LONG);
	for (unsigned tries = 1; tries <= 3; tries++) {
		struct body *body = deliver_stream(LONG);
		push_piece(body, 0, BODY_PIECE_SIZE);
		err_set(&err, FAULT_CHANGED, "it changed while it was read");
		body_finish(body, NULL, &err);
		body_unref(body);
		fake_queue_wait(&copy.land_case.queue);
		assert_int_equal(task->settled, tries == 3);
		assert_int_equal(tree_count("out/d"), 0);
	}
	assert_int_equal(task->outcome.state, OUTCOME_FAILED);
	assert_int_equal(task->outcome.reason, REASON_CHANGED);
	assert_int_equal(task->outcome.attempts, 3);
}

static void counts_no_try_when_it_is_stopped(void **state)
{
	(void)state;
	struct err err;
	open_shelf(1);
	struct fake_task *task = add_file("file", LONG);
	struct body *body = deliver_stream(LONG);
	push_piece(body, 0, BODY_PIECE_SIZE);
	err_set(&err, FAULT_CANCELLED, "stopped in the middle of it");
	body_finish(body, NULL, &err);
	body_unref(body);
	fake_queue_wait(&copy.land_case.queue);
	assert_false(task->settled);
	assert_int_equal(task->task.attempts, 0);
	assert_int_equal(tree_count("out/d"), 0);
}

static void ends_what_was_delivered_before_it_goes(void **state)
{
	(void)state;
	enum { FILES = 12 };
	static char name[FILES][8];
	struct body_proof proof = { .content = { 0 } };
	size_t size = BODY_WHOLE_MAX + 5, count;
	open_shelf(1);
	content_hash_of(content, size, proof.content);
	for (size_t i = 0; i < FILES; i++) {
		snprintf(name[i], sizeof name[i], "%02zu", i);
		add_file(name[i], size);
	}
	struct work *work = fake_works(&copy.land_case.queue, SEGMENT_TRANSFERS, &count);
	for (size_t i = 0; i < count; i++) {
		assert_true(gate_enter(copy.gate, body_share(size)));
		struct body *body = body_new(&work[i], size, copy.gate);
		assert_non_null(body);
		push_piece(body, 0, size);
		body_finish(body, &proof, NULL);
		local_writer_deliver(copy.local_writer, body);
	}
	close_shelf();
	for (size_t i = 0; i < FILES; i++)
		assert_copied(&copy.land_case.queue.task[i], size);
}

/* Wherever memory is short, it says so and leaves nothing. */
static void needs_memory(void **state)
{
	(void)state;
	land_case_start(&copy.land_case);
	const struct local_writer_options options = {
		.catalog = copy.land_case.catalog,
		.root = copy.land_case.root,
		.arrivals = copy.land_case.arrivals,
	};
	enum fault fault = FAULT_NOMEM;
	struct err err;
	for (unsigned nth = 1; fault; nth++) {
		no_memory_at(nth);
		fault = local_writer_new(&options, &copy.local_writer, &err);
		no_memory_at(0);
		assert_true(fault == FAULT_NONE || fault == FAULT_NOMEM);
		assert_true(fault == FAULT_NOMEM || nth > 2); /* itself, what it is made of */
	}
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		FACT(copies_files_of_all_sizes),
		FACT(takes_mode_and_time_of_the_source),
		FACT(needs_memory),
		FACT(copies_many_at_once),
		FACT(lets_readers_go_where_it_cannot_put_a_file),
		FACT(fails_below_something_that_is_no_directory),
		FACT(what_cannot_be_put_needs_no_reading),
		FACT(finishes_what_was_admitted_before_a_stop),
		FACT(gives_back_what_is_not_admitted),
		FACT(gives_back_what_is_not_to_be_read),
		FACT(writes_a_stream_as_it_comes),
		FACT(keeps_nothing_of_a_stream_that_breaks_off),
		FACT(counts_no_try_when_it_is_stopped),
		FACT(ends_what_was_delivered_before_it_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
