#include "verify/single.h"

#include "tests/unit/facts.h"
#include "tests/unit/fake_store.h"

enum { SIZE = 3000, TAIL = 5 };

/* A gateway whose n-th answer is scripted, and a place where bytes arrive. */
struct tree {
	struct fake fake;
	struct store_wait wait;
	struct single single;
	struct chk_params secret;
	struct cap cap;
	unsigned char content[SIZE];
	/* A letter for each GET, of which the last repeats: g good, p proven by the store, b bad,
	 * s short, f fails. */
	const char *plan;
	unsigned char got[2 * SIZE];
	size_t size;
	unsigned begun;
	enum fault write_fault;
};

static bool script(void *context, struct fake_call *call, struct store_reply *reply)
{
	struct tree *target_tree = context;
	assert_int_equal(call->operation, FAKE_GET);
	size_t step = min_u64(call->number, strlen(target_tree->plan)) - 1;
	size_t size = target_tree->plan[step] == 's' ? SIZE / 2 : SIZE;
	unsigned char bytes[SIZE];
	memcpy(bytes, target_tree->content, SIZE);
	bytes[SIZE - 1] ^= target_tree->plan[step] == 'b';
	bool whole = call->length == UINT64_MAX;
	size_t offset = whole ? 0 : (size_t)call->offset;
	reply->err.retry_after_ms = 1;
	reply->proven = target_tree->plan[step] == 'p';
	if (target_tree->plan[step] == 'f')
		fake_fail(reply, FAULT_RETRY, "scripted");
	else if (!call->sink(call->context, bytes + offset, whole ? size : (size_t)call->length))
		fake_fail(reply, FAULT_CANCELLED, "refused");
	return true;
}

static enum fault begin(void *context, struct err *err)
{
	struct tree *target_tree = context;
	(void)err;
	target_tree->begun++;
	target_tree->size = 0;
	return FAULT_NONE;
}

static enum fault take(void *context, const void *data, size_t size, struct err *err)
{
	struct tree *target_tree = context;
	if (target_tree->write_fault)
		return err_set(err, target_tree->write_fault, "scripted");
	assert_true(size <= sizeof target_tree->got - target_tree->size);
	memcpy(target_tree->got + target_tree->size, data, size);
	target_tree->size += size;
	return FAULT_NONE;
}

static void open_site(struct tree *target_tree, const char *plan, const char *ending)
{
	*target_tree =
		(struct tree){ .fake = { .script = script, .context = target_tree }, .plan = plan };
	target_tree->secret = (struct chk_params){
		.secret_size = 32, .k = 1, .n = 1, .max_segment_size = CHK_SEGMENT_SIZE
	};
	for (size_t i = 0; i < SIZE; i++)
		target_tree->content[i] = (unsigned char)(i * 7 + i / 256);
	memcpy(target_tree->content + SIZE - strlen(ending), ending, strlen(ending));
	assert_int_equal(chk_cap_of(&target_tree->secret, target_tree->content, SIZE,
				    &target_tree->cap, NULL),
			 FAULT_NONE);
	target_tree->wait.store = fake_open(&target_tree->fake);
	target_tree->single = (struct single){
		.tries = { .wait = &target_tree->wait },
		.begin = begin,
		.write = take,
		.context = target_tree,
	};
}

static enum fault read_with(struct tree *target_tree, bool secret)
{
	struct err err;
	target_tree->single.secret = secret ? &target_tree->secret : NULL;
	enum fault fault = single_read(&target_tree->single, &target_tree->cap, &err);
	if (!fault) {
		assert_int_equal(target_tree->size, SIZE);
		assert_memory_equal(target_tree->got, target_tree->content, SIZE);
	} else {
		assert_int_equal(err.fault, fault);
	}
	store_close(target_tree->wait.store);
	return fault;
}

static unsigned gets(struct tree *target_tree)
{
	return atomic_load(&target_tree->fake.started[FAKE_GET]);
}

static void one_read_is_enough_where_the_key_tells(void **state)
{
	(void)state;
	struct tree target_tree;
	open_site(&target_tree, "g", "x");
	assert_int_equal(read_with(&target_tree, true), FAULT_NONE);
	assert_int_equal(gets(&target_tree), 1);
}

static void one_read_is_enough_where_the_store_has_proven_it(void **state)
{
	(void)state;
	struct tree target_tree;
	open_site(&target_tree, "p", "x");
	assert_int_equal(read_with(&target_tree, false), FAULT_NONE);
	assert_int_equal(gets(&target_tree), 1);
}

static void without_the_secret_it_is_read_twice(void **state)
{
	(void)state;
	struct tree target_tree;
	open_site(&target_tree, "g", "x");
	assert_int_equal(read_with(&target_tree, false), FAULT_NONE);
	assert_int_equal(gets(&target_tree), 2);
	assert_int_equal(target_tree.begun, 1);
	open_site(&target_tree, "gbgg", "x");
	assert_int_equal(read_with(&target_tree, false), FAULT_NONE);
	assert_int_equal(gets(&target_tree), 4);
	assert_int_equal(target_tree.begun, 2);
}

static void an_end_like_an_error_is_asked_for_alone(void **state)
{
	(void)state;
	struct tree target_tree;
	open_site(&target_tree, "g", "probl");
	assert_int_equal(read_with(&target_tree, false), FAULT_NONE);
	assert_int_equal(gets(&target_tree), 3);
	open_site(&target_tree, "ggf", "probl");
	assert_int_equal(read_with(&target_tree, false), FAULT_RETRY);
}

static void wrong_bytes_are_read_again_and_then_given_up(void **state)
{
	(void)state;
	static const char *const good[] = { "sg", "fg", "bgg", "bsfg" };
	struct tree target_tree;
	for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
		open_site(&target_tree, good[i], "x");
		assert_int_equal(read_with(&target_tree, true), FAULT_NONE);
		open_site(&target_tree, "bgsg", "x");
		assert_int_equal(read_with(&target_tree, false), FAULT_NONE);
	}
	open_site(&target_tree, "s", "x");
	assert_int_equal(read_with(&target_tree, true), FAULT_RETRY);
	open_site(&target_tree, "s", "x");
	assert_int_equal(read_with(&target_tree, false), FAULT_RETRY);
}

static void a_fault_of_our_own_is_final(void **state)
{
	(void)state;
	struct tree target_tree;
	open_site(&target_tree, "g", "x");
	target_tree.write_fault = FAULT_FULL;
	assert_int_equal(read_with(&target_tree, true), FAULT_FULL);
	assert_int_equal(gets(&target_tree), 1);
}

static void hear_away(void *context, const char *gateway, const struct err *why)
{
	unsigned *backs = context;
	(void)gateway;
	*backs += !why;
}

static void a_gateway_that_was_away_is_back(void **state)
{
	(void)state;
	struct tree target_tree;
	unsigned backs = 0;
	const struct away_options options = {
		.wait_ms = 1000,
		.tell = hear_away,
		.context = &backs,
	};
	struct err why;
	err_set(&why, FAULT_UNAVAILABLE, "scripted");
	open_site(&target_tree, "g", "x");
	struct tries *tries = &target_tree.single.tries;
	tries->away = away_new(&options);
	tries->waits = true;
	away_found(tries->away, target_tree.wait.store, &why);
	assert_int_equal(read_with(&target_tree, true), FAULT_NONE);
	assert_false(tries->waits);
	assert_int_equal(backs, 1);
	away_free(tries->away);
}

static void a_literal_is_in_its_cap(void **state)
{
	(void)state;
	struct tree target_tree;
	struct err err;
	open_site(&target_tree, "g", "x");
	chk_literal("few", 3, &target_tree.cap);
	assert_int_equal(single_read(&target_tree.single, &target_tree.cap, &err), FAULT_NONE);
	assert_int_equal(target_tree.size, 3);
	assert_memory_equal(target_tree.got, "few", 3);
	assert_int_equal(gets(&target_tree), 0);
	struct cap directory;
	assert_true(cap_to_directory(&target_tree.cap, &directory));
	assert_int_equal(single_read(&target_tree.single, &directory, &err), FAULT_USAGE);
	store_close(target_tree.wait.store);
}

static enum fault back(void *context, uint64_t kept, struct err *err)
{
	struct tree *target_tree = context;
	(void)err;
	assert_true(kept <= target_tree->size);
	target_tree->begun++;
	target_tree->size = kept;
	return FAULT_NONE;
}

static void of_chunks_only_the_one_that_went_wrong_is_read_again(void **state)
{
	(void)state;
	struct tree target_tree;
	struct err err;
	open_site(&target_tree, "gbfg", "x");
	target_tree.single.secret = &target_tree.secret;
	target_tree.single.begin = NULL;
	target_tree.single.back = back;
	struct cap cap[] = { target_tree.cap, target_tree.cap };
	const struct chunked chunked = {
		.cap = cap, .count = 2, .chunk_size = SIZE, .bytes = 2 * SIZE
	};
	assert_int_equal(single_read_chunks(&target_tree.single, &chunked, &err), FAULT_NONE);
	assert_int_equal(target_tree.size, 2 * SIZE);
	assert_memory_equal(target_tree.got, target_tree.content, SIZE);
	assert_memory_equal(target_tree.got + SIZE, target_tree.content, SIZE);
	assert_int_equal(target_tree.begun, 3);
	store_close(target_tree.wait.store);
}

static void a_chunk_that_is_lost_is_named(void **state)
{
	(void)state;
	struct tree target_tree;
	struct err err;
	open_site(&target_tree, "gf", "x");
	target_tree.single.secret = &target_tree.secret;
	target_tree.single.back = back;
	struct cap cap[] = { target_tree.cap, target_tree.cap };
	const struct chunked chunked = {
		.cap = cap, .count = 2, .chunk_size = SIZE, .bytes = 2 * SIZE
	};
	assert_int_equal(single_read_chunks(&target_tree.single, &chunked, &err), FAULT_RETRY);
	assert_non_null(strstr(err.text, "chunk 2 of 2"));
	store_close(target_tree.wait.store);
}

static void bytes_are_those_that_were_noted(void **state)
{
	(void)state;
	unsigned char noted[CONTENT_HASH_SIZE];
	struct tree target_tree;
	for (int secret = 0; secret < 2; secret++) {
		open_site(&target_tree, "g", "probl");
		content_hash_of(target_tree.content, SIZE, noted);
		target_tree.single.content = noted;
		assert_int_equal(read_with(&target_tree, secret), FAULT_NONE);
		assert_int_equal(gets(&target_tree), 1); /* it tells, as the key does */
		open_site(&target_tree, secret ? "bg" : "bgg", "x");
		content_hash_of(target_tree.content, SIZE, noted);
		target_tree.single.content = noted;
		assert_int_equal(read_with(&target_tree, secret), FAULT_NONE);
	}
}

static void bytes_that_were_not_noted_are_not_read_again(void **state)
{
	(void)state;
	static const unsigned char noted[CONTENT_HASH_SIZE] = "another";
	struct tree target_tree;
	for (int secret = 0; secret < 2; secret++) {
		open_site(&target_tree, "g", "x");
		target_tree.single.content = noted;
		assert_int_equal(read_with(&target_tree, secret), FAULT_CORRUPT);
		assert_int_equal(gets(&target_tree), secret ? 1 : 2);
		open_site(&target_tree, "g", "x");
		target_tree.single.content = noted;
		chk_literal((const unsigned char *)"hello", 5, &target_tree.cap);
		assert_int_equal(read_with(&target_tree, secret), FAULT_CORRUPT);
		assert_int_equal(target_tree.begun, 0);
	}
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(of_chunks_only_the_one_that_went_wrong_is_read_again),
		cmocka_unit_test(a_chunk_that_is_lost_is_named),
		cmocka_unit_test(one_read_is_enough_where_the_key_tells),
		cmocka_unit_test(one_read_is_enough_where_the_store_has_proven_it),
		cmocka_unit_test(without_the_secret_it_is_read_twice),
		cmocka_unit_test(an_end_like_an_error_is_asked_for_alone),
		cmocka_unit_test(wrong_bytes_are_read_again_and_then_given_up),
		cmocka_unit_test(a_fault_of_our_own_is_final),
		cmocka_unit_test(a_gateway_that_was_away_is_back),
		cmocka_unit_test(a_literal_is_in_its_cap),
		cmocka_unit_test(bytes_are_those_that_were_noted),
		cmocka_unit_test(bytes_that_were_not_noted_are_not_read_again),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
