#include "files/anchor.h"

#include "tests/unit/facts.h"
#include "tests/unit/tree.h"

#include <sys/stat.h>
#include <unistd.h>

static struct anchor anchor_at(const char *name)
{
	struct anchor anchor;
	struct err err;
	assert_int_equal(anchor_of(tree_path(name), &anchor, &err), FAULT_NONE);
	return anchor;
}

static void a_directory_is_known_again(void **state)
{
	(void)state;
	char text[ANCHOR_TEXT_SIZE];
	struct err err;
	mkdir(tree_path("d"), 0700);
	struct anchor anchor = anchor_at("d");
	anchor_print(&anchor, text);
	anchor = anchor_read(text);
	assert_int_equal(anchor.kind, ANCHOR_SELF);
	assert_int_equal(anchor_check(&anchor, tree_path("d"), &err), FAULT_NONE);
	rename(tree_path("d"), tree_path("away"));
	assert_int_equal(anchor_check(&anchor, tree_path("d"), &err), FAULT_GONE);
	mkdir(tree_path("d"), 0700);
	assert_int_equal(anchor_check(&anchor, tree_path("d"), &err), FAULT_GONE);
	assert_non_null(strstr(err.text, "another"));
}

/* After it was mounted again. */
static void a_file_system_is_known_by_device_or_id(void **state)
{
	(void)state;
	struct err err;
	mkdir(tree_path("d"), 0700);
	const struct anchor here = anchor_at("d");
	struct anchor other = here;
	other.dev++;
	assert_int_equal(anchor_check(&other, tree_path("d"), &err),
			 here.fsid ? FAULT_NONE : FAULT_GONE);
	other.fsid++;
	assert_int_equal(anchor_check(&other, tree_path("d"), &err), FAULT_GONE);
	other.dev = here.dev;
	assert_int_equal(anchor_check(&other, tree_path("d"), &err), FAULT_NONE);
	other.ino++;
	assert_int_equal(anchor_check(&other, tree_path("d"), &err), FAULT_GONE);
}

static void a_file_is_known_by_its_directory(void **state)
{
	(void)state;
	struct err err;
	mkdir(tree_path("d"), 0700);
	tree_store("d/f", "one");
	const struct anchor anchor = anchor_at("d/f");
	assert_int_equal(anchor.kind, ANCHOR_PARENT);
	unlink(tree_path("d/f"));
	assert_int_equal(anchor_check(&anchor, tree_path("d/f"), &err), FAULT_NONE);
	rmdir(tree_path("d"));
	assert_int_equal(anchor_check(&anchor, tree_path("d/f"), &err), FAULT_GONE);
}

static void of_an_older_plan_only_that_it_is_there(void **state)
{
	(void)state;
	static const char *const text[] = { "", "x", "1 2", "9 1 1 1" };
	struct err err;
	mkdir(tree_path("d"), 0700);
	for (size_t i = 0; i < ARRAY_COUNT(text); i++) {
		const struct anchor anchor = anchor_read(text[i]);
		assert_int_equal(anchor.kind, ANCHOR_UNKNOWN);
		assert_int_equal(anchor_check(&anchor, tree_path("d"), &err), FAULT_NONE);
		assert_int_equal(anchor_check(&anchor, tree_path("none"), &err), FAULT_GONE);
	}
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test_setup_teardown(a_directory_is_known_again, tree_setup,
						tree_teardown),
		cmocka_unit_test_setup_teardown(a_file_system_is_known_by_device_or_id, tree_setup,
						tree_teardown),
		cmocka_unit_test_setup_teardown(a_file_is_known_by_its_directory, tree_setup,
						tree_teardown),
		cmocka_unit_test_setup_teardown(of_an_older_plan_only_that_it_is_there, tree_setup,
						tree_teardown),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
