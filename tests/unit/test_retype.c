#include "job/retype.h"

#include "queue/file/manifest.h"
#include "report/recount.h"
#include "tests/unit/catalog_case.h"
#include "tests/unit/facts.h"
#include "tests/unit/tree.h"

#include <unistd.h>

#define USUAL "immutable=0 symlinks=skip specials=skip max-dir-entries=100000 range-size=33554432"

/* A job; its sources each with a NUL behind it, but for the last, which has that of the text. */
struct row {
	const char *command, *options;
	const char *typed;
	size_t typed_size;
	unsigned asked;
	const char *target;
	const char *wanted; /* NULL: it is not known */
};

#define TYPED(text) text, sizeof(text)

/* Has the command of the job appended to `line`. */
static enum fault retype_row(const struct row *row, struct bytes *line)
{
	static const unsigned char job_id[16] = "job";
	const struct manifest_property property[] = {
		{ JOB_COMMAND, row->command, strlen(row->command) },
		{ JOB_OPTIONS, row->options, strlen(row->options) },
		{ JOB_TYPED, row->typed, row->typed_size },
	};
	const size_t count = row->typed ? ARRAY_COUNT(property) : ARRAY_COUNT(property) - 1;
	struct manifest_writer *writer;
	struct err err;
	char target[64];
	snprintf(target, sizeof target, "%s", row->target);
	assert_int_equal(
		manifest_create(tree_path("manifest"), job_id, property, count, &writer, &err), 0);
	assert_int_equal(manifest_finish(writer, &err), 0);
	manifest_writer_close(writer);
	const struct migration migration = {
		.catalog = catalog_case_open(tree_path("manifest"), NULL),
		.target = target,
		.asked = row->asked,
	};
	enum fault fault = retype(&migration, line, &err);
	catalog_close(migration.catalog);
	assert_int_equal(unlink(tree_path("manifest")), 0);
	return fault;
}

static void a_command_is_what_was_typed(void **state)
{
	(void)state;
	static const struct row row[] = {
		{ "cp", USUAL, TYPED("a:x\0b:y/z"), 0, "out", "barge cp -r a:x b:y/z out" },
		{ "cp", USUAL, TYPED("a:x y\0it's"), 0, "t:", "barge cp -r 'a:x y' 'it'\\''s' t:" },
		{ "cp", USUAL, TYPED("a:\xc3\xa9"), 0, "", "barge cp -r 'a:\xc3\xa9' ''" },
		{ "cp", USUAL, TYPED("URI:CHK:01234567"), 0, "URI:CHK:76543210/a b",
		  "barge cp -r URI:... URI:...'/a b'" },
		{ "cp", USUAL, TYPED("a:"), RECOUNT_ASKED_SYMLINKS,
		  "t:", "barge cp -r --symlinks=skip a: t:" },
		{ "cp", USUAL, TYPED("a:"), RECOUNT_ASKED_SPECIALS,
		  "t:", "barge cp -r --specials=skip a: t:" },
		{ "cp",
		  "immutable=1 symlinks=follow specials=fail max-dir-entries=7 range-size=1048576 "
		  "caps-only=1 no-target-directory=1 xattrs=1 acls=1 chunk=4096",
		  TYPED("a:"), RECOUNT_ASKED_SYMLINKS | RECOUNT_ASKED_SPECIALS, "t:",
		  "barge cp -r --immutable --caps-only -T -X -A --specials=fail --symlinks=follow "
		  "--max-dir-entries=7 --range-size=1048576 --chunk=4096 a: t:" },
	};
	for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
		struct bytes line;
		bytes_init(&line, 1000);
		assert_int_equal(retype_row(&row[i], &line), FAULT_NONE);
		assert_string_equal(bytes_text(&line), row[i].wanted);
		bytes_fini(&line);
	}
}

static void what_is_not_known_is_not_said(void **state)
{
	(void)state;
	static const struct {
		struct row row;
		size_t max;
		enum fault fault;
	} row[] = {
		{ { "backup", USUAL, TYPED("a:"), 0, "t:", NULL }, 1000, FAULT_NOT_FOUND },
		{ { "plan", USUAL, TYPED("a:"), 0, "t:", NULL }, 1000, FAULT_NOT_FOUND },
		{ { "cp", USUAL, NULL, 0, 0, "t:", NULL }, 1000, FAULT_NOT_FOUND },
		{ { "cp", "nonsense", TYPED("a:"), 0, "t:", NULL }, 1000, FAULT_CORRUPT },
		{ { "cp", USUAL, TYPED("a:long"), 0, "t:", NULL }, 15, FAULT_TOO_LARGE },
	};
	for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
		struct bytes line;
		bytes_init(&line, row[i].max);
		assert_int_equal(retype_row(&row[i].row, &line), row[i].fault);
		bytes_fini(&line);
	}
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, tree_setup, tree_teardown)
	const struct CMUnitTest fact[] = {
		FACT(a_command_is_what_was_typed),
		FACT(what_is_not_known_is_not_said),
	};
	return cmocka_run_group_tests(fact, NULL, NULL);
}
