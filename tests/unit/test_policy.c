#include "verify/policy.h"

#include "measure/activity.h"
#include "tests/unit/facts.h"

static const unsigned char key[CAP_KEY_SIZE] = "the key of it";

static struct chk_params gateways_params(void)
{
	return (struct chk_params){ .secret = "secret",
				    .secret_size = 6,
				    .k = 3,
				    .n = 10,
				    .max_segment_size = CHK_SEGMENT_SIZE };
}

static struct cap good_reply(void)
{
	struct cap cap = { .kind = CAP_CHK, .needed = 3, .total = 10, .size = 100 };
	memcpy(cap.key, key, CAP_KEY_SIZE);
	memset(cap.hash, 7, CAP_HASH_SIZE);
	return cap;
}

static void words_become_levels(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		unsigned levels;
	} good[] = {
		{ "auto", 0 },
		{ "cap", VERIFY_CAP },
		{ "check", VERIFY_CHECK },
		{ "read", VERIFY_READ },
		{ "cap,check", VERIFY_CAP | VERIFY_CHECK },
		{ "cap,read", VERIFY_CAP | VERIFY_READ },
		{ "check,read", VERIFY_CHECK | VERIFY_READ },
		{ "cap,check,read", VERIFY_ALL },
	};
	static const char *const bad[] = { "",         "cap,",     ",cap",       "caps", "ca",
					   "auto,cap", "cap,auto", "read check", "CAP" };
	unsigned levels = 99;
	for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
		assert_true(verify_parse(good[i].text, &levels));
		assert_int_equal(levels, good[i].levels);
		assert_string_equal(verify_name(levels), good[i].text);
	}
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_false(verify_parse(bad[i], &levels));
	assert_true(verify_parse("read,cap,cap", &levels));
	assert_int_equal(levels, VERIFY_READ | VERIFY_CAP);
}

/* Of what was stored before: a check counts, too. */
static void a_count_is_a_level_of_its_own(void **state)
{
	(void)state;
	static const struct {
		const char *text, *name;
		unsigned levels;
	} row[] = {
		{ "count", "count", VERIFY_COUNT },
		{ "read,count", "count,read", VERIFY_COUNT | VERIFY_READ },
		{ "count,check", "check", VERIFY_CHECK },
		{ "check,count,read", "check,read", VERIFY_CHECK | VERIFY_READ },
	};
	struct err err;
	for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
		unsigned levels = 99;
		assert_true(verify_parse(row[i].text, &levels));
		assert_int_equal(levels, row[i].levels);
		assert_string_equal(verify_name(levels), row[i].name);
		assert_int_equal(policy_check(levels, NULL, &err),
				 levels & VERIFY_COUNT ? FAULT_USAGE : FAULT_NONE);
	}
}

/* What the gateway's first reply is like, then the second; and what is judged of the second. */
struct judgement {
	unsigned levels;
	bool secret, first_agrees, second_agrees;
	enum fault fault;
	unsigned met, remaining;
};

enum { C = VERIFY_CAP, K = VERIFY_CHECK, R = VERIFY_READ };

static const struct judgement table[] = {
	/* levels secret first second */
	{ 0, true, true, true, FAULT_NONE, C, 0 },
	{ 0, true, true, false, FAULT_CORRUPT, 0, 0 },
	{ 0, true, false, false, FAULT_NONE, 0, R },
	{ 0, true, false, true, FAULT_NONE, 0, R },
	{ 0, false, true, true, FAULT_NONE, 0, R },
	{ C, true, true, true, FAULT_NONE, C, 0 },
	{ C, true, true, false, FAULT_CORRUPT, 0, 0 },
	{ C, true, false, true, FAULT_USAGE, 0, 0 },
	{ C, true, false, false, FAULT_USAGE, 0, 0 },
	{ K, true, true, true, FAULT_NONE, C, K },
	{ K, false, false, false, FAULT_NONE, 0, K },
	{ R, true, true, true, FAULT_NONE, C, R },
	{ R, true, true, false, FAULT_CORRUPT, 0, 0 },
	{ R, true, false, false, FAULT_NONE, 0, R },
	{ R, false, true, true, FAULT_NONE, 0, R },
	{ C | R, true, true, true, FAULT_NONE, C, R },
	{ C | K | R, true, true, true, FAULT_NONE, C, K | R },
	{ C | R, true, false, false, FAULT_USAGE, 0, 0 },
	{ K | R, false, true, true, FAULT_NONE, 0, K | R },
};

static enum fault judge_of(struct policy *policy, unsigned gateway, bool agrees, unsigned *met,
			   unsigned *remaining)
{
	struct cap reply = good_reply();
	struct err err;
	if (!agrees)
		reply.key[15] ^= 1;
	return policy_judge(policy, gateway, key, 100, NULL, &reply, met, remaining, &err);
}

static enum fault judge(struct policy *policy, bool agrees, unsigned *met, unsigned *remaining)
{
	return judge_of(policy, 0, agrees, met, remaining);
}

static void the_first_reply_decides_and_the_second_is_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
		const struct judgement *row = &table[i];
		struct chk_params params = gateways_params();
		struct policy *policy;
		struct err err;
		unsigned met = 0, remaining = 0;
		assert_int_equal(
			policy_new(row->levels, row->secret ? &params : NULL, &policy, &err),
			FAULT_NONE);
		assert_int_equal(policy_levels(policy), row->levels);
		assert_int_equal(policy_predicts(policy), row->secret);
		enum fault first = judge(policy, row->first_agrees, &met, &remaining);
		assert_true(first == FAULT_NONE || first == FAULT_USAGE);
		assert_int_equal(policy_predicts(policy), row->secret && row->first_agrees);
		met = remaining = 0;
		assert_int_equal(judge(policy, row->second_agrees, &met, &remaining), row->fault);
		assert_int_equal(met, row->met);
		assert_int_equal(remaining, row->remaining);
		assert_true(strlen(policy_describe(policy)) > 5);
		policy_free(policy);
	}
}

static void each_gateway_is_believed_by_itself(void **state)
{
	(void)state;
	struct chk_params params = gateways_params();
	struct policy *policy;
	struct err err;
	unsigned met, remaining;
	assert_int_equal(policy_new(0, &params, &policy, &err), FAULT_NONE);
	policy_expect(policy, 2);
	assert_int_equal(judge_of(policy, 0, true, &met, &remaining), FAULT_NONE);
	assert_int_equal(met, C);
	assert_int_equal(judge_of(policy, 1, false, &met, &remaining), FAULT_NONE);
	assert_int_equal(met, 0);
	assert_int_equal(remaining, R);
	assert_true(policy_predicts(policy));
	assert_non_null(strstr(policy_describe(policy), "some gateways"));
	assert_int_equal(judge_of(policy, 0, false, &met, &remaining), FAULT_CORRUPT);
	assert_int_equal(judge_of(policy, 1, true, &met, &remaining), FAULT_NONE);
	assert_int_equal(remaining, R); /* once not believed, never */
	policy_free(policy);
	assert_int_equal(policy_new(0, &params, &policy, &err), FAULT_NONE);
	policy_expect(policy, 2);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(judge_of(policy, i, true, &met, &remaining), FAULT_NONE);
	assert_non_null(strstr(policy_describe(policy), "answered with the cap"));
	policy_free(policy);
	assert_int_equal(policy_new(0, &params, &policy, &err), FAULT_NONE);
	policy_expect(policy, 2);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(judge_of(policy, i, false, &met, &remaining), FAULT_NONE);
	assert_false(policy_predicts(policy));
	policy_free(policy);
}

/* Nobody hashes any more once a cap was predicted, whichever way. */
static void predicts_a_cap(void **state)
{
	(void)state;
	struct chk_params params = gateways_params();
	struct policy *policy;
	struct chk_encoder *encoder;
	struct chk_shares *shares = NULL;
	struct policy_bytes bytes = { .data = (const unsigned char *)"bytes",
				      .size = 5,
				      .key = key };
	struct cap alone, with_shares, by_another;
	unsigned doing[ACTIVITY_COUNT];
	struct err err;
	assert_int_equal(policy_new(0, &params, &policy, &err), FAULT_NONE);
	assert_true(policy_predict(policy, &bytes, &alone, NULL));
	assert_int_equal(alone.kind, CAP_CHK);
	assert_int_equal(alone.size, 5);
	assert_memory_equal(alone.key, key, CAP_KEY_SIZE);
	assert_true(policy_predict(policy, &bytes, &with_shares, &shares));
	assert_non_null(shares);
	assert_true(cap_equal(&alone, &with_shares));
	assert_int_equal(chk_encoder_new(&encoder, &err), FAULT_NONE);
	bytes.encoder = encoder;
	assert_true(policy_predict(policy, &bytes, &by_another, NULL));
	assert_true(cap_equal(&alone, &by_another));
	activity_look(doing);
	assert_int_equal(doing[ACTIVITY_HASHING], 0);
	chk_shares_free(shares);
	chk_encoder_free(encoder);
	policy_free(policy);
}

/* Returns the fault of a reply that is `change`d, once the secret is believed. */
static enum fault judge_changed(const struct cap *reply, const struct cap *whole)
{
	struct chk_params params = gateways_params();
	struct policy *policy;
	struct err err;
	unsigned met = 0, remaining = 0;
	assert_int_equal(policy_new(0, &params, &policy, &err), FAULT_NONE);
	assert_int_equal(judge(policy, true, &met, &remaining), FAULT_NONE);
	enum fault fault = policy_judge(policy, 0, key, 100, whole, reply, &met, &remaining, &err);
	policy_free(policy);
	return fault;
}

static void every_field_of_a_reply_counts(void **state)
{
	(void)state;
	const struct cap good = good_reply();
	struct cap reply = good;
	assert_int_equal(judge_changed(&good, &good), FAULT_NONE);
	reply.kind = CAP_DIR2_CHK;
	assert_int_equal(judge_changed(&reply, NULL), FAULT_NONE);
	assert_int_equal(judge_changed(&reply, &good), FAULT_CORRUPT);
	reply.kind = CAP_CHK_VERIFIER;
	assert_int_equal(judge_changed(&reply, NULL), FAULT_CORRUPT);
	reply = good;
	reply.size++;
	assert_int_equal(judge_changed(&reply, NULL), FAULT_CORRUPT);
	reply = good;
	reply.needed++;
	assert_int_equal(judge_changed(&reply, NULL), FAULT_CORRUPT);
	reply = good;
	reply.total++;
	assert_int_equal(judge_changed(&reply, NULL), FAULT_CORRUPT);
	reply = good;
	reply.hash[31]++;
	assert_int_equal(judge_changed(&reply, NULL), FAULT_NONE); /* not known without bytes */
	assert_int_equal(judge_changed(&reply, &good), FAULT_CORRUPT);
}

static void no_secret_means_a_random_one_of_the_job(void **state)
{
	(void)state;
	struct policy *one, *two;
	struct err err;
	assert_int_equal(policy_new(VERIFY_CAP, NULL, &one, &err), FAULT_USAGE);
	assert_int_equal(policy_new(VERIFY_ALL, NULL, &one, &err), FAULT_USAGE);
	assert_int_equal(policy_new(0, NULL, &one, &err), FAULT_NONE);
	assert_int_equal(policy_new(0, NULL, &two, &err), FAULT_NONE);
	assert_int_equal(policy_params(one)->secret_size, CHK_SECRET_MAX);
	assert_memory_not_equal(policy_params(one)->secret, policy_params(two)->secret,
				CHK_SECRET_MAX);
	policy_free(one);
	policy_free(two);
	policy_free(NULL);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(words_become_levels),
		cmocka_unit_test(a_count_is_a_level_of_its_own),
		cmocka_unit_test(the_first_reply_decides_and_the_second_is_judged),
		cmocka_unit_test(predicts_a_cap),
		cmocka_unit_test(each_gateway_is_believed_by_itself),
		cmocka_unit_test(every_field_of_a_reply_counts),
		cmocka_unit_test(no_secret_means_a_random_one_of_the_job),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
