#include "land/links.h"

#include "tests/unit/facts.h"
#include "tests/unit/land_case.h"

#include <unistd.h>

/* Makes a file "old" with the names out/a and out/b, and a plan that is newer, with a file of each
 * name.  Returns their works. */
static struct work *make_two(struct fake_task *task[2])
{
	struct stat st;
	tree_store("out/a", "old");
	assert_int_equal(link(tree_path("out/a"), tree_path("out/b")), 0);
	assert_int_equal(lstat(tree_path("out/a"), &st), 0);
	land_case.options.policy.planned_ns = meta_from_stat(&st).ctime_ns;
	usleep(20000); /* above the tick of a file system's clock */
	task[0] = land_case_file(&land_case, LAND_CASE_ROOT, "a", 5, NULL);
	task[1] = land_case_file(&land_case, LAND_CASE_ROOT, "b", 5, NULL);
	land_case_start(&land_case);
	return land_case_work(&land_case);
}

static struct arrival *begin(struct work *work)
{
	struct tree_dir *dir;
	struct err err;
	assert_int_equal(tree_open(land_case.target_tree, work->task->listing, &dir, &err), 0);
	struct arrival *arrival = arrival_begin(land_case.arrivals, work, dir, NULL);
	land_case_write(arrival, "after", 5);
	return arrival;
}

static void assert_both_done(struct fake_task *task[2])
{
	fake_queue_wait(&land_case.queue);
	for (int i = 0; i < 2; i++)
		assert_int_equal(task[i]->outcome.state, OUTCOME_DONE);
	assert_true(tree_holds("out/a", "after", 5) && tree_holds("out/b", "after", 5));
}

/* Sleeps until the file has one name left. */
static void await_loss(const char *path)
{
	struct stat st;
	do
		assert_int_equal(lstat(tree_path(path), &st), 0);
	while (st.st_nlink > 1);
}

static void knows_what_was_noted(void **state)
{
	(void)state;
	static struct links links;
	const struct stat noted = { .st_dev = 7, .st_ino = 3, .st_ctim = { 5, 6 } };
	struct stat other = noted;
	links_init(&links);
	assert_false(links_know(&links, &noted));
	links_begin(&links, &noted);
	links_end(&links, &noted);
	assert_true(links_know(&links, &noted));
	other.st_ino += LINKS_KEPT; /* kept in the same place */
	assert_false(links_know(&links, &other));
	other = noted;
	other.st_dev++;
	assert_false(links_know(&links, &other));
	other = noted;
	other.st_ctim.tv_sec++;
	assert_false(links_know(&links, &other));
	other = noted;
	other.st_ctim.tv_nsec++;
	assert_false(links_know(&links, &other));
	links_begin(&links, &noted);
	links_end(&links, &other);
	assert_true(links_know(&links, &other));
	assert_false(links_know(&links, &noted));
	links_begin(&links, &other);
	links_end(&links, NULL); /* nothing new is known */
	assert_true(links_know(&links, &other));
	links_fini(&links);
}

struct asking {
	struct links *links;
	struct stat st;
	atomic_bool begun;
	bool known;
};

static void ask(void *context)
{
	struct asking *asking = context;
	atomic_store(&asking->begun, true);
	asking->known = links_know(asking->links, &asking->st);
}

/* Whoever asks while a name is being lost hears how that ended. */
static void waits_for_what_is_being_lost(void **state)
{
	(void)state;
	static struct links links;
	struct thread thread;
	struct asking asking = {
		.links = &links,
		.st = { .st_dev = 7, .st_ino = 3, .st_ctim = { 5, 6 } },
	};
	links_init(&links);
	links_begin(&links, &asking.st);
	assert_true(thread_start(&thread, "asking", ask, &asking));
	while (!atomic_load(&asking.begun))
		usleep(1000);
	usleep(20000); /* it would have heard by now that nothing is known */
	links_end(&links, &asking.st);
	thread_join(&thread);
	assert_true(asking.known);
	links_fini(&links);
}

static void a_name_lost_before_is_no_change(void **state)
{
	(void)state;
	struct fake_task *task[2];
	struct work *work = make_two(task);
	arrival_complete(begin(&work[0]));
	await_loss("out/b"); /* it may not be noted yet */
	arrival_complete(begin(&work[1]));
	assert_both_done(task);
}

static void a_name_lost_meanwhile_is_no_change(void **state)
{
	(void)state;
	struct fake_task *task[2];
	struct work *work = make_two(task);
	struct arrival *first = begin(&work[0]), *second = begin(&work[1]);
	arrival_complete(first);
	arrival_complete(second);
	assert_both_done(task);
}

static void an_edit_by_another_name_is_one(void **state)
{
	(void)state;
	struct fake_task *task[2];
	struct work *work = make_two(task);
	struct arrival *second = begin(&work[1]);
	arrival_complete(begin(&work[0]));
	await_loss("out/b");
	usleep(20000); /* above the tick of a file system's clock */
	tree_store("out/b", "edited");
	arrival_complete(second);
	fake_queue_wait(&land_case.queue);
	assert_int_equal(task[1]->outcome.reason, REASON_CONFLICT);
	assert_true(tree_holds("out/b", "edited", 6));
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, land_case_setup, land_case_teardown)

int main(void)
{
	const struct CMUnitTest fact[] = {
		cmocka_unit_test(knows_what_was_noted),
		cmocka_unit_test(waits_for_what_is_being_lost),
		FACT(a_name_lost_before_is_no_change),
		FACT(a_name_lost_meanwhile_is_no_change),
		FACT(an_edit_by_another_name_is_one),
	};
	return cmocka_run_group_tests(fact, NULL, NULL);
}
