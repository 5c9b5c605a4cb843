#include "read/duplicate.h"

#include "tests/unit/facts.h"
#include "tests/unit/fake_queue.h"

#include <sys/stat.h>

static const struct body_proof proof = { .content = "the content", .key = "a key" };
static const struct meta meta = { .mode = S_IFREG | 0640, .mtime_ns = 5, .ctime_ns = 6 };

struct airport {
	struct fake_queue queue;
	struct flight *flight;
	struct gate *gate;
	struct work *work; /* of tasks 1.. */
};

static void airport_init(struct airport *airport, uint64_t tasks)
{
	fake_queue_init(&airport->queue);
	for (uint64_t id = 1; id <= tasks; id++)
		fake_add(&airport->queue, &(struct task){ .id = id, .attempts = 1 },
			 SEGMENT_TRANSFERS);
	airport->work = fake_works(&airport->queue, SEGMENT_TRANSFERS, NULL);
	airport->flight = flight_new(16);
	airport->gate = gate_new(10, 10 << 20);
}

static void airport_fini(struct airport *airport)
{
	flight_free(airport->flight);
	gate_free(airport->gate);
	fake_queue_fini(&airport->queue);
}

static enum flight_answer begin(struct airport *airport, const unsigned char *key, size_t task,
				const struct body_proof *known)
{
	unsigned char value[FLIGHT_VALUE_SIZE];
	struct duplicate *duplicate = duplicate_new(&airport->work[task - 1], &meta, 99, known);
	assert_non_null(duplicate);
	enum flight_answer answer = flight_begin(airport->flight, key, duplicate, value);
	if (answer == FLIGHT_KNOWN)
		duplicate_settle(NULL, duplicate, value);
	else if (answer != FLIGHT_PARKED)
		free(duplicate);
	return answer;
}

static struct body *flying_body(struct airport *airport, uint64_t size, size_t task)
{
	assert_true(gate_enter(airport->gate, body_share(size)));
	struct body *body = body_new(&airport->work[task - 1], size, airport->gate);
	assert_non_null(body);
	body->flying = true;
	return body;
}

static const struct outcome stored = {
	.cap = "cap", .cap_kind = 3, .cap_size = 4, .level = 5, .state = OUTCOME_DONE
};

static void keys_tell_kind_size_and_content_apart(void **state)
{
	(void)state;
	unsigned char key[4][FLIGHT_KEY_SIZE];
	duplicate_whole_key(proof.key, 99, key[0]);
	duplicate_whole_key(proof.key, 100, key[1]);
	duplicate_prefix_key(proof.key, 99, key[2]);
	duplicate_whole_key(proof.content, 99, key[3]);
	for (int i = 0; i < 4; i++)
		for (int j = 0; j < i; j++)
			assert_memory_not_equal(key[i], key[j], FLIGHT_KEY_SIZE);
}

static void parked_landings_settle_with_the_one_that_flew(void **state)
{
	(void)state;
	struct airport airport;
	airport_init(&airport, 3);
	struct body *body = flying_body(&airport, 99, 1);
	duplicate_whole_key(proof.key, 99, body->flight_key);
	assert_int_equal(begin(&airport, body->flight_key, 1, &proof), FLIGHT_FIRST);
	assert_int_equal(begin(&airport, body->flight_key, 2, &proof), FLIGHT_PARKED);
	duplicate_end(airport.flight, body, &stored);
	duplicate_end(airport.flight, body, &stored); /* flies no more */
	struct fake_task *parked = fake_find(&airport.queue, 2);
	assert_int_equal(parked->outcome.state, OUTCOME_DONE);
	assert_int_equal(parked->outcome.attempts, 2);
	assert_int_equal(parked->outcome.length, 99);
	assert_memory_equal(parked->outcome.cap, stored.cap, OUTCOME_CAP_MAX);
	assert_int_equal(parked->outcome.cap_kind, 3);
	assert_int_equal(parked->outcome.cap_size, 4);
	assert_int_equal(parked->outcome.level, 5);
	assert_memory_equal(parked->outcome.content, proof.content, 16);
	assert_int_equal(meta_unpack_outcome(parked->outcome.meta).mtime_ns, 5);
	/* One that comes later is told at once. */
	assert_int_equal(begin(&airport, body->flight_key, 3, &proof), FLIGHT_KNOWN);
	assert_int_equal(fake_find(&airport.queue, 3)->outcome.state, OUTCOME_DONE);
	body_unref(body);
	work_again(&airport.work[0], 0, 0);
	airport_fini(&airport);
}

static void after_a_failure_the_parked_go_back_as_they_were(void **state)
{
	(void)state;
	struct airport airport;
	airport_init(&airport, 3);
	struct body *body = flying_body(&airport, 99, 1);
	duplicate_whole_key(proof.key, 99, body->flight_key);
	assert_int_equal(begin(&airport, body->flight_key, 1, &proof), FLIGHT_FIRST);
	assert_int_equal(begin(&airport, body->flight_key, 2, &proof), FLIGHT_PARKED);
	assert_int_equal(begin(&airport, body->flight_key, 3, &proof), FLIGHT_PARKED);
	duplicate_end(airport.flight, body, NULL);
	body_unref(body);
	work_again(&airport.work[0], 0, 2);
	for (uint64_t id = 2; id <= 3; id++) {
		assert_false(fake_find(&airport.queue, id)->settled);
		assert_false(fake_find(&airport.queue, id)->leased);
		assert_int_equal(fake_find(&airport.queue, id)->task.attempts, 1);
	}
	airport_fini(&airport);
}

static void a_stream_known_by_its_beginning_is_looked_at_again(void **state)
{
	(void)state;
	struct airport airport;
	enum { SIZE = BODY_WHOLE_MAX + 1 };
	unsigned char whole[FLIGHT_KEY_SIZE], value[FLIGHT_VALUE_SIZE];
	airport_init(&airport, 2);
	struct body *body = flying_body(&airport, SIZE, 1);
	duplicate_prefix_key(proof.content, SIZE, body->flight_key);
	assert_int_equal(begin(&airport, body->flight_key, 1, NULL), FLIGHT_FIRST);
	assert_int_equal(begin(&airport, body->flight_key, 2, NULL), FLIGHT_PARKED);
	body->proof = proof;
	duplicate_end(airport.flight, body, &stored);
	work_again(&airport.work[0], 0, 0);
	/* Its end is unknown, so it is given back; and then found by the whole content. */
	assert_false(fake_find(&airport.queue, 2)->settled);
	duplicate_whole_key(proof.key, SIZE, whole);
	assert_int_equal(flight_begin(airport.flight, whole, body, value), FLIGHT_KNOWN);
	assert_memory_equal(value, stored.cap, OUTCOME_CAP_MAX);
	body_unref(body);
	airport_fini(&airport);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(keys_tell_kind_size_and_content_apart),
		cmocka_unit_test(parked_landings_settle_with_the_one_that_flew),
		cmocka_unit_test(after_a_failure_the_parked_go_back_as_they_were),
		cmocka_unit_test(a_stream_known_by_its_beginning_is_looked_at_again),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
