#include "plan/target_listing.h"

#include "tests/unit/facts.h"
#include "tests/unit/fake_store.h"
#include "tests/unit/one_listing.h"
#include "tests/unit/scratch.h"

#define SUB                                                                                        \
	"URI:DIR2:sazfiwozvsrqro6evueurubpxq:chn6qsleosjn2spz2rbtrpdobjsugvw5lz22w3247wzfgswe5wva"
#define READ                                                                                       \
	"URI:DIR2-RO:sazfiwozvsrqro6evueurubpxq:"                                                  \
	"chn6qsleosjn2spz2rbtrpdobjsugvw5lz22w3247wzfgswe5wva"
#define SLOT                                                                                       \
	"URI:SSK:sazfiwozvsrqro6evueurubpxq:chn6qsleosjn2spz2rbtrpdobjsugvw5lz22w3247wzfgswe5wva"
#define PIECES                                                                                     \
	"URI:DIR2-CHK:sazfiwozvsrqro6evueurubpxq:"                                                 \
	"chn6qsleosjn2spz2rbtrpdobjsugvw5lz22w3247wzfgswe5wva:3:10:600"
#define ROOT                                                                                       \
	"URI:DIR2:aaaaaaaaaaaaaaaaaaaaaaaaaa:chn6qsleosjn2spz2rbtrpdobjsugvw5lz22w3247wzfgswe5wva"

struct tree {
	struct fake fake;
	struct one_listing one_listing;
	struct cap root, sub;
	struct store *store;
	struct target_listing *listing;
	struct plan_target target;
	unsigned failures; /* this many lists fail first */
	enum fault fault;  /* with this */
	bool stops;        /* once a list has failed */
	atomic_bool failed;
};

/* Gives a file with all that a listing can say of it. */
static void dated_child(struct fake_call *call)
{
	const struct cap cap = one_listing_cap("URI:LIT:nbswy3dp");
	struct store_child child = { .name = "dated", .name_size = 5 };
	child.node = (struct store_node){
		.kind = STORE_FILE,
		.has_size = true,
		.size = 5,
		.ro = cap,
		.metadata_flags = STORE_HAS_MTIME,
		.metadata.mtime_ns = 77,
	};
	call->child(call->context, &child);
}

/* Gives an immutable directory that says it is a file of `bytes` bytes in chunks. */
static void marked_child(struct fake_call *call, const char *name, uint64_t bytes)
{
	struct store_child child = { .name = name, .name_size = strlen(name) };
	child.node = (struct store_node){
		.kind = STORE_DIRECTORY,
		.ro = one_listing_cap(PIECES),
		.metadata_flags = STORE_HAS_CHUNKED | STORE_HAS_MTIME,
		.metadata = { .chunked = bytes, .mtime_ns = 78 },
	};
	call->child(call->context, &child);
}

/* Lists chunks of 5, 5 and 3 bytes. */
static void list_pieces(struct fake_call *call)
{
	static const char *const cap[] = { "URI:LIT:nbswy3dp", "URI:LIT:nbswy3dp",
					   "URI:LIT:mzxw6" };
	for (size_t i = 0; i < ARRAY_COUNT(cap); i++) {
		const struct cap chunk = one_listing_cap(cap[i]);
		fake_child(call, (const char *[]){ "1", "2", "3" }[i], STORE_FILE, &chunk);
	}
}

static bool script(void *context, struct fake_call *call, struct store_reply *reply)
{
	struct tree *target_tree = context;
	const struct cap read = one_listing_cap(READ), file = one_listing_cap("URI:LIT:");
	if (cap_equal(&call->cap, &target_tree->root)) {
		fake_child(call, "z file", STORE_FILE, &file);
		fake_child(call, "a dir", STORE_DIRECTORY, &target_tree->sub);
	}
	if (call->number <= target_tree->failures) {
		fake_child(call, "garbled", STORE_FILE, &file);
		fake_fail(reply, target_tree->fault, "scripted"); /* in the middle of the listing */
		reply->err.retry_after_ms = 1;
		atomic_store(&target_tree->failed, true);
		return true;
	}
	reply->node.kind = STORE_DIRECTORY;
	if (cap_equal(&call->cap, &target_tree->root)) {
		fake_child(call, "read only", STORE_DIRECTORY, &read);
		fake_child(call, "\xc3\xa9", STORE_FILE, &file);
		fake_child(call, "", STORE_FILE, &file);
		const struct cap slot = one_listing_cap(SLOT);
		struct cap reader;
		if (!cap_to_readonly(&slot, &reader))
			abort();
		fake_child(call, "slot", STORE_FILE, &slot);
		fake_child(call, "read slot", STORE_FILE, &reader);
		dated_child(call);
		marked_child(call, "pieces", 13);
		marked_child(call, "lie", 14);
	} else if (call->cap.kind == CAP_DIR2_CHK) {
		list_pieces(call);
	} else {
		fake_child(call, "inner", STORE_FILE, &file);
	}
	return true;
}

static bool stop(void *context)
{
	struct tree *target_tree = context;
	return target_tree->stops && atomic_load(&target_tree->failed);
}

static void open_site(struct tree *target_tree)
{
	struct err err;
	*target_tree = (struct tree){ .fake = { .script = script, .context = target_tree } };
	target_tree->root = one_listing_cap(ROOT);
	target_tree->sub = one_listing_cap(SUB);
	one_listing_init(&target_tree->one_listing, NULL, 0);
	target_tree->store = fake_open(&target_tree->fake);
	const struct target_listing_options options = {
		.root = &target_tree->root,
		.outcomes = target_tree->one_listing.outcomes,
		.ask = { .wait = { target_tree->store, stop, target_tree } },
	};
	assert_int_equal(
		target_listing_new(&options, &target_tree->listing, &target_tree->target, &err),
		FAULT_NONE);
}

static void close_site(struct tree *target_tree)
{
	target_listing_free(target_tree->listing);
	store_close(target_tree->store);
	one_listing_fini(&target_tree->one_listing);
}

static enum decide_kind look(struct tree *target_tree, const char *name)
{
	struct err err;
	enum decide_kind there = DECIDE_NOTHING;
	assert_int_equal(target_tree->target.look(target_tree->target.context, name, strlen(name),
						  &there, &err),
			 FAULT_NONE);
	return there;
}

static enum fault turn_to(struct tree *target_tree, uint64_t id, bool *exists)
{
	struct err err;
	return target_tree->target.open(target_tree->target.context, id, exists, &err);
}

static enum fault bind(struct tree *target_tree, uint64_t id, const char *name)
{
	struct err err;
	const struct plan_target *target = &target_tree->target;
	enum fault fault = target->bind(target->context, id, name, strlen(name), &err);
	return fault ? fault : target->sync(target->context, &err);
}

static void the_root_is_what_its_listing_says(void **state)
{
	(void)state;
	struct tree target_tree;
	bool exists = false;
	open_site(&target_tree);
	assert_int_equal(turn_to(&target_tree, 0, &exists), FAULT_NONE);
	assert_true(exists);
	assert_int_equal(look(&target_tree, "a dir"), DECIDE_DIRECTORY);
	assert_int_equal(look(&target_tree, "z file"), DECIDE_FILE);
	assert_int_equal(look(&target_tree, "\xc3\xa9"), DECIDE_FILE);
	assert_int_equal(look(&target_tree, ""), DECIDE_FILE);
	assert_int_equal(look(&target_tree, "read only"), DECIDE_FIXED);
	assert_int_equal(look(&target_tree, "a di"), DECIDE_NOTHING);
	assert_int_equal(look(&target_tree, "a dirx"), DECIDE_NOTHING);
	assert_int_equal(look(&target_tree, "zz"), DECIDE_NOTHING);
	close_site(&target_tree);
}

static void a_directory_bound_is_opened_by_its_cap(void **state)
{
	(void)state;
	struct tree target_tree;
	struct outcome slot;
	struct err err;
	bool exists = false;
	open_site(&target_tree);
	assert_int_equal(turn_to(&target_tree, 0, &exists), FAULT_NONE);
	assert_int_equal(bind(&target_tree, 3, "a dir"), FAULT_NONE);
	assert_int_equal(bind(&target_tree, 3, "a dir"), FAULT_NONE);
	assert_int_equal(bind(&target_tree, 4, "read only"), FAULT_CORRUPT);
	assert_int_equal(bind(&target_tree, 4, "nobody"), FAULT_CORRUPT);
	assert_int_equal(target_tree.target.sync(target_tree.target.context, &err), FAULT_NONE);
	assert_int_equal(outcomes_read(target_tree.one_listing.outcomes, 3, 1, &slot, &err),
			 FAULT_NONE);
	assert_int_equal(slot.state, OUTCOME_PLANNED);
	const struct outcome expected = one_listing_done(3, &target_tree.sub);
	assert_memory_equal(slot.cap, expected.cap, OUTCOME_CAP_MAX);

	assert_int_equal(turn_to(&target_tree, 3, &exists), FAULT_NONE);
	assert_true(exists);
	assert_int_equal(look(&target_tree, "inner"), DECIDE_FILE);
	assert_int_equal(look(&target_tree, "a dir"), DECIDE_NOTHING); /* of the root, forgotten */
	assert_int_equal(turn_to(&target_tree, 4, &exists), FAULT_NONE);
	assert_false(exists);
	assert_int_equal(look(&target_tree, "inner"), DECIDE_NOTHING);
	slot = one_listing_done(5, &target_tree.sub); /* made by this job */
	one_listing_put(&target_tree.one_listing, &slot);
	assert_int_equal(turn_to(&target_tree, 5, &exists), FAULT_NONE);
	assert_false(exists);
	close_site(&target_tree);
}

static void what_is_asked_for_ahead_is_there_when_it_is_opened(void **state)
{
	(void)state;
	struct tree target_tree;
	bool exists = false;
	open_site(&target_tree);
	assert_int_equal(turn_to(&target_tree, 0, &exists), FAULT_NONE);
	assert_int_equal(bind(&target_tree, 3, "a dir"), FAULT_NONE);
	target_tree.target.ahead(target_tree.target.context, 3);
	target_tree.target.ahead(target_tree.target.context, 4); /* the target has none */
	assert_int_equal(store_poll(target_tree.store, 0), 1);
	assert_int_equal(look(&target_tree, "a dir"), DECIDE_DIRECTORY); /* still the root */
	assert_int_equal(turn_to(&target_tree, 3, &exists), FAULT_NONE);
	assert_int_equal(look(&target_tree, "inner"), DECIDE_FILE);
	assert_int_equal(atomic_load(&target_tree.fake.ended[FAKE_LIST]), 2);
	assert_int_equal(turn_to(&target_tree, 3, &exists), FAULT_NONE);
	assert_int_equal(atomic_load(&target_tree.fake.ended[FAKE_LIST]),
			 3); /* it may have changed */
	close_site(&target_tree);
}

static struct outcome slot_of(struct tree *target_tree, uint64_t id)
{
	struct outcome slot;
	struct err err;
	assert_int_equal(outcomes_read(target_tree->one_listing.outcomes, id, 1, &slot, &err),
			 FAULT_NONE);
	return slot;
}

static void a_file_bound_leaves_what_is_known_of_it(void **state)
{
	(void)state;
	struct tree target_tree;
	bool exists;
	open_site(&target_tree);
	assert_int_equal(turn_to(&target_tree, 0, &exists), FAULT_NONE);
	assert_int_equal(bind(&target_tree, 6, "z file"), FAULT_NONE);
	assert_int_equal(bind(&target_tree, 7, "dated"), FAULT_NONE);
	assert_int_equal(bind(&target_tree, 8, "slot"), FAULT_NONE);
	assert_int_equal(bind(&target_tree, 9, "read slot"), FAULT_NONE);
	struct outcome slot = slot_of(&target_tree, 6);
	assert_int_equal(slot.state, OUTCOME_PLANNED);
	assert_int_equal(slot.cap_kind, CAP_LIT);
	assert_int_equal(slot.level & OUTCOME_HAS_MTIME, 0);
	slot = slot_of(&target_tree, 7);
	assert_int_equal(slot.level, OUTCOME_HAS_MTIME);
	assert_int_equal(slot.length, 5);
	assert_int_equal(meta_unpack_outcome(slot.meta).mtime_ns, 77);
	assert_int_equal(slot_of(&target_tree, 8).cap_kind, CAP_SSK);
	assert_int_equal(slot_of(&target_tree, 9).cap_kind, CAP_SSK_RO);
	close_site(&target_tree);
}

static void a_file_in_chunks_is_a_file_and_a_lie_a_directory(void **state)
{
	(void)state;
	struct tree target_tree;
	bool exists;
	open_site(&target_tree);
	assert_int_equal(turn_to(&target_tree, 0, &exists), FAULT_NONE);
	assert_int_equal(atomic_load(&target_tree.fake.started[FAKE_LIST]), 1);
	assert_int_equal(look(&target_tree, "pieces"), DECIDE_FILE);
	assert_int_equal(look(&target_tree, "lie"), DECIDE_FIXED);
	assert_int_equal(look(&target_tree, "pieces"), DECIDE_FILE);
	assert_int_equal(look(&target_tree, "z file"), DECIDE_FILE);
	assert_int_equal(atomic_load(&target_tree.fake.started[FAKE_LIST]), 3);
	assert_int_equal(bind(&target_tree, 6, "pieces"), FAULT_NONE);
	assert_int_equal(bind(&target_tree, 7, "lie"), FAULT_CORRUPT);
	const struct outcome slot = slot_of(&target_tree, 6);
	assert_int_equal(slot.cap_kind, CAP_DIR2_CHK);
	assert_int_equal(slot.length, 13);
	assert_int_equal(slot.level, OUTCOME_HAS_MTIME);
	/* Seen again, what was judged last is not listed again. */
	assert_int_equal(turn_to(&target_tree, 0, &exists), FAULT_NONE);
	assert_int_equal(look(&target_tree, "lie"), DECIDE_FIXED);
	assert_int_equal(atomic_load(&target_tree.fake.started[FAKE_LIST]), 4);
	close_site(&target_tree);
}

static void what_has_a_slot_is_not_bound_again(void **state)
{
	(void)state;
	struct tree target_tree;
	bool exists;
	open_site(&target_tree);
	struct outcome done = one_listing_done(6, &target_tree.sub);
	one_listing_put(&target_tree.one_listing, &done);
	assert_int_equal(turn_to(&target_tree, 0, &exists), FAULT_NONE);
	assert_int_equal(bind(&target_tree, 6, "z file"), FAULT_NONE);
	assert_int_equal(slot_of(&target_tree, 6).state, OUTCOME_DONE);
	assert_int_equal(bind(&target_tree, 7, "z file"), FAULT_NONE);
	assert_int_equal(bind(&target_tree, 7, "slot"), FAULT_NONE); /* it was replaced meanwhile */
	assert_int_equal(slot_of(&target_tree, 7).cap_kind, CAP_LIT);
	close_site(&target_tree);
}

static void a_target_that_is_a_file_has_any_name(void **state)
{
	(void)state;
	struct tree target_tree;
	bool exists = false;
	open_site(&target_tree);
	target_tree.root = one_listing_cap(SLOT);
	assert_int_equal(turn_to(&target_tree, 0, &exists), FAULT_NONE);
	assert_true(exists);
	assert_int_equal(look(&target_tree, "whatever"), DECIDE_FILE);
	assert_int_equal(bind(&target_tree, 1, "whatever"), FAULT_NONE);
	assert_int_equal(slot_of(&target_tree, 1).cap_kind, CAP_SSK);
	assert_int_equal(atomic_load(&target_tree.fake.started[FAKE_LIST]), 0);
	close_site(&target_tree);
}

static void a_listing_that_failed_halfway_counts_for_nothing(void **state)
{
	(void)state;
	struct tree target_tree;
	bool exists = false;
	open_site(&target_tree);
	target_tree.failures = 2;
	target_tree.fault = FAULT_RETRY;
	assert_int_equal(turn_to(&target_tree, 0, &exists), FAULT_NONE);
	assert_int_equal(atomic_load(&target_tree.fake.started[FAKE_LIST]), 3);
	assert_int_equal(look(&target_tree, "a dir"), DECIDE_DIRECTORY);
	assert_int_equal(look(&target_tree, "read only"), DECIDE_FIXED);
	assert_int_equal(look(&target_tree, "garbled"), DECIDE_NOTHING);
	target_tree.failures = 100;
	assert_int_equal(turn_to(&target_tree, 0, &exists), FAULT_RETRY);
	target_tree.fault = FAULT_AUTH;
	unsigned before = atomic_load(&target_tree.fake.started[FAKE_LIST]);
	assert_int_equal(turn_to(&target_tree, 0, &exists), FAULT_AUTH);
	assert_int_equal(atomic_load(&target_tree.fake.started[FAKE_LIST]), before + 1);
	close_site(&target_tree);
}

static void a_garbled_listing_is_asked_for_again_and_a_gateway_away_for_its_time(void **state)
{
	(void)state;
	struct tree target_tree;
	bool exists;
	open_site(&target_tree);
	target_tree.failures = 1;
	target_tree.fault = FAULT_CORRUPT;
	assert_int_equal(turn_to(&target_tree, 0, &exists), FAULT_NONE);
	assert_int_equal(atomic_load(&target_tree.fake.started[FAKE_LIST]), 2);
	target_tree.failures = 100;
	target_tree.fault = FAULT_UNAVAILABLE;
	assert_int_equal(turn_to(&target_tree, 0, &exists),
			 FAULT_UNAVAILABLE); /* its time is 0 here */
	assert_int_equal(atomic_load(&target_tree.fake.started[FAKE_LIST]), 3);
	close_site(&target_tree);
}

static void waiting_to_list_again_ends_when_asked_to_stop(void **state)
{
	(void)state;
	struct tree target_tree;
	bool exists;
	open_site(&target_tree);
	target_tree.failures = 100;
	target_tree.fault = FAULT_RETRY;
	target_tree.stops = true;
	assert_int_equal(turn_to(&target_tree, 0, &exists), FAULT_CANCELLED);
	assert_int_equal(atomic_load(&target_tree.fake.started[FAKE_LIST]), 1);
	close_site(&target_tree);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(the_root_is_what_its_listing_says),
		cmocka_unit_test(a_directory_bound_is_opened_by_its_cap),
		cmocka_unit_test(what_is_asked_for_ahead_is_there_when_it_is_opened),
		cmocka_unit_test(a_file_bound_leaves_what_is_known_of_it),
		cmocka_unit_test(a_file_in_chunks_is_a_file_and_a_lie_a_directory),
		cmocka_unit_test(what_has_a_slot_is_not_bound_again),
		cmocka_unit_test(a_target_that_is_a_file_has_any_name),
		cmocka_unit_test(a_listing_that_failed_halfway_counts_for_nothing),
		cmocka_unit_test(
			a_garbled_listing_is_asked_for_again_and_a_gateway_away_for_its_time),
		cmocka_unit_test(waiting_to_list_again_ends_when_asked_to_stop),
	};
	return cmocka_run_group_tests(facts, scratch_setup, scratch_teardown);
}
