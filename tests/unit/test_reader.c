#include "read/reader.h"

#include "base/digest.h"
#include "base/landing.h"
#include "queue/retry.h"
#include "tests/unit/facts.h"
#include "tests/unit/fake_queue.h"
#include "tests/unit/plan_case.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STREAM = 2 * BODY_PIECE_SIZE + 7, BODIES = 16 };

/* ---- a pread of our own, behind which a file may change ---- */

static atomic_uint reads;
static void (*after_read)(void); /* runs after each read */

ssize_t __pread64_chk(int fd, void *data, size_t size, off64_t offset, size_t room);

ssize_t pread64(int fd, void *data, size_t size, off64_t offset)
{
	ssize_t got = syscall(SYS_pread64, fd, data, size, offset);
	if (!(fcntl(fd, F_GETFL) & O_NONBLOCK))
		return got; /* the manifest: only files of the tree are opened so */
	atomic_fetch_add(&reads, 1);
	if (after_read)
		after_read();
	return got;
}

ssize_t __pread64_chk(int fd, void *data, size_t size, off64_t offset, size_t room)
{
	(void)room;
	return pread64(fd, data, size, offset);
}

/* ---- a reader of a tree with a file for each task ---- */

struct bench {
	struct plan_case plan;
	struct tree_source source;
	struct fake_queue queue;
	struct gate *gate;
	struct flight *flight;
	struct policy *policy;
	atomic_bool cancel;
	struct reader *reader;
	struct readers_options options;
	struct work *work; /* of all tasks, in the order of their names */
	struct manifest_reader *manifest;
	struct body *body[BODIES]; /* delivered */
	size_t count;
	void (*delivered)(struct bench *bench, struct body *body);
	unsigned char *all; /* bytes of the last stream */
	size_t all_size;
};

static struct bench bench;

static void deliver(void *context, struct body *body)
{
	struct bench *b = context;
	assert_true(b->count < BODIES);
	b->body[b->count++] = body;
	if (b->delivered)
		b->delivered(b, body);
}

/* Makes the tree, to be filled. */
static void bench_init(void)
{
	bench = (struct bench){ .count = 0 };
	atomic_store(&reads, 0);
	after_read = NULL;
	plan_case_init(&bench.plan);
}

static void add_tasks(void)
{
	struct manifest_block block = { .next = manifest_first(bench.manifest) };
	struct err err;
	do {
		assert_int_equal(manifest_read(bench.manifest, block.next, &block, &err), 0);
	} while (block.is_trailer || block.id != 1);
	for (size_t i = 0; i < block.count; i++) {
		const struct manifest_entry *entry = &block.entry[i];
		struct fake_task *task = fake_add(&bench.queue,
						  &(struct task){ .id = entry->id,
								  .listing = block.listing,
								  .bytes = entry->bytes,
								  .name = entry->name,
								  .name_size = entry->name_size },
						  SEGMENT_TRANSFERS);
		memcpy(task->meta, entry->meta, entry->meta_size);
		task->task.meta = task->meta;
		task->task.meta_size = entry->meta_size;
	}
}

static void bench_open(void)
{
	struct err err;
	assert_int_equal(plan_afresh(&bench.plan), FAULT_NONE);
	bench.source = (struct tree_source){ bench.plan.tree, "top" };
	fake_queue_init(&bench.queue);
	bench.gate = gate_new(100, 100 << 20);
	bench.flight = flight_new(64);
	struct chk_params params = {
		.secret_size = 32, .k = 1, .n = 1, .max_segment_size = CHK_SEGMENT_SIZE
	};
	assert_int_equal(policy_new(0, &params, &bench.policy, &err), 0);
	bench.options = (struct readers_options){
		.tree = { .manifest = bench.plan.manifest,
			  .source = &bench.source,
			  .source_count = 1,
			  .compare_ids = true },
		.gate = bench.gate,
		.flight = bench.flight,
		.policy = bench.policy,
		.cancel = &bench.cancel,
		.deliver = deliver,
		.context = &bench,
	};
	assert_int_equal(reader_new(&bench.options, &bench.reader, &err), 0);
	assert_int_equal(manifest_open(bench.plan.manifest, &bench.manifest, &err), 0);
	add_tasks();
	bench.work = fake_works(&bench.queue, SEGMENT_TRANSFERS, NULL);
	atomic_store(&reads, 0);
}

/* Ends a whole body or a stream that was delivered, as the pool would. */
static void let_go(struct body *body, const struct outcome *outcome)
{
	struct work *work = body->work;
	struct outcome done = { 0 };
	landing_end(bench.flight, body, outcome);
	if (outcome) {
		done = *outcome;
		work_settle(work, &done, NULL);
	} else {
		work_again(work, 0, work->task->attempts);
	}
	if (body->stream)
		body_abandon(body);
	body_unref(body);
}

static void bench_close(void)
{
	uint64_t bytes;
	after_read = NULL;
	reader_free(bench.reader);
	gate_inside(bench.gate, NULL, &bytes);
	assert_int_equal(bytes, 0);
	gate_free(bench.gate);
	flight_free(bench.flight);
	policy_free(bench.policy);
	manifest_close(bench.manifest);
	fake_queue_fini(&bench.queue);
	free(bench.all);
	plan_case_fini(&bench.plan);
}

static const char *path_of(const char *name)
{
	static char path[300];
	snprintf(path, sizeof path, "%s/%s", bench.plan.tree, name);
	return path;
}

/* Writes a file of `size` bytes that begins with `byte` and ends with `last`. */
static void write_file(const char *name, size_t size, int byte, int last)
{
	unsigned char *data = malloc(size + 1);
	memset(data, byte, size + 1);
	if (size > 0)
		data[size - 1] = (unsigned char)last;
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), (ssize_t)size);
	close(fd);
	free(data);
}

static struct fake_task *task_at(size_t at) { return &bench.queue.task[at]; }

static struct outcome done_as(uint8_t number)
{
	return (struct outcome){ .state = OUTCOME_DONE, .cap_kind = number, .attempts = 1 };
}

/* ---- what a file of a size becomes ---- */

static void literals_end_here_and_larger_ones_become_bodies(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		size_t size;
	} file[] = { { "a", 0 }, { "b", 1 }, { "c", 55 }, { "d", 56 }, { "e", BODY_WHOLE_MAX } };
	bench_init();
	for (size_t i = 0; i < ARRAY_COUNT(file); i++)
		write_file(file[i].name, file[i].size, 'a' + (int)i, 'z');
	bench_open();
	for (size_t i = 0; i < ARRAY_COUNT(file); i++)
		reader_take(bench.reader, &bench.work[i]);
	for (size_t i = 0; i < 3; i++) {
		const struct outcome *outcome = &task_at(i)->outcome;
		struct cap cap;
		assert_int_equal(outcome->state, OUTCOME_DONE);
		assert_int_equal(outcome->level, VERIFY_ALL);
		assert_int_equal(outcome->length, file[i].size);
		assert_true(cap_unpack(outcome->cap, outcome->cap_size, outcome->cap_kind, &cap));
		assert_int_equal(cap.kind, CAP_LIT);
		assert_int_equal(cap.size, file[i].size);
		if (file[i].size > 0)
			assert_int_equal(cap.content[file[i].size - 1], 'z');
	}
	assert_int_equal(bench.count, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct body *body = bench.body[i];
		unsigned char content[CONTENT_HASH_SIZE];
		struct cap cap;
		struct err err;
		assert_int_equal(body->size, file[3 + i].size);
		assert_int_equal(body->data[body->size - 1], 'z');
		content_hash_of(body->data, body->size, content);
		assert_memory_equal(content, body->proof.content, sizeof content);
		assert_int_equal(
			chk_cap_of(policy_params(bench.policy), body->data, body->size, &cap, &err),
			0);
		assert_memory_equal(cap.key, body->proof.key, CAP_KEY_SIZE);
		assert_true(body->predicted && body->flying);
		assert_memory_equal(cap.hash, body->cap_hash, CAP_HASH_SIZE);
		let_go(bench.body[i], NULL);
	}
	bench_close();
}

/* ---- streams ---- */

/* Takes the rest of a stream in this thread's stead: it is the reader that is in `delivered`. */
struct sender {
	struct thread thread;
	struct body *body;
	struct err verdict;
	bool gives_up; /* after the first piece */
};

static struct sender sender;

static void send(void *context)
{
	struct sender *s = context;
	struct body *body = s->body;
	while (bench.all_size < body->size || !body_verdict(body, &s->verdict)) {
		struct piece *piece = body_peek(body);
		if (!piece && body_verdict(body, &s->verdict) && !body_peek(body))
			break;
		if (!piece)
			continue;
		if (piece->offset != bench.all_size)
			abort();
		memcpy(bench.all + bench.all_size, piece->data, piece->size);
		bench.all_size += piece->size;
		body_pop(body);
		if (s->gives_up)
			break;
	}
	if (s->gives_up)
		body_abandon(body);
}

static void start_sender(struct bench *b, struct body *body)
{
	b->all = realloc(b->all, body->size);
	b->all_size = 0;
	sender.body = body;
	sender.verdict = (struct err){ 0 };
	assert_true(thread_start(&sender.thread, "sender", send, &sender));
}

/* Streams the one file of the bench, `STREAM` bytes, and returns the reader's verdict. */
static struct err stream_once(void)
{
	write_file("f", STREAM, 'a', 'z');
	bench_open();
	bench.delivered = start_sender;
	reader_take(bench.reader, &bench.work[0]);
	assert_int_equal(bench.count, 1);
	thread_join(&sender.thread);
	return sender.verdict;
}

static void a_stream_of_three_pieces_brings_its_proof(void **state)
{
	(void)state;
	bench_init();
	sender.gives_up = false;
	const struct err verdict = stream_once();
	unsigned char content[CONTENT_HASH_SIZE];
	struct cap cap;
	struct err err;
	const struct body *body = bench.body[0];
	assert_int_equal(verdict.fault, FAULT_NONE);
	assert_int_equal(bench.all_size, STREAM);
	assert_int_equal(bench.all[STREAM - 1], 'z');
	content_hash_of(bench.all, STREAM, content);
	assert_memory_equal(content, body->proof.content, sizeof content);
	assert_int_equal(chk_cap_of(policy_params(bench.policy), bench.all, STREAM, &cap, &err), 0);
	assert_memory_equal(cap.key, body->proof.key, CAP_KEY_SIZE);
	assert_true(body->flying);
	let_go(bench.body[0], NULL);
	bench_close();
}

static void grow(void) { assert_int_equal(truncate(path_of("f"), STREAM + 1), 0); }
static void shrink(void) { assert_int_equal(truncate(path_of("f"), STREAM - 1), 0); }

static void touch(void)
{
	static int64_t seconds = 1000;
	seconds++;
	const struct timespec times[2] = { { seconds, 0 }, { seconds, 0 } };
	assert_int_equal(utimensat(AT_FDCWD, path_of("f"), times, 0), 0);
}

static void (*change)(void);

static void change_and_send(struct bench *b, struct body *body)
{
	change();
	start_sender(b, body);
}

static void a_file_that_changes_while_it_is_streamed_has_no_proof(void **state)
{
	(void)state;
	static void (*const changes[])(void) = { grow, shrink, touch };
	for (size_t i = 0; i < ARRAY_COUNT(changes); i++) {
		bench_init();
		sender.gives_up = false;
		write_file("f", STREAM, 'a', 'z');
		bench_open();
		change = changes[i];
		bench.delivered = change_and_send;
		reader_take(bench.reader, &bench.work[0]);
		thread_join(&sender.thread);
		assert_int_equal(sender.verdict.fault, FAULT_CHANGED);
		let_go(bench.body[0], NULL);
		bench_close();
	}
}

static void a_stream_nobody_wants_ends(void **state)
{
	(void)state;
	bench_init();
	sender.gives_up = true;
	stream_once();
	assert_in_range(bench.all_size, BODY_PIECE_SIZE, BODY_PIECE_SIZE);
	let_go(bench.body[0], NULL);
	bench_close();
}

static void cancel_and_send(struct bench *b, struct body *body)
{
	atomic_store(&b->cancel, true);
	start_sender(b, body);
}

static void stopping_ends_a_stream_in_the_middle_and_gives_works_back(void **state)
{
	(void)state;
	bench_init();
	sender.gives_up = false;
	write_file("f", STREAM, 'a', 'z');
	write_file("g", STREAM, 'b', 'z');
	bench_open();
	bench.delivered = cancel_and_send;
	reader_take(bench.reader, &bench.work[0]);
	thread_join(&sender.thread);
	assert_int_equal(sender.verdict.fault, FAULT_CANCELLED);
	unsigned before = atomic_load(&reads);
	reader_take(bench.reader, &bench.work[1]);
	assert_int_equal(atomic_load(&reads), before);
	let_go(bench.body[0], NULL);
	assert_int_equal(bench.count, 1);
	assert_int_equal(task_at(1)->task.attempts, 0);
	bench_close();
}

/* ---- files that change while they are read whole ---- */

static unsigned tries_of(size_t size, void (*changing)(void), unsigned reads_each)
{
	bench_init();
	write_file("f", size, 'a', 'z');
	bench_open();
	after_read = changing;
	reader_take(bench.reader, &bench.work[0]);
	after_read = NULL;
	assert_int_equal(bench.count, 0);
	assert_int_equal(task_at(0)->outcome.state, OUTCOME_FAILED);
	assert_int_equal(task_at(0)->outcome.reason, REASON_CHANGED);
	assert_int_equal(task_at(0)->outcome.attempts, 1);
	unsigned tries = atomic_load(&reads) / reads_each;
	bench_close();
	return tries;
}

static off_t grown;

static void append(void)
{
	struct stat status;
	assert_int_equal(stat(path_of("f"), &status), 0);
	grown = status.st_size + 1;
	assert_int_equal(truncate(path_of("f"), grown), 0);
}

static void a_file_that_changes_is_tried_again_and_then_failed(void **state)
{
	(void)state;
	/* Each try reads the file, and once behind its end. */
	assert_int_equal(tries_of(1000, touch, 2), RETRY_CHANGED_ATTEMPTS);
	assert_int_equal(tries_of(30, touch, 2), RETRY_CHANGED_ATTEMPTS);
	assert_int_equal(tries_of(1000, append, 2), RETRY_CHANGED_ATTEMPTS);
	assert_int_equal(tries_of(20, append, 2), RETRY_CHANGED_ATTEMPTS);
}

static void cut_to_nothing(void)
{
	after_read = NULL;
	assert_int_equal(truncate(path_of("f"), 0), 0);
}

static void a_file_that_shrank_is_taken_as_it_is_then(void **state)
{
	(void)state;
	bench_init();
	write_file("f", 1000, 'a', 'z');
	bench_open();
	after_read = cut_to_nothing;
	reader_take(bench.reader, &bench.work[0]);
	assert_int_equal(task_at(0)->outcome.state, OUTCOME_DONE);
	assert_int_equal(task_at(0)->outcome.length, 0);
	bench_close();
}

static void touch_once(void)
{
	after_read = NULL;
	touch();
}

static void one_change_costs_one_more_try(void **state)
{
	(void)state;
	bench_init();
	write_file("f", 1000, 'a', 'z');
	bench_open();
	after_read = touch_once;
	reader_take(bench.reader, &bench.work[0]);
	assert_int_equal(bench.count, 1);
	assert_int_equal(atomic_load(&reads), 4);
	let_go(bench.body[0], NULL);
	bench_close();
}

static void what_is_gone_is_skipped(void **state)
{
	(void)state;
	bench_init();
	write_file("f", 1000, 'a', 'z');
	bench_open();
	assert_int_equal(unlink(path_of("f")), 0);
	reader_take(bench.reader, &bench.work[0]);
	assert_int_equal(task_at(0)->outcome.state, OUTCOME_SKIPPED);
	assert_int_equal(task_at(0)->outcome.reason, REASON_VANISHED);
	bench_close();
}

/* ---- equal content ---- */

static void equal_files_are_sent_once(void **state)
{
	(void)state;
	bench_init();
	write_file("a", 1000, 'a', 'z');
	write_file("b", 1000, 'a', 'z');
	write_file("c", 1000, 'a', 'y');
	write_file("d", 1000, 'a', 'z');
	bench_open();
	for (size_t i = 0; i < 3; i++)
		reader_take(bench.reader, &bench.work[i]);
	assert_int_equal(bench.count, 2); /* b waits for a */
	assert_false(task_at(1)->settled);
	const struct outcome done = done_as(7), other = done_as(8);
	let_go(bench.body[0], &done);
	assert_int_equal(task_at(1)->outcome.cap_kind, 7);
	reader_take(bench.reader, &bench.work[3]); /* known by now */
	assert_int_equal(task_at(3)->outcome.cap_kind, 7);
	let_go(bench.body[1], &other);
	assert_int_equal(task_at(2)->outcome.cap_kind, 8);
	bench_close();
}

static void equal_streams_are_hashed_ahead_and_sent_once(void **state)
{
	(void)state;
	bench_init();
	sender.gives_up = false;
	write_file("a", STREAM, 'a', 'z');
	write_file("b", STREAM, 'a', 'z');
	write_file("c", STREAM, 'a', 'y'); /* same beginning and size */
	write_file("d", STREAM, 'a', 'z');
	bench_open();
	bench.delivered = start_sender;
	reader_take(bench.reader, &bench.work[0]);
	thread_join(&sender.thread);
	reader_take(bench.reader, &bench.work[3]); /* parked: its end is not known */
	assert_int_equal(bench.count, 1);
	const struct outcome done = done_as(7);
	let_go(bench.body[0], &done);
	assert_false(task_at(3)->settled);
	reader_take(bench.reader, &bench.work[1]);
	assert_int_equal(bench.count, 1);
	assert_int_equal(task_at(1)->outcome.cap_kind, 7);
	assert_int_equal(task_at(1)->outcome.length, STREAM);
	reader_take(bench.reader, &bench.work[2]);
	thread_join(&sender.thread);
	assert_int_equal(bench.count, 2);
	assert_int_equal(bench.all[STREAM - 1], 'y');
	assert_int_equal(sender.verdict.fault, FAULT_NONE);
	let_go(bench.body[1], NULL);
	bench_close();
}

static void cancel_soon(void)
{
	if (atomic_load(&reads) == 2)
		atomic_store(&bench.cancel, true);
}

static void hashing_ahead_ends_when_stopped(void **state)
{
	(void)state;
	bench_init();
	sender.gives_up = false;
	write_file("a", STREAM, 'a', 'z');
	write_file("b", STREAM, 'a', 'z');
	bench_open();
	bench.delivered = start_sender;
	reader_take(bench.reader, &bench.work[0]);
	thread_join(&sender.thread);
	const struct outcome done = done_as(7);
	let_go(bench.body[0], &done);
	atomic_store(&reads, 0);
	after_read = cancel_soon;
	reader_take(bench.reader, &bench.work[1]);
	assert_int_equal(atomic_load(&reads), 2); /* its beginning, and one piece */
	assert_int_equal(bench.count, 1);
	assert_false(task_at(1)->settled);
	bench_close();
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(literals_end_here_and_larger_ones_become_bodies),
		cmocka_unit_test(a_stream_of_three_pieces_brings_its_proof),
		cmocka_unit_test(a_file_that_changes_while_it_is_streamed_has_no_proof),
		cmocka_unit_test(a_stream_nobody_wants_ends),
		cmocka_unit_test(stopping_ends_a_stream_in_the_middle_and_gives_works_back),
		cmocka_unit_test(a_file_that_changes_is_tried_again_and_then_failed),
		cmocka_unit_test(a_file_that_shrank_is_taken_as_it_is_then),
		cmocka_unit_test(one_change_costs_one_more_try),
		cmocka_unit_test(what_is_gone_is_skipped),
		cmocka_unit_test(equal_files_are_sent_once),
		cmocka_unit_test(equal_streams_are_hashed_ahead_and_sent_once),
		cmocka_unit_test(hashing_ahead_ends_when_stopped),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
