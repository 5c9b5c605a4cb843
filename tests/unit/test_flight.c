#include "queue/core/flight.h"

#include "queue/core/thread.h"
#include "tests/unit/facts.h"

#include <stdatomic.h>

static void make_key(unsigned char *key, uint64_t number)
{
	memset(key, 0, FLIGHT_KEY_SIZE);
	store_le64(key + FLIGHT_KEY_SIZE - 8, number);
}

static enum flight_answer begin(struct flight *flight, uint64_t number, void *item,
				unsigned char *value)
{
	unsigned char key[FLIGHT_KEY_SIZE];
	make_key(key, number);
	return flight_begin(flight, key, item, value);
}

static void end(struct flight *flight, uint64_t number, const unsigned char *value,
		flight_landed *landed, void *context)
{
	unsigned char key[FLIGHT_KEY_SIZE];
	make_key(key, number);
	flight_end(flight, key, value, landed, context);
}

/* What landed, in order. */
struct duplicate {
	int *item[8];
	size_t count;
	bool good;
};

static void land(void *context, void *item, const unsigned char *value)
{
	struct duplicate *duplicate = context;
	duplicate->item[duplicate->count++] = item;
	duplicate->good = value && value[0] == 9;
}

static void equal_keys_are_parked_and_land_in_order(void **state)
{
	(void)state;
	struct flight *flight = flight_new(2);
	unsigned char value[FLIGHT_VALUE_SIZE], sent[FLIGHT_VALUE_SIZE] = { 9 };
	int item[4];
	assert_int_equal(begin(flight, 1, &item[0], value), FLIGHT_FIRST);
	assert_int_equal(begin(flight, 1, &item[1], value), FLIGHT_PARKED);
	assert_int_equal(begin(flight, 2, &item[3], value), FLIGHT_FIRST);
	assert_int_equal(begin(flight, 1, &item[2], value), FLIGHT_PARKED);
	struct duplicate duplicate = { 0 };
	end(flight, 1, sent, land, &duplicate);
	assert_int_equal(duplicate.count, 2);
	assert_ptr_equal(duplicate.item[0], &item[1]);
	assert_ptr_equal(duplicate.item[1], &item[2]);
	assert_true(duplicate.good);
	assert_int_equal(begin(flight, 1, &item[0], value), FLIGHT_KNOWN);
	assert_memory_equal(value, sent, sizeof sent);
	end(flight, 2, sent, land, &duplicate);
	assert_int_equal(duplicate.count, 2);
	flight_free(flight);
}

static void after_a_failure_the_next_one_flies(void **state)
{
	(void)state;
	struct flight *flight = flight_new(2);
	unsigned char value[FLIGHT_VALUE_SIZE], sent[FLIGHT_VALUE_SIZE] = { 9 };
	int item[2];
	assert_int_equal(begin(flight, 1, &item[0], value), FLIGHT_FIRST);
	assert_int_equal(begin(flight, 1, &item[1], value), FLIGHT_PARKED);
	struct duplicate duplicate = { .good = true };
	end(flight, 1, NULL, land, &duplicate);
	assert_int_equal(duplicate.count, 1);
	assert_false(duplicate.good);
	assert_int_equal(begin(flight, 1, &item[1], value), FLIGHT_FIRST);
	end(flight, 1, sent, land, &duplicate);
	assert_int_equal(begin(flight, 1, &item[1], value), FLIGHT_KNOWN);
	flight_free(flight);
}

static void the_oldest_result_is_forgotten_first(void **state)
{
	(void)state;
	enum { CAPACITY = 8, KEYS = 100 };
	struct flight *flight = flight_new(CAPACITY);
	unsigned char value[FLIGHT_VALUE_SIZE], sent[FLIGHT_VALUE_SIZE] = { 0 };
	int item;
	for (uint64_t key = 0; key < KEYS; key++) {
		assert_int_equal(begin(flight, key, &item, value), FLIGHT_FIRST);
		sent[0] = (unsigned char)key;
		end(flight, key, sent, land, NULL);
		for (uint64_t kept = key < CAPACITY ? 0 : key + 1 - CAPACITY; kept <= key; kept++) {
			assert_int_equal(begin(flight, kept, &item, value), FLIGHT_KNOWN);
			assert_int_equal(value[0], kept);
		}
	}
	assert_int_equal(begin(flight, KEYS - CAPACITY - 1, &item, value), FLIGHT_FIRST);
	end(flight, KEYS - CAPACITY - 1, NULL, land, NULL);
	flight_free(flight);
	flight_free(NULL);
}

/* What a run before has sent is known without a flight. */
static void what_is_learnt_is_known(void **state)
{
	(void)state;
	struct flight *flight = flight_new(2);
	unsigned char key[FLIGHT_KEY_SIZE], value[FLIGHT_VALUE_SIZE];
	const unsigned char first[FLIGHT_VALUE_SIZE] = { 1 }, second[FLIGHT_VALUE_SIZE] = { 2 };
	struct duplicate duplicate = { 0 };
	int item;
	make_key(key, 1);
	flight_learn(flight, key, first);
	flight_learn(flight, key, second); /* the first stays */
	assert_int_equal(begin(flight, 1, &item, value), FLIGHT_KNOWN);
	assert_memory_equal(value, first, sizeof first);
	assert_int_equal(begin(flight, 2, &item, value), FLIGHT_FIRST);
	make_key(key, 2);
	flight_learn(flight, key, first); /* what flies will tell */
	assert_int_equal(begin(flight, 2, &item, value), FLIGHT_PARKED);
	end(flight, 2, second, land, &duplicate);
	assert_int_equal(duplicate.count, 1);
	assert_int_equal(begin(flight, 2, &item, value), FLIGHT_KNOWN);
	assert_memory_equal(value, second, sizeof second);
	make_key(key, 3);
	flight_learn(flight, key, second); /* one more than there is room for */
	assert_int_equal(begin(flight, 3, &item, value), FLIGHT_KNOWN);
	assert_int_equal(begin(flight, 2, &item, value), FLIGHT_KNOWN);
	assert_int_equal(begin(flight, 1, &item, value), FLIGHT_FIRST);
	end(flight, 1, NULL, land, &duplicate);
	flight_free(flight);
}

enum { THREADS = 6, ROUNDS = 4000, NUMBERS = 40 };

static struct flight *shared;
static atomic_int flying[NUMBERS];
static atomic_bool twice, wrong;
static atomic_size_t parked, landed, known, flown;

static void count_landing(void *context, void *item, const unsigned char *value)
{
	(void)context;
	if (value && value[0] != *(unsigned char *)item)
		atomic_store(&wrong, true);
	atomic_fetch_add(&landed, 1);
}

static unsigned char numbers[NUMBERS];

static void fly(uint64_t number, bool fails)
{
	unsigned char sent[FLIGHT_VALUE_SIZE] = { (unsigned char)number };
	if (atomic_fetch_add(&flying[number], 1) != 0)
		atomic_store(&twice, true);
	atomic_fetch_add(&flown, 1);
	atomic_fetch_sub(&flying[number], 1);
	end(shared, number, fails ? NULL : sent, count_landing, NULL);
}

static void begin_often(void *context)
{
	uint64_t random = (uint64_t)(uintptr_t)context;
	for (int i = 0; i < ROUNDS; i++) {
		unsigned char value[FLIGHT_VALUE_SIZE];
		random = random * 6364136223846793005u + 1442695040888963407u;
		uint64_t number = (random >> 33) % NUMBERS;
		switch (begin(shared, number, &numbers[number], value)) {
		case FLIGHT_FIRST:
			fly(number, (random >> 60) < 4);
			break;
		case FLIGHT_PARKED:
			atomic_fetch_add(&parked, 1);
			break;
		case FLIGHT_KNOWN:
			atomic_fetch_add(&known, 1);
			if (value[0] != number)
				atomic_store(&wrong, true);
			break;
		case FLIGHT_NOMEM:
			atomic_store(&wrong, true);
			break;
		}
	}
}

static void no_key_flies_twice_at_once_and_all_parked_land(void **state)
{
	(void)state;
	shared = flight_new(16);
	for (size_t i = 0; i < NUMBERS; i++)
		numbers[i] = (unsigned char)i;
	struct thread thread[THREADS];
	for (size_t i = 0; i < THREADS; i++)
		assert_true(thread_start(&thread[i], "begin", begin_often, &numbers[i]));
	for (size_t i = 0; i < THREADS; i++)
		thread_join(&thread[i]);
	assert_false(atomic_load(&twice));
	assert_false(atomic_load(&wrong));
	assert_int_equal(atomic_load(&parked), atomic_load(&landed));
	assert_int_equal(atomic_load(&parked) + atomic_load(&known) + atomic_load(&flown),
			 (size_t)THREADS * ROUNDS);
	flight_free(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_keys_are_parked_and_land_in_order),
		cmocka_unit_test(after_a_failure_the_next_one_flies),
		cmocka_unit_test(the_oldest_result_is_forgotten_first),
		cmocka_unit_test(what_is_learnt_is_known),
		cmocka_unit_test(no_key_flies_twice_at_once_and_all_parked_land),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
