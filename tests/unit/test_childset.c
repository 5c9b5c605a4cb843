#include "verify/childset.h"

#include "tests/unit/facts.h"

static struct cap literal(const char *text)
{
	struct cap cap = { .kind = CAP_LIT, .size = strlen(text) };
	memcpy(cap.content, text, strlen(text));
	return cap;
}

static void see(struct childset *set, const char *name, const struct cap *cap)
{
	struct store_child child = { .name = name, .name_size = strlen(name) };
	if (cap_is_writable(cap)) {
		child.node.rw = *cap;
		assert_true(cap_to_readonly(cap, &child.node.ro));
	} else {
		child.node.ro = *cap;
	}
	childset_see(set, &child);
}

static void fill(struct childset *set)
{
	char name[20], text[20];
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof name, "name %d", i * 7 % 200);
		snprintf(text, sizeof text, "%d", i * 7 % 200);
		const struct cap cap = literal(text);
		assert_true(childset_add(set, name, strlen(name), &cap));
	}
	childset_seal(set);
}

/* Lists names `from`..`to`-1, of which `other` has another cap. */
static void list(struct childset *set, int from, int to, int other)
{
	char name[20], text[20];
	childset_begin(set);
	for (int i = from; i < to; i++) {
		snprintf(name, sizeof name, "name %d", i);
		snprintf(text, sizeof text, "%d%s", i, i == other ? "!" : "");
		const struct cap cap = literal(text);
		see(set, name, &cap);
	}
}

static void a_listing_is_the_set_or_not(void **state)
{
	(void)state;
	struct childset set = { 0 };
	fill(&set);
	list(&set, 0, 200, -1);
	assert_true(childset_matches(&set, true));
	list(&set, 0, 200, 50);
	assert_false(childset_matches(&set, false));
	assert_int_equal(set.found, 199);
	list(&set, 0, 199, -1);
	assert_false(childset_matches(&set, false));
	list(&set, 0, 201, -1);
	assert_true(childset_matches(&set, false));
	assert_false(childset_matches(&set, true));
	for (size_t i = 0; i < set.count; i++)
		assert_true(set.member[i].found && set.member[i].number < 200);
	childset_fini(&set);
	childset_fini(&set);
}

static void a_child_twice_does_not_stand_for_two(void **state)
{
	(void)state;
	struct childset set = { 0 };
	const struct cap cap = literal("x");
	assert_true(childset_add(&set, "a", 1, &cap));
	assert_true(childset_add(&set, "b", 1, &cap));
	childset_seal(&set);
	childset_begin(&set);
	see(&set, "a", &cap);
	see(&set, "a", &cap);
	assert_false(childset_matches(&set, false));
	childset_fini(&set);
}

static void a_directory_is_known_by_its_write_cap(void **state)
{
	(void)state;
	struct childset set = { 0 };
	struct cap cap = { .kind = CAP_DIR2, .key = "key", .hash = "fingerprint" }, readonly;
	assert_true(cap_to_readonly(&cap, &readonly));
	assert_true(childset_add(&set, "a", 1, &cap));
	childset_seal(&set);
	childset_begin(&set);
	see(&set, "a", &readonly);
	assert_false(childset_matches(&set, false));
	see(&set, "a", &cap);
	assert_true(childset_matches(&set, false));
	childset_fini(&set);
}

static void names_of_any_length_are_seen(void **state)
{
	(void)state;
	struct childset set = { 0 };
	enum { LONG = 100000 };
	char *name = malloc(LONG + 1);
	memset(name, 'n', LONG);
	name[LONG] = '\0';
	const struct cap cap = literal("x");
	assert_false(childset_add(&set, name, LONG, &cap));
	assert_true(childset_matches(&set, true));
	assert_true(childset_add(&set, name, 4096, &cap));
	childset_seal(&set);
	childset_begin(&set);
	see(&set, name, &cap);
	assert_false(childset_matches(&set, false));
	name[4096] = '\0';
	see(&set, name, &cap);
	assert_true(childset_matches(&set, false));
	free(name);
	childset_fini(&set);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(a_listing_is_the_set_or_not),
		cmocka_unit_test(a_child_twice_does_not_stand_for_two),
		cmocka_unit_test(a_directory_is_known_by_its_write_cap),
		cmocka_unit_test(names_of_any_length_are_seen),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
