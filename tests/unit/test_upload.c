#include "upload/upload.h"

#include "tests/unit/facts.h"
#include "tests/unit/fake_store.h"
#include "tests/unit/tree.h"

enum { LARGE = 300000 };

struct site {
	struct fake fake;
	struct store_wait wait;
	struct policy *policy;
	struct chk_params secret; /* the gateway's */
	struct spool spool;
	struct upload_options options;
	const char *puts; /* a letter each: g good, w another cap, f fails, o fails otherwise, u
			     unhappy, l lost; the last repeats */
	bool bad_read, sick;
	unsigned told;
	enum fault changed;
	unsigned char stored[LARGE];
	size_t size;
};

static char letter(const char *plan, unsigned number)
{
	return plan[min_u64(number, strlen(plan)) - 1];
}

static void answer_put(struct site *site, struct fake_call *call, struct store_reply *reply)
{
	reply->err.retry_after_ms = 1;
	memcpy(site->stored, call->data, call->size);
	site->size = call->size;
	switch (letter(site->puts, call->number)) {
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
			chk_cap_of(&site->secret, call->data, call->size, &reply->cap, NULL),
			FAULT_NONE);
		reply->cap.key[0] ^= letter(site->puts, call->number) == 'w';
	}
}

static bool script(void *context, struct fake_call *call, struct store_reply *reply)
{
	struct site *site = context;
	if (call->operation == FAKE_PUT) {
		answer_put(site, call, reply);
	} else if (call->operation == FAKE_CHECK) {
		reply->health.healthy = !site->sick;
	} else {
		assert_int_equal(call->operation, FAKE_GET);
		site->stored[0] ^= site->bad_read;
		call->sink(call->context, site->stored, site->size);
		site->stored[0] ^= site->bad_read;
	}
	return true;
}

static enum fault unchanged(void *context, struct err *err)
{
	struct site *site = context;
	return site->changed ? err_set(err, site->changed, "scripted") : FAULT_NONE;
}

static void tell(void *context, const char *text)
{
	struct site *site = context;
	(void)text;
	site->told++;
}

static void open_site(struct site *site, unsigned levels, bool secret, size_t size)
{
	unsigned char bytes[1000];
	*site = (struct site){ .fake = { .script = script, .context = site }, .puts = "g" };
	site->secret = (struct chk_params){
		.secret_size = 32, .k = 1, .n = 1, .max_segment_size = CHK_SEGMENT_SIZE
	};
	assert_int_equal(policy_new(levels, secret ? &site->secret : NULL, &site->policy, NULL),
			 FAULT_NONE);
	site->wait.store = fake_open(&site->fake);
	spool_init(&site->spool, tree_path(""), 65536);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(i * 31 + i / 251);
	for (size_t at = 0; at < size; at += sizeof bytes)
		assert_int_equal(spool_append(&site->spool, bytes,
					      (size_t)min_u64(sizeof bytes, size - at), NULL),
				 FAULT_NONE);
	site->options = (struct upload_options){
		.tries = { .wait = &site->wait },
		.policy = site->policy,
		.unchanged = unchanged,
		.context = site,
	};
}

static void close_site(struct site *site)
{
	store_close(site->wait.store);
	policy_free(site->policy);
	spool_fini(&site->spool);
}

static enum fault put(struct site *site)
{
	struct cap cap, expected;
	struct err err;
	enum fault fault = upload_put(&site->options, &site->spool, &cap, &err);
	if (fault)
		return fault;
	const char *data;
	size_t size;
	assert_int_equal(spool_view(&site->spool, &data, &size, NULL), FAULT_NONE);
	assert_int_equal(chk_cap_of(&site->secret, data, size, &expected, NULL), FAULT_NONE);
	assert_true(cap_equal(&cap, &expected));
	return FAULT_NONE;
}

static unsigned count(struct site *site, enum fake_operation operation)
{
	return atomic_load(&site->fake.started[operation]);
}

static void the_cap_proves_where_the_secret_is_known(void **state)
{
	(void)state;
	static const size_t size[] = { 56, 65536, 65537, LARGE };
	struct site site;
	for (size_t i = 0; i < ARRAY_COUNT(size); i++) {
		open_site(&site, 0, true, size[i]);
		assert_int_equal(put(&site), FAULT_NONE);
		assert_int_equal(site.size, size[i]);
		assert_int_equal(count(&site, FAKE_PUT), 1);
		assert_int_equal(count(&site, FAKE_GET), 0);
		close_site(&site);
	}
}

static void elsewhere_it_is_read_back(void **state)
{
	(void)state;
	struct site site;
	open_site(&site, 0, false, LARGE);
	assert_int_equal(put(&site), FAULT_NONE);
	assert_int_equal(count(&site, FAKE_GET), 1);
	close_site(&site);
	open_site(&site, 0, false, LARGE);
	site.bad_read = true;
	assert_int_equal(put(&site), FAULT_RETRY);
	assert_int_equal(count(&site, FAKE_PUT), 5);
	close_site(&site);
}

static void levels_that_were_asked_for_are_met(void **state)
{
	(void)state;
	struct site site;
	open_site(&site, VERIFY_ALL, true, 1000);
	assert_int_equal(put(&site), FAULT_NONE);
	assert_int_equal(count(&site, FAKE_CHECK), 1);
	assert_int_equal(count(&site, FAKE_GET), 1);
	close_site(&site);
	open_site(&site, VERIFY_CHECK, false, 1000);
	site.sick = true;
	assert_int_equal(put(&site), FAULT_RETRY);
	close_site(&site);
	open_site(&site, VERIFY_CAP, true, 1000);
	site.puts = "w"; /* the secret is another's */
	assert_int_equal(put(&site), FAULT_USAGE);
	assert_int_equal(count(&site, FAKE_PUT), 1);
	close_site(&site);
}

static void literals_are_not_sent(void **state)
{
	(void)state;
	static const size_t size[] = { 0, 1, LITERAL_SIZE_MAX };
	struct site site;
	for (size_t i = 0; i < ARRAY_COUNT(size); i++) {
		open_site(&site, 0, true, size[i]);
		assert_int_equal(put(&site), FAULT_NONE);
		assert_int_equal(count(&site, FAKE_PUT), 0);
		close_site(&site);
	}
}

static void failures_are_tried_again_from_the_first_byte(void **state)
{
	(void)state;
	struct site site;
	open_site(&site, 0, true, LARGE);
	site.puts = "ffg";
	assert_int_equal(put(&site), FAULT_NONE);
	assert_int_equal(site.size, LARGE);
	close_site(&site);
	open_site(&site, 0, true, LARGE);
	site.puts = "o"; /* the gateway fails on this file */
	assert_int_equal(put(&site), FAULT_RETRY);
	assert_int_equal(count(&site, FAKE_PUT), 2);
	close_site(&site);
}

static void after_a_lost_reply_unhappiness_costs_no_try(void **state)
{
	(void)state;
	struct site site;
	struct patience patience = { .tell = tell, .context = &site };
	open_site(&site, 0, true, 1000);
	site.options.patience = &patience;
	site.puts = "luuuuuug";
	assert_int_equal(put(&site), FAULT_NONE);
	assert_int_equal(site.told, 1);
	close_site(&site);
	patience = (struct patience){ .tell = tell, .context = &site };
	open_site(&site, 0, true, 1000);
	site.options.patience = &patience;
	site.puts = "u"; /* nothing was lost here, so it is a verdict */
	assert_int_equal(put(&site), FAULT_RETRY);
	assert_int_equal(count(&site, FAKE_PUT), 5);
	assert_int_equal(site.told, 1);
	close_site(&site);
}

static void a_source_that_changed_is_no_success(void **state)
{
	(void)state;
	struct site site;
	open_site(&site, 0, true, LARGE);
	site.changed = FAULT_CHANGED;
	assert_int_equal(put(&site), FAULT_CHANGED);
	assert_int_equal(count(&site, FAKE_PUT), 0);
	close_site(&site);
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
		FACT(a_source_that_changed_is_no_success),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
