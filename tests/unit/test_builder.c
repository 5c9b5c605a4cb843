#include "land/builder.h"

#include "base/meta.h"
#include "tests/unit/facts.h"
#include "tests/unit/land_case.h"

#include <sys/stat.h>
#include <unistd.h>

static struct builder_options options;

static int setup(void **state)
{
	land_case_setup(state);
	land_case.queue.leases_max = 9;
	options = (struct builder_options){
		.lease = land_case.queue.lease,
		.catalog = land_case.catalog,
		.root = land_case.root,
		.path = land_case.path,
		.preserve = true,
		.mask = 022,
		.losses = &land_case.losses,
	};
	return 0;
}

/* Adds the directory, which is entry `directory` of the manifest. */
static struct fake_task *add(enum land_case_directory directory, const struct meta *meta)
{
	const struct task task = {
		.id = (uint64_t)directory,
		.directory = (uint64_t)directory,
		.listing = land_case.listing[directory],
		.kind = MANIFEST_DIRECTORY,
	};
	struct fake_task *added = fake_add(&land_case.queue, &task, SEGMENT_DIRECTORIES);
	if (meta) {
		added->task.meta = added->meta;
		added->task.meta_size = meta_pack(meta, added->meta);
	}
	return added;
}

static void build(void)
{
	struct builder *builder;
	struct err err;
	assert_int_equal(builder_start(&options, &builder, &err), 0);
	builder_join(builder);
}

static struct stat status_of(const char *path)
{
	struct stat st;
	assert_int_equal(lstat(tree_path(path), &st), 0);
	return st;
}

static void assert_ended(const struct fake_task *task, enum outcome_state state,
			 enum outcome_reason reason)
{
	assert_true(task->settled);
	assert_int_equal(task->outcome.state, state);
	assert_int_equal(task->outcome.reason, reason);
}

/* ---- facts ---- */

static void makes_directories_that_no_file_has_made(void **state)
{
	(void)state;
	const struct fake_task *inner = add(LAND_CASE_E, NULL);
	const struct fake_task *outer = add(LAND_CASE_D, NULL);
	build();
	assert_ended(inner, OUTCOME_DONE, REASON_NONE);
	assert_ended(outer, OUTCOME_DONE, REASON_NONE);
	assert_int_equal(status_of("out/d").st_mode, S_IFDIR | 0755);
	assert_int_equal(status_of("out/d/e").st_mode, S_IFDIR | 0755);
}

static void restores_mode_and_time(void **state)
{
	(void)state;
	const struct meta local = { .mode = S_IFDIR | S_ISVTX | S_ISGID | 0511,
				    .mtime_ns = 7000000000 };
	const struct meta edge = { .flags = META_GRID | META_HAS_MODE | META_HAS_MTIME,
				   .mode = 0700,
				   .mtime_ns = -1500000000 };
	add(LAND_CASE_E, &local);
	add(LAND_CASE_D, &edge);
	build();
	struct stat st = status_of("out/d/e");
	assert_int_equal(st.st_mode, S_IFDIR | S_ISVTX | 0511);
	assert_int_equal(st.st_mtim.tv_sec, 7);
	st = status_of("out/d");
	assert_int_equal(st.st_mode, S_IFDIR | 0700);
	assert_int_equal(st.st_mtim.tv_sec, -2);
	assert_int_equal(st.st_mtim.tv_nsec, 500000000);
	assert_int_equal(land_case.losses.modes, 0);
}

static void takes_the_umask_where_there_is_no_mode(void **state)
{
	(void)state;
	const struct meta edge = { .flags = META_GRID | META_HAS_MTIME, .mtime_ns = 7000000000 };
	options.mask = 027;
	add(LAND_CASE_E, &edge);
	build();
	assert_int_equal(status_of("out/d/e").st_mode, S_IFDIR | 0750);
	assert_int_equal(status_of("out/d/e").st_mtim.tv_sec, 7);
}

static void restores_nothing_that_is_not_wanted(void **state)
{
	(void)state;
	const struct meta local = { .mode = S_IFDIR | 0700, .mtime_ns = 7000000000 };
	options.preserve = false;
	add(LAND_CASE_D, &local);
	build();
	assert_int_equal(status_of("out/d").st_mode, S_IFDIR | 0755);
	assert_true(status_of("out/d").st_mtim.tv_sec > 1000000000);
}

static void leaves_a_directory_that_was_there_as_it_is(void **state)
{
	(void)state;
	const struct meta local = { .mode = S_IFDIR | 0755 };
	const struct meta grid = { .flags = META_GRID };
	assert_int_equal(mkdir(tree_path("out/d"), 0700), 0);
	assert_int_equal(mkdir(tree_path("out/d/e"), 0700), 0);
	add(LAND_CASE_E, &grid);
	build();
	assert_int_equal(status_of("out/d/e").st_mode, S_IFDIR | 0700);
	options.preserve = false;
	add(LAND_CASE_D, &local);
	build();
	assert_int_equal(status_of("out/d").st_mode, S_IFDIR | 0700);
}

static void leaves_the_target_itself_as_it_is(void **state)
{
	(void)state;
	const struct meta edge = { .flags = META_GRID | META_HAS_MODE, .mode = 0700 };
	const struct fake_task *root = add(LAND_CASE_ROOT, &edge);
	build();
	assert_ended(root, OUTCOME_DONE, REASON_NONE);
	assert_int_equal(status_of("out").st_mode, S_IFDIR | 0755);
	assert_int_equal(tree_count("out"), 0);
}

/* It was read-only, and opened for the time being. */
static void shuts_the_target_itself_that_was_opened(void **state)
{
	(void)state;
	assert_int_equal(chmod(tree_path("out"), S_ISUID | 0755), 0);
	const struct fake_task *root = add(LAND_CASE_ROOT, NULL);
	build();
	assert_ended(root, OUTCOME_DONE, REASON_NONE);
	assert_int_equal(status_of("out").st_mode, S_IFDIR | 0555);
}

static void counts_what_could_not_be_kept(void **state)
{
	(void)state;
	const struct meta edge = { .flags = META_GRID | META_HAS_MODE, .mode = 0700 };
	if (getuid() != 0)
		skip(); /* nobody else has a directory that is another's */
	tree_as_user();
	tree_as_root();
	assert_int_equal(mkdir(tree_path("out/d"), 0755), 0);
	assert_int_equal(seteuid(status_of("out").st_uid), 0);
	const struct fake_task *task = add(LAND_CASE_D, &edge);
	build();
	tree_as_root();
	assert_ended(task, OUTCOME_DONE, REASON_NONE);
	assert_int_equal(land_case.losses.modes, 1);
}

static void fails_where_something_is_in_the_way(void **state)
{
	(void)state;
	const struct meta edge = { .flags = META_GRID | META_HAS_MODE, .mode = 0700 };
	tree_store("out/d", "a file");
	const struct fake_task *inner = add(LAND_CASE_E, &edge);
	const struct fake_task *outer = add(LAND_CASE_D, &edge);
	build();
	assert_ended(inner, OUTCOME_FAILED, REASON_CONFLICT);
	assert_ended(outer, OUTCOME_FAILED, REASON_CONFLICT);
	assert_true(tree_holds("out/d", "a file", 6));
	assert_int_equal(inner->reason.fault, FAULT_EXISTS);
	assert_int_equal(land_case.queue.broken.fault, FAULT_NONE);
}

static void settles_what_could_not_be_listed(void **state)
{
	(void)state;
	struct err err;
	const struct outcome condemned = { .id = LAND_CASE_E,
					   .state = OUTCOME_PLANNED,
					   .reason = REASON_GATEWAY,
					   .level = OUTCOME_FAILED };
	const struct outcome vanished = { .id = LAND_CASE_D,
					  .state = OUTCOME_PLANNED,
					  .reason = REASON_VANISHED,
					  .level = OUTCOME_SKIPPED };
	assert_int_equal(outcomes_write(land_case.slots, &condemned, 1, &err), 0);
	assert_int_equal(outcomes_write(land_case.slots, &vanished, 1, &err), 0);
	const struct fake_task *inner = add(LAND_CASE_E, NULL);
	const struct fake_task *outer = add(LAND_CASE_D, NULL);
	build();
	assert_ended(inner, OUTCOME_FAILED, REASON_GATEWAY);
	assert_ended(outer, OUTCOME_SKIPPED, REASON_VANISHED);
	assert_int_equal(tree_count("out"), 0);
}

/* Only what the planner has said of it. */
static void an_earlier_end_condemns_nothing(void **state)
{
	(void)state;
	struct err err;
	const struct outcome failed = { .id = LAND_CASE_D,
					.state = OUTCOME_FAILED,
					.reason = REASON_GATEWAY };
	assert_int_equal(outcomes_write(land_case.slots, &failed, 1, &err), 0);
	const struct fake_task *outer = add(LAND_CASE_D, NULL);
	build();
	assert_ended(outer, OUTCOME_DONE, REASON_NONE);
	assert_int_equal(status_of("out/d").st_mode, S_IFDIR | 0755);
}

/* The manifest is our own state: when it is damaged, nothing can go on. */
static void ends_the_job_when_the_manifest_is_damaged(void **state)
{
	(void)state;
	struct fake_task *task = add(LAND_CASE_D, NULL);
	task->task.listing.value++;
	build();
	assert_int_equal(land_case.queue.broken.fault, FAULT_CORRUPT);
	assert_false(task->settled);
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, setup, land_case_teardown)
	const struct CMUnitTest tests[] = {
		FACT(makes_directories_that_no_file_has_made),
		FACT(restores_mode_and_time),
		FACT(leaves_a_directory_that_was_there_as_it_is),
		FACT(takes_the_umask_where_there_is_no_mode),
		FACT(restores_nothing_that_is_not_wanted),
		FACT(leaves_the_target_itself_as_it_is),
		FACT(shuts_the_target_itself_that_was_opened),
		FACT(counts_what_could_not_be_kept),
		FACT(fails_where_something_is_in_the_way),
		FACT(settles_what_could_not_be_listed),
		FACT(an_earlier_end_condemns_nothing),
		FACT(ends_the_job_when_the_manifest_is_damaged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
