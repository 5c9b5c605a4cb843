#include "read/reader.h"

#include "base/digest.h"
#include "queue/retry.h"
#include "read/duplicate.h"
#include "tests/unit/facts.h"
#include "tests/unit/reader_bench.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STREAM = 2 * BODY_PIECE_SIZE + 7 };

/* ---- a pread of our own, behind which a file may change ---- */

static atomic_uint reads;
static void (*after_read)(void); /* runs after each read */
static unsigned flip_from;       /* reads from which on a byte of each is another; 0: none */

ssize_t __pread64_chk(int fd, void *data, size_t size, off64_t offset, size_t room);

static bool is_manifest(int fd)
{
	struct stat here, manifest;
	return fstat(fd, &here) == 0 && stat(bench.plan.manifest, &manifest) == 0 &&
	       here.st_ino == manifest.st_ino;
}

ssize_t pread64(int fd, void *data, size_t size, off64_t offset)
{
	ssize_t got = syscall(SYS_pread64, fd, data, size, offset);
	if (is_manifest(fd))
		return got;
	unsigned number = atomic_fetch_add(&reads, 1) + 1;
	if (flip_from && number >= flip_from && got > 0)
		*(unsigned char *)data ^= 1;
	if (after_read)
		after_read();
	return got;
}

ssize_t __pread64_chk(int fd, void *data, size_t size, off64_t offset, size_t room)
{
	(void)room;
	return pread64(fd, data, size, offset);
}

/* Makes the tree, to be filled, and forgets what was read. */
static void start(void)
{
	atomic_store(&reads, 0);
	after_read = NULL;
	flip_from = 0;
	bench_init();
}

static void open_bench(void)
{
	bench_open();
	atomic_store(&reads, 0);
}

static void close_bench(void)
{
	after_read = NULL;
	bench_close();
}

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
	start();
	for (size_t i = 0; i < ARRAY_COUNT(file); i++)
		bench_file(file[i].name, file[i].size, 'a' + (int)i, 'z');
	bench.plan.request.options.symlinks = PLAN_SYMLINKS_PRESERVE;
	make_symlink(&bench.plan, "l", "nowhere");
	open_bench();
	for (size_t i = 0; i < ARRAY_COUNT(file); i++)
		reader_take(bench.reader, &bench.work[i]);
	for (size_t i = 0; i < 3; i++) {
		const struct outcome *outcome = &bench_task(i)->outcome;
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
	reader_take(bench.reader, &bench.work[5]); /* the symlink: its bytes are its target */
	assert_int_equal(bench_task(5)->outcome.length, strlen("nowhere"));
	assert_memory_equal(bench_task(5)->outcome.cap, "nowhere", strlen("nowhere"));
	assert_true(S_ISLNK(meta_unpack_outcome(bench_task(5)->outcome.meta).mode));
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
		bench_let_go(bench.body[i], NULL);
	}
	close_bench();
}

/* The budget has room for one body with its shares: the second would wait for ever if the first did
 * not give back as much as it has taken. */
static void shares_go_with_a_body_and_its_part_of_the_budget(void **state)
{
	(void)state;
	const struct chk_params *params;
	start();
	bench_file("a", 3000, 'a', 'z');
	bench_file("b", 3000, 'b', 'z');
	open_bench();
	params = policy_params(bench.policy);
	bench.options.encodes = true;
	gate_free(bench.gate);
	bench.gate = gate_new(100, 3000 + chk_shares_size(params, 3000));
	bench.options.gate = bench.gate;
	for (size_t i = 0; i < 2; i++) {
		reader_take(bench.reader, &bench.work[i]);
		assert_int_equal(bench.count, i + 1);
		const struct body *body = bench.body[i];
		assert_true(body->predicted);
		assert_non_null(body->shares);
		assert_memory_equal(body->shares->cap.hash, body->cap_hash, CAP_HASH_SIZE);
		assert_int_equal(body->shares->count * body->shares->share_size,
				 chk_shares_size(params, 3000));
		bench_let_go(bench.body[i], NULL);
	}
	close_bench();
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
		struct body_piece *piece = body_peek(body);
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
	bench_file("f", STREAM, 'a', 'z');
	open_bench();
	bench.delivered = start_sender;
	reader_take(bench.reader, &bench.work[0]);
	assert_int_equal(bench.count, 1);
	thread_join(&sender.thread);
	return sender.verdict;
}

static void a_stream_of_three_pieces_brings_its_proof(void **state)
{
	(void)state;
	start();
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
	bench_let_go(bench.body[0], NULL);
	close_bench();
}

static void grow(void) { assert_int_equal(truncate(bench_path("f"), STREAM + 1), 0); }
static void shrink(void) { assert_int_equal(truncate(bench_path("f"), STREAM - 1), 0); }

static void touch(void)
{
	static int64_t seconds = 1000;
	seconds++;
	const struct timespec times[2] = { { seconds, 0 }, { seconds, 0 } };
	assert_int_equal(utimensat(AT_FDCWD, bench_path("f"), times, 0), 0);
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
		start();
		sender.gives_up = false;
		bench_file("f", STREAM, 'a', 'z');
		open_bench();
		change = changes[i];
		bench.delivered = change_and_send;
		reader_take(bench.reader, &bench.work[0]);
		thread_join(&sender.thread);
		assert_int_equal(sender.verdict.fault, FAULT_CHANGED);
		bench_let_go(bench.body[0], NULL);
		close_bench();
	}
}

static void a_stream_nobody_wants_ends(void **state)
{
	(void)state;
	start();
	sender.gives_up = true;
	stream_once();
	assert_in_range(bench.all_size, BODY_PIECE_SIZE, BODY_PIECE_SIZE);
	bench_let_go(bench.body[0], NULL);
	close_bench();
}

static void cancel_and_send(struct bench *b, struct body *body)
{
	atomic_store(&b->cancel, true);
	start_sender(b, body);
}

static void stopping_ends_a_stream_in_the_middle_and_gives_works_back(void **state)
{
	(void)state;
	start();
	sender.gives_up = false;
	bench_file("f", STREAM, 'a', 'z');
	bench_file("g", STREAM, 'b', 'z');
	open_bench();
	bench.delivered = cancel_and_send;
	reader_take(bench.reader, &bench.work[0]);
	thread_join(&sender.thread);
	assert_int_equal(sender.verdict.fault, FAULT_CANCELLED);
	unsigned before = atomic_load(&reads);
	reader_take(bench.reader, &bench.work[1]);
	assert_int_equal(atomic_load(&reads), before);
	bench_let_go(bench.body[0], NULL);
	assert_int_equal(bench.count, 1);
	assert_int_equal(bench_task(1)->task.attempts, 0);
	close_bench();
}

/* ---- files that change while they are read whole ---- */

static unsigned tries_of(size_t size, void (*changing)(void), unsigned reads_each)
{
	start();
	bench_file("f", size, 'a', 'z');
	open_bench();
	after_read = changing;
	reader_take(bench.reader, &bench.work[0]);
	after_read = NULL;
	assert_int_equal(bench.count, 0);
	assert_int_equal(bench_task(0)->outcome.state, OUTCOME_FAILED);
	assert_int_equal(bench_task(0)->outcome.reason, REASON_CHANGED);
	assert_int_equal(bench_task(0)->outcome.attempts, 1);
	unsigned tries = atomic_load(&reads) / reads_each;
	close_bench();
	return tries;
}

static off_t grown;

static void append(void)
{
	struct stat status;
	assert_int_equal(stat(bench_path("f"), &status), 0);
	grown = status.st_size + 1;
	assert_int_equal(truncate(bench_path("f"), grown), 0);
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
	assert_int_equal(truncate(bench_path("f"), 0), 0);
}

static void a_file_that_shrank_is_taken_as_it_is_then(void **state)
{
	(void)state;
	start();
	bench_file("f", 1000, 'a', 'z');
	open_bench();
	after_read = cut_to_nothing;
	reader_take(bench.reader, &bench.work[0]);
	assert_int_equal(bench_task(0)->outcome.state, OUTCOME_DONE);
	assert_int_equal(bench_task(0)->outcome.length, 0);
	close_bench();
}

static void touch_once(void)
{
	after_read = NULL;
	touch();
}

static void one_change_costs_one_more_try(void **state)
{
	(void)state;
	start();
	bench_file("f", 1000, 'a', 'z');
	open_bench();
	after_read = touch_once;
	reader_take(bench.reader, &bench.work[0]);
	assert_int_equal(bench.count, 1);
	assert_int_equal(atomic_load(&reads), 4);
	bench_let_go(bench.body[0], NULL);
	close_bench();
}

static void what_is_gone_is_skipped(void **state)
{
	(void)state;
	start();
	bench_file("f", 1000, 'a', 'z');
	open_bench();
	assert_int_equal(unlink(bench_path("f")), 0);
	reader_take(bench.reader, &bench.work[0]);
	assert_int_equal(bench_task(0)->outcome.state, OUTCOME_SKIPPED);
	assert_int_equal(bench_task(0)->outcome.reason, REASON_VANISHED);
	close_bench();
}

/* ---- equal content ---- */

static void equal_files_are_sent_once(void **state)
{
	(void)state;
	start();
	bench_file("a", 1000, 'a', 'z');
	bench_file("b", 1000, 'a', 'z');
	bench_file("c", 1000, 'a', 'y');
	bench_file("d", 1000, 'a', 'z');
	open_bench();
	for (size_t i = 0; i < 3; i++)
		reader_take(bench.reader, &bench.work[i]);
	assert_int_equal(bench.count, 2); /* b waits for a */
	assert_false(bench_task(1)->settled);
	const struct outcome done = done_as(7), other = done_as(8);
	bench_let_go(bench.body[0], &done);
	assert_int_equal(bench_task(1)->outcome.cap_kind, 7);
	reader_take(bench.reader, &bench.work[3]); /* known by now */
	assert_int_equal(bench_task(3)->outcome.cap_kind, 7);
	bench_let_go(bench.body[1], &other);
	assert_int_equal(bench_task(2)->outcome.cap_kind, 8);
	close_bench();
}

static void equal_streams_are_hashed_ahead_and_sent_once(void **state)
{
	(void)state;
	start();
	sender.gives_up = false;
	bench_file("a", STREAM, 'a', 'z');
	bench_file("b", STREAM, 'a', 'z');
	bench_file("c", STREAM, 'a', 'y'); /* same beginning and size */
	bench_file("d", STREAM, 'a', 'z');
	open_bench();
	bench.delivered = start_sender;
	reader_take(bench.reader, &bench.work[0]);
	thread_join(&sender.thread);
	reader_take(bench.reader, &bench.work[3]); /* parked: its end is not known */
	assert_int_equal(bench.count, 1);
	const struct outcome done = done_as(7);
	bench_let_go(bench.body[0], &done);
	assert_false(bench_task(3)->settled);
	reader_take(bench.reader, &bench.work[1]);
	assert_int_equal(bench.count, 1);
	assert_int_equal(bench_task(1)->outcome.cap_kind, 7);
	assert_int_equal(bench_task(1)->outcome.length, STREAM);
	reader_take(bench.reader, &bench.work[2]);
	thread_join(&sender.thread);
	assert_int_equal(bench.count, 2);
	assert_int_equal(bench.all[STREAM - 1], 'y');
	assert_int_equal(sender.verdict.fault, FAULT_NONE);
	bench_let_go(bench.body[1], NULL);
	close_bench();
}

/* Nothing but the bytes tells that it is another file than the one whose key was computed. */
static void what_is_hashed_ahead_must_be_what_is_sent(void **state)
{
	(void)state;
	enum { BEGINNING = 1, ONE_PASS = 4 /* three pieces, and whether there is more */ };
	for (unsigned flips = 0; flips < 2; flips++) {
		start();
		sender.gives_up = false;
		bench_file("a", STREAM, 'a', 'z');
		bench_file("b", STREAM, 'a', 'y'); /* same beginning and size */
		open_bench();
		bench.delivered = start_sender;
		reader_take(bench.reader, &bench.work[0]);
		thread_join(&sender.thread);
		const struct outcome done = done_as(7);
		bench_let_go(bench.body[0], &done);
		atomic_store(&reads, 0);
		flip_from = flips ? BEGINNING + ONE_PASS + 1 : 0;
		reader_take(bench.reader, &bench.work[1]);
		thread_join(&sender.thread);
		assert_int_equal(atomic_load(&reads), BEGINNING + 2 * ONE_PASS);
		assert_int_equal(bench.count, 2);
		assert_int_equal(sender.verdict.fault, flips ? FAULT_CHANGED : FAULT_NONE);
		bench_let_go(bench.body[1], NULL);
		close_bench();
	}
}

static void cancel_soon(void)
{
	if (atomic_load(&reads) == 2)
		atomic_store(&bench.cancel, true);
}

static void hashing_ahead_ends_when_stopped(void **state)
{
	(void)state;
	start();
	sender.gives_up = false;
	bench_file("a", STREAM, 'a', 'z');
	bench_file("b", STREAM, 'a', 'z');
	open_bench();
	bench.delivered = start_sender;
	reader_take(bench.reader, &bench.work[0]);
	thread_join(&sender.thread);
	const struct outcome done = done_as(7);
	bench_let_go(bench.body[0], &done);
	atomic_store(&reads, 0);
	after_read = cancel_soon;
	reader_take(bench.reader, &bench.work[1]);
	assert_int_equal(atomic_load(&reads), 2); /* its beginning, and one piece */
	assert_int_equal(bench.count, 1);
	assert_false(bench_task(1)->settled);
	close_bench();
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(literals_end_here_and_larger_ones_become_bodies),
		cmocka_unit_test(shares_go_with_a_body_and_its_part_of_the_budget),
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
		cmocka_unit_test(what_is_hashed_ahead_must_be_what_is_sent),
		cmocka_unit_test(hashing_ahead_ends_when_stopped),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
