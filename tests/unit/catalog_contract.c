#include "tests/unit/catalog_contract.h"

#include "queue/core/thread.h"
#include "tests/unit/facts.h"

#include <stdatomic.h>

/* Names of the wide directory take more than a page of any backend. */
enum { WIDE = 3000, WIDE_NAME = 60, WIDE_PARTS = 4, ROOT = 0, BELOW, DEEP, WIDE_DIRECTORY };

static const struct catalog_contract *backend;
static struct catalog *catalog;
static struct catalog_reader *reader;

/* ---- the plan ---- */

#define NAMED(text) .name = (text), .name_size = sizeof(text) - 1

static const unsigned char job_id[16] = "a job's identity";

static const struct manifest_property property[] = {
	{ "command", "cp", 2 },
	{ "sources", "/a\0/b", 6 },
};

static const struct manifest_entry root_item[] = {
	{ NAMED("a"), .kind = MANIFEST_FILE, .bytes = 10, .meta = (const unsigned char *)"m\0m",
	  .meta_size = 3 },
	{ NAMED("big"), .kind = MANIFEST_FILE, .bytes = 1000, .chunk_size = 100 },
	{ NAMED("below"), .kind = MANIFEST_DIRECTORY },
	{ NAMED("fifo"), .kind = MANIFEST_OTHER, .verdict = OUTCOME_SKIPPED,
	  .reason = REASON_SPECIAL },
	{ NAMED("link"), .kind = MANIFEST_SYMLINK },
	{ NAMED("wide"), .kind = MANIFEST_DIRECTORY },
};
static const struct manifest_entry below_item[] = {
	{ NAMED("deep"), .kind = MANIFEST_DIRECTORY },
	{ NAMED("huge"), .kind = MANIFEST_FILE, .bytes = 5000, .chunk_size = 10 },
	{ NAMED("last"), .kind = MANIFEST_FILE, .bytes = 7 },
};
static char wide_name[WIDE][WIDE_NAME + 1];
static struct manifest_entry wide_item[WIDE];

static const struct sample_listing listing[] = {
	[ROOT] = { "", 0, 0, root_item, ARRAY_COUNT(root_item) },
	[BELOW] = { "below", ROOT, 2, below_item, ARRAY_COUNT(below_item) },
	[DEEP] = { "deep", BELOW, 0, NULL, 0 },
	[WIDE_DIRECTORY] = { "wide", ROOT, 5, wide_item, WIDE },
};

/* What reading on found of it. */
static uint64_t id[ARRAY_COUNT(listing)];
static struct listing_id name_of[ARRAY_COUNT(listing)];

static void make(bool complete, bool outcomes, bool sources)
{
	const struct sample_plan plan = {
		.job_id = job_id,
		.property = property,
		.properties = ARRAY_COUNT(property),
		.listing = listing,
		.listings = ARRAY_COUNT(listing),
		.complete = complete,
		.outcomes = outcomes,
		.sources = sources,
	};
	for (size_t i = 0; i < WIDE; i++) {
		snprintf(wide_name[i], sizeof wide_name[i], "%0*zu", WIDE_NAME, i);
		wide_item[i] = (struct manifest_entry){
			.kind = MANIFEST_FILE,
			.bytes = WIDE_PARTS,
			.chunk_size = i % 100 ? 0 : 1,
			.name = wide_name[i],
			.name_size = WIDE_NAME,
		};
	}
	catalog = backend->make(&plan);
	assert_non_null(catalog);
	assert_int_equal(catalog_reader_new(catalog, &reader, NULL), FAULT_NONE);
}

static int close_all(void **state)
{
	(void)state;
	catalog_reader_free(reader);
	catalog_close(catalog);
	reader = NULL;
	catalog = NULL;
	return 0;
}

static void check_entry(const struct manifest_entry *got, const struct manifest_entry *meant)
{
	assert_int_equal(got->kind, meant->kind);
	assert_int_equal(got->verdict, meant->verdict);
	assert_int_equal(got->reason, meant->reason);
	assert_int_equal(got->bytes, meant->bytes);
	assert_int_equal(got->chunk_size, meant->chunk_size);
	assert_int_equal(got->name_size, meant->name_size);
	assert_memory_equal(got->name, meant->name, meant->name_size);
	assert_int_equal(got->meta_size, meant->meta_size);
	if (meant->meta_size)
		assert_memory_equal(got->meta, meant->meta, meant->meta_size);
}

/* Checks a page that goes on at entry `*at` of listing `*l`, and moves both on. */
static void check_page(const struct catalog_page *page, size_t *l, size_t *at, uint64_t *next_id)
{
	const struct sample_listing *meant = &listing[*l];
	assert_false(page->is_end);
	assert_int_equal(page->first, *at == 0);
	if (page->first) {
		assert_true(listing_is(page->here, page->listing));
		name_of[*l] = page->listing;
	}
	assert_true(listing_is(page->listing, name_of[*l]));
	assert_int_equal(page->id, id[*l]);
	assert_int_equal(page->name_size, strlen(meant->name));
	assert_memory_equal(page->name, meant->name, page->name_size);
	assert_int_equal(page->parent_id, id[meant->parent]);
	assert_int_equal(page->parent.value, *l == ROOT ? 0 : name_of[meant->parent].value);
	for (size_t i = 0; i < page->count; i++, ++*at) {
		assert_true(*at < meant->count);
		assert_int_equal(page->entry[i].id, *next_id);
		check_entry(&page->entry[i], &meant->item[*at]);
		for (size_t below = 1; below < ARRAY_COUNT(listing); below++)
			if (listing[below].parent == *l && listing[below].entry == *at)
				id[below] = *next_id;
		*next_id += manifest_entry_ids(&page->entry[i]);
	}
	assert_int_equal(page->last, *at == meant->count);
	if (page->last) {
		++*l;
		*at = 0;
	}
}

/* Reads the whole plan and checks it.  Returns the totals at its end. */
static const struct manifest_totals *check_plan(void)
{
	struct catalog_page page;
	struct listing_id before = { 0 };
	size_t l = 0, at = 0;
	uint64_t next_id = 1;
	for (;;) {
		const struct listing_id next = catalog_at(reader);
		assert_int_equal(catalog_next(reader, &page, NULL), FAULT_NONE);
		assert_int_equal(next.value, catalog_at(reader).value * page.is_end +
						     page.here.value * !page.is_end);
		if (page.is_end)
			break;
		assert_true(page.here.value > before.value && page.here.value >> 59 == 0);
		before = page.here;
		check_page(&page, &l, &at, &next_id);
	}
	assert_int_equal(l, ARRAY_COUNT(listing));
	if (page.totals)
		assert_int_equal(page.totals->next_id, next_id);
	return page.totals;
}

/* ---- facts ---- */

static void knows_its_job_and_properties(void **state)
{
	size_t size = 0;
	(void)state;
	make(true, false, false);
	assert_memory_equal(catalog_job_id(catalog), job_id, sizeof job_id);
	const char *value = catalog_property(catalog, "sources", &size);
	assert_int_equal(size, 6);
	assert_memory_equal(value, "/a\0/b", 6);
	assert_non_null(catalog_property(catalog, "command", &size));
	assert_null(catalog_property(catalog, "comman", &size));
	assert_null(catalog->outcomes);
	assert_null(catalog->sources);
	assert_true(catalog_is_complete(catalog));
}

static void reads_a_plan_in_order_and_its_totals(void **state)
{
	(void)state;
	make(true, false, false);
	const struct manifest_totals *totals = check_plan();
	assert_non_null(totals);
	assert_int_equal(totals->files, 4 + WIDE);
	assert_int_equal(totals->directories, 3);
	assert_int_equal(totals->symlinks, 1);
	assert_int_equal(totals->others, 1);
	assert_int_equal(totals->skipped, 1);
	assert_int_equal(totals->bytes, 10 + 1000 + 5000 + 7 + WIDE * WIDE_PARTS);
	struct catalog_page page; /* the end is where it is */
	assert_int_equal(catalog_next(reader, &page, NULL), FAULT_NONE);
	assert_true(page.is_end);
	catalog_seek(reader, (struct listing_id){ 0 });
	assert_non_null(check_plan());
}

static void ends_an_unfinished_plan_where_it_stops(void **state)
{
	struct catalog_page page;
	(void)state;
	make(false, false, false);
	assert_false(catalog_is_complete(catalog));
	assert_null(check_plan());
	assert_int_equal(catalog_read(reader, &page, NULL), FAULT_NOT_FOUND);
	assert_int_equal(catalog_next(reader, &page, NULL), FAULT_NONE);
	assert_true(page.is_end);
}

static void goes_on_from_any_page(void **state)
{
	struct catalog_page page;
	struct listing_id middle = { 0 };
	size_t l = WIDE_DIRECTORY, before = 0;
	(void)state;
	make(true, false, false);
	check_plan();
	catalog_seek(reader, name_of[BELOW]);
	assert_int_equal(catalog_read(reader, &page, NULL), FAULT_NONE);
	assert_int_equal(page.id, id[BELOW]);
	catalog_seek(reader, name_of[l]);
	while (!listing_is(middle, page.here)) {
		assert_int_equal(catalog_read(reader, &page, NULL), FAULT_NONE);
		before += page.count;
		if (before > 1)
			middle = page.here;
	}
	before -= page.count;
	uint64_t first = page.entry[0].id;
	catalog_seek(reader, name_of[ROOT]);
	assert_int_equal(catalog_read(reader, &page, NULL), FAULT_NONE);
	catalog_seek(reader, middle);
	assert_int_equal(catalog_read(reader, &page, NULL), FAULT_NONE);
	assert_int_equal(page.entry[0].id, first);
	check_page(&page, &l, &before, &first);
}

static void finds_paths_beside_a_page(void **state)
{
	static const struct {
		size_t listing, capacity;
		const char *path;
	} row[] = {
		{ ROOT, 100, "" },           { BELOW, 100, "below" },
		{ DEEP, 100, "below/deep" }, { DEEP, 11, "below/deep" },
		{ DEEP, 10, "...w/deep" },   { WIDE_DIRECTORY, 5, "wide" },
	};
	struct catalog_page page;
	char path[100];
	(void)state;
	make(true, false, false);
	check_plan();
	catalog_seek(reader, name_of[BELOW]);
	assert_int_equal(catalog_read(reader, &page, NULL), FAULT_NONE);
	for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
		assert_int_equal(
			catalog_path(reader, name_of[row[i].listing], path, row[i].capacity, NULL),
			FAULT_NONE);
		assert_string_equal(path, row[i].path);
	}
	for (size_t i = 0; i < page.count; i++)
		check_entry(&page.entry[i], &below_item[i]);
	assert_memory_equal(page.name, "below", page.name_size);
	assert_int_equal(catalog_read(reader, &page, NULL), FAULT_NONE);
	assert_int_equal(page.id, id[DEEP]);
}

static void readers_do_not_disturb_one_another(void **state)
{
	struct catalog_reader *other;
	struct catalog_page page, second;
	(void)state;
	make(true, false, false);
	assert_int_equal(catalog_reader_new(catalog, &other, NULL), FAULT_NONE);
	assert_int_equal(catalog_read(reader, &page, NULL), FAULT_NONE);
	assert_int_equal(catalog_read(other, &second, NULL), FAULT_NONE);
	assert_int_equal(catalog_read(other, &second, NULL), FAULT_NONE);
	for (size_t i = 0; i < page.count; i++)
		check_entry(&page.entry[i], &root_item[i]);
	catalog_reader_free(other);
	assert_int_equal(catalog_read(reader, &page, NULL), FAULT_NONE);
	assert_memory_equal(page.name, "below", page.name_size);
}

/* ---- slots ---- */

static struct outcome slot_of(uint64_t task, enum outcome_state state)
{
	return (struct outcome){
		.id = task,
		.state = (uint8_t)state,
		.level = 3,
		.attempts = 2,
		.cap_kind = 4,
		.cap_size = 3,
		.cap = "cap",
		.content = "0123456789abcde",
		.meta = "when and whose",
		.length = task * 5,
	};
}

static void put(struct outcomes *outcomes, uint64_t task, enum outcome_state state)
{
	const struct outcome slot = slot_of(task, state);
	assert_int_equal(outcomes_write(outcomes, &slot, 1, NULL), FAULT_NONE);
}

static void keeps_slots_of_outcomes_and_sources_apart(void **state)
{
	enum { MANY = 700 };
	static struct outcome got[MANY];
	uint64_t end = 1;
	(void)state;
	make(true, true, true);
	assert_int_equal(outcomes_end(catalog->outcomes, &end, NULL), FAULT_NONE);
	assert_int_equal(end, 0);
	for (uint64_t task = 1; task < MANY; task += 3)
		put(catalog->outcomes, task, OUTCOME_DONE);
	put(catalog->sources, 2, OUTCOME_PLANNED);
	put(catalog->outcomes, 4, OUTCOME_FAILED); /* again */
	put(catalog->outcomes, 7, OUTCOME_NONE);   /* no more */
	assert_int_equal(outcomes_sync(catalog->outcomes, NULL), FAULT_NONE);
	assert_int_equal(outcomes_read(catalog->outcomes, 0, MANY, got, NULL), FAULT_NONE);
	for (uint64_t task = 0; task < MANY; task++) {
		const struct outcome none = { .id = task };
		const struct outcome meant =
			task == 7 || task % 3 != 1
				? none
				: slot_of(task, task == 4 ? OUTCOME_FAILED : OUTCOME_DONE);
		assert_memory_equal(&got[task], &meant, sizeof meant);
	}
	assert_int_equal(outcomes_end(catalog->outcomes, &end, NULL), FAULT_NONE);
	assert_int_equal(end, (MANY - 2) / 3 * 3 + 2);
	assert_int_equal(outcomes_end(catalog->sources, &end, NULL), FAULT_NONE);
	assert_int_equal(end, 3);
	assert_int_equal(outcomes_read(catalog->outcomes, UINT64_C(1) << 40, 2, got, NULL),
			 FAULT_NONE);
	assert_int_equal(got[1].state, OUTCOME_NONE);
	assert_int_equal(got[1].id, (UINT64_C(1) << 40) + 1);
}

static void writes_slots_in_batches_of_any_order(void **state)
{
	enum { MANY = 500, OTHERS = 5 };
	static struct outcome slot[MANY], got[MANY + 100];
	static const uint64_t other[OTHERS] = { 90, 7, 8, 2, 90 };
	struct outcomes_batch batch = { .outcomes = NULL };
	(void)state;
	make(true, true, true);
	for (size_t i = 0; i < MANY; i++)
		slot[i] = slot_of(100 + i, OUTCOME_DONE);
	assert_int_equal(outcomes_write(catalog->outcomes, slot, MANY, NULL), FAULT_NONE);
	for (size_t i = 0; i < OTHERS; i++)
		slot[i] = slot_of(other[i], i == 0 ? OUTCOME_FAILED : OUTCOME_SKIPPED);
	assert_int_equal(outcomes_write(catalog->outcomes, slot, OTHERS, NULL), FAULT_NONE);
	assert_int_equal(outcomes_write(catalog->outcomes, slot, 0, NULL), FAULT_NONE);
	assert_int_equal(outcomes_read(catalog->outcomes, 0, MANY + 100, got, NULL), FAULT_NONE);
	for (uint64_t task = 0; task < MANY + 100; task++) {
		bool among = task == 2 || task == 7 || task == 8 || task == 90;
		const struct outcome none = { .id = task };
		const struct outcome meant = task >= 100 ? slot_of(task, OUTCOME_DONE)
					     : among     ? slot_of(task, OUTCOME_SKIPPED)
							 : none;
		assert_memory_equal(&got[task], &meant, sizeof meant);
	}
	batch.outcomes = catalog->sources;
	for (uint64_t task = 1; task <= OUTCOMES_BATCH + 1; task++) {
		const struct outcome one = slot_of(task, OUTCOME_PLANNED);
		assert_int_equal(outcomes_batch_add(&batch, &one, NULL), FAULT_NONE);
	}
	uint64_t end = 0;
	assert_int_equal(outcomes_end(catalog->sources, &end, NULL), FAULT_NONE);
	assert_int_equal(end, OUTCOMES_BATCH + 1);
	assert_int_equal(outcomes_batch_flush(&batch, NULL), FAULT_NONE);
	assert_int_equal(outcomes_batch_flush(&batch, NULL), FAULT_NONE);
	assert_int_equal(outcomes_end(catalog->sources, &end, NULL), FAULT_NONE);
	assert_int_equal(end, OUTCOMES_BATCH + 2);
}

struct seen {
	const struct manifest_entry *item;
	size_t count, limit;
};

static enum fault see(void *context, const struct manifest_entry *entry,
		      const struct outcome *outcome, struct err *err)
{
	struct seen *seen = context;
	assert_true(seen->count < seen->limit);
	check_entry(entry, &seen->item[seen->count++]);
	assert_int_equal(outcome->id, entry->id);
	assert_int_equal(outcome->state, entry->id % 2 ? OUTCOME_DONE : OUTCOME_NONE);
	if (seen->count == 2600)
		return err_set(err, FAULT_CHANGED, "enough");
	return FAULT_NONE;
}

static void visits_entries_with_their_slots(void **state)
{
	struct seen seen = { .item = below_item, .limit = 3 };
	const struct catalog_visitor visitor = { see, &seen };
	(void)state;
	make(true, true, false);
	check_plan();
	for (uint64_t task = 1; task < 2 * WIDE; task += 2)
		put(catalog->outcomes, task, OUTCOME_DONE);
	assert_int_equal(catalog_children(reader, name_of[BELOW], &visitor, NULL), FAULT_NONE);
	assert_int_equal(seen.count, 3);
	seen = (struct seen){ .limit = 0 };
	assert_int_equal(catalog_children(reader, name_of[DEEP], &visitor, NULL), FAULT_NONE);
	seen = (struct seen){ .item = wide_item, .limit = WIDE };
	assert_int_equal(catalog_children(reader, name_of[WIDE_DIRECTORY], &visitor, NULL),
			 FAULT_CHANGED);
	assert_int_equal(seen.count, 2600);
}

static enum fault see_nothing_done(void *context, const struct manifest_entry *entry,
				   const struct outcome *outcome, struct err *err)
{
	(void)context;
	(void)err;
	(void)entry;
	assert_int_equal(outcome->state, OUTCOME_NONE);
	return FAULT_NONE;
}

static void visits_what_has_no_slots_yet(void **state)
{
	const struct catalog_visitor visitor = { see_nothing_done, NULL };
	(void)state;
	make(true, false, false);
	check_plan();
	assert_int_equal(catalog_children(reader, name_of[WIDE_DIRECTORY], &visitor, NULL),
			 FAULT_NONE);
}

/* ---- threads ---- */

static atomic_bool written;

static void write_on(void *context)
{
	(void)context;
	for (uint64_t task = 0; task < 4000; task++)
		put(catalog->outcomes, task % 97, task % 3 ? OUTCOME_DONE : OUTCOME_FAILED);
	atomic_store(&written, true);
}

static void a_slot_is_seen_before_or_after_a_write(void **state)
{
	struct thread thread;
	struct outcome got[97];
	(void)state;
	make(true, true, false);
	atomic_store(&written, false);
	assert_true(thread_start(&thread, "writer", write_on, NULL));
	while (!atomic_load(&written)) {
		assert_int_equal(outcomes_read(catalog->outcomes, 0, 97, got, NULL), FAULT_NONE);
		for (size_t i = 0; i < 97; i++)
			assert_true(got[i].state != OUTCOME_DAMAGED);
	}
	thread_join(&thread);
}

int catalog_contract_run(const struct catalog_contract *contract)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test_teardown(knows_its_job_and_properties, close_all),
		cmocka_unit_test_teardown(reads_a_plan_in_order_and_its_totals, close_all),
		cmocka_unit_test_teardown(ends_an_unfinished_plan_where_it_stops, close_all),
		cmocka_unit_test_teardown(goes_on_from_any_page, close_all),
		cmocka_unit_test_teardown(finds_paths_beside_a_page, close_all),
		cmocka_unit_test_teardown(readers_do_not_disturb_one_another, close_all),
		cmocka_unit_test_teardown(keeps_slots_of_outcomes_and_sources_apart, close_all),
		cmocka_unit_test_teardown(writes_slots_in_batches_of_any_order, close_all),
		cmocka_unit_test_teardown(visits_entries_with_their_slots, close_all),
		cmocka_unit_test_teardown(visits_what_has_no_slots_yet, close_all),
		cmocka_unit_test_teardown(a_slot_is_seen_before_or_after_a_write, close_all),
	};
	backend = contract;
	return cmocka_run_group_tests_name("catalog", facts, NULL, NULL);
}
