#include "upload/upload.h"

#include "tests/unit/facts.h"
#include "tests/unit/fake_store.h"
#include "tests/unit/tree.h"

enum { LARGE = 300000 };

struct tree {
	struct fake fake;
	struct store_wait wait;
	struct policy *policy;
	struct chk_params secret; /* the gateway's */
	struct spool spool;
	struct upload_options options;
	const char *puts; /* a letter each: g good, w another cap, f fails, o fails otherwise, u
			     unhappy, l lost; the last repeats */
	bool bad_read, sick;
	bool stop;         /* while the reply to a put, or to what proves it, is waited for */
	unsigned answered; /* calls that end before that; the others never do */
	unsigned told;
	enum fault changed;
	unsigned char stored[LARGE];
	size_t size;
};

static char letter(const char *plan, unsigned number)
{
	return plan[min_u64(number, strlen(plan)) - 1];
}

static void answer_put(struct tree *target_tree, struct fake_call *call, struct store_reply *reply)
{
	reply->err.retry_after_ms = 1;
	memcpy(target_tree->stored, call->data, call->size);
	target_tree->size = call->size;
	switch (letter(target_tree->puts, call->number)) {
	case 'f':
		fake_fail(reply, FAULT_RETRY, "scripted");
		break;
	case 'o':
		fake_fail(reply, FAULT_RETRY, "scripted");
		reply->trouble = STORE_TROUBLE_OTHER;
		break;
	case 'u':
		fake_fail(reply, FAULT_RETRY, "scripted");
		reply->err.http_status = 500;
		reply->trouble = STORE_TROUBLE_UNHAPPY;
		break;
	case 'l':
		fake_fail(reply, FAULT_RETRY, "lost");
		break;
	default:
		assert_int_equal(
			chk_cap_of(&target_tree->secret, call->data, call->size, &reply->cap, NULL),
			FAULT_NONE);
		reply->cap.key[0] ^= letter(target_tree->puts, call->number) == 'w';
	}
}

static bool script(void *context, struct fake_call *call, struct store_reply *reply)
{
	struct tree *target_tree = context;
	if (target_tree->stop && target_tree->answered-- == 0) {
		target_tree->answered = 0;
		return false;
	}
	if (call->operation == FAKE_PUT) {
		answer_put(target_tree, call, reply);
	} else if (call->operation == FAKE_CHECK) {
		reply->health.healthy = !target_tree->sick;
	} else {
		assert_int_equal(call->operation, FAKE_GET);
		target_tree->stored[0] ^= target_tree->bad_read;
		call->sink(call->context, target_tree->stored, target_tree->size);
		target_tree->stored[0] ^= target_tree->bad_read;
	}
	return true;
}

static enum fault unchanged(void *context, struct err *err)
{
	struct tree *target_tree = context;
	return target_tree->changed ? err_set(err, target_tree->changed, "scripted") : FAULT_NONE;
}

static void tell(void *context, const char *text)
{
	struct tree *target_tree = context;
	(void)text;
	target_tree->told++;
}

static void open_site(struct tree *target_tree, unsigned levels, bool secret, size_t size)
{
	unsigned char bytes[1000];
	*target_tree =
		(struct tree){ .fake = { .script = script, .context = target_tree }, .puts = "g" };
	target_tree->secret = (struct chk_params){
		.secret_size = 32, .k = 1, .n = 1, .max_segment_size = CHK_SEGMENT_SIZE
	};
	assert_int_equal(policy_new(levels, secret ? &target_tree->secret : NULL,
				    &target_tree->policy, NULL),
			 FAULT_NONE);
	target_tree->wait.store = fake_open(&target_tree->fake);
	spool_init(&target_tree->spool, tree_path(""), 65536);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(i * 31 + i / 251);
	for (size_t at = 0; at < size; at += sizeof bytes)
		assert_int_equal(spool_append(&target_tree->spool, bytes,
					      (size_t)min_u64(sizeof bytes, size - at), NULL),
				 FAULT_NONE);
	target_tree->options = (struct upload_options){
		.tries = { .wait = &target_tree->wait },
		.policy = target_tree->policy,
		.unchanged = unchanged,
		.context = target_tree,
	};
}

static void close_site(struct tree *target_tree)
{
	store_close(target_tree->wait.store);
	policy_free(target_tree->policy);
	spool_fini(&target_tree->spool);
}

static enum fault put(struct tree *target_tree)
{
	struct cap cap, expected;
	struct err err;
	enum fault fault = upload_put(&target_tree->options, &target_tree->spool, &cap, &err);
	if (fault)
		return fault;
	const char *data;
	size_t size;
	assert_int_equal(spool_view(&target_tree->spool, &data, &size, NULL), FAULT_NONE);
	assert_int_equal(chk_cap_of(&target_tree->secret, data, size, &expected, NULL), FAULT_NONE);
	assert_true(cap_equal(&cap, &expected));
	return FAULT_NONE;
}

static unsigned count(struct tree *target_tree, enum fake_operation operation)
{
	return atomic_load(&target_tree->fake.started[operation]);
}

static void the_cap_proves_where_the_secret_is_known(void **state)
{
	(void)state;
	static const size_t size[] = { 56, 65536, 65537, LARGE };
	struct tree target_tree;
	for (size_t i = 0; i < ARRAY_COUNT(size); i++) {
		open_site(&target_tree, 0, true, size[i]);
		assert_int_equal(put(&target_tree), FAULT_NONE);
		assert_int_equal(target_tree.size, size[i]);
		assert_int_equal(count(&target_tree, FAKE_PUT), 1);
		assert_int_equal(count(&target_tree, FAKE_GET), 0);
		close_site(&target_tree);
	}
}

static void elsewhere_it_is_read_back(void **state)
{
	(void)state;
	struct tree target_tree;
	open_site(&target_tree, 0, false, LARGE);
	assert_int_equal(put(&target_tree), FAULT_NONE);
	assert_int_equal(count(&target_tree, FAKE_GET), 1);
	close_site(&target_tree);
	open_site(&target_tree, 0, false, LARGE);
	target_tree.bad_read = true;
	assert_int_equal(put(&target_tree), FAULT_RETRY);
	assert_int_equal(count(&target_tree, FAKE_PUT), 5);
	close_site(&target_tree);
}

static void levels_that_were_asked_for_are_met(void **state)
{
	(void)state;
	struct tree target_tree;
	open_site(&target_tree, VERIFY_ALL, true, 1000);
	assert_int_equal(put(&target_tree), FAULT_NONE);
	assert_int_equal(count(&target_tree, FAKE_CHECK), 1);
	assert_int_equal(count(&target_tree, FAKE_GET), 1);
	close_site(&target_tree);
	open_site(&target_tree, VERIFY_CHECK, false, 1000);
	target_tree.sick = true;
	assert_int_equal(put(&target_tree), FAULT_RETRY);
	close_site(&target_tree);
	open_site(&target_tree, VERIFY_CAP, true, 1000);
	target_tree.puts = "w"; /* the secret is another's */
	assert_int_equal(put(&target_tree), FAULT_USAGE);
	assert_int_equal(count(&target_tree, FAKE_PUT), 1);
	close_site(&target_tree);
}

static void literals_are_not_sent(void **state)
{
	(void)state;
	static const size_t size[] = { 0, 1, LITERAL_SIZE_MAX };
	struct tree target_tree;
	for (size_t i = 0; i < ARRAY_COUNT(size); i++) {
		open_site(&target_tree, 0, true, size[i]);
		assert_int_equal(put(&target_tree), FAULT_NONE);
		assert_int_equal(count(&target_tree, FAKE_PUT), 0);
		close_site(&target_tree);
	}
}

static void failures_are_tried_again_from_the_first_byte(void **state)
{
	(void)state;
	struct tree target_tree;
	open_site(&target_tree, 0, true, LARGE);
	target_tree.puts = "ffg";
	assert_int_equal(put(&target_tree), FAULT_NONE);
	assert_int_equal(target_tree.size, LARGE);
	close_site(&target_tree);
	open_site(&target_tree, 0, true, LARGE);
	target_tree.puts = "o"; /* the gateway fails on this file */
	assert_int_equal(put(&target_tree), FAULT_RETRY);
	assert_int_equal(count(&target_tree, FAKE_PUT), 2);
	close_site(&target_tree);
}

static void after_a_lost_reply_unhappiness_costs_no_try(void **state)
{
	(void)state;
	struct tree target_tree;
	struct patience patience = { .tell = tell, .context = &target_tree };
	open_site(&target_tree, 0, true, 1000);
	target_tree.options.patience = &patience;
	target_tree.puts = "luuuuuug";
	assert_int_equal(put(&target_tree), FAULT_NONE);
	assert_int_equal(target_tree.told, 1);
	close_site(&target_tree);
	patience = (struct patience){ .tell = tell, .context = &target_tree };
	open_site(&target_tree, 0, true, 1000);
	target_tree.options.patience = &patience;
	target_tree.puts = "u"; /* nothing was lost here, so it is a verdict */
	assert_int_equal(put(&target_tree), FAULT_RETRY);
	assert_int_equal(count(&target_tree, FAKE_PUT), 5);
	assert_int_equal(target_tree.told, 1);
	close_site(&target_tree);
}

static bool is_stopped(void *context)
{
	struct tree *target_tree = context;
	return target_tree->stop && atomic_load(&target_tree->fake.in_flight) > 0 &&
	       target_tree->answered == 0;
}

static void a_stop_cancels_the_step_at_hand(void **state)
{
	(void)state;
	struct tree target_tree;
	for (unsigned answered = 0; answered < 3; answered++) {
		open_site(&target_tree, VERIFY_ALL, true, 1000);
		target_tree.stop = true;
		target_tree.answered = answered;
		target_tree.wait.stop = is_stopped;
		target_tree.wait.context = &target_tree;
		assert_int_equal(put(&target_tree), FAULT_CANCELLED);
		assert_int_equal(atomic_load(&target_tree.fake.in_flight), 0);
		assert_int_equal(count(&target_tree, FAKE_CHECK), answered > 0);
		assert_int_equal(count(&target_tree, FAKE_GET), answered > 1);
		close_site(&target_tree);
	}
}

static void a_source_that_changed_is_no_success(void **state)
{
	(void)state;
	struct tree target_tree;
	open_site(&target_tree, 0, true, LARGE);
	target_tree.changed = FAULT_CHANGED;
	assert_int_equal(put(&target_tree), FAULT_CHANGED);
	assert_int_equal(count(&target_tree, FAKE_PUT), 0);
	close_site(&target_tree);
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, tree_setup, tree_teardown)

int main(void)
{
	const struct CMUnitTest facts[] = {
		FACT(the_cap_proves_where_the_secret_is_known),
		FACT(elsewhere_it_is_read_back),
		FACT(levels_that_were_asked_for_are_met),
		FACT(literals_are_not_sent),
		FACT(failures_are_tried_again_from_the_first_byte),
		FACT(after_a_lost_reply_unhappiness_costs_no_try),
		FACT(a_stop_cancels_the_step_at_hand),
		FACT(a_source_that_changed_is_no_success),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
