#include "verify/chunks_proof.h"

#include "tests/unit/facts.h"
#include "tests/unit/fake_store.h"

enum { CHUNK = 1000, COUNT = 4 };

/* A grid that has a file in chunks, and what was proven of it. */
struct chunked_grid {
	struct fake fake;
	struct store *store;
	struct cap directory, chunk[COUNT];
	size_t listed;          /* chunks that are there */
	unsigned asked[COUNT];  /* checks of each chunk */
	unsigned directories;   /* and of the directory */
	size_t failing, sick;   /* of this chunk, from 1, a check fails; shares are lost */
	size_t mended;          /* this was repaired, and what is left corrupt is as its number */
	unsigned width, levels; /* of an attempt; 0: VERIFY_COUNT */
	uint64_t moved;
	bool deaf; /* nobody hears how it goes on */
	unsigned ended_checks;
	unsigned most; /* checks that were in flight at once */

	struct chunks_proof proof;
	unsigned advanced, ended;
	struct err err;
};

static void answer_check(struct chunked_grid *grid, const struct cap *cap,
			 struct store_reply *reply)
{
	size_t i = 0;
	while (i < COUNT && !cap_equal(cap, &grid->chunk[i]))
		i++;
	const bool is_chunk = i < COUNT;
	const unsigned running =
		atomic_load(&grid->fake.started[FAKE_CHECK]) - grid->ended_checks++;
	grid->most = running > grid->most ? running : grid->most;
	if (is_chunk)
		grid->asked[i]++;
	grid->directories += !is_chunk;
	if (is_chunk && i + 1 == grid->failing) {
		fake_fail(reply, FAULT_RETRY, "scripted");
		return;
	}
	const bool sick = is_chunk && i + 1 == grid->sick;
	reply->health = (struct store_health){
		.healthy = !sick,
		.recoverable = true,
		.good_shares = sick ? 5 : 10,
		.needed = 3,
		.expected = 10,
		.repaired = is_chunk && i + 1 == grid->mended,
		.corrupt_shares = is_chunk ? (uint32_t)i : 0,
	};
}

static bool script(void *context, struct fake_call *call, struct store_reply *reply)
{
	struct chunked_grid *grid = context;
	if (call->operation == FAKE_CHECK) {
		answer_check(grid, &call->cap, reply);
		return true;
	}
	if (call->operation == FAKE_GET) {
		static const unsigned char bytes[CHUNK];
		assert_true(call->sink(call->context, bytes, CHUNK));
		reply->proven = true;
		return true;
	}
	assert_int_equal(call->operation, FAKE_LIST);
	reply->node.kind = STORE_DIRECTORY;
	for (size_t i = 0; i < grid->listed; i++)
		fake_child(call, (const char *[]){ "1", "2", "3", "4" }[i], STORE_FILE,
			   &grid->chunk[i]);
	return true;
}

static void moved(void *context, uint64_t bytes)
{
	((struct chunked_grid *)context)->moved += bytes;
}

static void advanced(void *context) { ((struct chunked_grid *)context)->advanced++; }

static void ended(void *context, const struct err *err)
{
	struct chunked_grid *grid = context;
	grid->ended++;
	grid->err = err ? *err : (struct err){ 0 };
}

static void open_grid(struct chunked_grid *grid)
{
	*grid = (struct chunked_grid){ .fake = { .script = script, .context = grid },
				       .listed = COUNT };
	grid->directory =
		(struct cap){ .kind = CAP_DIR2_CHK, .needed = 3, .total = 10, .size = 500 };
	for (size_t i = 0; i < COUNT; i++) {
		grid->chunk[i] =
			(struct cap){ .kind = CAP_CHK, .needed = 3, .total = 10, .size = CHUNK };
		grid->chunk[i].key[0] = (unsigned char)(i + 1);
	}
	grid->store = fake_open(&grid->fake);
}

static void close_grid(struct chunked_grid *grid)
{
	chunks_proof_cancel(&grid->proof);
	chunks_proof_fini(&grid->proof);
	store_close(grid->store);
}

/* Makes an attempt, and waits for its end. */
static enum fault prove(struct chunked_grid *grid)
{
	const struct chunks_proof_options options = {
		.store = grid->store,
		.cap = &grid->directory,
		.bytes = COUNT * CHUNK,
		.levels = grid->levels ? grid->levels : VERIFY_COUNT,
		.width = grid->width,
		.moved = grid->deaf ? NULL : moved,
		.advanced = grid->deaf ? NULL : advanced,
		.ended = ended,
		.context = grid,
	};
	const unsigned before = grid->ended;
	chunks_proof_start(&grid->proof, &options);
	while (grid->ended == before)
		store_poll(grid->store, 10);
	return grid->err.fault;
}

static void each_object_is_asked_for_once(void **state)
{
	(void)state;
	struct chunked_grid grid;
	open_grid(&grid);
	assert_int_equal(prove(&grid), FAULT_NONE);
	assert_int_equal(grid.directories, 1);
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(grid.asked[i], 1);
	assert_int_equal(grid.advanced, COUNT + 1);
	assert_true(grid.proof.checked && grid.proof.health.healthy);
	assert_int_equal(grid.proof.health.good_shares, 10);
	close_grid(&grid);
}

static void a_second_attempt_goes_on_where_the_first_failed(void **state)
{
	(void)state;
	struct chunked_grid grid;
	open_grid(&grid);
	grid.failing = 3;
	assert_int_equal(prove(&grid), FAULT_RETRY);
	assert_non_null(strstr(grid.err.text, "chunk 3 of 4"));
	assert_int_equal(grid.advanced, 3);
	grid.failing = 0;
	assert_int_equal(prove(&grid), FAULT_NONE);
	assert_int_equal(atomic_load(&grid.fake.started[FAKE_LIST]), 1);
	assert_int_equal(grid.directories, 1);
	assert_int_equal(grid.asked[0], 1);
	assert_int_equal(grid.asked[2], 2);
	assert_int_equal(grid.asked[3], 1);
	close_grid(&grid);
}

static void the_weakest_chunk_is_the_health_of_the_file(void **state)
{
	(void)state;
	struct chunked_grid grid;
	open_grid(&grid);
	grid.sick = 2;
	assert_int_equal(prove(&grid), FAULT_CORRUPT);
	assert_non_null(strstr(grid.err.text, "chunk 2 of 4"));
	assert_false(grid.proof.health.healthy);
	assert_int_equal(grid.proof.health.good_shares, 5);
	assert_int_equal(grid.asked[2], 0);
	close_grid(&grid);
}

static void what_is_found_in_any_chunk_is_of_the_file(void **state)
{
	(void)state;
	for (size_t mended = 0; mended <= COUNT; mended++) {
		struct chunked_grid grid;
		open_grid(&grid);
		grid.mended = mended;
		assert_int_equal(prove(&grid), FAULT_NONE);
		assert_int_equal(grid.proof.health.repaired, mended > 0);
		assert_int_equal(grid.proof.health.corrupt_shares, 0 + 1 + 2 + 3);
		close_grid(&grid);
	}
}

/* The directory was read when it was listed. */
static void all_chunks_are_read(void **state)
{
	(void)state;
	struct chunked_grid grid;
	open_grid(&grid);
	grid.levels = VERIFY_READ;
	assert_int_equal(prove(&grid), FAULT_NONE);
	assert_int_equal(atomic_load(&grid.fake.started[FAKE_GET]), COUNT);
	assert_int_equal(grid.moved, COUNT * CHUNK);
	assert_false(grid.proof.checked);
	close_grid(&grid);
}

static void nobody_has_to_listen(void **state)
{
	(void)state;
	struct chunked_grid grid;
	open_grid(&grid);
	grid.levels = VERIFY_READ;
	grid.deaf = true;
	assert_int_equal(prove(&grid), FAULT_NONE);
	assert_int_equal(grid.moved + grid.advanced, 0);
	close_grid(&grid);
}

static void a_chunk_too_few_is_no_proof(void **state)
{
	(void)state;
	struct chunked_grid grid;
	open_grid(&grid);
	grid.listed = COUNT - 1;
	assert_int_equal(prove(&grid), FAULT_CORRUPT);
	assert_int_equal(grid.directories, 0);
	close_grid(&grid);
}

static void as_many_as_may_be_are_in_flight(void **state)
{
	(void)state;
	for (unsigned width = 1; width <= COUNT + 5; width++) {
		struct chunked_grid grid;
		open_grid(&grid);
		grid.width = width;
		assert_int_equal(prove(&grid), FAULT_NONE);
		assert_int_equal(grid.most, min_u64(width, COUNT + 1));
		assert_int_equal(grid.ended, 1);
		assert_int_equal(grid.advanced, COUNT + 1);
		close_grid(&grid);
	}
}

static void side_by_side_only_what_failed_is_proven_again(void **state)
{
	(void)state;
	struct chunked_grid grid;
	open_grid(&grid);
	grid.width = COUNT + 1;
	grid.failing = 2;
	assert_int_equal(prove(&grid), FAULT_RETRY);
	assert_non_null(strstr(grid.err.text, "chunk 2 of 4"));
	assert_int_equal(grid.ended, 1);
	assert_int_equal(grid.advanced, COUNT); /* those in flight came to their end */
	grid.failing = 0;
	assert_int_equal(prove(&grid), FAULT_NONE);
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(grid.asked[i], i == 1 ? 2 : 1);
	assert_int_equal(grid.directories, 1);
	close_grid(&grid);
}

static void what_is_in_flight_is_given_up(void **state)
{
	(void)state;
	struct chunked_grid grid;
	open_grid(&grid);
	grid.width = 3;
	grid.failing = 1;
	assert_int_equal(prove(&grid), FAULT_RETRY);
	const struct chunks_proof_options options = grid.proof.options;
	chunks_proof_start(&grid.proof, &options);
	chunks_proof_cancel(&grid.proof);
	assert_int_equal(grid.ended, 1);
	grid.failing = 0;
	assert_int_equal(prove(&grid), FAULT_NONE);
	close_grid(&grid);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(each_object_is_asked_for_once),
		cmocka_unit_test(a_second_attempt_goes_on_where_the_first_failed),
		cmocka_unit_test(the_weakest_chunk_is_the_health_of_the_file),
		cmocka_unit_test(what_is_found_in_any_chunk_is_of_the_file),
		cmocka_unit_test(all_chunks_are_read),
		cmocka_unit_test(nobody_has_to_listen),
		cmocka_unit_test(a_chunk_too_few_is_no_proof),
		cmocka_unit_test(as_many_as_may_be_are_in_flight),
		cmocka_unit_test(side_by_side_only_what_failed_is_proven_again),
		cmocka_unit_test(what_is_in_flight_is_given_up),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
