#include "read/chunks.h"

#include "base/meta.h"
#include "tahoe/caps.h"
#include "tests/unit/facts.h"
#include "tests/unit/fake_queue.h"

enum { ID = 20, PART = 100, SIZE = 250, CHUNKS = 3 };

static struct outcome slot[CHUNKS]; /* of the chunks, by number */

static enum fault read_slots(struct outcomes *outcomes, uint64_t first, size_t count,
			     struct outcome *outcome, struct err *err)
{
	(void)outcomes, (void)err;
	assert_int_equal(first, ID + 1);
	assert_int_equal(count, CHUNKS);
	memcpy(outcome, slot, sizeof slot);
	return FAULT_NONE;
}

/* What a part that was stored leaves in its slot. */
static void write_slots(const struct meta *meta)
{
	for (size_t i = 0; i < CHUNKS; i++) {
		const uint64_t length = i == CHUNKS - 1 ? SIZE % PART : PART;
		const struct cap cap = { .kind = CAP_CHK, .needed = 1, .total = 1, .size = length };
		slot[i] = (struct outcome){ .id = ID + 1 + i,
					    .state = OUTCOME_DONE,
					    .length = length };
		assert_true(cap_pack(&cap, slot[i].cap, &slot[i].cap_size, &slot[i].cap_kind));
		meta_pack_outcome(meta, slot[i].meta);
	}
}

/* Divides a file, and stores which chunks are to be sent. */
static void divide(const struct meta *meta, bool lacks[CHUNKS])
{
	static const struct outcomes_backend backend = { .read = read_slots };
	static const struct task planned = {
		.id = ID, .kind = MANIFEST_FILE, .bytes = SIZE, .chunk_size = PART
	};
	struct outcomes existing = { &backend };
	const struct readers_options options = { .existing = &existing };
	struct fake_queue queue;
	struct split *split = NULL;
	struct err err;
	fake_queue_init(&queue);
	fake_add(&queue, &planned, SEGMENT_TRANSFERS);
	const struct attempt attempt = { .work = fake_works(&queue, SEGMENT_TRANSFERS, NULL),
					 .size = SIZE,
					 .meta = *meta };
	assert_int_equal(chunks_divide(&options, &attempt, &split, &err), FAULT_NONE);
	for (uint64_t i = 0; i < CHUNKS; i++)
		lacks[i] = split_lacks(split, i);
	split_free(split);
	work_again(attempt.work, 0, 0);
	fake_queue_fini(&queue);
}

static void what_earlier_tries_have_stored_is_not_sent_again(void **state)
{
	(void)state;
	const struct meta meta = { .mtime_ns = 5 }, other = { .mtime_ns = 6 };
	bool lacks[CHUNKS];
	write_slots(&meta);
	slot[1].state = OUTCOME_DAMAGED;
	divide(&meta, lacks);
	assert_false(lacks[0] || lacks[2]);
	assert_true(lacks[1]);
	divide(&other, lacks);
	assert_true(lacks[0] && lacks[1] && lacks[2]);
}

/* Slots that hash rightly, of caps that no chunk has. */
static void a_forged_chunk_is_sent_again(void **state)
{
	(void)state;
	static const struct cap forged[] = {
		{ .kind = CAP_DIR2_CHK, .needed = 1, .total = 1, .size = PART },
		{ .kind = CAP_CHK_VERIFIER, .needed = 1, .total = 1, .size = PART },
		{ .kind = CAP_CHK, .needed = 1, .total = 1, .size = PART - 1 },
		{ .kind = CAP_CHK, .needed = 0, .total = 0, .size = PART },
		{ .kind = CAP_CHK, .needed = 3, .total = 2, .size = PART },
		{ .kind = CAP_SSK },
		{ .kind = CAP_LIT, .size = 5 },
	};
	const struct meta meta = { .mtime_ns = 5 };
	bool lacks[CHUNKS];
	for (size_t i = 0; i < ARRAY_COUNT(forged) + 2; i++) {
		write_slots(&meta);
		if (i < ARRAY_COUNT(forged))
			assert_true(cap_pack(&forged[i], slot[1].cap, &slot[1].cap_size,
					     &slot[1].cap_kind));
		else if (i == ARRAY_COUNT(forged))
			slot[1].cap_kind = UINT8_MAX;
		else
			slot[1].cap_size--;
		divide(&meta, lacks);
		assert_false(lacks[0] || lacks[2]);
		assert_true(lacks[1]);
	}
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(what_earlier_tries_have_stored_is_not_sent_again),
		cmocka_unit_test(a_forged_chunk_is_sent_again),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
