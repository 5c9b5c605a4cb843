#include "upload/transfer.h"

#include "base/digest.h"
#include "queue/retry.h"
#include "read/duplicate.h"
#include "tests/unit/facts.h"
#include "tests/unit/fake_queue.h"
#include "tests/unit/fake_store.h"

#include <sys/stat.h>

enum { SIZE = 1000, STREAM = 2 * BODY_PIECE_SIZE + 7 };

/* What the gateway here does; set before anything is delivered, or from the script. */
struct yard {
	struct away *away;
	struct fake fake;
	struct fake_queue queue;
	struct flight *flight;
	struct gate *gate;
	struct policy *policy;
	struct transfers transfers;
	struct chk_params params;       /* the gateway's */
	unsigned wrong_cap_from;        /* puts from this number on answer another cap; 0: none */
	enum fault put_fault;           /* of each put */
	enum store_trouble put_trouble; /* of each put that fails */
	bool lies_back;                 /* gives other bytes of the same length back */
	bool short_back;
	bool unhealthy;
	unsigned char stored[STREAM + 1]; /* of the last put */
	size_t stored_size;
	atomic_uint_least64_t moved;
	struct err broken;
};

static void answer_put(struct yard *yard, struct fake_call *call, struct store_reply *reply)
{
	struct err err;
	memcpy(yard->stored, call->data, call->size);
	yard->stored_size = call->size;
	if (yard->put_fault) {
		fake_fail(reply, yard->put_fault, "scripted");
		reply->trouble = yard->put_trouble;
	} else if (chk_cap_of(&yard->params, call->data, call->size, &reply->cap, &err)) {
		abort();
	}
	if (yard->wrong_cap_from && call->number >= yard->wrong_cap_from)
		reply->cap.hash[0] ^= 1;
}

static void answer_get(struct yard *yard, struct fake_call *call)
{
	unsigned char *data = malloc(yard->stored_size);
	memcpy(data, yard->stored, yard->stored_size);
	data[yard->stored_size - 1] ^= yard->lies_back;
	size_t half = yard->stored_size / 2;
	call->sink(call->context, data, half);
	call->sink(call->context, data + half, yard->stored_size - half - yard->short_back);
	free(data);
}

static bool script(void *context, struct fake_call *call, struct store_reply *reply)
{
	struct yard *yard = context;
	switch (call->operation) {
	case FAKE_OVERWRITE:
		memcpy(yard->stored, call->data, call->size);
		yard->stored_size = call->size;
		reply->cap = call->cap;
		break;
	case FAKE_PUT:
		answer_put(yard, call, reply);
		break;
	case FAKE_GET:
		answer_get(yard, call);
		break;
	case FAKE_CHECK:
		reply->health.healthy = !yard->unhealthy;
		break;
	default:
		break;
	}
	return true;
}

static void moved(void *context, uint64_t bytes)
{
	struct yard *yard = context;
	atomic_fetch_add(&yard->moved, bytes);
}

static void broken(void *context, const struct err *err)
{
	struct yard *yard = context;
	yard->broken = *err;
}

static void give_up(void *context, const struct err *err) { (void)context, (void)err; }

static struct chk_params with_secret(const char *secret)
{
	struct chk_params params = {
		.secret_size = 32, .k = 1, .n = 1, .max_segment_size = CHK_SEGMENT_SIZE
	};
	snprintf((char *)params.secret, sizeof params.secret, "%s", secret);
	return params;
}

/* A yard whose gateway has the secret "ours"; `secret` is what we think it is, or NULL. */
static struct yard *yard_new(unsigned levels, const char *secret, uint64_t tasks)
{
	struct yard *yard = calloc(1, sizeof *yard);
	struct err err;
	assert_non_null(yard);
	yard->fake.script = script;
	yard->fake.context = yard;
	yard->params = with_secret("ours");
	const struct chk_params ours = with_secret(secret ? secret : "");
	fake_queue_init(&yard->queue);
	for (uint64_t id = 1; id <= tasks; id++)
		fake_add(&yard->queue, &(struct task){ .id = id }, SEGMENT_TRANSFERS);
	yard->flight = flight_new(16);
	yard->gate = gate_new(10, 100 << 20);
	assert_int_equal(policy_new(levels, secret ? &ours : NULL, &yard->policy, &err), 0);
	yard->away = away_new(&(struct away_options){ .wait_ms = 60000 });
	const struct lanes_options options = {
		.open = fake_open_store,
		.gave_up = give_up,
		.context = &yard->fake,
		.threads = 1,
		.slots = { 4, 1 },
		.away = yard->away,
	};
	yard->transfers = (struct transfers){ .flight = yard->flight,
					      .policy = yard->policy,
					      .moved = moved,
					      .broken = broken,
					      .context = yard };
	assert_int_equal(lanes_new(&options, &yard->transfers.lanes, &err), 0);
	return yard;
}

static void yard_free(struct yard *yard)
{
	lanes_free(yard->transfers.lanes);
	away_free(yard->away);
	gate_free(yard->gate);
	flight_free(yard->flight);
	policy_free(yard->policy);
	fake_queue_fini(&yard->queue);
	free(yard);
}

static void prove(const struct yard *yard, const void *data, size_t size, struct body_proof *proof)
{
	struct chk_key key = { 0 };
	struct err err;
	assert_int_equal(chk_key_init(&key, &err), 0);
	assert_int_equal(chk_key_start(&key, policy_params(yard->policy), size, &err), 0);
	assert_int_equal(chk_key_update(&key, data, size, &err), 0);
	assert_int_equal(chk_key_final(&key, proof->key, &err), 0);
	content_hash_of(data, size, proof->content);
	chk_key_fini(&key);
}

static struct body *whole_body(struct yard *yard, struct work *work, int byte)
{
	assert_true(gate_enter(yard->gate, body_share(SIZE)));
	struct body *body = body_new(work, SIZE, yard->gate);
	assert_non_null(body);
	memset(body->data, byte, SIZE);
	body->meta = (struct meta){ .mode = S_IFREG | 0600, .mtime_ns = 77 };
	prove(yard, body->data, SIZE, &body->proof);
	struct cap cap;
	struct err err;
	body->predicted = policy_predicts(yard->policy);
	assert_int_equal(chk_cap_of(policy_params(yard->policy), body->data, SIZE, &cap, &err), 0);
	memcpy(body->cap_hash, cap.hash, sizeof body->cap_hash);
	return body;
}

/* Sends a file of equal bytes for `work`, and waits until it has ended. */
static void send_alone(struct yard *yard, struct work *work, int byte)
{
	transfer_deliver(&yard->transfers, whole_body(yard, work, byte));
	fake_queue_wait(&yard->queue);
}

static struct work *one_work(struct yard *yard)
{
	return fake_works(&yard->queue, SEGMENT_TRANSFERS, NULL);
}

static void the_cap_of_the_bytes_is_enough(void **state)
{
	(void)state;
	struct yard *yard = yard_new(0, "ours", 1);
	send_alone(yard, one_work(yard), 'a');
	const struct outcome *outcome = &yard->queue.task[0].outcome;
	struct cap cap;
	assert_int_equal(outcome->state, OUTCOME_DONE);
	assert_int_equal(outcome->level, VERIFY_CAP);
	assert_int_equal(outcome->attempts, 1);
	assert_int_equal(outcome->length, SIZE);
	assert_int_equal(meta_unpack_outcome(outcome->meta).mtime_ns, 77);
	assert_true(cap_unpack(outcome->cap, outcome->cap_size, outcome->cap_kind, &cap));
	assert_int_equal(cap.size, SIZE);
	assert_int_equal(atomic_load(&yard->fake.started[FAKE_GET]), 0);
	assert_int_equal(atomic_load(&yard->moved), SIZE);
	yard_free(yard);
}

/* A body for a mutable file that has the name; its cap is stored in `cap`. */
static struct body *body_for_slot(struct yard *yard, struct work *work, enum cap_kind kind,
				  struct cap *cap)
{
	struct body *body = whole_body(yard, work, 'a');
	*cap = (struct cap){ .kind = kind, .key = "key", .hash = "fingerprint" };
	body->existing.state = OUTCOME_PLANNED;
	assert_true(cap_pack(cap, body->existing.cap, &body->existing.cap_size,
			     &body->existing.cap_kind));
	return body;
}

static void a_mutable_file_is_overwritten_and_read_back(void **state)
{
	(void)state;
	static const enum cap_kind kind[] = { CAP_SSK, CAP_MDMF };
	for (size_t i = 0; i < ARRAY_COUNT(kind); i++) {
		struct yard *yard = yard_new(VERIFY_CHECK, "ours", 1);
		struct cap expected, cap;
		transfer_deliver(&yard->transfers,
				 body_for_slot(yard, one_work(yard), kind[i], &expected));
		fake_queue_wait(&yard->queue);
		const struct outcome *outcome = &yard->queue.task[0].outcome;
		assert_int_equal(outcome->state, OUTCOME_DONE);
		assert_int_equal(outcome->level, VERIFY_CHECK | VERIFY_READ);
		assert_true(cap_unpack(outcome->cap, outcome->cap_size, outcome->cap_kind, &cap));
		assert_true(cap_equal(&cap, &expected));
		assert_int_equal(outcome->length, SIZE);
		assert_int_equal(atomic_load(&yard->fake.started[FAKE_PUT]), 0);
		assert_int_equal(atomic_load(&yard->fake.started[FAKE_GET]), 1);
		yard_free(yard);
	}
}

static void an_overwritten_file_that_reads_otherwise_is_not_done(void **state)
{
	(void)state;
	struct yard *yard = yard_new(0, "ours", 1);
	struct cap cap;
	yard->lies_back = true;
	transfer_deliver(&yard->transfers, body_for_slot(yard, one_work(yard), CAP_SSK, &cap));
	fake_queue_wait(&yard->queue);
	assert_false(yard->queue.task[0].settled);
	assert_int_equal(yard->queue.task[0].task.attempts, 1);
	yard_free(yard);
}

static void an_immutable_file_that_has_the_name_is_not_touched(void **state)
{
	(void)state;
	struct yard *yard = yard_new(0, "ours", 1);
	struct cap cap;
	transfer_deliver(&yard->transfers, body_for_slot(yard, one_work(yard), CAP_SSK_RO, &cap));
	fake_queue_wait(&yard->queue);
	assert_int_equal(yard->queue.task[0].outcome.state, OUTCOME_DONE);
	assert_int_equal(yard->queue.task[0].outcome.cap_kind, CAP_CHK);
	assert_int_equal(atomic_load(&yard->fake.started[FAKE_OVERWRITE]), 0);
	yard_free(yard);
}

static void a_wrong_cap_of_the_second_file_is_no_proof(void **state)
{
	(void)state;
	struct yard *yard = yard_new(0, "ours", 2);
	yard->wrong_cap_from = 2;
	struct work *work = one_work(yard);
	transfer_deliver(&yard->transfers, whole_body(yard, &work[0], 'a'));
	while (!strstr(policy_describe(yard->policy), "answered with the cap"))
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	send_alone(yard, &work[1], 'b');
	assert_int_equal(yard->queue.task[0].outcome.state, OUTCOME_DONE);
	assert_false(yard->queue.task[1].settled);
	assert_int_equal(yard->queue.task[1].task.attempts, 1);
	yard_free(yard);
}

static void what_cannot_be_predicted_is_read_back(void **state)
{
	(void)state;
	static const char *const secret[] = { NULL, "another" };
	for (size_t i = 0; i < ARRAY_COUNT(secret); i++) {
		struct yard *yard = yard_new(0, secret[i], 1);
		send_alone(yard, one_work(yard), 'a');
		assert_int_equal(yard->queue.task[0].outcome.state, OUTCOME_DONE);
		assert_int_equal(yard->queue.task[0].outcome.level, VERIFY_READ);
		assert_int_equal(atomic_load(&yard->fake.started[FAKE_GET]), 1);
		yard_free(yard);
	}
}

/* Tries until the task is settled, and returns how often. */
static unsigned try_to_the_end(struct yard *yard)
{
	unsigned tries = 0;
	for (; !yard->queue.task[0].settled; tries++) {
		assert_in_range(tries, 0, 20);
		assert_int_equal(yard->queue.task[0].task.attempts, tries);
		send_alone(yard, one_work(yard), 'a');
	}
	return tries;
}

static void other_bytes_of_the_right_length_are_never_done(void **state)
{
	(void)state;
	struct yard *yard = yard_new(VERIFY_READ, "ours", 1);
	yard->lies_back = true;
	assert_int_equal(try_to_the_end(yard), RETRY_ATTEMPTS);
	assert_int_equal(yard->queue.task[0].outcome.state, OUTCOME_FAILED);
	assert_int_equal(yard->queue.task[0].outcome.reason, REASON_MISMATCH);
	assert_int_equal(yard->queue.task[0].outcome.attempts, RETRY_ATTEMPTS);
	assert_int_equal(yard->queue.task[0].reason.fault, FAULT_CORRUPT);
	yard_free(yard);
}

static void fewer_bytes_are_never_done(void **state)
{
	(void)state;
	struct yard *yard = yard_new(VERIFY_READ, NULL, 1);
	yard->short_back = true;
	send_alone(yard, one_work(yard), 'a');
	assert_false(yard->queue.task[0].settled);
	yard_free(yard);
}

static void an_unhealthy_file_is_never_done(void **state)
{
	(void)state;
	struct yard *yard = yard_new(VERIFY_CHECK | VERIFY_READ, "ours", 1);
	yard->unhealthy = true;
	send_alone(yard, one_work(yard), 'a');
	assert_false(yard->queue.task[0].settled);
	yard->unhealthy = false;
	send_alone(yard, one_work(yard), 'a');
	assert_int_equal(yard->queue.task[0].outcome.state, OUTCOME_DONE);
	assert_int_equal(yard->queue.task[0].outcome.level, VERIFY_ALL);
	assert_int_equal(yard->queue.task[0].outcome.attempts, 2);
	yard_free(yard);
}

static void tries_are_bounded_and_a_gateway_away_is_not_one(void **state)
{
	(void)state;
	static const struct {
		enum fault fault;
		enum store_trouble trouble;
		unsigned tries; /* 0: not counted at all */
	} table[] = {
		{ FAULT_RETRY, STORE_TROUBLE_NONE, RETRY_ATTEMPTS },
		{ FAULT_RETRY, STORE_TROUBLE_OTHER, 2 },
		{ FAULT_CORRUPT, STORE_TROUBLE_NONE, RETRY_ATTEMPTS },
		{ FAULT_AUTH, STORE_TROUBLE_NONE, 1 },
		{ FAULT_TOO_LARGE, STORE_TROUBLE_NONE, 1 },
		{ FAULT_UNAVAILABLE, STORE_TROUBLE_NONE, 0 },
	};
	for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
		struct yard *yard = yard_new(0, "ours", 1);
		yard->put_fault = table[i].fault;
		yard->put_trouble = table[i].trouble;
		if (table[i].tries) {
			assert_int_equal(try_to_the_end(yard), table[i].tries);
			assert_int_equal(yard->queue.task[0].outcome.state, OUTCOME_FAILED);
		} else {
			send_alone(yard, one_work(yard), 'a');
			assert_false(yard->queue.task[0].settled);
			assert_int_equal(yard->queue.task[0].task.attempts, 0);
			assert_int_equal(yard->queue.task[0].delay_ms, 0);
		}
		yard_free(yard);
	}
}

static void another_secret_than_asked_for_breaks_the_job_and_no_file(void **state)
{
	(void)state;
	struct yard *yard = yard_new(VERIFY_CAP, "another", 1);
	send_alone(yard, one_work(yard), 'a');
	assert_false(yard->queue.task[0].settled);
	assert_int_equal(yard->queue.task[0].task.attempts, 0);
	lanes_stop(yard->transfers.lanes);
	assert_int_equal(yard->broken.fault, FAULT_USAGE);
	yard_free(yard);
}

static void equal_content_lands_with_the_transfer(void **state)
{
	(void)state;
	struct yard *yard = yard_new(0, "ours", 2);
	struct work *work = one_work(yard);
	struct body *body = whole_body(yard, &work[0], 'a');
	unsigned char value[FLIGHT_VALUE_SIZE];
	duplicate_whole_key(body->proof.key, SIZE, body->flight_key);
	body->flying = true;
	assert_int_equal(flight_begin(yard->flight, body->flight_key, body, value), FLIGHT_FIRST);
	struct duplicate *duplicate = duplicate_new(&work[1], &body->meta, SIZE, &body->proof);
	assert_int_equal(flight_begin(yard->flight, body->flight_key, duplicate, value),
			 FLIGHT_PARKED);
	transfer_deliver(&yard->transfers, body);
	fake_queue_wait(&yard->queue);
	assert_int_equal(yard->queue.task[1].outcome.state, OUTCOME_DONE);
	assert_memory_equal(yard->queue.task[0].outcome.cap, yard->queue.task[1].outcome.cap,
			    OUTCOME_CAP_MAX);
	assert_int_equal(atomic_load(&yard->fake.started[FAKE_PUT]), 1);
	yard_free(yard);
}

static void what_was_not_started_goes_back_after_a_stop(void **state)
{
	(void)state;
	struct yard *yard = yard_new(0, "ours", 2);
	struct work *work = one_work(yard);
	lanes_stop(yard->transfers.lanes);
	struct body *body = whole_body(yard, &work[0], 'a');
	unsigned char value[FLIGHT_VALUE_SIZE];
	duplicate_whole_key(body->proof.key, SIZE, body->flight_key);
	body->flying = true;
	assert_int_equal(flight_begin(yard->flight, body->flight_key, body, value), FLIGHT_FIRST);
	struct duplicate *duplicate = duplicate_new(&work[1], &body->meta, SIZE, &body->proof);
	assert_int_equal(flight_begin(yard->flight, body->flight_key, duplicate, value),
			 FLIGHT_PARKED);
	transfer_deliver(&yard->transfers, body);
	fake_queue_wait(&yard->queue);
	assert_false(yard->queue.task[0].settled || yard->queue.task[1].settled);
	yard_free(yard);
}

/* ---- streams: this thread is the reader ---- */

enum stream_end { STREAM_PROVEN, STREAM_PROVEN_LATE, STREAM_CHANGED, STREAM_CUT };

static bool push_pieces(struct body *body, uint64_t from, uint64_t to, unsigned char *all)
{
	for (uint64_t at = from; at < to; at += BODY_PIECE_SIZE) {
		struct body_piece *piece = body_room(body);
		if (!piece)
			return false;
		piece->offset = at;
		piece->size = (size_t)min_u64(BODY_PIECE_SIZE, body->size - at);
		memset(piece->data, 'a' + (int)(at / BODY_PIECE_SIZE), piece->size);
		memcpy(all + at, piece->data, piece->size);
		body_push(body, piece);
	}
	return true;
}

static void send_stream(struct yard *yard, struct work *work, enum stream_end how)
{
	static unsigned char all[STREAM];
	struct body_proof proof;
	struct err err;
	assert_true(gate_enter(yard->gate, body_share(STREAM)));
	struct body *body = body_new(work, STREAM, yard->gate);
	body->meta = (struct meta){ .mode = S_IFREG };
	assert_true(push_pieces(body, 0, 1, all));
	body_ref(body);
	transfer_deliver(&yard->transfers, body);
	bool wanted = push_pieces(body, BODY_PIECE_SIZE,
				  how == STREAM_CUT ? BODY_PIECE_SIZE + 1 : STREAM, all);
	err_set(&err, FAULT_CHANGED, "it changed");
	/* The put may well have ended before the verdict is there. */
	while (wanted && (how == STREAM_CHANGED || how == STREAM_PROVEN_LATE) &&
	       atomic_load(&yard->fake.ended[FAKE_PUT]) == 0)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	if (wanted && (how == STREAM_PROVEN || how == STREAM_PROVEN_LATE)) {
		prove(yard, all, STREAM, &proof);
		body_finish(body, &proof, NULL);
	} else if (wanted) {
		body_finish(body, NULL, &err);
	}
	body_unref(body);
	fake_queue_wait(&yard->queue);
}

static void a_stream_is_done_once_its_reader_says_so(void **state)
{
	(void)state;
	for (enum stream_end how = STREAM_PROVEN; how <= STREAM_PROVEN_LATE; how++) {
		struct yard *yard = yard_new(VERIFY_READ, "ours", 1);
		send_stream(yard, one_work(yard), how);
		assert_int_equal(yard->queue.task[0].outcome.state, OUTCOME_DONE);
		assert_int_equal(yard->queue.task[0].outcome.attempts, 1);
		assert_int_equal(yard->queue.task[0].outcome.length, STREAM);
		assert_int_equal(yard->queue.task[0].outcome.level, VERIFY_CAP | VERIFY_READ);
		assert_int_equal(yard->stored[STREAM - 1], 'c');
		yard_free(yard);
	}
}

static void a_file_that_changed_is_not_done_though_it_was_stored(void **state)
{
	(void)state;
	struct yard *yard = yard_new(0, "ours", 1);
	for (unsigned i = 0; i < RETRY_CHANGED_ATTEMPTS; i++) {
		assert_false(yard->queue.task[0].settled);
		send_stream(yard, one_work(yard), STREAM_CHANGED);
	}
	assert_int_equal(yard->queue.task[0].outcome.state, OUTCOME_FAILED);
	assert_int_equal(yard->queue.task[0].outcome.reason, REASON_CHANGED);
	yard_free(yard);
}

static void a_reader_that_stops_in_the_middle_is_the_reason(void **state)
{
	(void)state;
	struct yard *yard = yard_new(0, "ours", 1);
	send_stream(yard, one_work(yard), STREAM_CUT);
	assert_false(yard->queue.task[0].settled);
	assert_int_equal(yard->queue.task[0].task.attempts, 1); /* changed, not cancelled */
	yard_free(yard);
}

static void a_put_that_fails_early_lets_its_reader_go(void **state)
{
	(void)state;
	struct yard *yard = yard_new(0, "ours", 1);
	lanes_stop(yard->transfers.lanes); /* refused, whenever that is */
	send_stream(yard, one_work(yard), STREAM_PROVEN);
	assert_false(yard->queue.task[0].settled);
	assert_int_equal(yard->queue.task[0].task.attempts, 0);
	yard_free(yard);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(the_cap_of_the_bytes_is_enough),
		cmocka_unit_test(a_mutable_file_is_overwritten_and_read_back),
		cmocka_unit_test(an_overwritten_file_that_reads_otherwise_is_not_done),
		cmocka_unit_test(an_immutable_file_that_has_the_name_is_not_touched),
		cmocka_unit_test(a_wrong_cap_of_the_second_file_is_no_proof),
		cmocka_unit_test(what_cannot_be_predicted_is_read_back),
		cmocka_unit_test(other_bytes_of_the_right_length_are_never_done),
		cmocka_unit_test(fewer_bytes_are_never_done),
		cmocka_unit_test(an_unhealthy_file_is_never_done),
		cmocka_unit_test(tries_are_bounded_and_a_gateway_away_is_not_one),
		cmocka_unit_test(another_secret_than_asked_for_breaks_the_job_and_no_file),
		cmocka_unit_test(equal_content_lands_with_the_transfer),
		cmocka_unit_test(what_was_not_started_goes_back_after_a_stop),
		cmocka_unit_test(a_stream_is_done_once_its_reader_says_so),
		cmocka_unit_test(a_file_that_changed_is_not_done_though_it_was_stored),
		cmocka_unit_test(a_reader_that_stops_in_the_middle_is_the_reason),
		cmocka_unit_test(a_put_that_fails_early_lets_its_reader_go),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
