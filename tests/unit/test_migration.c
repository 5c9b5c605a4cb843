#include "job/migration.h"

#include "job/migration_header.h"
#include "queue/file/manifest.h"
#include "tests/unit/facts.h"
#include "tests/unit/sandbox.h"

#include <unistd.h>

#define ROOT                                                                                       \
	"URI:DIR2:aaaaaaaaaaaaaaaaaaaaaaaaaa:chn6qsleosjn2spz2rbtrpdobjsugvw5lz22w3247wzfgswe5wva"
#define OTHER                                                                                      \
	"URI:DIR2:sazfiwozvsrqro6evueurubpxq:chn6qsleosjn2spz2rbtrpdobjsugvw5lz22w3247wzfgswe5wva"

static struct cap cap_of(const char *text)
{
	struct cap cap;
	struct err err;
	assert_int_equal(cap_parse(text, strlen(text), &cap, &err), FAULT_NONE);
	return cap;
}

/* A command line `cp -r SRC.. home:dst/a/b`, resolved. */
struct line {
	char state[300];
	struct planning_options planning;
	struct migration_request request;
	struct place source[2];
	struct places places;
	struct arranged_source arranged[2];
	struct arrangement arrangement;
};

static char path_a[] = "/data/one", path_b[] = "/data/t w o", name_a[] = "one", name_b[] = "t w o";
static char typed_target[] = "home:dst/a/b", below_target[] = "dst/a/b";
static char *made[] = { (char[]){ "a" }, (char[]){ "b" } };

static void line_init(struct line *line)
{
	*line = (struct line){ .planning.recursive = true };
	snprintf(line->state, sizeof line->state, "%s", sandbox_path("state"));
	line->source[0] =
		(struct place){ .local = true, .typed = path_a, .path = path_a, .name = name_a };
	line->source[1] =
		(struct place){ .local = true, .typed = path_b, .path = path_b, .name = name_b };
	line->places = (struct places){
		.source = line->source,
		.count = 2,
		.target = { .typed = typed_target, .path = below_target, .root = cap_of(ROOT) },
	};
	line->request = (struct migration_request){
		.state_dir = line->state,
		.command = "cp",
		.planning = &line->planning,
		.places = &line->places,
	};
	for (size_t i = 0; i < 2; i++)
		line->arranged[i] = (struct arranged_source){ .place = &line->source[i],
							      .name = line->source[i].name };
	line->arrangement = (struct arrangement){ .root = cap_of(OTHER),
						  .depth = 1,
						  .made = made,
						  .made_count = 2,
						  .source = line->arranged,
						  .count = 2 };
}

/* What the header says of the line, in every way of opening it. */
static void is_that_of_the_line(const struct migration *migration)
{
	const struct cap root = cap_of(OTHER);
	assert_int_equal(migration->path.count, 2);
	assert_string_equal(migration->path.text[0], path_a);
	assert_string_equal(migration->path.text[1], path_b);
	assert_int_equal(migration->name.count, 2);
	assert_string_equal(migration->name.text[1], name_b);
	assert_int_equal(migration->made.count, 2);
	assert_string_equal(migration->made.text[0], "a");
	assert_int_equal(migration->depth, 1);
	assert_string_equal(migration->target, typed_target);
	assert_true(migration->created > 1000000000);
	if (migration->catalog->outcomes)
		assert_true(cap_equal(&migration->root, &root));
}

static void make_job(struct line *line, const char *output, struct migration *migration)
{
	struct err err;
	enum fault fault =
		migration_new(&line->request, &line->arrangement, output, migration, &err);
	assert_int_equal(fault, FAULT_NONE);
}

/* Writes an empty plan, so that the job counts as begun and not finished. */
static void plan(const struct migration *migration)
{
	struct manifest_resume *resume = calloc(1, sizeof *resume);
	struct manifest_writer *writer;
	struct err err;
	struct listing_id listing;
	assert_int_equal(manifest_recover(migration->job.manifest, resume, &writer, &err), 0);
	assert_int_equal(manifest_begin(writer, 0, 0, LISTING_NONE, "", 0, &listing, &err), 0);
	assert_int_equal(manifest_end(writer, &err), 0);
	assert_int_equal(manifest_finish(writer, &err), 0);
	manifest_writer_close(writer);
	free(resume);
}

static void a_job_says_what_it_was_made_for(void **state)
{
	(void)state;
	struct line line;
	struct migration migration, again;
	struct err err;
	char name[JOB_NAME_SIZE];
	line_init(&line);
	make_job(&line, NULL, &migration);
	is_that_of_the_line(&migration);
	assert_true(migration.fresh && migration.catalog->outcomes);
	memcpy(name, migration.job.name, sizeof name);
	plan(&migration);
	assert_int_equal(migration_open(line.state, name, &again, &err), FAULT_LOCKED);
	migration_fini(&migration);
	migration_fini(&migration);

	assert_int_equal(migration_open(line.state, name, &again, &err), FAULT_NONE);
	is_that_of_the_line(&again);
	assert_false(again.fresh);
	assert_int_equal(catalog_file_repaired(again.catalog), 0);
	migration_fini(&again);
	assert_int_equal(migration_open(line.state, NULL, &again, &err), FAULT_NONE);
	assert_string_equal(again.job.name, name);
	migration_fini(&again);
	assert_int_equal(migration_open(line.state, "ffff", &again, &err), FAULT_NOT_FOUND);
}

static void the_same_command_line_finds_its_job(void **state)
{
	(void)state;
	struct line line;
	struct migration migration;
	struct err err;
	bool found = true;
	line_init(&line);
	assert_int_equal(migration_find(&line.request, &migration, &found, &err), FAULT_NONE);
	assert_false(found);
	migration_fini(&migration);
	make_job(&line, NULL, &migration);
	plan(&migration);
	migration_fini(&migration);

	assert_int_equal(migration_find(&line.request, &migration, &found, &err), FAULT_NONE);
	assert_true(found);
	is_that_of_the_line(&migration);
	struct migration second;
	assert_int_equal(migration_find(&line.request, &second, &found, &err), FAULT_LOCKED);
	migration_fini(&migration);

	/* Another target, another set of sources, another option of planning: another job. */
	for (int i = 0; i < 3; i++) {
		line_init(&line);
		if (i == 0)
			line.places.target.root = cap_of(OTHER);
		if (i == 1)
			line.places.count = 1;
		if (i == 2)
			line.planning.symlinks = PLAN_SYMLINKS_FOLLOW;
		assert_int_equal(migration_find(&line.request, &migration, &found, &err),
				 FAULT_NONE);
		assert_false(found);
		migration_fini(&migration);
	}
}

static void a_plan_is_carried_out_with_the_outcomes_it_has_or_gets(void **state)
{
	(void)state;
	struct line line;
	struct migration migration, again;
	struct err err;
	char output[300];
	line_init(&line);
	line.request.command = "plan";
	snprintf(output, sizeof output, "%s", sandbox_path("a.plan"));
	make_job(&line, output, &migration);
	assert_string_equal(migration.job.manifest, output);
	plan(&migration);
	migration_fini(&migration);

	/* `err` full of rubbish, as it comes from the stack: success does not depend on it. */
	memset(&err, 0x55, sizeof err);
	assert_int_equal(migration_open_plan(line.state, output, &again, &err), FAULT_NONE);
	assert_non_null(again.catalog->outcomes);
	is_that_of_the_line(&again);
	char *outcomes = strdup(again.job.outcomes);
	migration_fini(&again);

	assert_int_equal(unlink(outcomes), 0);
	free(outcomes);
	assert_int_equal(migration_open_plan(line.state, output, &again, &err), FAULT_NONE);
	assert_null(again.catalog->outcomes);
	is_that_of_the_line(&again);
	const struct cap root = cap_of(OTHER);
	assert_int_equal(migration_bind(&again, &root, &err), FAULT_NONE);
	is_that_of_the_line(&again);
	migration_fini(&again);
	assert_int_equal(migration_open_plan(line.state, output, &again, &err), FAULT_NONE);
	assert_non_null(again.catalog->outcomes);
	migration_fini(&again);
	assert_int_equal(migration_open_plan(line.state, sandbox_path("none"), &again, &err),
			 FAULT_NOT_FOUND);
}

/* Only the command line had the caps of sources on a grid: the job keeps them in a file. */
static void a_job_that_lost_the_caps_of_its_sources_does_not_open(void **state)
{
	(void)state;
	struct line line;
	struct migration migration, again;
	struct err err;
	char name[JOB_NAME_SIZE];
	line_init(&line);
	line.source[0] = (struct place){
		.typed = typed_target, .path = below_target, .name = name_a, .root = cap_of(ROOT)
	};
	make_job(&line, NULL, &migration);
	assert_true(migration.remote);
	assert_non_null(migration.catalog->sources);
	memcpy(name, migration.job.name, sizeof name);
	char *sources = strdup(migration.job.sources);
	migration_fini(&migration);
	/* Its sources are not planned yet, so it is begun anew. */
	assert_int_equal(migration_open(line.state, name, &again, &err), FAULT_USAGE);
	assert_int_equal(unlink(sources), 0);
	free(sources);
	assert_int_equal(migration_open(line.state, name, &again, &err), FAULT_NOT_FOUND);
	assert_non_null(strstr(err.text, "caps of its sources"));
}

static void an_alias_that_moved_is_another_target(void **state)
{
	(void)state;
	struct line line;
	struct migration migration;
	struct err err;
	line_init(&line);
	make_job(&line, NULL, &migration);
	assert_int_equal(migration_check_target(&migration, &line.places.target, &err), FAULT_NONE);
	line.places.target.root = cap_of(OTHER);
	assert_int_equal(migration_check_target(&migration, &line.places.target, &err),
			 FAULT_EXISTS);
	assert_null(strstr(err.text, "URI:"));
	line_init(&line);
	char elsewhere[] = "dst/a/c";
	line.places.target.path = elsewhere;
	assert_int_equal(migration_check_target(&migration, &line.places.target, &err),
			 FAULT_EXISTS);
	migration_fini(&migration);
}

/* A selection that leaves out `pattern` and takes the paths `listed` (NULL: no list). */
static struct select *selection(const char *pattern, const char *listed)
{
	struct err err;
	struct select *select = select_new();
	assert_non_null(select);
	assert_int_equal(select_add(select, false, pattern, strlen(pattern), &err), FAULT_NONE);
	if (!listed)
		return select;
	struct listed *list = listed_new();
	assert_non_null(list);
	assert_int_equal(listed_add(list, listed, strlen(listed), &err), FAULT_NONE);
	listed_sort(list);
	assert_int_equal(select_list(select, list, &err), FAULT_NONE);
	return select;
}

static bool finds_its_job(struct line *line, struct select *select)
{
	struct migration migration;
	struct err err;
	bool found = false;
	line->planning.select = select;
	assert_int_equal(migration_find(&line->request, &migration, &found, &err), FAULT_NONE);
	migration_fini(&migration);
	select_free(select);
	line->planning.select = NULL;
	return found;
}

static void another_selection_is_another_job(void **state)
{
	(void)state;
	struct line line;
	struct migration migration;
	line_init(&line);
	line.planning.select = selection("*.o", "a");
	make_job(&line, NULL, &migration);
	plan(&migration);
	migration_fini(&migration);
	select_free(line.planning.select);
	assert_false(finds_its_job(&line, NULL));
	assert_false(finds_its_job(&line, selection("*.o", NULL)));
	assert_false(finds_its_job(&line, selection("*.c", "a")));
	assert_false(finds_its_job(&line, selection("*.o", "b")));
	assert_true(finds_its_job(&line, selection("*.o", "a")));
}

/* Whether the selection of the migration takes a file. */
static bool takes(const struct migration *migration, const char *path)
{
	const struct select_item item = { .path = path, .size = strlen(path), MANIFEST_FILE };
	return select_ask(migration->select, &item) == SELECT_TAKE;
}

static void a_job_goes_on_with_the_selection_it_was_made_for(void **state)
{
	(void)state;
	struct line line;
	struct migration migration;
	struct err err;
	line_init(&line);
	make_job(&line, NULL, &migration);
	assert_true(select_takes_all(migration.select));
	migration_fini(&migration);

	line.planning.select = selection("*.o", "a");
	make_job(&line, NULL, &migration);
	char name[JOB_NAME_SIZE], path[400];
	memcpy(name, migration.job.name, sizeof name);
	snprintf(path, sizeof path, "%s/files-from", migration.job.directory);
	for (int i = 0; i < 2; i++) {
		assert_true(takes(&migration, "one/a"));
		assert_false(takes(&migration, "one/b"));
		assert_false(takes(&migration, "one/a.o"));
		migration_fini(&migration);
		assert_int_equal(migration_open(line.state, name, &migration, &err), FAULT_NONE);
	}
	migration_fini(&migration);
	select_free(line.planning.select);
	line.planning.select = NULL;

	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs("..", file);
	fclose(file);
	assert_int_equal(migration_open(line.state, name, &migration, &err), FAULT_CORRUPT);
	assert_non_null(strstr(err.text, "the list of files is not the one that was planned"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(migration_open(line.state, name, &migration, &err), FAULT_CORRUPT);
	assert_non_null(strstr(err.text, "the job's list of files, is gone"));
}

static void a_complete_plan_needs_its_list_no_more(void **state)
{
	(void)state;
	struct line line;
	struct migration migration;
	struct err err;
	char path[400];
	line_init(&line);
	line.planning.select = selection("*.o", "a");
	make_job(&line, NULL, &migration);
	plan(&migration);
	snprintf(path, sizeof path, "%s/files-from", migration.job.directory);
	migration_fini(&migration);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(migration_open(line.state, NULL, &migration, &err), FAULT_NONE);
	migration_fini(&migration);
	select_free(line.planning.select);
}

static void rules_and_sources_may_be_long(void **state)
{
	(void)state;
	enum { SIZE = SELECT_TEXT_MAX - 2, SOURCE = 6000 };
	struct line line;
	struct migration migration;
	char *pattern = malloc(SIZE + 1), *path = malloc(SOURCE + 1);
	assert_true(pattern && path);
	memset(pattern, 'x', SIZE);
	memset(path, 'y', SOURCE);
	pattern[SIZE] = path[SOURCE] = '\0';
	line_init(&line);
	line.planning.select = selection(pattern, NULL);
	make_job(&line, NULL, &migration);
	assert_false(takes(&migration, pattern));
	migration_fini(&migration);

	line.source[0].path = path;
	make_job(&line, NULL, &migration);
	assert_false(takes(&migration, pattern));
	assert_string_equal(migration.path.text[0], path);
	migration_fini(&migration);
	select_free(line.planning.select);
	free(pattern);
	free(path);
}

static void what_does_not_fit_a_header_makes_no_job(void **state)
{
	(void)state;
	struct migration_header header = {
		.property = { { "a", NULL, 100 }, { "b", NULL, CATALOG_HEADER_MAX - 122 } },
		.count = 2,
	};
	struct err err;
	assert_int_equal(migration_header_check(&header, &err), FAULT_NONE);
	header.property[0].value_size++;
	assert_int_equal(migration_header_check(&header, &err), FAULT_USAGE);
	assert_non_null(strstr(err.text, "and a job has room for 67108864"));
}

/* Neither the cap of the target nor that of its root is in the manifest. */
static void a_manifest_holds_no_caps(void **state)
{
	(void)state;
	struct line line;
	struct migration migration;
	line_init(&line);
	make_job(&line, sandbox_path("bare.plan"), &migration);
	migration_fini(&migration);
	enum { SIZE = 8192 };
	char data[SIZE + 1];
	FILE *file = fopen(sandbox_path("bare.plan"), "r");
	assert_non_null(file);
	size_t size = fread(data, 1, SIZE, file);
	fclose(file);
	assert_null(memmem(data, size, "chn6qsleosjn", 12));
	assert_null(memmem(data, size, "URI:DIR2", 8));
	assert_non_null(memmem(data, size, path_b, strlen(path_b)));
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test_setup_teardown(a_job_says_what_it_was_made_for, sandbox_setup,
						sandbox_teardown),
		cmocka_unit_test_setup_teardown(the_same_command_line_finds_its_job, sandbox_setup,
						sandbox_teardown),
		cmocka_unit_test_setup_teardown(
			a_job_that_lost_the_caps_of_its_sources_does_not_open, sandbox_setup,
			sandbox_teardown),
		cmocka_unit_test_setup_teardown(
			a_plan_is_carried_out_with_the_outcomes_it_has_or_gets, sandbox_setup,
			sandbox_teardown),
		cmocka_unit_test_setup_teardown(an_alias_that_moved_is_another_target,
						sandbox_setup, sandbox_teardown),
		cmocka_unit_test_setup_teardown(another_selection_is_another_job, sandbox_setup,
						sandbox_teardown),
		cmocka_unit_test_setup_teardown(a_job_goes_on_with_the_selection_it_was_made_for,
						sandbox_setup, sandbox_teardown),
		cmocka_unit_test_setup_teardown(a_complete_plan_needs_its_list_no_more,
						sandbox_setup, sandbox_teardown),
		cmocka_unit_test_setup_teardown(rules_and_sources_may_be_long, sandbox_setup,
						sandbox_teardown),
		cmocka_unit_test_setup_teardown(what_does_not_fit_a_header_makes_no_job,
						sandbox_setup, sandbox_teardown),
		cmocka_unit_test_setup_teardown(a_manifest_holds_no_caps, sandbox_setup,
						sandbox_teardown),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
