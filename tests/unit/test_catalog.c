#include "queue/catalog_file.h"

#include "queue/file/manifest.h"
#include "tests/unit/catalog_contract.h"
#include "tests/unit/facts.h"
#include "tests/unit/scratch.h"

#include <unistd.h>

static struct catalog_files files;

static void forget(void)
{
	files = (struct catalog_files){
		.plan = scratch_path("plan"),
		.outcomes = scratch_path("outcomes"),
		.sources = scratch_path("sources"),
	};
	unlink(files.plan);
	unlink(files.outcomes);
	unlink(files.sources);
}

/* Writes the listings of the plan behind its header. */
static void write_listings(const struct sample_plan *plan)
{
	struct manifest_resume resume;
	struct manifest_writer *writer;
	uint64_t id[8] = { 0 };
	struct listing_id at[8] = { 0 }, durable;
	assert_true(plan->listings <= ARRAY_COUNT(id));
	assert_int_equal(manifest_recover(files.plan, &resume, &writer, NULL), FAULT_NONE);
	for (size_t l = 0; l < plan->listings; l++) {
		const struct sample_listing *listing = &plan->listing[l];
		size_t parent = listing->parent;
		assert_int_equal(manifest_begin(writer, id[l], id[parent],
						l ? at[parent] : LISTING_NONE, listing->name,
						strlen(listing->name), &at[l], NULL),
				 FAULT_NONE);
		for (size_t i = 0; i < listing->count; i++) {
			struct manifest_entry entry = listing->item[i];
			assert_int_equal(manifest_add(writer, &entry, NULL), FAULT_NONE);
			for (size_t below = 1; below < plan->listings; below++)
				if (plan->listing[below].parent == l &&
				    plan->listing[below].entry == i)
					id[below] = entry.id;
		}
		assert_int_equal(manifest_end(writer, NULL), FAULT_NONE);
	}
	assert_int_equal(plan->complete ? manifest_finish(writer, NULL)
					: manifest_sync(writer, &durable, NULL),
			 FAULT_NONE);
	manifest_writer_close(writer);
}

static void create(const struct sample_plan *plan)
{
	const struct catalog_plan fresh = {
		.job_id = plan->job_id,
		.property = plan->property,
		.count = plan->properties,
		.binding = "here",
		.binding_size = 4,
		.with_sources = plan->sources,
	};
	forget();
	assert_int_equal(catalog_file_create(&files, &fresh, NULL), FAULT_NONE);
	if (!plan->outcomes)
		unlink(files.outcomes);
	write_listings(plan);
}

static struct catalog *make(const struct sample_plan *plan)
{
	struct catalog *catalog = NULL;
	create(plan);
	assert_int_equal(catalog_file_open(&files, plan->job_id, &catalog, NULL), FAULT_NONE);
	return catalog;
}

static const struct sample_listing only_root[] = { { .name = "" } };
static const struct sample_plan small = {
	.job_id = (const unsigned char *)"sixteen bytes id",
	.listing = only_root,
	.listings = 1,
	.complete = true,
	.outcomes = true,
};

static void outcomes_are_bound_once(void **state)
{
	struct sample_plan plan = small;
	struct catalog *catalog = make(&small);
	size_t size = 0;
	(void)state;
	assert_memory_equal(catalog_file_binding(catalog, &size), "here", 4);
	assert_int_equal(size, 4);
	catalog_close(catalog);
	plan.outcomes = false;
	catalog = make(&plan);
	assert_null(catalog_file_binding(catalog, &size));
	assert_int_equal(catalog_file_bind(catalog, "there", 5, NULL), FAULT_NONE);
	assert_memory_equal(catalog_file_binding(catalog, &size), "there", 5);
	catalog_close(catalog);
	assert_int_equal(catalog_file_open(&files, NULL, &catalog, NULL), FAULT_NONE);
	assert_memory_equal(catalog_file_binding(catalog, &size), "there", 5);
	assert_int_equal(catalog_file_repaired(catalog), 0);
	catalog_close(catalog);
}

static void files_of_another_job_are_refused(void **state)
{
	struct catalog *catalog = NULL;
	struct err err;
	(void)state;
	create(&small);
	assert_int_equal(catalog_file_open(&files, (const unsigned char *)"sixteen bytes ie",
					   &catalog, &err),
			 FAULT_CORRUPT);
	struct sample_plan other = small;
	char *outcomes = strdup(scratch_path("kept"));
	assert_non_null(outcomes);
	assert_int_equal(rename(files.outcomes, outcomes), 0);
	other.job_id = (const unsigned char *)"sixteen bytes ie";
	create(&other);
	assert_int_equal(rename(outcomes, files.outcomes), 0);
	assert_int_equal(catalog_file_open(&files, NULL, &catalog, &err), FAULT_CORRUPT);
	free(outcomes);
	forget();
	assert_int_equal(catalog_file_open(&files, NULL, &catalog, &err), FAULT_NOT_FOUND);
	assert_null(catalog);
}

static void damaged_headers_are_repaired_and_counted(void **state)
{
	struct catalog *catalog = NULL;
	unsigned char byte[8192];
	(void)state;
	create(&small);
	size_t size = scratch_load(files.outcomes, byte, sizeof byte);
	byte[50] ^= 1;
	scratch_store(files.outcomes, byte, size);
	assert_int_equal(catalog_file_open(&files, NULL, &catalog, NULL), FAULT_NONE);
	assert_int_equal(catalog_file_repaired(catalog), 1);
	catalog_close(catalog);
}

/* What a crash leaves behind the last sync is no page, and no fault for who only looks. */
static void a_torn_page_is_the_end_of_an_unfinished_plan(void **state)
{
	struct sample_plan plan = small;
	struct catalog_reader *reader;
	struct catalog_page page;
	unsigned char byte[8192];
	(void)state;
	plan.complete = false;
	create(&plan);
	size_t size = scratch_load(files.plan, byte, sizeof byte - 100);
	memset(byte + size, 7, 100);
	scratch_store(files.plan, byte, size + 100);
	struct catalog *catalog = NULL;
	assert_int_equal(catalog_file_open(&files, NULL, &catalog, NULL), FAULT_NONE);
	assert_int_equal(catalog_reader_new(catalog, &reader, NULL), FAULT_NONE);
	assert_int_equal(catalog_next(reader, &page, NULL), FAULT_NONE);
	assert_false(page.is_end);
	assert_int_equal(catalog_read(reader, &page, NULL), FAULT_CORRUPT);
	assert_int_equal(catalog_next(reader, &page, NULL), FAULT_NONE);
	assert_true(page.is_end);
	catalog_reader_free(reader);
	catalog_close(catalog);
}

static void a_complete_plan_that_was_cut_is_damaged(void **state)
{
	struct catalog_reader *reader;
	struct catalog_page page;
	struct catalog *catalog = NULL;
	unsigned char byte[8192];
	(void)state;
	create(&small);
	assert_int_equal(catalog_file_open(&files, NULL, &catalog, NULL), FAULT_NONE);
	assert_int_equal(catalog_reader_new(catalog, &reader, NULL), FAULT_NONE);
	assert_int_equal(catalog_next(reader, &page, NULL), FAULT_NONE);
	assert_int_equal(catalog_next(reader, &page, NULL), FAULT_NONE);
	assert_true(page.is_end);
	size_t size = scratch_load(files.plan, byte, sizeof byte);
	int cut = (int)page.here.value;
	assert_in_range(cut, 64, size - 1);
	assert_int_equal(truncate(files.plan, cut), 0);
	assert_int_equal(catalog_next(reader, &page, NULL), FAULT_CORRUPT);
	catalog_reader_free(reader);
	catalog_close(catalog);
}

static void an_outcomes_file_is_shown_by_itself(void **state)
{
	struct outcomes *outcomes = NULL;
	unsigned char job[16];
	struct err err;
	(void)state;
	create(&small);
	assert_int_equal(catalog_file_slots(files.outcomes, job, &outcomes, NULL), FAULT_NONE);
	assert_memory_equal(job, small.job_id, sizeof job);
	outcomes_close(outcomes);
	assert_int_equal(catalog_file_slots(files.plan, job, &outcomes, &err), FAULT_USAGE);
}

int main(void)
{
	static const struct catalog_contract contract = { make };
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(outcomes_are_bound_once),
		cmocka_unit_test(files_of_another_job_are_refused),
		cmocka_unit_test(damaged_headers_are_repaired_and_counted),
		cmocka_unit_test(a_torn_page_is_the_end_of_an_unfinished_plan),
		cmocka_unit_test(a_complete_plan_that_was_cut_is_damaged),
		cmocka_unit_test(an_outcomes_file_is_shown_by_itself),
	};
	scratch_setup(NULL);
	int failed = catalog_contract_run(&contract);
	failed += cmocka_run_group_tests(facts, NULL, NULL);
	scratch_teardown(NULL);
	return failed;
}
