#include "verify/single.h"

#include "tests/unit/facts.h"
#include "tests/unit/fake_store.h"

enum { SIZE = 3000, TAIL = 5 };

/* A gateway whose n-th answer is scripted, and a place where bytes arrive. */
struct site {
	struct fake fake;
	struct store_wait wait;
	struct single single;
	struct chk_params secret;
	struct cap cap;
	unsigned char content[SIZE];
	const char *
		plan; /* a letter for each GET: g good, b bad, s short, f fails, the last repeats */
	unsigned char got[2 * SIZE];
	size_t size;
	unsigned begun;
	enum fault write_fault;
};

static bool script(void *context, struct fake_call *call, struct store_reply *reply)
{
	struct site *site = context;
	assert_int_equal(call->operation, FAKE_GET);
	size_t step = min_u64(call->number, strlen(site->plan)) - 1;
	size_t size = site->plan[step] == 's' ? SIZE / 2 : SIZE;
	unsigned char bytes[SIZE];
	memcpy(bytes, site->content, SIZE);
	bytes[SIZE - 1] ^= site->plan[step] == 'b';
	bool whole = call->length == UINT64_MAX;
	size_t offset = whole ? 0 : (size_t)call->offset;
	reply->err.retry_after_ms = 1;
	if (site->plan[step] == 'f')
		fake_fail(reply, FAULT_RETRY, "scripted");
	else if (!call->sink(call->context, bytes + offset, whole ? size : (size_t)call->length))
		fake_fail(reply, FAULT_CANCELLED, "refused");
	return true;
}

static enum fault begin(void *context, struct err *err)
{
	struct site *site = context;
	(void)err;
	site->begun++;
	site->size = 0;
	return FAULT_NONE;
}

static enum fault take(void *context, const void *data, size_t size, struct err *err)
{
	struct site *site = context;
	if (site->write_fault)
		return err_set(err, site->write_fault, "scripted");
	assert_true(size <= sizeof site->got - site->size);
	memcpy(site->got + site->size, data, size);
	site->size += size;
	return FAULT_NONE;
}

static void open_site(struct site *site, const char *plan, const char *ending)
{
	*site = (struct site){ .fake = { .script = script, .context = site }, .plan = plan };
	site->secret = (struct chk_params){
		.secret_size = 32, .k = 1, .n = 1, .max_segment_size = CHK_SEGMENT_SIZE
	};
	for (size_t i = 0; i < SIZE; i++)
		site->content[i] = (unsigned char)(i * 7 + i / 256);
	memcpy(site->content + SIZE - strlen(ending), ending, strlen(ending));
	assert_int_equal(chk_cap_of(&site->secret, site->content, SIZE, &site->cap, NULL),
			 FAULT_NONE);
	site->wait.store = fake_open(&site->fake);
	site->single = (struct single){
		.tries = { .wait = &site->wait },
		.begin = begin,
		.write = take,
		.context = site,
	};
}

static enum fault read_with(struct site *site, bool secret)
{
	struct err err;
	site->single.secret = secret ? &site->secret : NULL;
	enum fault fault = single_read(&site->single, &site->cap, &err);
	if (!fault) {
		assert_int_equal(site->size, SIZE);
		assert_memory_equal(site->got, site->content, SIZE);
	} else {
		assert_int_equal(err.fault, fault);
	}
	store_close(site->wait.store);
	return fault;
}

static unsigned gets(struct site *site) { return atomic_load(&site->fake.started[FAKE_GET]); }

static void one_read_is_enough_where_the_key_tells(void **state)
{
	(void)state;
	struct site site;
	open_site(&site, "g", "x");
	assert_int_equal(read_with(&site, true), FAULT_NONE);
	assert_int_equal(gets(&site), 1);
}

static void without_the_secret_it_is_read_twice(void **state)
{
	(void)state;
	struct site site;
	open_site(&site, "g", "x");
	assert_int_equal(read_with(&site, false), FAULT_NONE);
	assert_int_equal(gets(&site), 2);
	assert_int_equal(site.begun, 1);
	open_site(&site, "gbgg", "x");
	assert_int_equal(read_with(&site, false), FAULT_NONE);
	assert_int_equal(gets(&site), 4);
	assert_int_equal(site.begun, 2);
}

static void an_end_like_an_error_is_asked_for_alone(void **state)
{
	(void)state;
	struct site site;
	open_site(&site, "g", "probl");
	assert_int_equal(read_with(&site, false), FAULT_NONE);
	assert_int_equal(gets(&site), 3);
	open_site(&site, "ggf", "probl");
	assert_int_equal(read_with(&site, false), FAULT_RETRY);
}

static void wrong_bytes_are_read_again_and_then_given_up(void **state)
{
	(void)state;
	static const char *const good[] = { "sg", "fg", "bgg", "bsfg" };
	struct site site;
	for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
		open_site(&site, good[i], "x");
		assert_int_equal(read_with(&site, true), FAULT_NONE);
		open_site(&site, "bgsg", "x");
		assert_int_equal(read_with(&site, false), FAULT_NONE);
	}
	open_site(&site, "s", "x");
	assert_int_equal(read_with(&site, true), FAULT_RETRY);
	open_site(&site, "s", "x");
	assert_int_equal(read_with(&site, false), FAULT_RETRY);
}

static void a_fault_of_our_own_is_final(void **state)
{
	(void)state;
	struct site site;
	open_site(&site, "g", "x");
	site.write_fault = FAULT_FULL;
	assert_int_equal(read_with(&site, true), FAULT_FULL);
	assert_int_equal(gets(&site), 1);
}

static void a_literal_is_in_its_cap(void **state)
{
	(void)state;
	struct site site;
	struct err err;
	open_site(&site, "g", "x");
	chk_literal("few", 3, &site.cap);
	assert_int_equal(single_read(&site.single, &site.cap, &err), FAULT_NONE);
	assert_int_equal(site.size, 3);
	assert_memory_equal(site.got, "few", 3);
	assert_int_equal(gets(&site), 0);
	struct cap directory;
	assert_true(cap_to_directory(&site.cap, &directory));
	assert_int_equal(single_read(&site.single, &directory, &err), FAULT_USAGE);
	store_close(site.wait.store);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(one_read_is_enough_where_the_key_tells),
		cmocka_unit_test(without_the_secret_it_is_read_twice),
		cmocka_unit_test(an_end_like_an_error_is_asked_for_alone),
		cmocka_unit_test(wrong_bytes_are_read_again_and_then_given_up),
		cmocka_unit_test(a_fault_of_our_own_is_final),
		cmocka_unit_test(a_literal_is_in_its_cap),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
