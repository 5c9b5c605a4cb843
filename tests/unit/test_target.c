#include "cli/target.h"

#include "tests/unit/facts.h"
#include "tests/unit/fake_store.h"

#define SUB                                                                                        \
	"URI:DIR2:sazfiwozvsrqro6evueurubpxq:chn6qsleosjn2spz2rbtrpdobjsugvw5lz22w3247wzfgswe5wva"
#define ROOT                                                                                       \
	"URI:DIR2:aaaaaaaaaaaaaaaaaaaaaaaaaa:chn6qsleosjn2spz2rbtrpdobjsugvw5lz22w3247wzfgswe5wva"
#define READ                                                                                       \
	"URI:DIR2-RO:sazfiwozvsrqro6evueurubpxq:"                                                  \
	"chn6qsleosjn2spz2rbtrpdobjsugvw5lz22w3247wzfgswe5wva"

/* What is on the grid here: "" and "dir", "dir/in", "file", "dir/file", "read". */
static const struct {
	const char *path, *cap;
} grid[] = {
	{ "", ROOT },
	{ "dir", SUB },
	{ "dir/in", SUB },
	{ "file", "URI:LIT:" },
	{ "dir/file", "URI:LIT:" },
	{ "read", READ },
};

static struct cap cap_of(const char *text)
{
	struct cap cap;
	struct err err;
	assert_int_equal(cap_parse(text, strlen(text), &cap, &err), FAULT_NONE);
	return cap;
}

static enum fault trouble; /* of every list, or NONE */

static bool script(void *context, struct fake_call *call, struct store_reply *reply)
{
	(void)context;
	if (trouble) {
		fake_fail(reply, trouble, "scripted");
		return true;
	}
	for (size_t i = 0; i < ARRAY_COUNT(grid); i++) {
		if (strcmp(grid[i].path, call->path) != 0)
			continue;
		const struct cap cap = cap_of(grid[i].cap);
		reply->node.kind = cap_is_directory(&cap) ? STORE_DIRECTORY : STORE_FILE;
		if (cap_is_writable(&cap))
			reply->node.rw = cap;
		return true;
	}
	fake_fail(reply, FAULT_NOT_FOUND, "no such child");
	return true;
}

/* Resolves `path` for sources whose names end in 'd' (directories) or 'f' (files). */
static enum fault resolve(const char *path, const char *const *name, size_t count,
			  struct target *target, struct err *err)
{
	struct fake fake = { .script = script };
	struct place source[4] = { 0 };
	char typed[64], below[64];
	snprintf(typed, sizeof typed, "home:%s", path);
	snprintf(below, sizeof below, "%s", path);
	for (size_t i = 0; i < count; i++) {
		char *text = strdup(name[i]);
		source[i] = (struct place){ .local = true,
					    .typed = text,
					    .name = text,
					    .path = text,
					    .is_directory = text[strlen(text) - 1] == 'd' };
	}
	const struct places places = {
		.source = source,
		.count = count,
		.target = { .typed = typed,
			    .path = below,
			    .root = cap_of(ROOT),
			    .ends_in_slash = *path && path[strlen(path) - 1] == '/' },
	};
	const struct store_wait wait = { .store = fake_open(&fake) };
	enum fault fault = target_resolve(&places, &wait, target, err);
	store_close(wait.store);
	for (size_t i = 0; i < count; i++)
		free(source[i].typed);
	return fault;
}

struct row {
	const char *path, *source[3];
	const char *root;  /* NULL: `words` are those of a USAGE */
	const char *words; /* or: names made, then "|", then names of the sources */
	size_t depth;
};

static const struct row rows[] = {
	/* into a directory that is there */
	{ "", { "xd" }, ROOT, "|xd", 0 },
	{ "dir", { "xd" }, SUB, "|xd", 1 },
	{ "dir/", { "xf" }, SUB, "|xf", 1 },
	{ "//dir//in//", { "xd", "yf" }, SUB, "|xd,yf", 2 },
	/* into directories to be made */
	{ "new", { "xd" }, ROOT, "new|xd", 0 },
	{ "dir/a/b", { "xd" }, SUB, "a,b|xd", 1 },
	{ "new/", { "xd", "yf" }, ROOT, "new|xd,yf", 0 },
	{ "dir/a", { "xf", "yf" }, SUB, "a|xf,yf", 1 },
	/* as a file */
	{ "dir/new", { "xf" }, SUB, "|new", 1 },
	{ "dir/a/new", { "xf" }, SUB, "a|new", 1 },
	{ "dir/file", { "xf" }, SUB, "|file", 1 },
	{ "file", { "xf" }, ROOT, "|file", 0 },
	/* not at all */
	{ "file", { "xd" }, NULL, "cannot copy directory into a file", 0 },
	{ "file",
	  { "xf", "yf" },
	  NULL,
	  "copying multiple things requires target be a directory",
	  0 },
	{ "file/", { "xf" }, NULL, "target is not a directory, but ends with a slash", 0 },
	{ "new/", { "xf" }, NULL, "target is not a directory, but ends with a slash", 0 },
	{ "file/x", { "xd" }, NULL, "a file is in the way", 0 },
	{ "read", { "xd" }, NULL, "is read-only", 0 },
	{ "read/new", { "xd" }, NULL, "is read-only", 0 },
	{ "dir", { "xd", "xd" }, NULL, "multiple files with the same name", 0 },
};

static void join(char *const *text, size_t count, char *out, size_t size)
{
	size_t used = strlen(out);
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s", i ? "," : "", text[i]);
}

static void targets_are_resolved_as_tahoe_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const struct row *row = &rows[i];
		struct target target;
		struct err err = { 0 };
		size_t count = 0;
		while (row->source[count])
			count++;
		enum fault fault = resolve(row->path, row->source, count, &target, &err);
		if (!row->root) {
			assert_int_equal(fault, FAULT_USAGE);
			assert_non_null(strstr(err.text, row->words));
			assert_null(target.made);
			continue;
		}
		char words[200] = "";
		const struct cap root = cap_of(row->root);
		assert_int_equal(fault, FAULT_NONE);
		assert_true(cap_equal(&target.root, &root));
		assert_int_equal(target.depth, row->depth);
		join(target.made, target.made_count, words, sizeof words);
		snprintf(words + strlen(words), 2, "|");
		join(target.name, target.name_count, words, sizeof words);
		assert_string_equal(words, row->words);
		target_fini(&target);
		target_fini(&target);
	}
}

static void trouble_is_told_with_the_targets_name(void **state)
{
	(void)state;
	static const char *const source[] = { "xd" };
	static const enum fault faults[] = { FAULT_RETRY, FAULT_AUTH, FAULT_UNAVAILABLE,
					     FAULT_NOT_FOUND };
	for (size_t i = 0; i < ARRAY_COUNT(faults); i++) {
		struct target target;
		struct err err;
		trouble = faults[i];
		assert_int_equal(resolve("dir", source, 1, &target, &err), faults[i]);
		assert_non_null(strstr(err.text, "home:dir"));
		trouble = FAULT_NONE;
	}
}

static void too_many_components_are_refused(void **state)
{
	(void)state;
	static char path[3000];
	for (size_t i = 0; i < 2 * 1001; i += 2)
		memcpy(path + i, "a/", 2);
	struct fake fake = { .script = script };
	char typed[] = "home:";
	const struct place place = { .typed = typed, .path = path, .root = cap_of(ROOT) };
	const struct store_wait wait = { .store = fake_open(&fake) };
	struct cap root;
	struct err err;
	assert_int_equal(target_find_root(&place, 0, &wait, &root, &err), FAULT_USAGE);
	store_close(wait.store);
}

static enum fault find_root(const char *path, size_t depth, struct cap *root)
{
	struct fake fake = { .script = script };
	char typed[] = "home:", below[64];
	struct err err;
	snprintf(below, sizeof below, "%s", path);
	const struct place place = { .typed = typed, .path = below, .root = cap_of(ROOT) };
	const struct store_wait wait = { .store = fake_open(&fake) };
	enum fault fault = target_find_root(&place, depth, &wait, root, &err);
	store_close(wait.store);
	return fault;
}

static void a_plans_target_is_found_again_or_has_changed(void **state)
{
	(void)state;
	struct cap root;
	const struct cap sub = cap_of(SUB);
	assert_int_equal(find_root("dir/in/new", 2, &root), FAULT_NONE);
	assert_true(cap_equal(&root, &sub));
	assert_int_equal(find_root("dir/gone/new", 2, &root), FAULT_EXISTS);
	assert_int_equal(find_root("file/new", 1, &root), FAULT_EXISTS);
	assert_int_equal(find_root("read/new", 1, &root), FAULT_USAGE);
	assert_int_equal(find_root("dir", 2, &root), FAULT_CORRUPT);
	assert_int_equal(find_root("whatever", 0, &root), FAULT_NONE);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(targets_are_resolved_as_tahoe_does),
		cmocka_unit_test(trouble_is_told_with_the_targets_name),
		cmocka_unit_test(too_many_components_are_refused),
		cmocka_unit_test(a_plans_target_is_found_again_or_has_changed),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
