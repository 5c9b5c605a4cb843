#include "fetch/fetch.h"
#include "queue/thread.h"
#include "tests/unit/facts.h"
#include "tests/unit/fake_grid.h"
#include "tests/unit/tree.h"

#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ENTRIES_MAX = 64, BIG = 5000 };

/* ---- a small grid, made anew for each fact ---- */

enum object {
	ROOT, /* a mutable directory */
	SUB,
	HELLO,    /* LIT */
	LARGE,    /* CHK with our secret */
	ALIEN,    /* CHK with another secret */
	CHANGING, /* mutable file */
	OBJECTS,
};

static unsigned char large[BIG], alien[BIG];
static struct fake_object object[OBJECTS];
static struct fake_grid grid = { .object = object, .count = OBJECTS };
static struct chk_params ours = {
	.secret = "ours", .secret_size = 32, .k = 1, .n = 1, .max_segment_size = CHK_SEGMENT_SIZE
};

struct seen {
	char path[300];
	size_t path_size;
	bool done, skipped, conflict;
	char reason[100];
};

static struct seen seen[ENTRIES_MAX];
static size_t seen_count;
static struct fetch_counts counts;

static struct cap mutable_cap(enum cap_kind kind, unsigned char number)
{
	struct cap cap = { .kind = kind };
	cap.key[0] = number;
	return cap;
}

static int setup(void **state)
{
	struct err err;
	struct chk_params theirs = ours;
	theirs.secret[0] = 'x';
	for (size_t i = 0; i < BIG; i++) {
		large[i] = (unsigned char)(i * 31 >> 3);
		alien[i] = (unsigned char)(i * 17 >> 2);
	}
	memset(object, 0, sizeof object);
	object[ROOT].cap = mutable_cap(CAP_DIR2_RO, 1);
	object[SUB].cap = mutable_cap(CAP_DIR2_RO, 2);
	object[CHANGING].cap = mutable_cap(CAP_SSK_RO, 3);
	object[CHANGING].data = "mutable";
	object[CHANGING].size = 7;
	chk_literal("hello", 5, &object[HELLO].cap);
	object[LARGE].data = large;
	object[ALIEN].data = alien;
	object[LARGE].size = object[ALIEN].size = BIG;
	assert_int_equal(chk_cap_of(&ours, large, BIG, &object[LARGE].cap, &err), FAULT_NONE);
	assert_int_equal(chk_cap_of(&theirs, alien, BIG, &object[ALIEN].cap, &err), FAULT_NONE);
	atomic_store(&grid.away, false);
	seen_count = 0;
	return tree_setup(state);
}

static void fill(enum object number, const struct fake_child *child, size_t count)
{
	object[number].child = child;
	object[number].children = count;
}

/* ---- runs ---- */

static void ended(void *context, const struct fetch_entry *entry)
{
	(void)context;
	assert_true(seen_count < ENTRIES_MAX);
	struct seen *as = &seen[seen_count++];
	*as = (struct seen){ .path_size = entry->path_size,
			     .done = entry->done,
			     .skipped = entry->skipped,
			     .conflict = entry->conflict };
	snprintf(as->path, sizeof as->path, "%s", entry->path);
	snprintf(as->reason, sizeof as->reason, "%s", entry->done ? "" : entry->reason);
}

static const struct seen *find(const char *path)
{
	for (size_t i = 0; i < seen_count; i++)
		if (strcmp(seen[i].path, path) == 0)
			return &seen[i];
	fail_msg("no word about %s", path);
	return NULL;
}

static bool done(const char *path) { return find(path)->done; }

static bool failed(const char *path)
{
	const struct seen *entry = find(path);
	return !entry->done && !entry->skipped;
}

struct run {
	const struct chk_params *secret;

	uint64_t away_ms;
};

static struct fetch_source root_source(void)
{
	return (struct fetch_source){
		.node = { .kind = STORE_DIRECTORY, .ro = object[ROOT].cap },
		.name = "",
	};
}

static void stop_soon(void *context)
{
	struct fetch *fetch = context;
	while (atomic_load(&object[LARGE].reads) + atomic_load(&object[SUB].lists) == 0)
		sched_yield();
	fetch_stop(fetch);
}

static enum fault fetch_source(const struct fetch_source *source, const struct run *run,
			       bool stopped)
{
	struct err err;
	struct fetch *fetch;
	struct thread thread;
	const struct fetch_request request = {
		.open = fake_open,
		.ended = ended,
		.context = &grid,
		.target = tree_path("out"),
		.source = source,
		.count = 1,
		.secret = run->secret,
		.in_flight = 4,
		.away_ms = run->away_ms,
	};
	assert_int_equal(fetch_new(&request, &fetch, &err), FAULT_NONE);
	if (stopped)
		assert_true(thread_start(&thread, "stop", stop_soon, fetch));
	enum fault fault = fetch_run(fetch, &counts, &err);
	if (stopped)
		thread_join(&thread);
	fetch_free(fetch);
	return fault;
}

static enum fault fetch_root_knowing(const struct chk_params *secret)
{
	const struct fetch_source source = root_source();
	return fetch_source(&source, &(struct run){ .secret = secret }, false);
}

static enum fault fetch_root(void) { return fetch_root_knowing(&ours); }

/* ---- facts ---- */

static void fetches_a_tree_with_modes_and_times(void **state)
{
	(void)state;
	static const struct fake_child in_root[] = {
		{ .name = "hello", .object = HELLO, .mode = 0104755, .mtime_ns = 1500000000 },
		{ .name = "sub", .object = SUB, .mode = 040750, .mtime_ns = 2500000000 },
	};
	static const struct fake_child in_sub[] = {
		{ .name = "large", .object = LARGE },
		{ .name = "alien", .object = ALIEN },
		{ .name = "changing", .object = CHANGING },
	};
	struct stat st;
	fill(ROOT, in_root, 2);
	fill(SUB, in_sub, 3);
	assert_int_equal(fetch_root(), FAULT_NONE);
	assert_true(tree_holds("out/hello", "hello", 5));
	assert_true(tree_holds("out/sub/large", large, BIG));
	assert_true(tree_holds("out/sub/alien", alien, BIG));
	assert_true(tree_holds("out/sub/changing", "mutable", 7));
	assert_int_equal(tree_count("out") + tree_count("out/sub"), 5);
	assert_int_equal(stat(tree_path("out/hello"), &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0755); /* no setuid */
	assert_int_equal(st.st_mtim.tv_nsec, 500000000);
	assert_int_equal(stat(tree_path("out/sub"), &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0750);
	assert_int_equal(st.st_mtim.tv_sec, 2);
	assert_int_equal(stat(tree_path("out/sub/large"), &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(counts.files, 4);
	assert_int_equal(counts.directories, 1);
	assert_int_equal(counts.reread, 2); /* what our secret does not prove */
	assert_int_equal(object[LARGE].reads, 1);
	assert_int_equal(object[ALIEN].reads, 2);
	assert_int_equal(object[CHANGING].reads, 2);
}

static void writes_nothing_outside_the_target(void **state)
{
	(void)state;
	static const struct fake_child in_root[] = {
		{ .name = "../evil", .object = HELLO },
		{ .name = "..", .object = SUB },
		{ .name = ".", .object = HELLO },
		{ .name = "", .anonymous = true, .object = SUB },
		{ .name = "/tmp/evil", .object = HELLO },
		{ .name = "a\0b", .name_size = 3, .object = HELLO },
		{ .name = "good", .object = HELLO },
		{ .name = "\xc3\xa4", .object = HELLO },
		{ .name = "a\xcc\x88", .object = HELLO },
		{ .name = "future", .object = HELLO, .unknown = true },
	};
	static const struct fake_child in_sub[] = { { .name = "inner", .object = HELLO } };
	fill(ROOT, in_root, ARRAY_COUNT(in_root));
	fill(SUB, in_sub, 1);
	assert_int_equal(fetch_root(), FAULT_NONE);
	assert_int_equal(tree_count(""), 1);
	assert_int_equal(tree_count("out"), 1);
	assert_true(done("good"));
	assert_true(failed("../evil") && failed("..") && failed("\xc3\xa4"));
	assert_true(find("future")->skipped);
	assert_int_equal(counts.failed, 8);
	assert_int_equal(counts.skipped, 1);
	assert_int_equal(counts.files, 1);
	assert_int_equal(object[SUB].lists, 0);
}

static void ends_when_a_directory_is_inside_itself(void **state)
{
	(void)state;
	static const struct fake_child in_root[] = { { .name = "sub", .object = SUB } };
	static const struct fake_child in_sub[] = {
		{ .name = "up", .object = ROOT },
		{ .name = "self", .object = SUB },
		{ .name = "hello", .object = HELLO },
	};
	fill(ROOT, in_root, 1);
	fill(SUB, in_sub, 3);
	assert_int_equal(fetch_root(), FAULT_NONE);
	assert_true(done("sub") && done("sub/hello") && failed("sub/up") && failed("sub/self"));
	assert_int_equal(tree_count("out/sub"), 1);
}

static const struct fake_child three_files[] = {
	{ .name = "hello", .object = HELLO },
	{ .name = "large", .object = LARGE },
	{ .name = "alien", .object = ALIEN },
};

static void accepts_no_lie_of_the_gateway(void **state)
{
	static const enum fake_lie lie[] = { FAKE_SPLICE, FAKE_SHORT, FAKE_FLIP_EVERY };
	for (size_t i = 0; i < 2 * ARRAY_COUNT(lie); i++) {
		if (i > 0) {
			tree_teardown(state);
			setup(state);
		}
		fill(ROOT, three_files, 3);
		object[LARGE].lie = object[ALIEN].lie = lie[i / 2];
		mkdir(tree_path("out"), 0700);
		tree_store("out/large", "before");
		assert_int_equal(fetch_root_knowing(i % 2 ? &ours : NULL), FAULT_NONE);
		assert_true(failed("large") && failed("alien") && done("hello"));
		assert_true(tree_holds("out/large", "before", 6));
		assert_int_equal(tree_count("out"), 2); /* no temporary file */
	}
}

static void accepts_a_true_tail_that_looks_like_a_lie(void **state)
{
	(void)state;
	struct err err;
	struct chk_params theirs = ours;
	theirs.secret[0] = 'x';
	fill(ROOT, three_files, 3);
	memcpy(alien + BIG - 7, "problem", 7);
	assert_int_equal(chk_cap_of(&theirs, alien, BIG, &object[ALIEN].cap, &err), FAULT_NONE);
	assert_int_equal(fetch_root(), FAULT_NONE);
	assert_true(tree_holds("out/alien", alien, BIG));
	assert_int_equal(object[ALIEN].reads, 3);
}

static void tries_again_what_failed_for_a_moment(void **state)
{
	(void)state;
	fill(ROOT, three_files, 3);
	object[LARGE].lie = FAKE_RETRY_ONCE;
	assert_int_equal(fetch_root(), FAULT_NONE);
	assert_true(tree_holds("out/large", large, BIG));
	assert_int_equal(object[LARGE].reads, 2);
}

static void keeps_no_first_read_that_a_second_belies(void **state)
{
	(void)state;
	fill(ROOT, three_files, 3);
	object[LARGE].lie = object[ALIEN].lie = FAKE_FLIP_ONCE;
	assert_int_equal(fetch_root(), FAULT_NONE);
	assert_true(tree_holds("out/large", large, BIG));
	assert_true(tree_holds("out/alien", alien, BIG));
	assert_int_equal(object[LARGE].reads, 3);
}

static void goes_on_after_a_directory_that_is_lost(void **state)
{
	(void)state;
	static const struct fake_child in_root[] = {
		{ .name = "sub", .object = SUB },
		{ .name = "large", .object = LARGE },
	};
	fill(ROOT, in_root, 2);
	object[SUB].lie = FAKE_LOST;
	assert_int_equal(fetch_root(), FAULT_NONE);
	assert_true(failed("sub") && done("large"));
	assert_int_equal(access(tree_path("out/sub"), F_OK), -1);
}

static void leaves_what_is_in_the_way(void **state)
{
	(void)state;
	static const struct fake_child in_root[] = {
		{ .name = "sub", .object = SUB },     { .name = "hello", .object = HELLO },
		{ .name = "link", .object = LARGE },  { .name = "door", .object = SUB },
		{ .name = "large", .object = LARGE },
	};
	static const struct fake_child in_sub[] = { { .name = "inner", .object = HELLO } };
	fill(ROOT, in_root, ARRAY_COUNT(in_root));
	fill(SUB, in_sub, 1);
	mkdir(tree_path("out"), 0700);
	mkdir(tree_path("out/hello"), 0700);
	mkdir(tree_path("elsewhere"), 0700);
	tree_store("out/sub", "a file");
	tree_store("out/large", "old");
	assert_int_equal(symlink("large", tree_path("out/link")), 0);
	assert_int_equal(symlink("../elsewhere", tree_path("out/door")), 0);
	assert_int_equal(fetch_root(), FAULT_NONE);
	assert_int_equal(counts.conflicts, 4);
	assert_true(find("sub")->conflict && find("hello")->conflict && find("link")->conflict);
	assert_true(tree_holds("out/sub", "a file", 6));
	assert_true(tree_holds("out/large", large, BIG));
	assert_int_equal(tree_count("elsewhere"), 0);
	assert_int_equal(tree_count("out/hello"), 0);
}

static void fetches_one_file_under_a_name_of_its_own(void **state)
{
	(void)state;
	const struct fetch_source source = {
		.node = { .kind = STORE_FILE, .ro = object[LARGE].cap },
		.name = "other name",
	};
	assert_int_equal(fetch_source(&source, &(struct run){ .secret = NULL }, false), FAULT_NONE);
	assert_true(tree_holds("out/other name", large, BIG));
	assert_int_equal(object[LARGE].reads, 2);
}

static void stops_in_the_middle_of_a_read(void **state)
{
	(void)state;
	static const struct fake_child in_root[] = {
		{ .name = "sub", .object = SUB },
		{ .name = "large", .object = LARGE },
		{ .name = "alien", .object = ALIEN },
	};
	fill(ROOT, in_root, 3);
	object[SUB].lie = FAKE_HANG;
	object[ALIEN].lie = FAKE_HANG;
	const struct fetch_source source = root_source();
	assert_int_equal(fetch_source(&source, &(struct run){ .secret = &ours }, true),
			 FAULT_CANCELLED);
	assert_true(tree_count("out") <= 1); /* nothing but what is whole */
}

static void gives_up_a_gateway_that_stays_away(void **state)
{
	(void)state;
	fill(ROOT, three_files, 3);
	atomic_store(&grid.away, true);
	assert_int_equal(fetch_root(), FAULT_UNAVAILABLE);
	assert_int_equal(seen_count, 0);
	assert_int_equal(tree_count("out"), 0);
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, setup, tree_teardown)

int main(void)
{
	const struct CMUnitTest fact[] = {
		FACT(fetches_a_tree_with_modes_and_times),
		FACT(writes_nothing_outside_the_target),
		FACT(ends_when_a_directory_is_inside_itself),
		FACT(accepts_no_lie_of_the_gateway),
		FACT(accepts_a_true_tail_that_looks_like_a_lie),
		FACT(tries_again_what_failed_for_a_moment),
		FACT(keeps_no_first_read_that_a_second_belies),
		FACT(goes_on_after_a_directory_that_is_lost),
		FACT(leaves_what_is_in_the_way),
		FACT(fetches_one_file_under_a_name_of_its_own),
		FACT(stops_in_the_middle_of_a_read),
		FACT(gives_up_a_gateway_that_stays_away),
	};
	return cmocka_run_group_tests(fact, NULL, NULL);
}
