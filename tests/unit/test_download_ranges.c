#include "base/digest.h"
#include "download/download.h"
#include "tests/unit/download_case.h"
#include "tests/unit/facts.h"
#include "verify/policy.h"

#include <unistd.h>

#define TEMPORARY "out/.barge-0123456789abcdef-100"

enum { TASK = 100 }; /* the first one's id */

static struct download_case download_case;

static int setup(void **state)
{
	tree_setup(state);
	download_case_open(&download_case);
	return 0;
}

static int teardown(void **state)
{
	download_case_close(&download_case);
	return tree_teardown(state);
}

static size_t size_of(size_t piece)
{
	return (size_t)min_u64(DOWNLOAD_CASE_CHUNK,
			       DOWNLOAD_CASE_SIZE - piece * DOWNLOAD_CASE_CHUNK);
}

static void assert_fetched(enum download_case_file file, const struct fake_task *task,
			   unsigned level)
{
	unsigned char content[CONTENT_HASH_SIZE];
	const struct outcome *outcome = &task->outcome;
	assert_int_equal(outcome->state, OUTCOME_DONE);
	assert_true(download_case_has(&download_case, file, "file"));
	assert_int_equal(outcome->length, DOWNLOAD_CASE_SIZE);
	assert_int_equal(outcome->level, level | OUTCOME_OWN);
	content_hash_of(download_case.content[file], DOWNLOAD_CASE_SIZE, content);
	assert_memory_equal(outcome->content, content, sizeof content);
}

static struct outcome slot_of(size_t piece)
{
	struct outcome slot;
	struct err err;
	assert_int_equal(
		outcomes_read(download_case.land_case.slots, TASK + 1 + piece, 1, &slot, &err), 0);
	return slot;
}

/* Whether the slot of the piece says what the piece is. */
static bool is_noted(enum download_case_file file, size_t piece)
{
	struct outcome slot = slot_of(piece);
	unsigned char content[CONTENT_HASH_SIZE];
	content_hash_of(download_case.content[file] + piece * DOWNLOAD_CASE_CHUNK, size_of(piece),
			content);
	return slot.state == OUTCOME_DONE && slot.length == size_of(piece) &&
	       memcmp(slot.content, content, sizeof content) == 0;
}

static void assert_gets(const size_t wanted[DOWNLOAD_CASE_PIECES])
{
	for (size_t piece = 0; piece < DOWNLOAD_CASE_PIECES; piece++)
		assert_int_equal(download_case_gets_at(&download_case, piece * DOWNLOAD_CASE_CHUNK),
				 wanted[piece]);
}

/* ---- one attempt ---- */

static void fetches_ranges_in_parallel(void **state)
{
	(void)state;
	for (int oldest = 0; oldest < 2; oldest++) {
		teardown(state);
		setup(state);
		download_case.oldest_first = oldest;
		struct fake_task *task =
			download_case_task(&download_case, DOWNLOAD_CASE_OURS, "file", true);
		download_case_fetch(&download_case, DOWNLOAD_CASE_OURS);
		assert_fetched(DOWNLOAD_CASE_OURS, task, VERIFY_CAP);
		assert_gets((size_t[]){ 1, 1, 1, 1, 1 });
		/* The fake counts the one whose end starts the next. */
		assert_in_range(atomic_load(&download_case.fake.in_flight_max), 2, 3);
		assert_int_equal(download_case.moved, DOWNLOAD_CASE_SIZE);
		for (size_t piece = 0; piece < DOWNLOAD_CASE_PIECES; piece++)
			assert_true(is_noted(DOWNLOAD_CASE_OURS, piece));
	}
}

static void reads_all_ranges_again_where_no_key_proves_them(void **state)
{
	(void)state;
	struct fake_task *task =
		download_case_task(&download_case, DOWNLOAD_CASE_ALIEN, "file", true);
	download_case_fetch(&download_case, DOWNLOAD_CASE_ALIEN);
	assert_fetched(DOWNLOAD_CASE_ALIEN, task, VERIFY_READ);
	assert_gets((size_t[]){ 2, 2, 2, 2, 2 });
	assert_int_equal(download_case.downloads.reread, 1);
}

static void looks_at_the_end_of_each_range(void **state)
{
	(void)state;
	memcpy(download_case.content[DOWNLOAD_CASE_ALIEN] + 2 * DOWNLOAD_CASE_CHUNK - 3, "pro", 3);
	struct chk_params theirs = download_case.secret;
	theirs.secret[0] = 'x';
	assert_int_equal(chk_cap_of(&theirs, download_case.content[DOWNLOAD_CASE_ALIEN],
				    DOWNLOAD_CASE_SIZE, &download_case.cap[DOWNLOAD_CASE_ALIEN],
				    NULL),
			 0);
	struct fake_task *task =
		download_case_task(&download_case, DOWNLOAD_CASE_ALIEN, "file", true);
	download_case_fetch(&download_case, DOWNLOAD_CASE_ALIEN);
	assert_fetched(DOWNLOAD_CASE_ALIEN, task, VERIFY_READ);
	assert_int_equal(download_case_gets_at(&download_case, 2 * DOWNLOAD_CASE_CHUNK - 3), 1);
	assert_int_equal(download_case.gets, 11);
}

/* The size in the plan may be wrong: what is behind the task's ids belongs to others. */
static void keeps_to_the_ids_of_its_task(void **state)
{
	(void)state;
	struct fake_task *task =
		download_case_task(&download_case, DOWNLOAD_CASE_OURS, "file", true);
	task->task.bytes = 2 * DOWNLOAD_CASE_CHUNK;
	download_case_fetch(&download_case, DOWNLOAD_CASE_OURS);
	assert_fetched(DOWNLOAD_CASE_OURS, task, VERIFY_CAP);
	assert_int_equal(download_case.gets, 1);
	assert_int_equal(slot_of(0).state, OUTCOME_NONE);
}

/* ---- the next attempt ---- */

static void fetches_again_only_the_range_that_failed(void **state)
{
	(void)state;
	RULES({ 3 * DOWNLOAD_CASE_CHUNK, 1, 1, DOWNLOAD_CASE_FAIL });
	struct fake_task *task =
		download_case_task(&download_case, DOWNLOAD_CASE_OURS, "file", true);
	download_case.oldest_first = true;
	download_case_fetch(&download_case, DOWNLOAD_CASE_OURS);
	assert_false(task->settled);
	assert_true(is_noted(DOWNLOAD_CASE_OURS, 0) && is_noted(DOWNLOAD_CASE_OURS, 2));
	assert_int_equal(slot_of(3).state, OUTCOME_NONE);
	download_case_fetch(&download_case, DOWNLOAD_CASE_OURS);
	assert_fetched(DOWNLOAD_CASE_OURS, task, VERIFY_CAP);
	assert_gets((size_t[]){ 1, 1, 1, 2, 1 });
	assert_int_equal(task->outcome.attempts, 2);
}

static void accepts_no_range_of_a_wrong_length(void **state)
{
	for (int lie = DOWNLOAD_CASE_SHORT; lie <= DOWNLOAD_CASE_LONG; lie++) {
		const struct download_case_rule rule = { 1 * DOWNLOAD_CASE_CHUNK, 1, 1,
							 (enum download_case_lie)lie };
		teardown(state);
		setup(state);
		download_case.oldest_first = true;
		download_case.rule = &rule;
		download_case.rules = 1;
		struct fake_task *task =
			download_case_task(&download_case, DOWNLOAD_CASE_OURS, "file", true);
		download_case_fetch_all(&download_case, DOWNLOAD_CASE_OURS);
		assert_fetched(DOWNLOAD_CASE_OURS, task, VERIFY_CAP);
		/* It is found out at once, and what was right is not asked for again. */
		assert_gets((size_t[]){ 1, 2, 1, 1, 1 });
		assert_int_equal(task->outcome.attempts, 2);
	}
}

/* Its length and its hash are noted like those of the others. */
static void recovers_from_a_range_that_was_wrong_once(void **state)
{
	(void)state;
	RULES({ 2 * DOWNLOAD_CASE_CHUNK, 1, 1, DOWNLOAD_CASE_FLIP });
	for (int file = DOWNLOAD_CASE_OURS; file <= DOWNLOAD_CASE_ALIEN; file++) {
		teardown(state);
		setup(state);
		RULES({ 2 * DOWNLOAD_CASE_CHUNK, 1, 1, DOWNLOAD_CASE_FLIP });
		struct fake_task *task = download_case_task(
			&download_case, (enum download_case_file)file, "file", true);
		download_case_fetch_all(&download_case, (enum download_case_file)file);
		assert_fetched((enum download_case_file)file, task,
			       file == DOWNLOAD_CASE_OURS ? VERIFY_CAP : VERIFY_READ);
		assert_int_equal(task->outcome.attempts, 2);
	}
}

static void never_accepts_a_range_that_is_always_wrong(void **state)
{
	(void)state;
	RULES({ 2 * DOWNLOAD_CASE_CHUNK, 1, UINT32_MAX, DOWNLOAD_CASE_FLIP });
	struct fake_task *task =
		download_case_task(&download_case, DOWNLOAD_CASE_OURS, "file", true);
	download_case_fetch_all(&download_case, DOWNLOAD_CASE_OURS);
	assert_int_equal(task->outcome.state, OUTCOME_FAILED);
	assert_int_equal(task->outcome.reason, REASON_MISMATCH);
	assert_int_equal(tree_count("out"), 0);
}

static void keeps_what_it_has_when_it_is_stopped(void **state)
{
	(void)state;
	struct fake_task *task =
		download_case_task(&download_case, DOWNLOAD_CASE_OURS, "file", true);
	download_case.oldest_first = true;
	download_case.cancel_after = 2;
	download_case_fetch(&download_case, DOWNLOAD_CASE_OURS);
	assert_false(task->settled);
	assert_int_equal(task->task.attempts, 0);
	assert_true(is_noted(DOWNLOAD_CASE_OURS, 0) && is_noted(DOWNLOAD_CASE_OURS, 1));
	assert_int_equal(tree_count("out"), 1);
	atomic_store(&download_case.cancel, false);
	size_t before = download_case.gets;
	download_case_fetch(&download_case, DOWNLOAD_CASE_OURS);
	assert_fetched(DOWNLOAD_CASE_OURS, task, VERIFY_CAP);
	assert_int_equal(download_case.gets - before, 3);
}

/* ---- what a killed run has left ---- */

/* Writes the piece into the temporary file, with `wrong` bytes, and what is said of it. */
static void leave_piece(enum download_case_file file, size_t piece, bool wrong)
{
	struct err err;
	unsigned char bytes[DOWNLOAD_CASE_CHUNK];
	struct outcome slot = { .id = TASK + 1 + piece,
				.state = OUTCOME_DONE,
				.length = size_of(piece) };
	memcpy(bytes, download_case.content[file] + piece * DOWNLOAD_CASE_CHUNK, size_of(piece));
	content_hash_of(bytes, size_of(piece), slot.content);
	bytes[size_of(piece) / 2] ^= wrong;
	FILE *out = fopen(tree_path(TEMPORARY), "r+");
	assert_non_null(out);
	assert_int_equal(fseek(out, (long)(piece * DOWNLOAD_CASE_CHUNK), SEEK_SET), 0);
	assert_int_equal(fwrite(bytes, 1, size_of(piece), out), size_of(piece));
	assert_int_equal(fclose(out), 0);
	assert_int_equal(outcomes_write(download_case.land_case.slots, &slot, 1, &err), 0);
}

enum left { MISSING, GOOD, DAMAGED };

static void resume_from(enum download_case_file file, const enum left left[DOWNLOAD_CASE_PIECES])
{
	size_t wanted[DOWNLOAD_CASE_PIECES];
	struct fake_task *task = download_case_task(&download_case, file, "file", true);
	tree_store(TEMPORARY, "");
	for (size_t piece = 0; piece < DOWNLOAD_CASE_PIECES; piece++) {
		if (left[piece] != MISSING)
			leave_piece(file, piece, left[piece] == DAMAGED);
		wanted[piece] = (left[piece] != GOOD) + (file == DOWNLOAD_CASE_ALIEN);
	}
	download_case_fetch(&download_case, file);
	assert_fetched(file, task, file == DOWNLOAD_CASE_OURS ? VERIFY_CAP : VERIFY_READ);
	assert_gets(wanted);
	assert_int_equal(task->outcome.attempts, 1);
}

/* All that five pieces may have come to, answered in one order or the other. */
static void resumes_from_whatever_is_there(void **state)
{
	for (unsigned number = 0; number < 243; number++) {
		enum left left[DOWNLOAD_CASE_PIECES];
		unsigned rest = number;
		teardown(state);
		setup(state);
		download_case.oldest_first = number % 2;
		for (size_t piece = 0; piece < DOWNLOAD_CASE_PIECES; piece++, rest /= 3)
			left[piece] = (enum left)(rest % 3);
		resume_from(DOWNLOAD_CASE_OURS, left);
	}
}

static void proves_what_was_left_by_a_second_reading(void **state)
{
	(void)state;
	const enum left left[] = { GOOD, DAMAGED, MISSING, GOOD, DAMAGED };
	resume_from(DOWNLOAD_CASE_ALIEN, left);
}

static void believes_no_slot_without_its_file(void **state)
{
	(void)state;
	struct err err;
	struct fake_task *task =
		download_case_task(&download_case, DOWNLOAD_CASE_OURS, "file", true);
	tree_store(TEMPORARY, "");
	for (size_t piece = 0; piece < DOWNLOAD_CASE_PIECES; piece++)
		leave_piece(DOWNLOAD_CASE_OURS, piece, false);
	struct outcome slot = slot_of(1);
	slot.length--;
	assert_int_equal(outcomes_write(download_case.land_case.slots, &slot, 1, &err), 0);
	slot = slot_of(2);
	slot.state = OUTCOME_FAILED;
	assert_int_equal(outcomes_write(download_case.land_case.slots, &slot, 1, &err), 0);
	assert_int_equal(truncate(tree_path(TEMPORARY), DOWNLOAD_CASE_SIZE - 1), 0);
	download_case_fetch(&download_case, DOWNLOAD_CASE_OURS);
	assert_fetched(DOWNLOAD_CASE_OURS, task, VERIFY_CAP);
	assert_gets((size_t[]){ 0, 1, 1, 0, 1 });
}

static void cuts_what_stands_behind_the_file(void **state)
{
	(void)state;
	struct fake_task *task =
		download_case_task(&download_case, DOWNLOAD_CASE_OURS, "file", true);
	tree_store(TEMPORARY, "");
	for (size_t piece = 0; piece < DOWNLOAD_CASE_PIECES; piece++)
		leave_piece(DOWNLOAD_CASE_OURS, piece, false);
	FILE *out = fopen(tree_path(TEMPORARY), "a");
	assert_non_null(out);
	assert_true(fputs("and more", out) >= 0);
	assert_int_equal(fclose(out), 0);
	download_case_fetch(&download_case, DOWNLOAD_CASE_OURS);
	assert_fetched(DOWNLOAD_CASE_OURS, task, VERIFY_CAP);
	assert_int_equal(download_case.gets, 0);
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		FACT(fetches_ranges_in_parallel),
		FACT(reads_all_ranges_again_where_no_key_proves_them),
		FACT(looks_at_the_end_of_each_range),
		FACT(keeps_to_the_ids_of_its_task),
		FACT(fetches_again_only_the_range_that_failed),
		FACT(accepts_no_range_of_a_wrong_length),
		FACT(recovers_from_a_range_that_was_wrong_once),
		FACT(never_accepts_a_range_that_is_always_wrong),
		FACT(keeps_what_it_has_when_it_is_stopped),
		FACT(resumes_from_whatever_is_there),
		FACT(proves_what_was_left_by_a_second_reading),
		FACT(believes_no_slot_without_its_file),
		FACT(cuts_what_stands_behind_the_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
