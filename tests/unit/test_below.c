#include "commit/below.h"

#include "base/meta.h"
#include "queue/retry.h"
#include "tests/unit/facts.h"
#include "tests/unit/fake_queue.h"
#include "tests/unit/fake_store.h"
#include "tests/unit/one_listing.h"
#include "tests/unit/scratch.h"

#define SUB                                                                                        \
	"URI:DIR2:sazfiwozvsrqro6evueurubpxq:chn6qsleosjn2spz2rbtrpdobjsugvw5lz22w3247wzfgswe5wva"
#define ROOT                                                                                       \
	"URI:DIR2:aaaaaaaaaaaaaaaaaaaaaaaaaa:chn6qsleosjn2spz2rbtrpdobjsugvw5lz22w3247wzfgswe5wva"

enum { TASK = 9, DONE_DIRECTORY = 4 };

struct cellar {
	struct fake fake;
	struct fake_queue queue;
	struct one_listing one_listing;
	struct lanes *lanes;
	struct away *away;
	struct cap root, sub;
	enum fault fault; /* of each listing */
};

static bool script(void *context, struct fake_call *call, struct store_reply *reply)
{
	struct cellar *cellar = context;
	const struct cap file = one_listing_cap("URI:LIT:nbswy3dp");
	if (call->operation != FAKE_LIST)
		return true;
	fake_child(call, "f", STORE_FILE, &file);
	if (cellar->fault) { /* in the middle of the listing */
		fake_fail(reply, cellar->fault, "scripted");
		return true;
	}
	if (cap_equal(&call->cap, &cellar->sub))
		fake_child(call, "\xc3\xa9", STORE_FILE, &file); /* as the grid keeps it */
	else
		fake_child(call, "sub", STORE_DIRECTORY, &cellar->sub);
	return true;
}

static void give_up(void *context, const struct err *err) { (void)context, (void)err; }

static void open_cellar(struct cellar *cellar)
{
	struct err err;
	*cellar = (struct cellar){ .fake = { .script = script, .context = cellar } };
	cellar->root = one_listing_cap(ROOT);
	cellar->sub = one_listing_cap(SUB);
	one_listing_init(&cellar->one_listing, NULL, 0);
	const struct outcome slot = one_listing_done(DONE_DIRECTORY, &cellar->sub);
	one_listing_put(&cellar->one_listing, &slot);
	fake_queue_init(&cellar->queue);
	cellar->away = away_new(&(struct away_options){ .wait_ms = 60000 });
	const struct lanes_options lanes = { .open = fake_open_store,
					     .gave_up = give_up,
					     .context = &cellar->fake,
					     .threads = 1,
					     .slots = { 1, 1 },
					     .away = cellar->away };
	assert_int_equal(lanes_new(&lanes, &cellar->lanes, &err), 0);
}

static void close_cellar(struct cellar *cellar)
{
	lanes_free(cellar->lanes);
	away_free(cellar->away);
	fake_queue_fini(&cellar->queue);
	one_listing_fini(&cellar->one_listing);
}

static void submit(struct cellar *cellar)
{
	const struct below_options options = { .outcomes = cellar->one_listing.outcomes,
					       .root = &cellar->root,
					       .broken = cellar->queue.lease.broken,
					       .context = &cellar->queue };
	below_submit(&options, cellar->lanes, fake_works(&cellar->queue, SEGMENT_TRANSFERS, NULL));
	fake_queue_wait(&cellar->queue);
}

/* Settles the task `name` of `directory` and returns it. */
static struct fake_task *settle(struct cellar *cellar, uint8_t kind, uint64_t directory,
				const char *name)
{
	const struct meta meta = { .mtime_ns = 5, .mode = 0100644 };
	struct fake_task *task = fake_add(&cellar->queue,
					  &(struct task){ .id = TASK,
							  .kind = kind,
							  .directory = directory,
							  .bytes = 11,
							  .name = name,
							  .name_size = strlen(name) },
					  SEGMENT_TRANSFERS);
	task->task.meta_size = meta_pack(&meta, task->meta);
	task->task.meta = task->meta;
	submit(cellar);
	return task;
}

static void what_the_directory_holds_is_done(void **state)
{
	(void)state;
	static const struct {
		uint8_t kind;
		uint64_t directory;
		const char *name, *cap;
	} table[] = {
		{ MANIFEST_FILE, DONE_DIRECTORY, "f", "URI:LIT:nbswy3dp" },
		{ MANIFEST_FILE, DONE_DIRECTORY, "e\xcc\x81", "URI:LIT:nbswy3dp" },
		{ MANIFEST_FILE, 0, "f", "URI:LIT:nbswy3dp" },
		{ MANIFEST_DIRECTORY, 0, "sub", SUB },
	};
	for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
		struct cellar cellar;
		struct cap cap;
		open_cellar(&cellar);
		const struct outcome *outcome =
			&settle(&cellar, table[i].kind, table[i].directory, table[i].name)->outcome;
		const struct cap expected = one_listing_cap(table[i].cap);
		assert_int_equal(outcome->state, OUTCOME_DONE);
		assert_int_equal(outcome->level, 0);
		assert_int_equal(outcome->length, 11);
		assert_int_equal(meta_unpack_outcome(outcome->meta).mtime_ns, 5);
		assert_true(cap_unpack(outcome->cap, outcome->cap_size, outcome->cap_kind, &cap));
		assert_true(cap_equal(&cap, &expected));
		close_cellar(&cellar);
	}
}

static void what_it_does_not_hold_is_lost(void **state)
{
	(void)state;
	static const struct {
		uint8_t kind;
		uint64_t directory;
		const char *name;
		enum fault fault;
	} table[] = {
		{ MANIFEST_FILE, DONE_DIRECTORY, "g", FAULT_NONE },
		{ MANIFEST_FILE, DONE_DIRECTORY, "sub", FAULT_NONE },
		{ MANIFEST_DIRECTORY, DONE_DIRECTORY, "f", FAULT_NONE },
		{ MANIFEST_FILE, 5, "f", FAULT_NONE }, /* the directory's slot holds no cap */
		{ MANIFEST_FILE, DONE_DIRECTORY, "f", FAULT_NOT_FOUND },
	};
	for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
		struct cellar cellar;
		open_cellar(&cellar);
		cellar.fault = table[i].fault;
		const struct outcome *outcome =
			&settle(&cellar, table[i].kind, table[i].directory, table[i].name)->outcome;
		assert_int_equal(outcome->state, OUTCOME_FAILED);
		assert_int_equal(outcome->reason, REASON_LOST);
		assert_int_equal(outcome->attempts, 1);
		close_cellar(&cellar);
	}
}

static void tries_are_counted_unless_the_gateway_is_away(void **state)
{
	(void)state;
	/* A listing that is none may be an accident of one reply. */
	static const enum fault passing[] = { FAULT_RETRY, FAULT_CORRUPT };
	struct cellar cellar;
	for (size_t i = 0; i < ARRAY_COUNT(passing); i++) {
		open_cellar(&cellar);
		cellar.fault = passing[i];
		struct fake_task *task = settle(&cellar, MANIFEST_FILE, 0, "f");
		for (unsigned tries = 1; tries < RETRY_ATTEMPTS; tries++) {
			assert_false(task->settled);
			assert_int_equal(task->task.attempts, tries);
			submit(&cellar);
		}
		assert_int_equal(task->outcome.reason, REASON_LOST);
		close_cellar(&cellar);
	}

	open_cellar(&cellar);
	cellar.fault = FAULT_UNAVAILABLE;
	struct fake_task *task = settle(&cellar, MANIFEST_FILE, 0, "f");
	assert_false(task->settled);
	assert_int_equal(task->task.attempts, 0);
	lanes_stop(cellar.lanes);
	submit(&cellar); /* refused */
	assert_false(task->settled);
	assert_int_equal(task->task.attempts, 0);
	close_cellar(&cellar);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(what_the_directory_holds_is_done),
		cmocka_unit_test(what_it_does_not_hold_is_lost),
		cmocka_unit_test(tries_are_counted_unless_the_gateway_is_away),
	};
	return cmocka_run_group_tests(facts, scratch_setup, scratch_teardown);
}
