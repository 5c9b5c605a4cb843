#include "land/arrival.h"

#include "base/meta.h"
#include "tahoe/caps.h"
#include "tests/unit/facts.h"
#include "tests/unit/land_case.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY ".barge-0123456789abcdef-100"

enum { NOBODY_NEWER = 0 }; /* a job so old that everything there is newer */

/* Brings the first task that is not settled, as `text`. */
static void bring(const char *text)
{
	struct arrival *arrival = land_case_begin(&land_case);
	if (!arrival)
		return;
	land_case_write(arrival, text, strlen(text));
	arrival_complete(arrival);
	fake_queue_wait(&land_case.queue);
}

/* Adds a file, brings it, and returns what became of it. */
static const struct fake_task *bring_file(const char *name, const char *text,
					  const struct meta *meta)
{
	struct fake_task *task =
		land_case_file(&land_case, LAND_CASE_ROOT, name, strlen(text), meta);
	if (!land_case.arrivals)
		land_case_start(&land_case);
	bring(text);
	return task;
}

static void assert_done(const struct fake_task *task)
{
	assert_true(task->settled);
	assert_int_equal(task->outcome.state, OUTCOME_DONE);
}

static void assert_ended(const struct fake_task *task, enum outcome_state state,
			 enum outcome_reason reason)
{
	assert_true(task->settled);
	assert_int_equal(task->outcome.state, state);
	assert_int_equal(task->outcome.reason, reason);
}

static struct stat status_of(const char *path)
{
	struct stat st;
	assert_int_equal(lstat(tree_path(path), &st), 0);
	return st;
}

/* ---- the ordinary way ---- */

static int64_t changed_ns(const char *path)
{
	const struct stat st = status_of(path);
	return meta_from_stat(&st).ctime_ns;
}

static void gives_a_file_its_name_and_says_so(void **state)
{
	(void)state;
	struct fake_task *task = land_case_file(&land_case, LAND_CASE_E, "file", 5, NULL);
	land_case_start(&land_case);
	struct arrival *arrival = land_case_begin(&land_case);
	land_case_write(arrival, "hello", 5);
	assert_true(tree_holds("out/d/e/" TEMPORARY, "hello", 5));
	arrival->outcome.level = 3;
	arrival_complete(arrival);
	fake_queue_wait(&land_case.queue);
	assert_done(task);
	assert_int_equal(task->outcome.attempts, 1);
	assert_int_equal(task->outcome.level, 3 | OUTCOME_OWN);
	assert_int_equal(meta_written(task->outcome.meta), changed_ns("out/d/e/file"));
	assert_int_equal(task->outcome.length, 5);
	assert_true(tree_holds("out/d/e/file", "hello", 5));
	assert_int_equal(tree_count("out/d/e"), 1);
}

static void restores_mode_and_time(void **state)
{
	(void)state;
	const struct meta local = { .mode = S_IFREG | S_ISUID | 0751, .mtime_ns = -1500000000 };
	const struct meta edge = { .flags = META_GRID | META_HAS_MODE | META_HAS_MTIME,
				   .mode = 0640,
				   .mtime_ns = 2500000000 };
	bring_file("local", "text", &local);
	struct stat st = status_of("out/local");
	assert_int_equal(st.st_mode, S_IFREG | 0751);
	assert_int_equal(st.st_mtim.tv_sec, -2);
	assert_int_equal(st.st_mtim.tv_nsec, 500000000);
	bring_file("edge", "text", &edge);
	st = status_of("out/edge");
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	assert_int_equal(st.st_mtim.tv_sec, 2);
}

static void takes_the_umask_where_there_is_no_mode(void **state)
{
	(void)state;
	const struct meta timed = { .flags = META_GRID | META_HAS_MTIME, .mtime_ns = 5000000000 };
	land_case.options.mask = 027;
	bring_file("none", "text", NULL);
	assert_int_equal(status_of("out/none").st_mode, S_IFREG | 0640);
	assert_true(status_of("out/none").st_mtim.tv_sec > 1000000000);
	bring_file("timed", "text", &timed);
	assert_int_equal(status_of("out/timed").st_mode, S_IFREG | 0640);
	assert_int_equal(status_of("out/timed").st_mtim.tv_sec, 5);
}

static void restores_nothing_that_is_not_wanted(void **state)
{
	(void)state;
	const struct meta local = { .mode = S_IFREG | 0700, .mtime_ns = 5 };
	land_case.options.preserve = false;
	bring_file("file", "text", &local);
	assert_int_equal(status_of("out/file").st_mode, S_IFREG | 0644);
	assert_true(status_of("out/file").st_mtim.tv_sec > 1000000000);
}

static void keeps_the_mode_of_what_it_replaces(void **state)
{
	(void)state;
	const struct meta local = { .mode = S_IFREG | 0644 };
	tree_store("out/grid", "before");
	tree_store("out/local", "before");
	assert_int_equal(chmod(tree_path("out/grid"), 0600), 0);
	assert_int_equal(chmod(tree_path("out/local"), 0600), 0);
	bring_file("grid", "after", NULL);
	assert_int_equal(status_of("out/grid").st_mode, S_IFREG | 0600);
	bring_file("local", "after", &local);
	assert_int_equal(status_of("out/local").st_mode, S_IFREG | 0644);
	assert_int_equal(atomic_load(&land_case.losses.modes), 0);
}

static void names_a_whole_batch(void **state)
{
	(void)state;
	enum { FILES = 60 };
	static char name[FILES][16];
	struct arrival *arrival[FILES];
	size_t count;
	for (size_t i = 0; i < FILES; i++) {
		snprintf(name[i], sizeof name[i], "%02zu", i);
		land_case_file(&land_case, (enum land_case_directory)(i % LAND_CASE_DIRECTORIES),
			       name[i], 2, NULL);
	}
	/* Two have names that are taken, and the rest does not mind. */
	assert_int_equal(mkdir(tree_path("out/30"), 0755), 0);
	land_case_start(&land_case);
	struct work *work = fake_works(&land_case.queue, SEGMENT_TRANSFERS, &count);
	assert_int_equal(count, FILES);
	for (size_t i = 0; i < FILES; i++) {
		struct tree_dir *target_dir;
		struct err err;
		assert_int_equal(
			tree_open(land_case.target_tree, work[i].task->listing, &target_dir, &err),
			0);
		arrival[i] = arrival_begin(land_case.arrivals, &work[i], target_dir, NULL);
		if (arrival[i])
			land_case_write(arrival[i], name[i], 2);
	}
	assert_null(arrival[30]);
	assert_int_equal(mkdir(tree_path("out/d/31"), 0755), 0);
	for (size_t i = 0; i < FILES; i++)
		if (arrival[i])
			arrival_complete(arrival[i]);
	fake_queue_wait(&land_case.queue);
	for (size_t i = 0; i < FILES; i++) {
		if (i == 30 || i == 31)
			assert_ended(&land_case.queue.task[i], OUTCOME_FAILED, REASON_CONFLICT);
		else
			assert_done(&land_case.queue.task[i]);
	}
	assert_true(tree_holds("out/00", "00", 2));
	assert_true(tree_holds("out/d/e/59", "59", 2));
	assert_int_equal(tree_count("out"), 20 + 1); /* and d */
	assert_int_equal(tree_count("out/d"), 20 + 1);
	assert_int_equal(tree_count("out/d/e"), 20);
}

/* ---- what is there ---- */

static void replaces_what_is_older_than_the_job(void **state)
{
	(void)state;
	tree_store("out/file", "before");
	assert_done(bring_file("file", "after", NULL));
	assert_true(tree_holds("out/file", "after", 5));
	assert_int_equal(tree_count("out"), 1);
}

static void leaves_what_is_newer_than_the_job(void **state)
{
	(void)state;
	land_case.options.policy.planned_ns = NOBODY_NEWER;
	tree_store("out/file", "newer");
	assert_ended(bring_file("file", "after", NULL), OUTCOME_FAILED, REASON_CONFLICT);
	assert_true(tree_holds("out/file", "newer", 5));
	assert_int_equal(tree_count("out"), 1);
}

static void leaves_what_came_while_it_was_fetched(void **state)
{
	(void)state;
	struct fake_task *task = land_case_file(&land_case, LAND_CASE_ROOT, "file", 5, NULL);
	land_case_start(&land_case);
	struct arrival *arrival = land_case_begin(&land_case);
	land_case_write(arrival, "after", 5);
	tree_store("out/file", "meanwhile");
	arrival_complete(arrival);
	fake_queue_wait(&land_case.queue);
	assert_ended(task, OUTCOME_FAILED, REASON_CONFLICT);
	assert_true(tree_holds("out/file", "meanwhile", 9));
	assert_int_equal(tree_count("out"), 1);
}

/* Begins the only task, so that what is done to its name comes while its bytes are on the way. */
static struct arrival *begin_arrival(void)
{
	if (!land_case.arrivals)
		land_case_start(&land_case);
	struct arrival *arrival = land_case_begin(&land_case);
	land_case_write(arrival, "after", 5);
	return arrival;
}

static void leaves_what_was_edited_while_it_was_fetched(void **state)
{
	(void)state;
	tree_store("out/file", "old");
	struct fake_task *task = land_case_file(&land_case, LAND_CASE_ROOT, "file", 5, NULL);
	struct arrival *arrival = begin_arrival();
	tree_store("out/file", "edited");
	arrival_complete(arrival);
	fake_queue_wait(&land_case.queue);
	assert_ended(task, OUTCOME_FAILED, REASON_CONFLICT);
	assert_true(tree_holds("out/file", "edited", 6));
	assert_int_equal(tree_count("out"), 1);
}

static void names_nothing_in_a_directory_that_was_moved_away(void **state)
{
	(void)state;
	struct fake_task *task = land_case_file(&land_case, LAND_CASE_E, "file", 5, NULL);
	struct arrival *arrival = begin_arrival();
	assert_int_equal(rename(tree_path("out/d"), tree_path("moved")), 0);
	arrival_complete(arrival);
	fake_queue_wait(&land_case.queue);
	assert_ended(task, OUTCOME_FAILED, REASON_CONFLICT);
	assert_int_equal(tree_count("moved/e"), 0);
	assert_int_equal(tree_count("out"), 0);
}

static void leaves_a_symlink_that_was_made_anew_meanwhile(void **state)
{
	(void)state;
	char target[8];
	assert_int_equal(symlink("old", tree_path("out/link")), 0);
	struct fake_task *task = land_case_file(&land_case, LAND_CASE_ROOT, "link", 5, NULL);
	task->task.kind = MANIFEST_SYMLINK;
	struct arrival *arrival = begin_arrival();
	assert_int_equal(unlink(tree_path("out/link")), 0);
	assert_int_equal(symlink("hers", tree_path("out/link")), 0);
	arrival_complete(arrival);
	fake_queue_wait(&land_case.queue);
	assert_ended(task, OUTCOME_FAILED, REASON_CONFLICT);
	assert_int_equal(readlink(tree_path("out/link"), target, sizeof target), 4);
	assert_int_equal(tree_count("out"), 1);
}

/* A run before this one named the file and was killed before it could say so. */
static void accepts_the_equal_file_of_a_killed_run(void **state)
{
	(void)state;
	const struct meta edge = { .flags = META_GRID | META_HAS_MODE, .mode = 0600 };
	land_case.options.policy.planned_ns = NOBODY_NEWER;
	tree_store("out/file", "same");
	assert_done(bring_file("file", "same", &edge));
	assert_true(tree_holds("out/file", "same", 4));
	assert_int_equal(status_of("out/file").st_mode, S_IFREG | 0600);
	assert_int_equal(tree_count("out"), 1);
	tree_store("out/empty", "");
	assert_done(bring_file("empty", "", NULL));
	tree_store("out/other", "sbme");
	assert_ended(bring_file("other", "same", NULL), OUTCOME_FAILED, REASON_CONFLICT);
	tree_store("out/longer", "same and");
	assert_ended(bring_file("longer", "same", NULL), OUTCOME_FAILED, REASON_CONFLICT);
}

static void leaves_everything_that_is_no_regular_file(void **state)
{
	(void)state;
	assert_int_equal(mkdir(tree_path("out/directory"), 0755), 0);
	tree_store("aside", "aside");
	assert_int_equal(symlink("../aside", tree_path("out/link")), 0);
	assert_int_equal(mkfifo(tree_path("out/fifo"), 0644), 0);
	assert_ended(bring_file("directory", "text", NULL), OUTCOME_FAILED, REASON_CONFLICT);
	assert_ended(bring_file("link", "text", NULL), OUTCOME_FAILED, REASON_CONFLICT);
	assert_ended(bring_file("fifo", "text", NULL), OUTCOME_FAILED, REASON_CONFLICT);
	assert_true(tree_holds("aside", "aside", 5));
	assert_int_equal(tree_count("out"), 3);
}

static void keeps_what_is_there_if_told(void **state)
{
	(void)state;
	land_case.options.policy.no_clobber = true;
	tree_store("out/file", "before");
	assert_ended(bring_file("file", "after", NULL), OUTCOME_SKIPPED, REASON_PRESENT);
	assert_true(tree_holds("out/file", "before", 6));
	assert_done(bring_file("new", "after", NULL));
	assert_int_equal(mkdir(tree_path("out/directory"), 0755), 0);
	assert_ended(bring_file("directory", "text", NULL), OUTCOME_FAILED, REASON_CONFLICT);
}

static void keeps_what_is_the_same_if_told(void **state)
{
	(void)state;
	const struct meta edge = { .flags = META_GRID | META_HAS_MTIME, .mtime_ns = 7000000000 };
	const struct timespec times[2] = { { .tv_sec = 7 }, { .tv_sec = 7 } }, none[2] = { 0 };
	land_case.options.policy.update = true;
	static const char *const name[] = { "same", "longer", "later", "untimed" };
	for (size_t i = 0; i < ARRAY_COUNT(name); i++) {
		char path[40];
		snprintf(path, sizeof path, "out/%s", name[i]);
		tree_store(path, i == 1 ? "before." : "before");
		if (i != 2)
			assert_int_equal(
				utimensat(AT_FDCWD, tree_path(path), i == 3 ? none : times, 0), 0);
	}
	assert_ended(bring_file("same", "after.", &edge), OUTCOME_SKIPPED, REASON_UNCHANGED);
	assert_done(bring_file("longer", "after.", &edge));
	assert_done(bring_file("later", "after.", &edge));
	/* Without an mtime nobody knows. */
	assert_done(bring_file("untimed", "after.", NULL));
	assert_true(tree_holds("out/same", "before", 6));
	assert_true(tree_holds("out/longer", "after.", 6));
}

/* Begins the arrival of a file of a grid at what is there. */
static struct arrival *begin_comparing(const char *name)
{
	const struct outcome source = { .state = OUTCOME_PLANNED, .cap_kind = CAP_CHK };
	struct tree_dir *target_dir;
	struct err err;
	land_case_file(&land_case, LAND_CASE_ROOT, name, 5, NULL);
	struct work *work = land_case_work(&land_case);
	assert_int_equal(tree_open(land_case.target_tree, work->task->listing, &target_dir, &err),
			 0);
	struct arrival *arrival = arrival_begin(land_case.arrivals, work, target_dir, &source);
	assert_non_null(arrival);
	return arrival;
}

static void compares_before_it_begins_if_told(void **state)
{
	(void)state;
	land_case.options.policy.checksum = true;
	tree_store("out/same", "before");
	tree_store("out/other", "before");
	land_case_start(&land_case);
	struct arrival *arrival = begin_comparing("same");
	assert_int_equal(arrival->decision.action, DECIDE_COMPARE);
	assert_null(arrival_compared(arrival, true));
	fake_queue_wait(&land_case.queue);
	assert_ended(&land_case.queue.task[0], OUTCOME_SKIPPED, REASON_UNCHANGED);
	arrival = begin_comparing("other");
	assert_ptr_equal(arrival_compared(arrival, false), arrival);
	assert_int_equal(arrival->decision.action, DECIDE_COPY);
	land_case_write(arrival, "after", 5);
	arrival_complete(arrival);
	fake_queue_wait(&land_case.queue);
	assert_done(&land_case.queue.task[1]);
	assert_true(tree_holds("out/other", "after", 5));
	arrival = begin_comparing("new"); /* there is nothing to compare with */
	assert_int_equal(arrival->decision.action, DECIDE_COPY);
	land_case_write(arrival, "after", 5);
	arrival_complete(arrival);
	fake_queue_wait(&land_case.queue);
}

static void looks_ahead_without_beginning(void **state)
{
	(void)state;
	struct tree_dir *target_dir;
	struct err err;
	land_case.options.policy.no_clobber = true;
	tree_store("out/there", "before");
	assert_int_equal(mkdir(tree_path("out/way"), 0755), 0);
	struct fake_task *there = land_case_file(&land_case, LAND_CASE_ROOT, "there", 1, NULL);
	struct fake_task *way = land_case_file(&land_case, LAND_CASE_ROOT, "way", 1, NULL);
	struct fake_task *wanted = land_case_file(&land_case, LAND_CASE_ROOT, "new", 1, NULL);
	land_case_start(&land_case);
	struct work *work = land_case_work(&land_case);
	assert_int_equal(tree_open(land_case.target_tree, work->task->listing, &target_dir, &err),
			 0);
	assert_true(arrivals_keep(land_case.arrivals, &work[0], target_dir));
	assert_true(arrivals_keep(land_case.arrivals, &work[1], target_dir));
	assert_false(arrivals_keep(land_case.arrivals, &work[2], target_dir));
	tree_dir_unref(target_dir);
	work_again(&work[2], 0, 0);
	assert_ended(there, OUTCOME_SKIPPED, REASON_PRESENT);
	assert_ended(way, OUTCOME_FAILED, REASON_CONFLICT);
	assert_false(wanted->settled);
}

/* ---- temporary files ---- */

static void begins_anew_where_no_attempt_can_be_trusted(void **state)
{
	(void)state;
	tree_store("aside", "aside");
	assert_int_equal(symlink("../aside", tree_path("out/" TEMPORARY)), 0);
	assert_done(bring_file("file", "text", NULL));
	assert_true(tree_holds("aside", "aside", 5));
	assert_true(tree_holds("out/file", "text", 4));
	assert_int_equal(tree_count("out"), 1);
}

static void leaves_nothing_open(void **state)
{
	(void)state;
	assert_done(bring_file("first", "text", NULL));
	const int next = dup(STDERR_FILENO);
	close(next);
	assert_done(bring_file("second", "text", NULL));
	assert_int_equal(dup(STDERR_FILENO), next);
	close(next);
}

/* Begins the only task, and ends its arrival with a fault of the gateway, or of the disk. */
static void fail_with(enum fault fault)
{
	struct err err;
	struct arrival *arrival = land_case_begin(&land_case);
	land_case_write(arrival, "half", 4);
	err_set(&err, fault, "scripted");
	err.remote = fault != FAULT_FULL;
	arrival_fail(arrival, &err);
}

static void keeps_the_temporary_file_of_what_resumes(void **state)
{
	(void)state;
	struct fake_task *task = land_case_file(&land_case, LAND_CASE_ROOT, "file", 9, NULL);
	task->task.chunk_size = 5;
	land_case_start(&land_case);
	fail_with(FAULT_CANCELLED);
	assert_true(tree_holds("out/" TEMPORARY, "half", 4));
	fail_with(FAULT_RETRY);
	assert_true(tree_holds("out/" TEMPORARY, "half", 4));
	assert_int_equal(task->task.attempts, 1); /* being stopped is none */
	fail_with(FAULT_EXISTS);                  /* final */
	assert_ended(task, OUTCOME_FAILED, REASON_CONFLICT);
	assert_int_equal(tree_count("out"), 0);
}

static void keeps_no_temporary_file_else(void **state)
{
	(void)state;
	struct fake_task *task = land_case_file(&land_case, LAND_CASE_ROOT, "file", 9, NULL);
	land_case_start(&land_case);
	fail_with(FAULT_CANCELLED);
	assert_int_equal(tree_count("out"), 0);
	assert_false(task->settled);
	bring("whole");
	assert_done(task);
}

/* ---- faults ---- */

static void tries_again_as_often_as_a_fault_is_worth(void **state)
{
	(void)state;
	static const struct {
		enum fault fault;
		unsigned tries;
		enum outcome_reason reason;
	} row[] = {
		{ FAULT_RETRY, 5, REASON_GATEWAY },     { FAULT_CORRUPT, 5, REASON_MISMATCH },
		{ FAULT_CHANGED, 3, REASON_CHANGED },   { FAULT_IO, 1, REASON_IO },
		{ FAULT_NOT_FOUND, 1, REASON_GATEWAY },
	};
	land_case_start(&land_case);
	for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
		struct fake_task *task =
			land_case_file(&land_case, LAND_CASE_ROOT, "file", 4, NULL);
		for (unsigned tries = 1; !task->settled; tries++) {
			assert_in_range(tries, 1, row[i].tries);
			fail_with(row[i].fault);
		}
		assert_int_equal(task->leases, row[i].tries);
		assert_ended(task, OUTCOME_FAILED, row[i].reason);
		assert_int_equal(task->outcome.attempts, row[i].tries);
		assert_string_equal(task->reason.text, "scripted");
	}
	assert_int_equal(tree_count("out"), 0);
	assert_int_equal(land_case.queue.broken.fault, FAULT_NONE);
}

/* What is gone at the source is skipped; a directory at the target that is gone is a failure. */
static void a_target_that_is_gone_is_a_failure(void **state)
{
	(void)state;
	struct fake_task *task = land_case_file(&land_case, LAND_CASE_ROOT, "file", 4, NULL);
	struct err err;
	land_case_start(&land_case);
	struct arrival *arrival = land_case_begin(&land_case);
	err_set(&err, FAULT_NOT_FOUND, "a directory is gone");
	arrival_fail(arrival, &err);
	assert_ended(task, OUTCOME_FAILED, REASON_UNWRITTEN);
}

static void ends_the_job_when_the_disk_is_full(void **state)
{
	(void)state;
	struct fake_task *task = land_case_file(&land_case, LAND_CASE_ROOT, "file", 4, NULL);
	land_case_start(&land_case);
	fail_with(FAULT_FULL);
	assert_int_equal(land_case.queue.broken.fault, FAULT_FULL);
	assert_false(task->settled);
	assert_int_equal(task->task.attempts, 0);
	assert_int_equal(tree_count("out"), 0);
}

static void gives_back_what_comes_after_the_stop(void **state)
{
	(void)state;
	struct fake_task *first = land_case_file(&land_case, LAND_CASE_ROOT, "first", 4, NULL);
	struct fake_task *second = land_case_file(&land_case, LAND_CASE_ROOT, "second", 4, NULL);
	land_case_start(&land_case);
	struct work *work = land_case_work(&land_case);
	struct tree_dir *target_dir;
	struct err err;
	assert_int_equal(tree_open(land_case.target_tree, work->task->listing, &target_dir, &err),
			 0);
	tree_dir_ref(target_dir);
	struct arrival *arrival = arrival_begin(land_case.arrivals, &work[0], target_dir, NULL);
	land_case_write(arrival, "text", 4);
	arrivals_stop(land_case.arrivals);
	arrivals_stop(land_case.arrivals);
	assert_null(arrival_begin(land_case.arrivals, &work[1], target_dir, NULL));
	/* What is inside arrives all the same. */
	arrival_complete(arrival);
	land_case_settle(&land_case);
	assert_done(first);
	assert_false(second->settled || second->leased);
	assert_true(tree_holds("out/first", "text", 4));
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, land_case_setup, land_case_teardown)
	const struct CMUnitTest tests[] = {
		FACT(gives_a_file_its_name_and_says_so),
		FACT(restores_mode_and_time),
		FACT(takes_the_umask_where_there_is_no_mode),
		FACT(restores_nothing_that_is_not_wanted),
		FACT(keeps_the_mode_of_what_it_replaces),
		FACT(names_a_whole_batch),
		FACT(replaces_what_is_older_than_the_job),
		FACT(leaves_what_was_edited_while_it_was_fetched),
		FACT(leaves_a_symlink_that_was_made_anew_meanwhile),
		FACT(names_nothing_in_a_directory_that_was_moved_away),
		FACT(leaves_what_is_newer_than_the_job),
		FACT(leaves_what_came_while_it_was_fetched),
		FACT(accepts_the_equal_file_of_a_killed_run),
		FACT(leaves_everything_that_is_no_regular_file),
		FACT(keeps_what_is_there_if_told),
		FACT(keeps_what_is_the_same_if_told),
		FACT(compares_before_it_begins_if_told),
		FACT(looks_ahead_without_beginning),
		FACT(begins_anew_where_no_attempt_can_be_trusted),
		FACT(leaves_nothing_open),
		FACT(keeps_the_temporary_file_of_what_resumes),
		FACT(keeps_no_temporary_file_else),
		FACT(tries_again_as_often_as_a_fault_is_worth),
		FACT(a_target_that_is_gone_is_a_failure),
		FACT(ends_the_job_when_the_disk_is_full),
		FACT(gives_back_what_comes_after_the_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
