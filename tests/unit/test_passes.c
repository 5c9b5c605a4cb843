#include "read/passes.h"

#include "base/digest.h"
#include "queue/core/thread.h"
#include "tests/unit/facts.h"

#include <sched.h>

enum { SIZE = 9 * BODY_PIECE_SIZE + 5, SMALL = 70000 };

static const struct chk_params params = { .k = 2, .n = 3, .max_segment_size = CHK_SEGMENT_SIZE };

/* A file in memory, and a thread that reads it for its sender. */
struct file {
	unsigned char *data;
	size_t size;
	struct body *body;
	struct piece_hashes hashes;
	unsigned char scratch[BODY_PIECE_SIZE];
	struct chk_encoder *encoder;
	struct thread thread;
	atomic_bool cancel;
	unsigned char *share[3];
	uint64_t at[3];
};

static enum fault read_file(void *context, const struct attempt_pass *pass, struct err *err)
{
	const struct file *file = context;
	for (size_t offset = 0; offset < file->size; offset += BODY_PIECE_SIZE) {
		struct body_piece *piece = pass->room(pass->context);
		if (!piece || atomic_load(pass->cancel))
			return err_set(err, FAULT_CANCELLED, "nobody wants the rest");
		piece->offset = offset;
		piece->size = (size_t)min_u64(file->size - offset, BODY_PIECE_SIZE);
		memcpy(piece->data, file->data + offset, piece->size);
		if (pass->take(pass->context, piece, err))
			return err->fault;
	}
	return FAULT_NONE;
}

static void run(void *context)
{
	struct file *file = context;
	const struct passes passes = {
		.body = file->body,
		.params = &params,
		.encoder = file->encoder,
		.hashes = &file->hashes,
		.scratch = file->scratch,
		.read = read_file,
		.context = file,
		.cancel = &file->cancel,
	};
	passes_run(&passes);
	body_unref(file->body);
}

static struct file *open_file(size_t size)
{
	struct file *file = calloc(1, sizeof *file);
	struct err err;
	file->size = size;
	file->data = malloc(size);
	for (size_t i = 0; i < size; i++)
		file->data[i] = (unsigned char)(i * 7 + (i >> 8) * 13);
	assert_int_equal(piece_hashes_init(&file->hashes, size, &err), 0);
	for (size_t offset = 0; offset < size; offset += BODY_PIECE_SIZE)
		piece_hashes_add(&file->hashes,
				 &(struct body_piece){
					 .data = file->data + offset,
					 .size = (size_t)min_u64(size - offset, BODY_PIECE_SIZE),
					 .offset = offset,
				 });
	assert_int_equal(chk_encoder_new(&file->encoder, &err), 0);
	file->body = body_new_encoded(NULL, &(struct slab_shape){ &params, size, SLAB_MAX }, NULL);
	assert_non_null(file->body);
	for (int i = 0; i < 3; i++)
		file->share[i] = malloc(size + 100000);
	return file;
}

static void start(struct file *file)
{
	body_ref(file->body);
	assert_true(thread_start(&file->thread, "reader", run, file));
}

static void close_file(struct file *file)
{
	body_abandon(file->body);
	thread_join(&file->thread);
	body_unref(file->body);
	chk_encoder_free(file->encoder);
	piece_hashes_fini(&file->hashes);
	for (int i = 0; i < 3; i++)
		free(file->share[i]);
	free(file->data);
	free(file);
}

/* Returns what comes next, or NULL once the pass is over. */
static struct body_piece *next(struct file *file, struct err *err)
{
	for (;;) {
		const bool over = body_verdict(file->body, err);
		struct body_piece *piece = body_peek(file->body);
		if (piece || over)
			return piece;
		sched_yield();
	}
}

static const bool all[ERASURE_BLOCKS_MAX] = { true, true, true };

/* Puts the shares together.  Returns the fault that ended the pass. */
static enum fault gather(struct file *file)
{
	struct err err;
	memset(file->at, 0, sizeof file->at);
	for (struct body_piece *piece; (piece = next(file, &err)); body_pop(file->body)) {
		const struct slab *slab = piece->slab;
		assert_non_null(slab);
		for (unsigned i = 0; i < slab->used; i++) {
			const struct slab_row *row = &slab->row[i];
			assert_int_equal(row->offset, file->at[row->share]);
			memcpy(file->share[row->share] + row->offset, slab->data + i * slab->stride,
			       row->size);
			file->at[row->share] += row->size;
		}
	}
	return err.fault;
}

static void check_shares(struct file *file)
{
	struct chk_encoder *encoder;
	struct chk_shares *shares;
	struct err err;
	assert_int_equal(chk_encoder_new(&encoder, &err), 0);
	assert_int_equal(chk_shares_new(encoder, &params, file->body->proof.key, file->data,
					file->size, &shares, &err),
			 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(file->at[i], shares->share_size);
		assert_memory_equal(file->share[i], shares->data + i * shares->share_size,
				    shares->share_size);
	}
	assert_true(file->body->predicted);
	assert_memory_equal(file->body->cap_hash, shares->cap.hash, CAP_HASH_SIZE);
	chk_shares_free(shares);
	chk_encoder_free(encoder);
}

static void check_bytes(struct file *file)
{
	struct err err;
	size_t at = 0;
	for (struct body_piece *piece; (piece = next(file, &err)); body_pop(file->body)) {
		assert_int_equal(piece->offset, at);
		assert_memory_equal(piece->data, file->data + at, piece->size);
		at += piece->size;
	}
	assert_int_equal(err.fault, FAULT_NONE);
	assert_int_equal(at, file->size);
}

static void shares_then_bytes_then_shares(void **state)
{
	(void)state;
	struct file *file = open_file(SIZE);
	start(file);
	body_want(file->body, all);
	assert_int_equal(gather(file), FAULT_NONE);
	check_shares(file);
	body_want(file->body, NULL);
	check_bytes(file);
	body_want(file->body, all);
	assert_int_equal(gather(file), FAULT_NONE);
	check_shares(file);
	close_file(file);
}

/* What came of the first is never taken for what the second wants. */
static void another_pass_may_be_wanted_at_any_moment(void **state)
{
	(void)state;
	struct err err;
	for (unsigned taken = 0; taken < 4; taken++) {
		struct file *file = open_file(SIZE);
		start(file);
		body_want(file->body, taken % 2 ? NULL : all);
		for (unsigned i = 0; i < taken && next(file, &err); i++)
			if (i + 1 < taken)
				body_pop(file->body);
		body_want(file->body, taken % 2 ? all : NULL);
		if (taken % 2) {
			assert_int_equal(gather(file), FAULT_NONE);
			check_shares(file);
		} else {
			check_bytes(file);
		}
		close_file(file);
	}
}

/* The reader may be done before whoever wants it has looked again. */
static void a_small_file_is_not_lost(void **state)
{
	(void)state;
	struct file *file = open_file(SMALL);
	start(file);
	for (int i = 0; i < 300; i++) {
		body_want(file->body, i % 3 ? all : NULL);
		if (i % 3) {
			assert_int_equal(gather(file), FAULT_NONE);
			assert_true(file->at[0] > 0 && file->at[2] == file->at[0]);
		} else {
			check_bytes(file);
		}
	}
	check_shares(file);
	close_file(file);
}

/* Not one byte that is another leaves: a server would keep it for a later job. */
static void a_file_that_has_changed_is_not_sent(void **state)
{
	(void)state;
	struct err err;
	struct file *file = open_file(SIZE);
	file->data[8 * BODY_PIECE_SIZE] ^= 1;
	start(file);
	body_want(file->body, all);
	assert_int_equal(gather(file), FAULT_CHANGED);
	assert_true(file->at[0] <= 4 * BODY_PIECE_SIZE + 100);
	file->data[8 * BODY_PIECE_SIZE] ^= 1;
	file->data[3] ^= 1;
	body_want(file->body, NULL);
	assert_null(next(file, &err));
	assert_int_equal(err.fault, FAULT_CHANGED);
	file->data[3] ^= 1;
	body_want(file->body, all);
	assert_int_equal(gather(file), FAULT_NONE);
	check_shares(file);
	close_file(file);
}

static void whoever_stops_hears_of_it(void **state)
{
	(void)state;
	struct file *file = open_file(SIZE);
	atomic_store(&file->cancel, true);
	start(file);
	body_want(file->body, all);
	assert_int_equal(gather(file), FAULT_CANCELLED);
	close_file(file);
	file = open_file(SIZE); /* nothing is ever wanted of this one */
	start(file);
	close_file(file);
}

static void a_file_whose_trees_are_too_large_has_no_passes(void **state)
{
	(void)state;
	const struct chk_params usual = { .k = 3, .n = 10, .max_segment_size = CHK_SEGMENT_SIZE };
	const struct chk_params wrong = { .k = 3, .n = 2, .max_segment_size = CHK_SEGMENT_SIZE };
	assert_true(passes_can(&usual, SMALL));
	assert_true(passes_can(&usual, UINT64_C(200) << 30));
	assert_false(passes_can(&usual, UINT64_C(600) << 30));
	assert_false(passes_can(&wrong, SMALL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_then_bytes_then_shares),
		cmocka_unit_test(another_pass_may_be_wanted_at_any_moment),
		cmocka_unit_test(a_small_file_is_not_lost),
		cmocka_unit_test(a_file_that_has_changed_is_not_sent),
		cmocka_unit_test(whoever_stops_hears_of_it),
		cmocka_unit_test(a_file_whose_trees_are_too_large_has_no_passes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
