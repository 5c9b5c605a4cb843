#include "queue/file/outcomes.h"

#include "queue/file/frame.h"
#include "queue/file/outcomes_format.h"
#include "queue/queue_file.h"
#include "tests/unit/catalog_case.h"
#include "tests/unit/facts.h"
#include "tests/unit/queue_contract.h"
#include "tests/unit/scratch.h"

#include <xxhash.h>

#include <fcntl.h>
#include <unistd.h>

/* Where things stand in a slot: docs/formats.md. */
enum { KIND = 8, SIZE = 9, STATE = 10, LEVEL = 12, REASON = 13, RESERVED = 14, CAP = 16 };

/* Bytes that are put into a slot that is good; (0, 0) ends them. */
struct forged {
	struct {
		uint8_t at, value;
	} byte[3];
};

enum { GOOD = 4 }; /* so many of these mean something */

/* A slot that is done, with a cap of 48 bytes. */
static const struct forged forgery[] = {
	{ { { LEVEL, 5 } } },
	{ { { LEVEL, 0xe7 } } },
	{ { { STATE, 4 }, { REASON, 26 } } },
	{ { { KIND, 3 }, { SIZE, 60 } } },
	{ { { STATE, 0 } } },
	{ { { STATE, 5 } } },
	{ { { STATE, 255 } } },
	{ { { STATE, 0 }, { REASON, 3 } } },
	{ { { REASON, 1 } } },
	{ { { REASON, 255 } } },
	{ { { LEVEL, 8 } } },
	{ { { LEVEL, 16 } } },
	{ { { LEVEL, 255 } } },
	{ { { SIZE, 61 } } },
	{ { { SIZE, 255 } } },
	{ { { SIZE, 61 }, { STATE, 1 } } },
	{ { { KIND, 0 } } },
	{ { { SIZE, 47 } } },
	{ { { SIZE, 0 } } },
	{ { { KIND, 0 }, { SIZE, 0 } } },
	{ { { CAP + 48, 1 } } },
	{ { { CAP + 59, 0x80 } } },
	{ { { RESERVED, 1 } } },
	{ { { RESERVED + 1, 1 } } },
};

/* Writes the slot, the hash over what it holds and the task's number. */
static void forge(const struct forged *forged, uint64_t id, unsigned char *slot)
{
	unsigned char hashed[OUTCOMES_SLOT_SIZE];
	struct outcome outcome = { .id = id, .state = OUTCOME_DONE, .attempts = 1, .level = 5 };
	outcome.cap_kind = 4;
	outcome.cap_size = 48;
	memset(outcome.cap, 0xca, outcome.cap_size);
	outcomes_slot_encode(&outcome, frame_seed(contract_job), slot);
	for (size_t i = 0; i < ARRAY_COUNT(forged->byte) && forged->byte[i].at; i++)
		slot[forged->byte[i].at] = forged->byte[i].value;
	memcpy(hashed, slot + 8, sizeof hashed - 8);
	store_le64(hashed + sizeof hashed - 8, id);
	store_le64(slot, XXH3_64bits_withSeed(hashed, sizeof hashed, frame_seed(contract_job)));
}

static void a_slot_that_hashes_rightly_and_means_nothing_is_damaged(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < ARRAY_COUNT(forgery); i++) {
		unsigned char slot[OUTCOMES_SLOT_SIZE];
		struct outcome outcome, none = { .id = i, .state = OUTCOME_DAMAGED };
		forge(&forgery[i], i, slot);
		outcomes_slot_decode(slot, i, frame_seed(contract_job), &outcome);
		if (i >= GOOD) {
			assert_memory_equal(&outcome, &none, sizeof none);
			continue;
		}
		assert_int_equal(outcome.state, slot[STATE]);
		assert_int_equal(outcome.cap_kind, slot[KIND]);
		assert_int_equal(outcome.cap_size, slot[SIZE]);
		assert_int_equal(outcome.level, slot[LEVEL]);
		assert_int_equal(outcome.reason, slot[REASON]);
		assert_memory_equal(outcome.cap, slot + CAP, OUTCOME_CAP_MAX);
	}
}

/* A job of so many files whose slots are forged, and one more slot that belongs to no file. */
static void make_job(struct plan *plan, const char *outcomes_path)
{
	struct outcomes *outcomes;
	unlink(outcomes_path);
	plan_init(plan);
	for (size_t i = 0; i < ARRAY_COUNT(forgery); i++)
		plan_add(plan, 0, MANIFEST_FILE);
	plan_write(plan, false);
	assert_int_equal(outcomes_create(outcomes_path, contract_job, NULL, 0, &outcomes, NULL),
			 FAULT_NONE);
	outcomes_close(outcomes);
	int fd = open(outcomes_path, O_RDWR | O_CLOEXEC);
	for (uint64_t i = 0; i <= ARRAY_COUNT(forgery); i++) {
		unsigned char slot[OUTCOMES_SLOT_SIZE];
		const uint64_t id = i + 1;
		forge(&forgery[i % ARRAY_COUNT(forgery)], id, slot);
		assert_int_equal(pwrite(fd, slot, sizeof slot, 4096 + 128 * (long)id), sizeof slot);
	}
	close(fd);
}

static size_t before;

static void count_before(void *context, const struct manifest_entry *entry,
			 const struct outcome *outcome)
{
	(void)context;
	assert_true(entry->id <= GOOD);
	assert_true(outcome_is_settled(outcome));
	before++;
}

static void what_a_forged_slot_calls_done_is_done_again(void **state)
{
	(void)state;
	static struct plan plan;
	char path[300];
	struct segment *segment;
	struct queue *queue;
	snprintf(path, sizeof path, "%s", scratch_path("outcomes"));
	make_job(&plan, path);
	struct catalog *catalog = catalog_case_open(plan.path, path);
	const struct queue_file_options options = {
		.catalog = catalog, .durable = LISTING_END, .complete = true, .before = count_before
	};
	assert_int_equal(queue_file_open(&options, &queue, NULL), FAULT_NONE);
	assert_int_equal(queue_lease(queue, SEGMENT_TRANSFERS, &segment, NULL), FAULT_NONE);
	assert_int_equal(segment->count, ARRAY_COUNT(forgery) - GOOD);
	for (size_t i = 0; i < segment->count; i++)
		assert_int_equal(segment->task[i].id, GOOD + 1 + i);
	assert_int_equal(before, GOOD);
	assert_int_equal(queue_file_damaged(queue), ARRAY_COUNT(forgery) - GOOD);
	assert_int_equal(queue_close(queue, NULL), FAULT_NONE);
	catalog_close(catalog);
}

/* A copy of the header that hashes rightly, with a binding longer than there is room for. */
static void a_header_with_a_binding_too_long_is_damaged(void **state)
{
	(void)state;
	static const uint32_t size[] = { OUTCOME_BINDING_MAX, OUTCOME_BINDING_MAX + 1, UINT32_MAX };
	for (size_t i = 0; i < ARRAY_COUNT(size); i++) {
		unsigned char copy[OUTCOMES_COPY_SIZE];
		struct outcomes_header header = { .version = OUTCOMES_VERSION }, read;
		memcpy(header.job_id, contract_job, sizeof header.job_id);
		outcomes_header_encode(&header, 1, copy);
		store_le32(copy + 40, size[i]);
		store_le64(copy + 2040, XXH3_64bits_withSeed(copy, 2040, 2048));
		assert_int_equal(outcomes_header_decode(copy, 1, &read),
				 i == 0 ? OUTCOMES_COPY_GOOD : OUTCOMES_COPY_BAD);
		if (i == 0)
			assert_int_equal(read.binding_size, OUTCOME_BINDING_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slot_that_hashes_rightly_and_means_nothing_is_damaged),
		cmocka_unit_test(what_a_forged_slot_calls_done_is_done_again),
		cmocka_unit_test(a_header_with_a_binding_too_long_is_damaged),
	};
	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
