#include "verify/reading.h"

#include "tests/unit/facts.h"
#include "tests/unit/fake_store.h"

enum { SIZE = 1000 };

/* A file of SIZE bytes, and what a store that lies makes of it. */
struct shelf {
	struct fake fake;
	struct store *store;
	struct cap cap;
	unsigned char content[SIZE];
	size_t sent;        /* bytes that the store sends of whatever is asked for */
	enum fault refuses; /* of whoever takes them */
	bool other_end;     /* the second reading ends otherwise */
	struct reading reading;
	struct proof proof;
	unsigned ends;
	struct err err;          /* of the last */
	uint64_t offset, length; /* of the last GET */
};

static bool script(void *context, struct fake_call *call, struct store_reply *reply)
{
	struct shelf *shelf = context;
	unsigned char bytes[SIZE + 1] = { 0 };
	memcpy(bytes, shelf->content, SIZE);
	bytes[SIZE - 1] ^= call->number > 1 && shelf->other_end;
	shelf->offset = call->offset;
	shelf->length = call->length;
	size_t half = shelf->sent / 2;
	if (!call->sink(call->context, bytes + call->offset, half) ||
	    !call->sink(call->context, bytes + call->offset + half, shelf->sent - half))
		fake_fail(reply, FAULT_CANCELLED, "refused");
	return true;
}

static enum fault take(void *context, const void *data, size_t size, struct err *err)
{
	struct shelf *shelf = context;
	if (shelf->refuses)
		return err_set(err, shelf->refuses, "the disk");
	return proof_update(&shelf->proof, data, size, err);
}

static void ended(void *context, const struct err *err)
{
	struct shelf *shelf = context;
	shelf->ends++;
	shelf->err = err ? *err : (struct err){ 0 };
}

static void shelf_open(struct shelf *shelf, enum cap_kind kind)
{
	*shelf = (struct shelf){
		.fake = { .script = script, .context = shelf },
		.cap = { .kind = kind, .needed = 1, .total = 1, .size = SIZE, .key = "key" },
		.sent = SIZE,
	};
	for (size_t i = 0; i < SIZE; i++)
		shelf->content[i] = (unsigned char)(i * 7);
	shelf->store = fake_open(&shelf->fake);
	shelf->reading = (struct reading){
		.options = {
			.store = shelf->store,
			.cap = &shelf->cap,
			.take = take,
			.ended = ended,
			.context = shelf,
		},
		.length = UINT64_MAX,
	};
	assert_int_equal(proof_start(&shelf->proof, &shelf->cap, NULL, NULL), FAULT_NONE);
}

static void shelf_close(struct shelf *shelf)
{
	store_close(shelf->store);
	proof_fini(&shelf->proof);
}

static enum fault read_it(struct shelf *shelf)
{
	unsigned before = shelf->ends;
	reading_start(&shelf->reading);
	while (shelf->reading.call)
		store_poll(shelf->store, 10);
	assert_int_equal(shelf->ends, before + 1);
	return shelf->err.fault;
}

static void as_many_bytes_as_the_cap_says_are_the_file(void **state)
{
	(void)state;
	static const struct {
		size_t sent;
		enum fault fault;
	} table[] = { { SIZE, FAULT_NONE },
		      { SIZE - 1, FAULT_CORRUPT },
		      { SIZE + 1, FAULT_CORRUPT } };
	for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
		struct shelf shelf;
		shelf_open(&shelf, CAP_CHK);
		shelf.sent = table[i].sent;
		assert_int_equal(read_it(&shelf), table[i].fault);
		assert_int_equal(shelf.err.remote, table[i].fault != FAULT_NONE);
		assert_true(shelf.length == UINT64_MAX);
		shelf_close(&shelf);
	}
}

static void a_range_has_its_own_length(void **state)
{
	(void)state;
	for (size_t sent = 99; sent <= 101; sent++) {
		struct shelf shelf;
		shelf_open(&shelf, CAP_CHK);
		shelf.reading.offset = 200;
		shelf.reading.length = 100;
		shelf.sent = sent;
		assert_int_equal(read_it(&shelf), sent == 100 ? FAULT_NONE : FAULT_CORRUPT);
		assert_int_equal(shelf.offset, 200);
		assert_int_equal(shelf.length, 100);
		shelf_close(&shelf);
	}
}

static void a_mutable_file_is_as_long_as_it_is(void **state)
{
	(void)state;
	struct shelf shelf;
	shelf_open(&shelf, CAP_SSK_RO);
	shelf.sent = 17;
	assert_int_equal(read_it(&shelf), FAULT_NONE);
	assert_int_equal(shelf.reading.received, 17);
	shelf_close(&shelf);
}

static void who_takes_the_bytes_says_why_it_does_not(void **state)
{
	(void)state;
	struct shelf shelf;
	shelf_open(&shelf, CAP_CHK);
	shelf.refuses = FAULT_FULL;
	assert_int_equal(read_it(&shelf), FAULT_FULL);
	assert_false(shelf.err.remote);
	shelf.refuses = FAULT_NONE; /* it may be started again */
	assert_int_equal(read_it(&shelf), FAULT_NONE);
	shelf_close(&shelf);
}

static enum fault check_tail(struct shelf *shelf)
{
	reading_check_tail(&shelf->reading, &shelf->proof);
	while (shelf->reading.call)
		store_poll(shelf->store, 10);
	return shelf->err.fault;
}

static void only_a_doubtful_end_is_asked_for_again(void **state)
{
	(void)state;
	struct shelf shelf;
	shelf_open(&shelf, CAP_CHK);
	assert_int_equal(read_it(&shelf), FAULT_NONE);
	assert_int_equal(check_tail(&shelf), FAULT_NONE);
	assert_int_equal(shelf.ends, 2);
	assert_int_equal(atomic_load(&shelf.fake.started[FAKE_GET]), 1);
	shelf_close(&shelf);
	for (size_t sent = 4; sent <= 6; sent++) {
		for (int other = 0; other < 2; other++) {
			shelf_open(&shelf, CAP_CHK);
			memcpy(shelf.content + SIZE - 5, "probl", 5);
			assert_int_equal(read_it(&shelf), FAULT_NONE);
			shelf.sent = sent;
			shelf.other_end = other;
			bool same = sent == 5 && !other;
			assert_int_equal(check_tail(&shelf), same ? FAULT_NONE : FAULT_CORRUPT);
			assert_int_equal(shelf.offset, SIZE - 5);
			assert_int_equal(shelf.length, 5);
			shelf.sent = 5; /* it may be asked for once more */
			shelf.other_end = 0;
			assert_int_equal(check_tail(&shelf), FAULT_NONE);
			shelf_close(&shelf);
		}
	}
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(as_many_bytes_as_the_cap_says_are_the_file),
		cmocka_unit_test(a_range_has_its_own_length),
		cmocka_unit_test(a_mutable_file_is_as_long_as_it_is),
		cmocka_unit_test(who_takes_the_bytes_says_why_it_does_not),
		cmocka_unit_test(only_a_doubtful_end_is_asked_for_again),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
