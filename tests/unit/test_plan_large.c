#include "plan/plan.h"

#include "queue/file/manifest.h"
#include "tests/unit/facts.h"
#include "tests/unit/plan_case.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct plan_case c;

static int setup(void **state)
{
	(void)state;
	plan_case_init(&c);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	plan_case_fini(&c);
	return 0;
}

/* Makes `levels` directories below each other, each with `siblings` more of the given name length
 * beside the one that goes on, which sorts before them. */
static void make_chain(int levels, int siblings, size_t length)
{
	char name[256];
	int fd = open(c.tree, O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < levels; i++) {
		memset(name, 'd', length);
		name[length] = '\0';
		assert_int_equal(mkdirat(fd, name, 0755), 0);
		int next = openat(fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		for (int j = 0; j < siblings; j++) {
			memset(name, 'm', length);
			name[length - 1] = (char)('0' + j);
			assert_int_equal(mkdirat(fd, name, 0755), 0);
		}
		close(fd);
		fd = next;
		assert_true(fd >= 0);
	}
	int file = openat(fd, "bottom", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(file >= 0);
	close(file);
	close(fd);
}

static struct manifest_totals totals_of(void)
{
	struct manifest_reader *reader;
	struct manifest_block block = { .is_trailer = false };
	uint64_t listings = 0;
	assert_int_equal(manifest_open(c.manifest, &reader, &c.err), 0);
	for (uint64_t at = manifest_first(reader); !block.is_trailer; at = block.next) {
		assert_int_equal(manifest_read(reader, at, &block, &c.err), 0);
		listings += !block.is_trailer && block.first;
	}
	struct manifest_totals totals = *block.totals;
	/* Each directory that is to be walked, and the root, has a listing. */
	assert_int_equal(listings, totals.directories + 1);
	manifest_close(reader);
	return totals;
}

/* Plans with few descriptors. */
static enum fault plan_frugally(enum fault (*plan)(struct plan_case *))
{
	struct rlimit before, few = { .rlim_cur = 64 };
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	enum fault fault = plan(&c);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	return fault;
}

static void walks_ten_thousand_levels(void **state)
{
	(void)state;
	make_chain(10000, 0, 5);
	assert_int_equal(plan_frugally(plan_afresh), 0);
	struct manifest_totals totals = totals_of();
	assert_int_equal(totals.directories, 10001);
	assert_int_equal(totals.files, 1);
	assert_int_equal(totals.failed, 0);
}

/* What waits on the way up does not fit in memory, and the way back is long. */
static void walks_what_waits_beside_a_deep_way(void **state)
{
	(void)state;
	make_chain(2500, 3, 240);
	assert_int_equal(plan_frugally(plan_afresh), 0);
	assert_string_equal(c.settled, "");
	struct manifest_totals totals = totals_of();
	assert_int_equal(totals.directories, 10001);
	assert_int_equal(totals.files, 1);
}

/* `..` of a directory reached through a symlink leads elsewhere. */
static void comes_back_through_symlinks(void **state)
{
	(void)state;
	enum { LEVELS = 80 };
	char path[64], target[64];
	make_directory(&c, "../aside");
	for (int i = 0; i < LEVELS; i++) {
		snprintf(path, sizeof path, "../aside/%03d", i);
		make_directory(&c, path);
		snprintf(path, sizeof path, "../aside/%03d/z", i);
		make_directory(&c, path);
		snprintf(path, sizeof path, "../aside/%03d/next", i);
		snprintf(target, sizeof target, "../%03d", i + 1);
		if (i + 1 < LEVELS)
			make_symlink(&c, path, target);
	}
	make_symlink(&c, "start", "../aside/000");
	c.request.options.symlinks = PLAN_SYMLINKS_FOLLOW;
	assert_int_equal(plan_frugally(plan_afresh), 0);
	assert_string_equal(c.settled, "");
	assert_int_equal(totals_of().directories, 2 * LEVELS + 1);
}

static void goes_on_at_the_bottom_of_a_deep_way(void **state)
{
	(void)state;
	make_chain(2200, 1, 20);
	assert_int_equal(plan_afresh(&c), 0);
	char *text = plan_text(&c);
	size_t size;
	unsigned char *whole = read_manifest(&c, &size);
	uint64_t cut[] = { c.boundary[2201], c.boundary[2202], c.boundary[3300] };
	for (size_t i = 0; i < ARRAY_COUNT(cut); i++) {
		cut_manifest(&c, whole, cut[i]);
		assert_int_equal(plan_frugally(plan_again), 0);
		char *again = plan_text(&c);
		assert_true(strcmp(again, text) == 0);
		free(again);
	}
	free(whole);
	free(text);
}

static int name_of(int i, char name[64])
{
	/* Spread so that runs overlap. */
	unsigned mixed = (unsigned)i * 2654435761u;
	return snprintf(name, 64, "%08x", mixed);
}

/* More names than are sorted in memory, two of which are equal in NFC. */
static void sorts_seventy_thousand_names_on_disk(void **state)
{
	(void)state;
	enum { COUNT = 70000 };
	char name[64];
	int fd = open(c.tree, O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < COUNT; i++) {
		name_of(i, name);
		assert_int_equal(mknodat(fd, name, S_IFREG | 0644, 0), 0);
	}
	close(fd);
	make_file(&c, "caf\xc3\xa9", 1);
	make_file(&c, "cafe\xcc\x81", 1);
	assert_int_equal(plan_afresh(&c), 0);
	struct manifest_totals totals = totals_of();
	assert_int_equal(totals.files, COUNT + 2);
	assert_int_equal(totals.failed, 2);
	char *text = plan_text(&c);
	char before[64] = "";
	char *line = strstr(text, "1: top\n") + 7;
	for (int i = 0; i < COUNT + 2; i++) {
		assert_int_equal(sscanf(line, " %*u %*s %*u %63s", name), 1);
		assert_true(strcmp(before, name) < 0);
		memcpy(before, name, sizeof before);
		line = strchr(line, '\n') + 1;
	}
	free(text);
	/* Cut in the middle, the names that are there fill a file as well. */
	size_t size;
	char *wanted = plan_text(&c);
	unsigned char *whole = read_manifest(&c, &size);
	cut_manifest(&c, whole, c.boundary[c.boundary_count - 2]);
	assert_int_equal(plan_again(&c), 0);
	text = plan_text(&c);
	assert_true(strcmp(text, wanted) == 0);
	free(text);
	free(wanted);
	free(whole);
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		FACT(walks_ten_thousand_levels),
		FACT(walks_what_waits_beside_a_deep_way),
		FACT(comes_back_through_symlinks),
		FACT(goes_on_at_the_bottom_of_a_deep_way),
		FACT(sorts_seventy_thousand_names_on_disk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
