#include "plan/plan.h"

#include "queue/file/manifest.h"
#include "tests/unit/facts.h"
#include "tests/unit/plan_case.h"

#include <inttypes.h>

/*
 * A target of directories known by path.  Things there end in '/' when they are directories; a
 * bound id turns `open` to the path it was bound with.
 */
struct fake {
	const char *const *there;
	char bound[32][64]; /* by id: a path with '/' at the end */
	char here[64];
	unsigned binds, syncs;
	enum fault fault; /* of open */
};

static struct plan_case c;
static struct fake fake;

static enum fault fake_open(void *context, uint64_t id, bool *exists, struct err *err)
{
	struct fake *f = context;
	if (f->fault)
		return err_set(err, f->fault, "the target is away");
	assert_in_range(id, 0, ARRAY_COUNT(f->bound) - 1);
	*exists = id == 0 || f->bound[id][0];
	snprintf(f->here, sizeof f->here, "%s", f->bound[id]);
	return FAULT_NONE;
}

static enum fault fake_look(void *context, const char *name, size_t size, enum decide_kind *what,
			    struct err *err)
{
	const struct fake *f = context;
	char path[128];
	(void)err;
	*what = DECIDE_NOTHING;
	int length = snprintf(path, sizeof path, "%s%.*s", f->here, (int)size, name);
	for (const char *const *there = f->there; *there; there++)
		if (strncmp(*there, path, (size_t)length) == 0) {
			if (!(*there)[length])
				*what = DECIDE_FILE;
			else if ((*there)[length] == '/')
				*what = DECIDE_DIRECTORY;
			else
				continue;
			break;
		}
	return FAULT_NONE;
}

static enum fault fake_bind(void *context, uint64_t id, const char *name, size_t size,
			    struct err *err)
{
	struct fake *f = context;
	(void)err;
	assert_in_range(id, 1, ARRAY_COUNT(f->bound) - 1);
	snprintf(f->bound[id], sizeof f->bound[id], "%.30s%.*s/", f->here, (int)size, name);
	f->binds++;
	return FAULT_NONE;
}

static enum fault fake_sync(void *context, struct err *err)
{
	struct fake *f = context;
	(void)err;
	f->syncs++;
	return FAULT_NONE;
}

static const struct plan_target target = {
	.open = fake_open, .look = fake_look, .bind = fake_bind, .sync = fake_sync, .context = &fake
};

static int setup(void **state)
{
	(void)state;
	plan_case_init(&c);
	fake = (struct fake){ .binds = 0 };
	c.request.target = &target;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	plan_case_fini(&c);
	return 0;
}

static void make_tree(void)
{
	make_directory(&c, "a");
	make_directory(&c, "a/b");
	make_file(&c, "a/b/f", 1);
	make_file(&c, "a/d", 1);
	make_directory(&c, "e");
	make_directory(&c, "e/b");
	make_file(&c, "u\xcc\x88", 1);
	make_directory(&c, "z");
}

static const char *const merged[] = {
	"top/a/b/g", "top/a/d", "top/e", "top/\xc3\xbc/x", "top/z/", NULL,
};
static const char merged_plan[] = "0: \n 1 D 0 top\n"
				  "1: top\n 2 D 0 a\n 3 DF15 0 e\n 4 FF15 1 u\xcc\x88\n 5 D 0 z\n"
				  "2: a\n 6 D 0 b\n 7 F 1 d\n"
				  "6: b\n 8 F 1 f\n"
				  "5: z\n";

static void assert_bound(uint64_t id, const char *path)
{
	assert_string_equal(fake.bound[id], path);
}

static void binds_what_is_there_and_tells_conflicts(void **state)
{
	(void)state;
	make_tree();
	fake.there = merged;
	assert_int_equal(plan_afresh(&c), 0);
	char *text = plan_text(&c);
	assert_string_equal(text, merged_plan);
	free(text);
	assert_bound(1, "top/");
	assert_bound(2, "top/a/");
	assert_bound(5, "top/z/");
	assert_bound(6, "top/a/b/");
	assert_bound(7, "top/a/d/"); /* a file */
	assert_bound(8, "");
	assert_int_equal(fake.binds, 5);
	assert_int_equal(fake.syncs, 3);
}

/* On a grid a symlink is a file, and replaces one. */
static void binds_symlinks_as_files(void **state)
{
	(void)state;
	static const char *const there[] = { "top/d/x", "top/f", NULL };
	make_symlink(&c, "d", "aim");
	make_symlink(&c, "f", "aim");
	make_symlink(&c, "new", "aim");
	c.request.options.symlinks = PLAN_SYMLINKS_PRESERVE;
	fake.there = there;
	assert_int_equal(plan_afresh(&c), 0);
	char *text = plan_text(&c);
	assert_non_null(strstr(text, " 2 LF15 "));
	assert_null(strstr(text, " 3 LF"));
	free(text);
	assert_bound(1, "top/");
	assert_bound(3, "top/f/");
	assert_int_equal(fake.binds, 2);
}

static void looks_at_nothing_below_new_directories(void **state)
{
	(void)state;
	static const char *const nothing[] = { "a/", "a/b", NULL };
	make_tree();
	fake.there = nothing;
	assert_int_equal(plan_afresh(&c), 0);
	char *text = plan_text(&c);
	assert_null(strstr(text, "F15"));
	free(text);
	assert_int_equal(fake.binds, 0);
}

static void binds_the_last_listing_again_after_a_kill(void **state)
{
	(void)state;
	make_tree();
	fake.there = merged;
	assert_int_equal(plan_afresh(&c), 0);
	free(plan_text(&c));
	size_t size;
	unsigned char *whole = read_manifest(&c, &size);
	uint64_t *boundary = c.boundary;
	size_t count = c.boundary_count;
	c.boundary = NULL;
	for (size_t i = 1; i < count; i++) {
		static const uint64_t of_listing[] = { 1, 2, 5, 6 };
		static const size_t listed[] = { 0, 1, 1, 2 };
		cut_manifest(&c, whole, boundary[i]);
		/* What the last listing holds, and all behind it, is not bound yet. */
		for (size_t j = 0; j < ARRAY_COUNT(of_listing); j++)
			if (listed[j] + 1 >= i)
				fake.bound[of_listing[j]][0] = '\0';
		assert_int_equal(plan_again(&c), 0);
		char *text = plan_text(&c);
		assert_string_equal(text, merged_plan);
		free(text);
		assert_bound(1, "top/");
		assert_bound(2, "top/a/");
		assert_bound(5, "top/z/");
		assert_bound(6, "top/a/b/");
	}
	free(boundary);
	free(whole);
}

/* Whatever is published can be read, and its directories that are there are bound. */
static void check_published(void *context, struct listing_id durable, bool complete)
{
	struct manifest_reader *reader;
	struct manifest_block block;
	struct plan_case *plan = context;
	plan->publishes++;
	assert_int_equal(manifest_open(plan->manifest, &reader, &plan->err), 0);
	for (uint64_t at = manifest_first(reader); at < durable.value; at = block.next) {
		assert_int_equal(manifest_read(reader, at, &block, &plan->err), 0);
		if (block.is_trailer)
			break;
		for (size_t i = 0; i < block.count; i++)
			if (block.entry[i].kind == MANIFEST_DIRECTORY)
				assert_true(fake.bound[block.entry[i].id][0]);
	}
	assert_int_equal(manifest_is_complete(reader), complete);
	manifest_close(reader);
}

static void publishes_nothing_that_is_not_bound(void **state)
{
	static const char *const there[] = { "top/!/x", NULL };
	(void)state;
	make_directory(&c, "!");
	for (int i = 0; i < 5000; i++) {
		char path[32];
		snprintf(path, sizeof path, "%d", i);
		make_file(&c, path, 1);
	}
	fake.there = there;
	c.request.publish = check_published;
	assert_int_equal(plan_afresh(&c), 0);
	assert_int_equal(fake.binds, 2);
	assert_true(c.publishes >= 2);
	/* The same when a kill came in the middle of the listing, before anything was bound. */
	size_t size;
	free(plan_text(&c));
	unsigned char *whole = read_manifest(&c, &size);
	cut_manifest(&c, whole, c.boundary[3]);
	free(whole);
	memset(fake.bound[2], 0, sizeof fake.bound[2]);
	assert_int_equal(plan_again(&c), 0);
	assert_bound(2, "top/!/");
}

static void ends_when_the_target_is_away(void **state)
{
	(void)state;
	make_tree();
	fake.there = merged;
	fake.fault = FAULT_UNAVAILABLE;
	assert_int_equal(plan_afresh(&c), FAULT_UNAVAILABLE);
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		FACT(binds_what_is_there_and_tells_conflicts),
		FACT(binds_symlinks_as_files),
		FACT(looks_at_nothing_below_new_directories),
		FACT(binds_the_last_listing_again_after_a_kill),
		FACT(publishes_nothing_that_is_not_bound),
		FACT(ends_when_the_target_is_away),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
