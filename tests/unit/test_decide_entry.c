#include "decide/entry.h"

#include "tahoe/caps.h"
#include "tests/unit/facts.h"
#include "tests/unit/fake_queue.h"
#include "tests/unit/sandbox.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void a_task_and_its_slot_are_a_source(void **state)
{
	(void)state;
	const struct outcome none = { 0 };
	const struct outcome planned = { .state = OUTCOME_PLANNED, .cap_kind = CAP_SSK_RO };
	const struct outcome damaged = { .state = OUTCOME_DAMAGED, .cap_kind = CAP_CHK };
	const struct meta meta = { .mtime_ns = 5 };
	unsigned char packed[META_PACKED_MAX];
	struct task task = { .kind = MANIFEST_FILE, .bytes = 9, .meta = packed };
	task.meta_size = meta_pack(&meta, packed);
	struct decide_source source = decide_source_of(&task, &none);
	assert_int_equal(source.kind, DECIDE_FILE);
	assert_int_equal(source.cap_kind, CAP_NONE);
	assert_int_equal(source.bytes, 9);
	assert_int_equal(source.meta.mtime_ns, 5);
	assert_false(source.lost || source.whole);
	assert_int_equal(decide_source_of(&task, &planned).cap_kind, CAP_SSK_RO);
	source = decide_source_of(&task, &damaged);
	assert_true(source.lost);
	assert_int_equal(source.cap_kind, CAP_NONE);
	task.meta_size = 1; /* no meta: nothing is known, not even a time */
	assert_int_equal(decide_source_of(&task, &none).meta.flags, META_GRID);
	task.kind = MANIFEST_LINKED;
	source = decide_source_of(&task, &planned);
	assert_true(source.whole && !source.lost);
	assert_int_equal(source.kind, DECIDE_DIRECTORY);
	assert_true(decide_source_of(&task, &none).lost);
}

static void kinds_of_the_manifest_are_told_apart(void **state)
{
	(void)state;
	assert_int_equal(decide_kind_of(MANIFEST_FILE), DECIDE_FILE);
	assert_int_equal(decide_kind_of(MANIFEST_SYMLINK), DECIDE_SYMLINK);
	assert_int_equal(decide_kind_of(MANIFEST_DIRECTORY), DECIDE_DIRECTORY);
	assert_int_equal(decide_kind_of(MANIFEST_OTHER), DECIDE_OTHER);
}

static void a_slot_of_the_plan_is_what_stands_on_a_grid(void **state)
{
	(void)state;
	const struct meta meta = { .mtime_ns = 7 };
	struct outcome slot = { .state = OUTCOME_PLANNED, .cap_kind = CAP_CHK, .length = 11 };
	meta_pack_outcome(&meta, slot.meta);
	struct decide_there there = decide_there_on_grid(MANIFEST_FILE, &slot);
	assert_int_equal(there.kind, DECIDE_FILE);
	assert_int_equal(there.cap_kind, CAP_CHK);
	assert_int_equal(there.bytes, 11);
	assert_int_equal(there.mtime_ns, 7);
	assert_int_equal(there.content, DECIDE_UNCOMPARED);
	assert_false(there.timed);
	slot.level = OUTCOME_HAS_MTIME;
	assert_true(decide_there_on_grid(MANIFEST_FILE, &slot).timed);
	slot.cap_kind = CAP_DIR2_CHK; /* in chunks */
	assert_int_equal(decide_there_on_grid(MANIFEST_FILE, &slot).kind, DECIDE_FILE);
	assert_int_equal(decide_there_on_grid(MANIFEST_SYMLINK, &slot).kind, DECIDE_FILE);
	assert_int_equal(decide_there_on_grid(MANIFEST_DIRECTORY, &slot).kind, DECIDE_DIRECTORY);
	slot.cap_kind = CAP_DIR2;
	assert_int_equal(decide_there_on_grid(MANIFEST_DIRECTORY, &slot).kind, DECIDE_DIRECTORY);
	slot.reason = REASON_PERMISSION; /* of a directory that could not be listed */
	assert_int_equal(decide_there_on_grid(MANIFEST_FILE, &slot).kind, DECIDE_NOTHING);
	slot = (struct outcome){ .state = OUTCOME_DONE, .cap_kind = CAP_CHK };
	assert_int_equal(decide_there_on_grid(MANIFEST_FILE, &slot).kind, DECIDE_NOTHING);
}

static struct decide_there there_at(const char *name)
{
	struct decide_there there;
	struct err err;
	int at = open(sandbox_path("."), O_RDONLY | O_DIRECTORY);
	assert_int_equal(decide_there_here(at, name, &there, &err), FAULT_NONE);
	close(at);
	return there;
}

static void lstat_is_what_stands_here(void **state)
{
	(void)state;
	struct stat st;
	sandbox_file("file", "abc", 0600);
	sandbox_directory("directory", 0700);
	assert_int_equal(symlink("file", sandbox_path("symlink")), 0);
	assert_int_equal(mkfifo(sandbox_path("fifo"), 0600), 0);
	assert_int_equal(stat(sandbox_path("file"), &st), 0);
	const struct decide_there there = there_at("file");
	assert_int_equal(there.kind, DECIDE_FILE);
	assert_int_equal(there.bytes, 3);
	assert_int_equal(there.mtime_ns, meta_from_stat(&st).mtime_ns);
	assert_int_equal(there.changed_ns, meta_from_stat(&st).ctime_ns);
	assert_int_equal(there.cap_kind, CAP_NONE);
	assert_true(there.timed);
	assert_int_equal(there_at("symlink").kind, DECIDE_SYMLINK);
	assert_int_equal(there_at("directory").kind, DECIDE_DIRECTORY);
	assert_int_equal(there_at("fifo").kind, DECIDE_OTHER);
	assert_int_equal(there_at("nothing").kind, DECIDE_NOTHING);
}

static void a_name_that_no_file_may_have_is_refused(void **state)
{
	(void)state;
	struct decide_there there;
	struct err err;
	static const char *const name[] = { "", ".", "..", "a/b" };
	for (size_t i = 0; i < ARRAY_COUNT(name); i++)
		assert_int_equal(decide_there_here(AT_FDCWD, name[i], &there, &err), FAULT_USAGE);
}

static void a_slot_says_what_is_known(void **state)
{
	(void)state;
	struct outcome slot = { .state = OUTCOME_PLANNED };
	assert_int_equal(decide_known_of(&slot).state, OUTCOME_NONE);
	slot.reason = REASON_PERMISSION; /* a directory that could not be listed */
	slot.level = OUTCOME_FAILED;
	assert_int_equal(decide_known_of(&slot).state, OUTCOME_FAILED);
	assert_int_equal(decide_known_of(&slot).reason, REASON_PERMISSION);
	slot = (struct outcome){ .state = OUTCOME_SKIPPED, .reason = REASON_PRESENT };
	assert_int_equal(decide_known_of(&slot).state, OUTCOME_SKIPPED);
	assert_int_equal(decide_known_of(&slot).reason, REASON_PRESENT);
	slot = (struct outcome){ .state = OUTCOME_DAMAGED }; /* it says nothing */
	assert_int_equal(decide_known_of(&slot).state, OUTCOME_NONE);
}

static void a_slot_says_how_its_entry_comes_to_be_linked(void **state)
{
	(void)state;
	enum { FILE_THERE = CAP_CHK, MUTABLE = CAP_SSK, FIXED = CAP_DIR2_CHK, MERGED = CAP_DIR2 };
	static const struct {
		uint8_t state, level, cap_kind;
		enum entry_link link;
	} table[] = {
		{ OUTCOME_NONE, 0, CAP_NONE, ENTRY_NEW },
		{ OUTCOME_PLANNED, 0, FILE_THERE, ENTRY_REPLACE },
		{ OUTCOME_PLANNED, 0, MUTABLE, ENTRY_KEEP },
		{ OUTCOME_PLANNED, 0, CAP_SSK_RO, ENTRY_REPLACE },
		{ OUTCOME_PLANNED, 0, MERGED, ENTRY_KEEP },
		{ OUTCOME_PLANNED, OUTCOME_OWN, CAP_NONE, ENTRY_NEW }, /* taken up again */
		{ OUTCOME_PLANNED, OUTCOME_OWN | OUTCOME_EXISTED, FILE_THERE, ENTRY_REPLACE },
		{ OUTCOME_PLANNED, OUTCOME_OWN | OUTCOME_EXISTED, MUTABLE, ENTRY_KEEP },
		{ OUTCOME_PLANNED, OUTCOME_OWN | OUTCOME_EXISTED, FIXED, ENTRY_RELINK },
		{ OUTCOME_DONE, 0, FILE_THERE, ENTRY_NEW },
		{ OUTCOME_DONE, 0, MERGED, ENTRY_NEW },
		{ OUTCOME_DONE, OUTCOME_EXISTED, FILE_THERE, ENTRY_REPLACE },
		{ OUTCOME_DONE, OUTCOME_EXISTED, MUTABLE, ENTRY_KEEP },
		{ OUTCOME_DONE, OUTCOME_EXISTED, FIXED, ENTRY_RELINK },
		{ OUTCOME_DONE, OUTCOME_OWN, FILE_THERE, ENTRY_KEEP }, /* an earlier run did */
		{ OUTCOME_DONE, OUTCOME_OWN | OUTCOME_EXISTED, FIXED, ENTRY_KEEP },
	};
	for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
		const struct outcome slot = { .state = table[i].state,
					      .level = table[i].level,
					      .cap_kind = table[i].cap_kind };
		assert_int_equal(entry_link_of(&slot), table[i].link);
	}
}

static void only_skipping_and_failing_end_a_work(void **state)
{
	(void)state;
	static const struct {
		struct decision decision;
		uint8_t outcome; /* 0: it goes on */
		const char *why;
	} cases[] = {
		{ { .action = DECIDE_COPY }, 0, "" },
		{ { .action = DECIDE_COMPARE }, 0, "" },
		{ { .action = DECIDE_SKIP, .reason = REASON_PRESENT }, OUTCOME_SKIPPED, "" },
		{ { .action = DECIDE_FAIL, .reason = REASON_CONFLICT },
		  OUTCOME_FAILED,
		  "a directory is in the way" },
		{ { .action = DECIDE_FAIL, .reason = REASON_LOST },
		  OUTCOME_FAILED,
		  "the slot that holds its source's cap is damaged" },
		{ { .action = DECIDE_FAIL, .reason = REASON_SPECIAL }, OUTCOME_FAILED, "" },
	};
	const struct decide_there there = { .kind = DECIDE_DIRECTORY };
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct fake_queue queue;
		size_t count;
		fake_queue_init(&queue);
		struct fake_task *task = fake_add(&queue, &(struct task){ .id = 1, .attempts = 2 },
						  SEGMENT_TRANSFERS);
		struct work *work = fake_works(&queue, SEGMENT_TRANSFERS, &count);
		bool ends = decision_ends(work, &cases[i].decision, &there);
		assert_int_equal(ends, cases[i].outcome != 0);
		assert_int_equal(task->settled, ends);
		assert_int_equal(task->outcome.state, cases[i].outcome);
		assert_int_equal(task->outcome.reason, cases[i].decision.reason);
		assert_int_equal(task->outcome.attempts, ends ? 3 : 0);
		assert_string_equal(task->reason.text, cases[i].why);
		if (!ends)
			work_again(work, 0, 2);
		fake_queue_fini(&queue);
	}
}

/* ---- chunks ---- */

enum { CHUNK = 1000, CHUNKS = 2 * OUTCOMES_BATCH + 3, LAST_CHUNK = 7, CHUNKED_ID = 40 };

static struct outcome chunk_slot[CHUNKS]; /* of the chunks, by number */
static enum fault chunk_fault;            /* of the second read */

static enum fault read_chunk_slots(struct outcomes *outcomes, uint64_t first, size_t count,
				   struct outcome *outcome, struct err *err)
{
	(void)outcomes;
	if (chunk_fault && first > CHUNKED_ID + 1)
		return err_set(err, chunk_fault, "refused");
	for (size_t i = 0; i < count; i++) {
		assert_in_range(first + i, CHUNKED_ID + 1, CHUNKED_ID + CHUNKS);
		outcome[i] = chunk_slot[first + i - CHUNKED_ID - 1];
	}
	return FAULT_NONE;
}

/* Asks for the chunks that the slots say, of a file that is `bytes` bytes large. */
static enum fault ask_for_chunks(uint64_t bytes, struct chunked *chunked)
{
	static const struct outcomes_backend backend = { .read = read_chunk_slots };
	struct outcomes sources = { &backend };
	const struct task task = { .id = CHUNKED_ID, .bytes = bytes, .chunk_size = CHUNK };
	struct err err;
	return entry_chunks(&sources, &task, chunked, &err);
}

static void plan_chunks(void)
{
	for (size_t i = 0; i < CHUNKS; i++) {
		struct cap cap = { .kind = CAP_CHK, .needed = 1, .total = 1, .size = CHUNK };
		struct outcome *slot = &chunk_slot[i];
		if (i == CHUNKS - 1)
			cap.size = LAST_CHUNK;
		store_le64(cap.key, i);
		*slot = (struct outcome){ .id = CHUNKED_ID + 1 + i, .state = OUTCOME_PLANNED };
		assert_true(cap_pack(&cap, slot->cap, &slot->cap_size, &slot->cap_kind));
	}
}

static void the_chunks_of_a_file_are_those_planned(void **state)
{
	(void)state;
	const uint64_t bytes = (CHUNKS - 1) * CHUNK + LAST_CHUNK;
	struct chunked chunked;
	plan_chunks();
	assert_int_equal(ask_for_chunks(bytes, &chunked), FAULT_NONE);
	assert_int_equal(chunked.count, CHUNKS);
	assert_int_equal(chunked.chunk_size, CHUNK);
	for (size_t i = 0; i < CHUNKS; i++)
		assert_int_equal(load_le64(chunked.cap[i].key), i);
	chunked_fini(&chunked);
	chunk_fault = FAULT_IO;
	assert_int_equal(ask_for_chunks(bytes, &chunked), FAULT_IO);
	chunked_fini(&chunked);
	chunk_fault = FAULT_NONE;
}

/* Whichever of them it is, and whatever is wrong with it. */
static void without_one_chunk_there_is_no_file(void **state)
{
	(void)state;
	const uint64_t bytes = (CHUNKS - 1) * CHUNK + LAST_CHUNK;
	static const size_t number[] = { 0, 1, OUTCOMES_BATCH - 1, OUTCOMES_BATCH, CHUNKS - 1 };
	struct chunked chunked;
	for (size_t i = 0; i < ARRAY_COUNT(number); i++) {
		struct outcome *slot = &chunk_slot[number[i]];
		plan_chunks();
		slot->state = OUTCOME_DAMAGED;
		assert_int_equal(ask_for_chunks(bytes, &chunked), FAULT_CORRUPT);
		chunked_fini(&chunked);
		slot->state = OUTCOME_PLANNED;
		slot->cap_size = 48; /* a cap that is none */
		assert_int_equal(ask_for_chunks(bytes, &chunked), FAULT_CORRUPT);
		chunked_fini(&chunked);
		plan_chunks();
		store_le64(slot->cap + 52, CHUNK / 2); /* of another size */
		assert_int_equal(ask_for_chunks(bytes, &chunked), FAULT_CORRUPT);
		chunked_fini(&chunked);
	}
	plan_chunks();
	assert_int_equal(ask_for_chunks(bytes - 1, &chunked), FAULT_CORRUPT);
	chunked_fini(&chunked);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(a_task_and_its_slot_are_a_source),
		cmocka_unit_test(kinds_of_the_manifest_are_told_apart),
		cmocka_unit_test(a_slot_of_the_plan_is_what_stands_on_a_grid),
		cmocka_unit_test_setup_teardown(lstat_is_what_stands_here, sandbox_setup,
						sandbox_teardown),
		cmocka_unit_test(a_name_that_no_file_may_have_is_refused),
		cmocka_unit_test(a_slot_says_what_is_known),
		cmocka_unit_test(a_slot_says_how_its_entry_comes_to_be_linked),
		cmocka_unit_test(only_skipping_and_failing_end_a_work),
		cmocka_unit_test(the_chunks_of_a_file_are_those_planned),
		cmocka_unit_test(without_one_chunk_there_is_no_file),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
