#include "audit/audit.h"
#include "base/digest.h"
#include "calls/away.h"
#include "queue/core/thread.h"
#include "queue/file/manifest.h"
#include "queue/file/outcomes.h"
#include "tests/unit/catalog_case.h"
#include "tests/unit/facts.h"
#include "tests/unit/fake_grid.h"
#include "tests/unit/tree.h"
#include "verify/policy.h"

#include <sched.h>

enum { BIG = 3000, ENTRIES_MAX = 16 };

/* The plan: 0 the target { 1 "dir", 2 "large" }, 1 "dir" { 3 "little", 4 "lost" }. */
enum object { TARGET, DIR, LARGE, LITTLE, OBJECTS };

static const unsigned char job[16] = "sixteen bytes id";
static unsigned char large[BIG];
static struct fake_object object[OBJECTS];
static struct fake_grid grid = { .object = object, .count = OBJECTS };
static const struct fake_child in_dir[] = {
	{ .name = "little", .object = LITTLE },
	{ .name = "another", .object = LITTLE },
};
static const struct fake_child in_target[] = {
	{ .name = "dir", .object = DIR },
	{ .name = "large", .object = LARGE },
	{ .name = "was there", .object = LITTLE },
};
static struct catalog *catalog;
static struct outcomes *outcomes;

static void good(enum fault fault) { assert_int_equal(fault, FAULT_NONE); }

static void list(struct manifest_writer *writer, uint64_t id, const char *name,
		 struct listing_id *listing)
{
	struct err err;
	good(manifest_begin(writer, id, 0, *listing, name, strlen(name), listing, &err));
}

static void entry(struct manifest_writer *writer, uint8_t kind, const char *name, uint64_t id)
{
	struct err err;
	struct manifest_entry added = { .kind = kind, .name = name, .name_size = strlen(name) };
	good(manifest_add(writer, &added, &err));
	assert_int_equal(added.id, id);
}

static void write_plan(void)
{
	struct err err;
	struct manifest_writer *writer;
	struct listing_id listing = LISTING_NONE;
	good(manifest_create(tree_path("manifest"), job, NULL, 0, &writer, &err));
	list(writer, 0, "", &listing);
	entry(writer, MANIFEST_DIRECTORY, "dir", 1);
	entry(writer, MANIFEST_FILE, "large", 2);
	good(manifest_end(writer, &err));
	list(writer, 1, "dir", &listing);
	entry(writer, MANIFEST_FILE, "little", 3);
	entry(writer, MANIFEST_FILE, "lost", 4);
	good(manifest_end(writer, &err));
	good(manifest_finish(writer, &err));
	manifest_writer_close(writer);
}

static void settle(uint64_t id, enum object number)
{
	struct err err;
	const struct fake_object *from = &object[number];
	struct outcome outcome = { .id = id, .state = OUTCOME_DONE, .length = from->size };
	content_hash_of(from->data, from->size, outcome.content);
	assert_true(cap_pack(&from->cap, outcome.cap, &outcome.cap_size, &outcome.cap_kind));
	good(outcomes_write(outcomes, &outcome, 1, &err));
}

static int setup(void **state)
{
	struct err err;
	struct chk_params params = { .k = 1, .n = 1, .max_segment_size = CHK_SEGMENT_SIZE };
	for (size_t i = 0; i < BIG; i++)
		large[i] = (unsigned char)(i * 31 >> 3);
	memset(object, 0, sizeof object);
	object[TARGET].cap = object[DIR].cap = (struct cap){ .kind = CAP_DIR2 };
	object[DIR].cap.key[0] = 1;
	object[LARGE].data = large;
	object[LARGE].size = BIG;
	object[LITTLE].data = "little";
	object[LITTLE].size = 6;
	good(chk_cap_of(&params, large, BIG, &object[LARGE].cap, &err));
	chk_literal("little", 6, &object[LITTLE].cap);
	object[TARGET].child = in_target;
	object[TARGET].children = ARRAY_COUNT(in_target);
	object[DIR].child = in_dir;
	object[DIR].children = ARRAY_COUNT(in_dir);
	if (tree_setup(state))
		return -1;
	write_plan();
	good(outcomes_create(tree_path("outcomes"), job, "", 0, &outcomes, &err));
	catalog = catalog_case_open(tree_path("manifest"), tree_path("outcomes"));
	settle(0, TARGET);
	settle(1, DIR);
	settle(2, LARGE);
	settle(3, LITTLE);
	return 0;
}

static int teardown(void **state)
{
	outcomes_close(outcomes);
	catalog_close(catalog);
	return tree_teardown(state);
}

static struct audit_counts counts;
static char lost[ENTRIES_MAX][100];
static size_t lost_count;

static char why[200];
static const struct chk_params *secret;

static void ended(void *context, const struct audit_entry *found)
{
	(void)context;
	if (!found->proven)
		snprintf(why, sizeof why, "%s", found->detail);
	if (!found->proven)
		snprintf(lost[lost_count++ % ENTRIES_MAX], sizeof lost[0], "%s", found->path);
}

static void stop_soon(void *context)
{
	while (atomic_load(&object[TARGET].lists) == 0)
		sched_yield();
	audit_stop(context);
}

static enum fault run(unsigned levels, bool stopped)
{
	struct err err;
	struct audit *audit;
	struct thread thread;
	struct away *away = away_new(&(struct away_options){ .wait_ms = 0 });
	const struct audit_request request = {
		.away = away,
		.open = fake_open,
		.ended = ended,
		.context = &grid,
		.catalog = catalog,
		.secret = secret,
		.levels = levels,
		.in_flight = 4,
	};
	lost_count = 0;
	good(audit_new(&request, &audit, &err));
	if (stopped)
		assert_true(thread_start(&thread, "stop", stop_soon, audit));
	enum fault fault = audit_run(audit, &counts, &err);
	if (stopped)
		thread_join(&thread);
	audit_free(audit);
	away_free(away);
	return fault;
}

/* ---- facts ---- */

static void proves_what_is_as_it_was(void **state)
{
	(void)state;
	good(run(VERIFY_READ | VERIFY_CHECK, false));
	assert_int_equal(counts.files, 2);
	assert_int_equal(counts.directories, 2);
	assert_int_equal(counts.bytes, BIG + 6);
	assert_int_equal(counts.failed, 0);
	assert_int_equal(counts.left_out, 1);
	assert_int_equal(object[LARGE].reads, 1);
	assert_int_equal(object[LITTLE].reads, 0);
}

static void names_a_file_with_other_bytes(void **state)
{
	(void)state;
	object[LARGE].lie = FAKE_SPLICE;
	good(run(VERIFY_READ, false));
	assert_int_equal(counts.failed, 1);
	assert_string_equal(lost[0], "large");
}

static void names_a_file_that_is_sick_when_asked_to_check(void **state)
{
	(void)state;
	object[LARGE].lie = FAKE_SICK;
	good(run(VERIFY_READ, false));
	assert_int_equal(counts.failed, 0);
	good(run(VERIFY_CHECK, false));
	assert_int_equal(counts.failed, 1);
	assert_string_equal(lost[0], "large");
}

static void names_a_directory_that_misses_a_child(void **state)
{
	(void)state;
	object[DIR].children = 0;
	good(run(VERIFY_READ, false));
	assert_int_equal(counts.failed, 1);
	assert_string_equal(lost[0], "dir");
}

static void allows_nothing_more_in_an_immutable_directory(void **state)
{
	(void)state;
	object[DIR].cap = (struct cap){ .kind = CAP_DIR2_CHK, .needed = 1, .total = 1, .size = 90 };
	settle(1, DIR);
	good(run(VERIFY_READ, false));
	assert_int_equal(counts.failed, 1);
	assert_string_equal(lost[0], "dir");
	object[DIR].children = 1;
	good(run(VERIFY_READ, false));
	assert_int_equal(counts.failed, 0);
}

/* A slot that was damaged, and settled again from the listing of its directory. */
static void settle_without_hash(uint64_t id, enum object number)
{
	struct err err;
	const struct fake_object *from = &object[number];
	struct outcome outcome = { .id = id, .state = OUTCOME_DONE, .length = from->size };
	assert_true(cap_pack(&from->cap, outcome.cap, &outcome.cap_size, &outcome.cap_kind));
	good(outcomes_write(outcomes, &outcome, 1, &err));
}

static void proves_by_the_key_what_has_no_hash(void **state)
{
	(void)state;
	const struct chk_params params = { .k = 1, .n = 1, .max_segment_size = CHK_SEGMENT_SIZE };
	settle_without_hash(2, LARGE);
	settle_without_hash(3, LITTLE); /* the cap of a literal is its proof */
	secret = &params;
	good(run(VERIFY_READ, false));
	secret = NULL;
	assert_int_equal(counts.failed, 0);
	assert_int_equal(counts.files, 2);
	good(run(VERIFY_READ, false));
	assert_int_equal(counts.failed, 1);
	assert_string_equal(lost[0], "large");
	assert_non_null(strstr(why, "nothing is known to compare"));
	assert_null(strstr(why, "not the ones stored"));
}

static void names_a_literal_that_is_another(void **state)
{
	(void)state;
	object[LITTLE].data = "LITTLE";
	settle(3, LITTLE);
	good(run(VERIFY_READ, false));
	assert_int_equal(counts.failed, 1);
	assert_string_equal(lost[0], "dir/little");
}

static void stops_when_told(void **state)
{
	(void)state;
	object[LARGE].lie = FAKE_HANG;
	assert_int_equal(run(VERIFY_READ, true), FAULT_CANCELLED);
}

static void gives_up_a_gateway_that_stays_away(void **state)
{
	(void)state;
	atomic_store(&grid.away, true);
	enum fault fault = run(VERIFY_READ, false);
	atomic_store(&grid.away, false);
	assert_int_equal(fault, FAULT_UNAVAILABLE);
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest fact[] = {
		FACT(proves_what_is_as_it_was),
		FACT(names_a_file_with_other_bytes),
		FACT(names_a_file_that_is_sick_when_asked_to_check),
		FACT(names_a_directory_that_misses_a_child),
		FACT(allows_nothing_more_in_an_immutable_directory),
		FACT(proves_by_the_key_what_has_no_hash),
		FACT(names_a_literal_that_is_another),
		FACT(stops_when_told),
		FACT(gives_up_a_gateway_that_stays_away),
	};
	return cmocka_run_group_tests(fact, NULL, NULL);
}
