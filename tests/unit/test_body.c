#include "read/body.h"

#include "queue/core/thread.h"
#include "tests/unit/facts.h"

#include <stdatomic.h>

enum { STREAM = 3 * BODY_PIECE_SIZE + 5 };

static struct body *make(struct gate *gate, uint64_t size)
{
	assert_true(gate_enter(gate, body_share(size)));
	struct body *body = body_new(NULL, size, gate);
	assert_non_null(body);
	return body;
}

static void a_body_gives_its_share_back(void **state)
{
	(void)state;
	/* Just large enough: where a share is not given back, entering again never ends. */
	struct gate *gate = gate_new(2, BODY_WHOLE_MAX + BODY_PIECES * BODY_PIECE_SIZE);
	assert_int_equal(body_share(0), 1);
	assert_int_equal(body_share(BODY_WHOLE_MAX), BODY_WHOLE_MAX);
	assert_int_equal(body_share(BODY_WHOLE_MAX + 1), BODY_PIECES * BODY_PIECE_SIZE);
	struct body *whole = make(gate, BODY_WHOLE_MAX);
	struct body *stream = make(gate, BODY_WHOLE_MAX + 1);
	assert_true(whole->data && !whole->stream);
	assert_true(!stream->data && stream->stream);
	body_drop(whole);
	assert_true(gate_enter(gate, BODY_WHOLE_MAX));
	body_unref(whole);
	body_ref(stream);
	body_unref(stream);
	body_unref(stream);
	gate_leave(gate, BODY_WHOLE_MAX);
	body_unref(NULL);
	gate_free(gate); /* asserts that it is empty, and that nothing came back twice */
}

/* ---- a reader in a thread ---- */

struct filler {
	struct thread thread;
	struct body *body;
	struct mutex lock;
	struct cond news;
	unsigned wakes;  /* under lock */
	unsigned filled; /* pieces pushed */
	bool fails;
	atomic_bool over;
};

static void heard(void *context)
{
	struct filler *filler = context;
	mutex_lock(&filler->lock);
	filler->wakes++;
	cond_wake_all(&filler->news);
	mutex_unlock(&filler->lock);
}

static void fill(void *context)
{
	struct filler *filler = context;
	struct body *body = filler->body;
	struct err err;
	body_set_wake(body, heard, filler);
	for (uint64_t at = 0; at < body->size; at += BODY_PIECE_SIZE) {
		struct body_piece *piece = body_room(body);
		if (!piece)
			break;
		if (piece->size != 0)
			abort();
		piece->offset = at;
		piece->size = (size_t)min_u64(BODY_PIECE_SIZE, body->size - at);
		memset(piece->data, 'a' + (int)filler->filled, piece->size);
		body_push(body, piece);
		filler->filled++;
	}
	struct body_proof proof = { .content = "content", .key = "key" };
	err_set(&err, FAULT_CHANGED, "changed");
	body_finish(body, filler->fails ? NULL : &proof, filler->fails ? &err : NULL);
	atomic_store(&filler->over, true);
	body_unref(body);
}

static void filler_start(struct filler *filler, struct body *body)
{
	filler->body = body;
	mutex_init(&filler->lock);
	cond_init(&filler->news);
	body_ref(body);
	assert_true(thread_start(&filler->thread, "filler", fill, filler));
}

static void filler_end(struct filler *filler)
{
	thread_join(&filler->thread);
	cond_fini(&filler->news);
	mutex_fini(&filler->lock);
}

/* Sleeps until the reader has told of more than `wakes` things. */
static unsigned wait_for_news(struct filler *filler, unsigned wakes)
{
	mutex_lock(&filler->lock);
	while (filler->wakes <= wakes)
		cond_wait(&filler->news, &filler->lock);
	unsigned now = filler->wakes;
	mutex_unlock(&filler->lock);
	return now;
}

static struct body_piece *next_piece(struct filler *filler, struct body *body, unsigned *wakes)
{
	struct body_piece *piece;
	while (!(piece = body_peek(body)))
		*wakes = wait_for_news(filler, *wakes);
	return piece;
}

static void a_stream_arrives_in_order_with_its_proof(void **state)
{
	(void)state;
	struct gate *gate = gate_new(1, 10 << 20);
	struct body *body = make(gate, STREAM);
	struct filler filler = { .filled = 0 };
	struct err err;
	unsigned wakes = 0;
	assert_null(body_peek(body));
	filler_start(&filler, body);
	for (unsigned i = 0; i < 4; i++) {
		struct body_piece *piece = next_piece(&filler, body, &wakes);
		assert_ptr_equal(piece, body_peek(body));
		assert_int_equal(piece->offset, (uint64_t)i * BODY_PIECE_SIZE);
		assert_int_equal(piece->size, i < 3 ? BODY_PIECE_SIZE : 5);
		assert_int_equal(piece->data[piece->size - 1], 'a' + i);
		body_pop(body);
	}
	while (!body_verdict(body, &err))
		wakes = wait_for_news(&filler, wakes);
	assert_int_equal(err.fault, FAULT_NONE);
	assert_string_equal((char *)body->proof.key, "key");
	assert_null(body_peek(body));
	body_unref(body);
	filler_end(&filler);
	gate_free(gate);
}

static void a_readers_fault_is_the_verdict(void **state)
{
	(void)state;
	struct gate *gate = gate_new(1, 10 << 20);
	struct body *body = make(gate, BODY_WHOLE_MAX + 1);
	struct filler filler = { .fails = true };
	struct err err;
	filler_start(&filler, body);
	for (unsigned wakes = 0; !body_verdict(body, &err);)
		wakes = wait_for_news(&filler, wakes);
	assert_int_equal(err.fault, FAULT_CHANGED);
	body_abandon(body);
	body_unref(body);
	filler_end(&filler);
	gate_free(gate);
}

/* After `taken` pieces nobody wants the rest: the reader ends soon, whatever it is doing. */
static void check_abandoned_after(unsigned taken)
{
	struct gate *gate = gate_new(1, 10 << 20);
	struct body *body = make(gate, 40 * BODY_PIECE_SIZE);
	struct filler filler = { .filled = 0 };
	unsigned wakes = 0;
	filler_start(&filler, body);
	for (unsigned i = 0; i < taken; i++) {
		next_piece(&filler, body, &wakes);
		if (i + 1 < taken)
			body_pop(body);
	}
	body_abandon(body);
	body_abandon(body);
	body_unref(body);
	filler_end(&filler);
	assert_true(atomic_load(&filler.over));
	assert_in_range(filler.filled, taken, taken + BODY_PIECES + 1);
	gate_free(gate);
}

static void abandoned_at_any_moment(void **state)
{
	(void)state;
	for (unsigned taken = 0; taken < 6; taken++)
		check_abandoned_after(taken);
}

static void there_is_no_room_in_an_abandoned_stream(void **state)
{
	(void)state;
	struct gate *gate = gate_new(1, 10 << 20);
	struct body *body = make(gate, STREAM);
	struct body_piece *piece = body_room(body);
	assert_non_null(piece);
	body_abandon(body);
	body_push(body, piece);
	assert_null(body_peek(body));
	assert_null(body_room(body));
	body_finish(body, NULL, NULL);
	body_unref(body);
	gate_free(gate);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(a_body_gives_its_share_back),
		cmocka_unit_test(a_stream_arrives_in_order_with_its_proof),
		cmocka_unit_test(a_readers_fault_is_the_verdict),
		cmocka_unit_test(abandoned_at_any_moment),
		cmocka_unit_test(there_is_no_room_in_an_abandoned_stream),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
