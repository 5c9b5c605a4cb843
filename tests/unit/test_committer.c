#include "commit/committer.h"

#include "commit/directory.h"
#include "commit/intents.h"
#include "commit/keyring.h"
#include "queue/retry.h"
#include "tests/unit/facts.h"
#include "tests/unit/fake_queue.h"
#include "tests/unit/fake_store.h"
#include "tests/unit/scratch.h"
#include "tests/unit/shelf.h"

#include <unistd.h>

#define HELLO "URI:LIT:nbswy3dp"
#define SUB                                                                                        \
	"URI:DIR2:sazfiwozvsrqro6evueurubpxq:chn6qsleosjn2spz2rbtrpdobjsugvw5lz22w3247wzfgswe5wva"
#define ROOT                                                                                       \
	"URI:DIR2:aaaaaaaaaaaaaaaaaaaaaaaaaa:chn6qsleosjn2spz2rbtrpdobjsugvw5lz22w3247wzfgswe5wva"

enum { DIRECTORY_ID = 7, MADE_MAX = 8 };

/* The children that all directories here are meant to have. */
static const struct shelf_item item[] = {
	{ .name = "file", .cap = HELLO },
	{ .name = "more", .cap = "URI:LIT:" },
	{ .name = "sub", .cap = SUB, .is_directory = true },
};

enum listing { LIST_ALL, LIST_NONE, LIST_SUB, LIST_OTHER, LIST_FAULT };

/* A gateway with directories, and a committer of one directory task. */
struct office {
	struct fake fake;
	struct fake_queue queue;
	struct shelf shelf;
	struct policy *policy;
	struct lanes *lanes;
	struct keyring *keyring;
	struct intents *intents;
	struct committer *committer;
	struct committer_options options;
	struct chk_params params; /* the gateway's */
	atomic_bool cancel;
	unsigned told;
	bool withheld;

	/* What the gateway does. */
	bool own_keys;           /* an older one: makes a key of its own */
	unsigned lost_replies;   /* this many makes answer RETRY though they were done */
	enum fault fault;        /* of each make and edit */
	bool wrong_cap;          /* of immutable directories */
	enum listing listing[8]; /* of the first list, the second.. */
	unsigned refused_edits;  /* this many edits answer EXISTS */
	char last_body[4000];    /* of the last make or edit */
	uint64_t last_children;

	struct cap made[MADE_MAX]; /* mutable directories, in order */
	unsigned made_count;
};

static bool was_made(const struct office *office, const struct cap *cap)
{
	for (unsigned i = 0; i < office->made_count; i++)
		if (cap_equal(&office->made[i], cap))
			return true;
	return false;
}

static void make_mutable(struct office *office, struct fake_call *call, struct store_reply *reply)
{
	struct mutable_key key;
	struct err err;
	if (office->own_keys ? mutable_key_generate(&key, &err)
			     : mutable_key_from_text(call->key, strlen(call->key), &key, &err))
		abort();
	if (was_made(office, &key.cap)) {
		fake_fail(reply, FAULT_RETRY, "used before");
		reply->trouble = STORE_TROUBLE_UNCOORDINATED;
		return;
	}
	if (office->made_count == MADE_MAX)
		abort();
	office->made[office->made_count++] = key.cap;
	reply->cap = key.cap;
	if (office->lost_replies > 0) {
		office->lost_replies--;
		fake_fail(reply, FAULT_RETRY, "lost");
	}
}

/* The true cap of the children, as another part of the program computes it. */
static void make_immutable(struct office *office, struct store_reply *reply)
{
	struct assembly assembly;
	struct err err;
	const struct assembly_source source = { .reader = office->shelf.reader,
						.outcomes = office->shelf.outcomes,
						.listing = office->shelf.listing,
						.params = &office->params };
	if (assembly_build(&source, &assembly, &err))
		abort();
	reply->cap = assembly.cap;
	reply->cap.hash[3] ^= office->wrong_cap;
	assembly_fini(&assembly);
}

static void list(struct office *office, struct fake_call *call, struct store_reply *reply)
{
	size_t which = min_u64(call->number, ARRAY_COUNT(office->listing)) - 1;
	enum listing how = office->listing[which];
	bool is_mutable = call->cap.kind == CAP_DIR2;
	const struct cap root = shelf_cap(ROOT);
	if (how == LIST_FAULT ||
	    (is_mutable && !was_made(office, &call->cap) && !cap_equal(&call->cap, &root))) {
		fake_fail(reply, FAULT_RETRY, "no shares");
		reply->trouble = STORE_TROUBLE_NO_SHARES;
		return;
	}
	for (size_t i = 0; i < ARRAY_COUNT(item) && how != LIST_NONE; i++) {
		const struct cap cap = shelf_cap(how == LIST_OTHER ? "URI:LIT:me" : item[i].cap);
		if (how != LIST_SUB || item[i].is_directory)
			fake_child(call, item[i].name,
				   item[i].is_directory ? STORE_DIRECTORY : STORE_FILE, &cap);
	}
}

static bool script(void *context, struct fake_call *call, struct store_reply *reply)
{
	struct office *office = context;
	if (call->operation == FAKE_LIST) {
		list(office, call, reply);
	} else if (call->operation == FAKE_CHECK) {
		reply->health.healthy = true;
	} else if (call->operation == FAKE_PROBE) {
		return true;
	} else {
		snprintf(office->last_body, sizeof office->last_body, "%s", (char *)call->data);
		office->last_children = call->children;
		if (office->fault)
			fake_fail(reply, office->fault, "scripted");
		else if (call->operation == FAKE_SET_CHILDREN &&
			 call->number <= office->refused_edits)
			fake_fail(reply, FAULT_EXISTS, "ExistingChildError");
		else if (call->operation == FAKE_MAKE_DIRECTORY && call->is_mutable)
			make_mutable(office, call, reply);
		else if (call->operation == FAKE_MAKE_DIRECTORY)
			make_immutable(office, reply);
	}
	return true;
}

static void quiet(void *context, bool away) { (void)context, (void)away; }
static void give_up(void *context, const struct err *err) { (void)context, (void)err; }

static void tell(void *context, const char *text)
{
	struct office *office = context;
	(void)text;
	office->told++;
}

static bool withhold(void *context) { return ((struct office *)context)->withheld; }

static void open_office(struct office *office, uint64_t id, bool immutable, bool secret)
{
	struct err err;
	*office = (struct office){ .fake = { .script = script, .context = office } };
	office->params = (struct chk_params){ .secret = "s",
					      .secret_size = 1,
					      .k = 1,
					      .n = 1,
					      .max_segment_size = CHK_SEGMENT_SIZE };
	shelf_init(&office->shelf, item, ARRAY_COUNT(item));
	fake_queue_init(&office->queue);
	fake_add(&office->queue,
		 &(struct task){
			 .id = id, .kind = MANIFEST_DIRECTORY, .listing = office->shelf.listing },
		 SEGMENT_DIRECTORIES);
	(void)!unlink(scratch_path("keys"));
	assert_int_equal(policy_new(0, secret ? &office->params : NULL, &office->policy, &err), 0);
	assert_int_equal(intents_open(scratch_path("keys"), shelf_job, office->shelf.outcomes,
				      &office->intents, &err),
			 0);
	assert_int_equal(keyring_new(1, &office->keyring, &err), 0);
	const struct lanes_options lanes = { .open = fake_open_store,
					     .away = quiet,
					     .gave_up = give_up,
					     .context = &office->fake,
					     .threads = 1,
					     .slots = { 1, 2 },
					     .away_ms = 60000 };
	assert_int_equal(lanes_new(&lanes, &office->lanes, &err), 0);
	office->options = (struct committer_options){
		.lease = office->queue.lease,
		.manifest = office->shelf.manifest,
		.outcomes = office->shelf.outcomes,
		.lanes = office->lanes,
		.policy = office->policy,
		.keyring = office->keyring,
		.intents = office->intents,
		.root = shelf_cap(ROOT),
		.immutable = immutable,
		.cancel = &office->cancel,
		.in_flight = 2,
		.withhold = withhold,
		.tell = tell,
		.context = office,
	};
}

/* Runs the committer until it has nothing more to do; returns what became of the task. */
static const struct outcome *run(struct office *office)
{
	struct err err;
	assert_int_equal(committer_start(&office->options, &office->committer, &err), 0);
	committer_join(office->committer);
	fake_queue_wait(&office->queue);
	return &office->queue.task[0].outcome;
}

static void close_office(struct office *office)
{
	lanes_free(office->lanes);
	committer_free(office->committer);
	keyring_free(office->keyring);
	intents_close(office->intents);
	policy_free(office->policy);
	fake_queue_fini(&office->queue);
	shelf_fini(&office->shelf);
}

static void is_done_with(const struct outcome *outcome, const struct cap *expected)
{
	struct cap cap;
	assert_int_equal(outcome->state, OUTCOME_DONE);
	assert_true(cap_unpack(outcome->cap, outcome->cap_size, outcome->cap_kind, &cap));
	assert_true(cap_equal(&cap, expected));
}

static unsigned started(struct office *office, enum fake_operation operation)
{
	return atomic_load(&office->fake.started[operation]);
}

/* ---- mutable directories ---- */

static void a_mutable_directory_is_made_once_and_listed(void **state)
{
	(void)state;
	struct office office;
	open_office(&office, DIRECTORY_ID, false, true);
	const struct outcome *outcome = run(&office);
	is_done_with(outcome, &office.made[0]);
	assert_int_equal(outcome->level, VERIFY_READ);
	assert_int_equal(outcome->attempts, 1);
	assert_int_equal(office.made_count, 1);
	assert_int_equal(office.last_children, ARRAY_COUNT(item));
	assert_non_null(strstr(office.last_body, "\"rw_uri\": \"" SUB "\""));
	assert_null(intents_find(office.intents, DIRECTORY_ID));
	assert_int_equal(committer_unreferenced(office.committer), 0);
	close_office(&office);
}

static void a_lost_reply_makes_no_second_directory(void **state)
{
	(void)state;
	struct office office;
	open_office(&office, DIRECTORY_ID, false, true);
	office.lost_replies = 1;
	const struct outcome *outcome = run(&office);
	is_done_with(outcome, &office.made[0]);
	assert_int_equal(outcome->attempts, 2);
	assert_int_equal(office.made_count, 1);
	assert_int_equal(started(&office, FAKE_MAKE_DIRECTORY), 2);
	close_office(&office);
}

static void a_run_after_a_kill_uses_the_key_of_the_run_before(void **state)
{
	(void)state;
	struct office office;
	struct mutable_key key;
	struct err err;
	open_office(&office, DIRECTORY_ID, false, true);
	assert_int_equal(mutable_key_generate(&key, &err), 0);
	assert_int_equal(intents_add(office.intents, DIRECTORY_ID, &key, &err), 0);
	office.made[office.made_count++] = key.cap; /* killed behind the request */
	is_done_with(run(&office), &key.cap);
	assert_int_equal(office.made_count, 1);
	close_office(&office);
}

static void a_key_that_made_something_else_is_spent(void **state)
{
	(void)state;
	struct office office;
	struct mutable_key key;
	struct err err;
	open_office(&office, DIRECTORY_ID, false, true);
	assert_int_equal(mutable_key_generate(&key, &err), 0);
	assert_int_equal(intents_add(office.intents, DIRECTORY_ID, &key, &err), 0);
	office.made[office.made_count++] = key.cap;
	office.listing[0] = LIST_OTHER;              /* with fewer children, say */
	is_done_with(run(&office), &office.made[1]); /* the second try takes another key */
	assert_int_equal(committer_unreferenced(office.committer), 1);
	assert_int_equal(office.queue.task[0].outcome.attempts, 2);
	assert_false(cap_equal(&office.made[0], &office.made[1]));
	close_office(&office);
}

static void a_key_whose_directory_stays_unreadable_is_given_up(void **state)
{
	(void)state;
	struct office office;
	struct mutable_key key;
	struct err err;
	open_office(&office, DIRECTORY_ID, false, true);
	assert_int_equal(mutable_key_generate(&key, &err), 0);
	assert_int_equal(intents_add(office.intents, DIRECTORY_ID, &key, &err), 0);
	office.made[office.made_count++] = key.cap;
	for (size_t i = 0; i < RETRY_ATTEMPTS - 1; i++)
		office.listing[i] = LIST_FAULT;
	is_done_with(run(&office), &office.made[1]); /* the last try takes another key */
	assert_int_equal(office.queue.task[0].outcome.attempts, RETRY_ATTEMPTS);
	assert_int_equal(committer_unreferenced(office.committer), 1);
	close_office(&office);
}

static void a_gateway_that_makes_its_own_keys_is_told_of_once(void **state)
{
	(void)state;
	struct office office;
	open_office(&office, DIRECTORY_ID, false, true);
	fake_add(&office.queue,
		 &(struct task){ .id = DIRECTORY_ID + 1,
				 .kind = MANIFEST_DIRECTORY,
				 .listing = office.shelf.listing },
		 SEGMENT_DIRECTORIES);
	office.own_keys = true;
	run(&office);
	assert_int_equal(office.made_count, 2);
	assert_int_equal(office.queue.task[0].outcome.state, OUTCOME_DONE);
	assert_int_equal(office.queue.task[1].outcome.state, OUTCOME_DONE);
	assert_int_equal(office.told, 1);
	close_office(&office);
}

static void a_directory_that_lists_otherwise_is_never_done(void **state)
{
	(void)state;
	struct office office;
	open_office(&office, DIRECTORY_ID, false, true);
	for (size_t i = 0; i < ARRAY_COUNT(office.listing); i++)
		office.listing[i] = i % 2 ? LIST_NONE : LIST_SUB;
	run(&office);
	assert_int_equal(office.queue.task[0].outcome.state, OUTCOME_FAILED);
	assert_int_equal(office.queue.task[0].outcome.reason, REASON_MISMATCH);
	assert_int_equal(office.queue.task[0].outcome.attempts, RETRY_ATTEMPTS);
	assert_int_equal(committer_unreferenced(office.committer), RETRY_ATTEMPTS);
	close_office(&office);
}

static void a_gateway_away_is_no_try(void **state)
{
	(void)state;
	struct office office;
	open_office(&office, DIRECTORY_ID, false, true);
	office.fault = FAULT_UNAVAILABLE;
	office.queue.leases_max = 1;
	run(&office);
	assert_false(office.queue.task[0].settled);
	assert_int_equal(office.queue.task[0].task.attempts, 0);
	assert_non_null(intents_find(office.intents, DIRECTORY_ID)); /* for the next try */
	close_office(&office);
}

/* ---- merges ---- */

static void the_root_is_merged_into(void **state)
{
	(void)state;
	struct office office;
	const struct cap root = shelf_cap(ROOT);
	open_office(&office, 0, false, true);
	is_done_with(run(&office), &root);
	assert_int_equal(started(&office, FAKE_SET_CHILDREN), 1);
	assert_int_equal(started(&office, FAKE_MAKE_DIRECTORY), 0);
	close_office(&office);
}

static void a_directory_in_the_way_is_a_conflict(void **state)
{
	(void)state;
	struct office office;
	open_office(&office, 0, false, true);
	office.refused_edits = 9;
	office.listing[0] = LIST_OTHER;
	run(&office);
	assert_int_equal(office.queue.task[0].outcome.state, OUTCOME_FAILED);
	assert_int_equal(office.queue.task[0].outcome.reason, REASON_CONFLICT);
	assert_int_equal(started(&office, FAKE_SET_CHILDREN), 1);
	close_office(&office);
}

static void a_merge_done_before_the_kill_is_found_done(void **state)
{
	(void)state;
	struct office office;
	const struct cap root = shelf_cap(ROOT);
	open_office(&office, 0, false, true);
	office.refused_edits = 9;
	is_done_with(run(&office), &root);
	assert_int_equal(started(&office, FAKE_SET_CHILDREN), 1);
	close_office(&office);
}

static void directories_that_are_there_already_are_left_where_they_are(void **state)
{
	(void)state;
	struct office office;
	const struct cap root = shelf_cap(ROOT);
	open_office(&office, 0, false, true);
	office.refused_edits = 1;
	office.listing[0] = LIST_SUB;
	run(&office);
	assert_int_equal(started(&office, FAKE_SET_CHILDREN), 2);
	assert_int_equal(office.last_children, 2);
	assert_null(strstr(office.last_body, SUB));
	assert_non_null(strstr(office.last_body, HELLO));
	is_done_with(&office.queue.task[0].outcome, &root);
	close_office(&office);
}

static void a_conflict_after_that_is_one(void **state)
{
	(void)state;
	struct office office;
	open_office(&office, 0, false, true);
	office.refused_edits = 2;
	office.listing[0] = LIST_SUB;
	office.listing[1] = LIST_SUB;
	run(&office);
	assert_int_equal(started(&office, FAKE_SET_CHILDREN), 2);
	assert_int_equal(office.queue.task[0].outcome.reason, REASON_CONFLICT);
	close_office(&office);
}

static void a_directory_planned_at_the_target_is_merged_into(void **state)
{
	(void)state;
	struct office office;
	const struct cap sub = shelf_cap(SUB);
	open_office(&office, DIRECTORY_ID, false, true);
	struct outcome slot = shelf_done(DIRECTORY_ID, &sub);
	slot.state = OUTCOME_PLANNED;
	shelf_put(&office.shelf, &slot);
	office.made[office.made_count++] = sub;
	is_done_with(run(&office), &sub);
	assert_int_equal(started(&office, FAKE_SET_CHILDREN), 1);
	close_office(&office);
}

static void the_last_link_may_be_withheld(void **state)
{
	(void)state;
	struct office office;
	open_office(&office, 0, false, true);
	office.withheld = true;
	run(&office);
	assert_int_equal(office.queue.task[0].outcome.state, OUTCOME_FAILED);
	assert_int_equal(office.queue.task[0].outcome.reason, REASON_WITHHELD);
	assert_int_equal(started(&office, FAKE_SET_CHILDREN), 0);
	close_office(&office);
}

/* ---- immutable directories ---- */

/* "sub" is mutable, which an immutable directory cannot hold: it is left out here. */
static void open_immutable(struct office *office, bool secret)
{
	open_office(office, DIRECTORY_ID, true, secret);
	const struct outcome failed = { .id = 3, .state = OUTCOME_FAILED };
	shelf_put(&office->shelf, &failed);
}

static void an_immutable_directory_is_proven_by_its_cap(void **state)
{
	(void)state;
	struct office office;
	open_immutable(&office, true);
	const struct outcome *outcome = run(&office);
	assert_int_equal(outcome->state, OUTCOME_DONE);
	assert_int_equal(outcome->level, VERIFY_CAP);
	assert_int_equal(started(&office, FAKE_LIST), 0);
	close_office(&office);
}

static void another_cap_of_an_immutable_directory_is_never_done(void **state)
{
	(void)state;
	struct office office;
	open_immutable(&office, true);
	unsigned met, remaining;
	struct err err;
	/* The secret is believed. */
	struct cap good = { .kind = CAP_CHK, .needed = 1, .total = 1, .size = 100 };
	assert_int_equal(
		policy_judge(office.policy, good.key, 100, NULL, &good, &met, &remaining, &err),
		FAULT_NONE);
	office.wrong_cap = true;
	run(&office);
	assert_int_equal(office.queue.task[0].outcome.state, OUTCOME_FAILED);
	assert_int_equal(office.queue.task[0].outcome.reason, REASON_MISMATCH);
	assert_int_equal(started(&office, FAKE_MAKE_DIRECTORY), RETRY_ATTEMPTS);
	close_office(&office);
}

static void without_the_secret_an_immutable_directory_is_listed(void **state)
{
	(void)state;
	struct office office;
	open_immutable(&office, false);
	office.listing[0] = LIST_OTHER; /* three children, and other ones */
	office.queue.leases_max = 1;
	run(&office);
	assert_int_equal(started(&office, FAKE_LIST), 1);
	assert_false(office.queue.task[0].settled);
	close_office(&office);
}

static void stopped_it_sends_nothing(void **state)
{
	(void)state;
	struct office office;
	open_office(&office, DIRECTORY_ID, false, true);
	atomic_store(&office.cancel, true);
	office.queue.leases_max = 1;
	run(&office);
	assert_false(office.queue.task[0].settled);
	assert_int_equal(started(&office, FAKE_MAKE_DIRECTORY), 0);
	close_office(&office);
}

static void lanes_that_refuse_give_everything_back(void **state)
{
	(void)state;
	struct office office;
	open_office(&office, DIRECTORY_ID, false, true);
	lanes_stop(office.lanes);
	office.queue.leases_max = 1;
	run(&office);
	assert_false(office.queue.task[0].settled);
	assert_int_equal(office.queue.task[0].task.attempts, 0);
	close_office(&office);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(a_mutable_directory_is_made_once_and_listed),
		cmocka_unit_test(a_lost_reply_makes_no_second_directory),
		cmocka_unit_test(a_run_after_a_kill_uses_the_key_of_the_run_before),
		cmocka_unit_test(a_key_that_made_something_else_is_spent),
		cmocka_unit_test(a_key_whose_directory_stays_unreadable_is_given_up),
		cmocka_unit_test(a_gateway_that_makes_its_own_keys_is_told_of_once),
		cmocka_unit_test(a_directory_that_lists_otherwise_is_never_done),
		cmocka_unit_test(a_gateway_away_is_no_try),
		cmocka_unit_test(the_root_is_merged_into),
		cmocka_unit_test(a_directory_in_the_way_is_a_conflict),
		cmocka_unit_test(a_merge_done_before_the_kill_is_found_done),
		cmocka_unit_test(directories_that_are_there_already_are_left_where_they_are),
		cmocka_unit_test(a_conflict_after_that_is_one),
		cmocka_unit_test(a_directory_planned_at_the_target_is_merged_into),
		cmocka_unit_test(the_last_link_may_be_withheld),
		cmocka_unit_test(an_immutable_directory_is_proven_by_its_cap),
		cmocka_unit_test(another_cap_of_an_immutable_directory_is_never_done),
		cmocka_unit_test(without_the_secret_an_immutable_directory_is_listed),
		cmocka_unit_test(stopped_it_sends_nothing),
		cmocka_unit_test(lanes_that_refuse_give_everything_back),
	};
	return cmocka_run_group_tests(facts, scratch_setup, scratch_teardown);
}
