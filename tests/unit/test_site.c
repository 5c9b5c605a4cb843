#include "files/site.h"

#include "queue/core/thread.h"
#include "queue/file/manifest.h"
#include "tests/unit/facts.h"
#include "tests/unit/harbour.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WIDE = 150 };

static struct harbour harbour;

static int setup(void **state)
{
	tree_setup(state);
	harbour_init(&harbour);
	return 0;
}

static int teardown(void **state)
{
	harbour_fini(&harbour);
	return tree_teardown(state);
}

static struct spot *open_spot(struct site *site, uint64_t listing)
{
	struct spot *spot = NULL;
	struct err err;
	assert_int_equal(site_open(site, listing, &spot, &err), 0);
	return spot;
}

static bool is_at(const struct spot *spot, const char *path)
{
	struct stat open_one, named;
	return fstat(spot->fd, &open_one) == 0 && stat(tree_path(path), &named) == 0 &&
	       open_one.st_ino == named.st_ino && open_one.st_dev == named.st_dev;
}

static enum fault open_fault(uint64_t listing)
{
	struct spot *spot;
	struct err err;
	return site_open(harbour.site, listing, &spot, &err);
}

/* ---- facts ---- */

static void makes_what_is_missing_on_the_way(void **state)
{
	(void)state;
	struct stat st;
	struct spot *spot = open_spot(harbour.site, harbour.listing[HARBOUR_E]);
	assert_true(is_at(spot, "out/d/e"));
	spot_unref(spot);
	assert_int_equal(stat(tree_path("out/d"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	spot = open_spot(harbour.site, harbour.listing[HARBOUR_ROOT]);
	assert_true(is_at(spot, "out"));
	spot_unref(spot);
	spot = open_spot(harbour.site, harbour.listing[HARBOUR_D]);
	assert_true(is_at(spot, "out/d"));
	spot_unref(spot);
}

static void takes_what_is_there(void **state)
{
	(void)state;
	struct stat st;
	assert_int_equal(mkdir(tree_path("out/d"), 0755), 0);
	tree_store("out/d/kept", "text");
	struct spot *spot = open_spot(harbour.site, harbour.listing[HARBOUR_D]);
	assert_true(is_at(spot, "out/d"));
	spot_unref(spot);
	assert_int_equal(stat(tree_path("out/d"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0755);
	assert_int_equal(tree_count("out/d"), 1);
}

static void goes_through_no_symlink_and_no_file(void **state)
{
	(void)state;
	assert_int_equal(mkdir(tree_path("aside"), 0755), 0);
	assert_int_equal(symlink("../aside", tree_path("out/d")), 0);
	assert_int_equal(open_fault(harbour.listing[HARBOUR_E]), FAULT_EXISTS);
	assert_int_equal(open_fault(harbour.listing[HARBOUR_D]), FAULT_EXISTS);
	assert_int_equal(tree_count("aside"), 0);
	assert_int_equal(unlink(tree_path("out/d")), 0);
	tree_store("out/d", "a file");
	assert_int_equal(open_fault(harbour.listing[HARBOUR_E]), FAULT_EXISTS);
	assert_true(tree_holds("out/d", "a file", 6));
	/* Nothing of that is remembered. */
	assert_int_equal(unlink(tree_path("out/d")), 0);
	spot_unref(open_spot(harbour.site, harbour.listing[HARBOUR_E]));
}

static void refuses_offsets_of_no_listing(void **state)
{
	(void)state;
	assert_int_equal(open_fault(harbour.listing[HARBOUR_D] + 1), FAULT_CORRUPT);
	assert_int_equal(open_fault(0), FAULT_CORRUPT);
	assert_int_equal(tree_count("out"), 0);
}

/* Makes the manifest `path` of a root that holds WIDE directories. */
static void make_wide(const char *path, uint64_t listing[WIDE])
{
	static const unsigned char job_id[16] = "wide";
	struct manifest_writer *writer;
	uint64_t root;
	struct err err;
	char name[WIDE][8];
	assert_int_equal(manifest_create(path, job_id, NULL, 0, &writer, &err), 0);
	assert_int_equal(manifest_begin(writer, 0, 0, 0, "", 0, &root, &err), 0);
	for (size_t i = 0; i < WIDE; i++) {
		snprintf(name[i], sizeof name[i], "%03zu", i);
		struct manifest_entry entry = { .kind = MANIFEST_DIRECTORY,
						.name = name[i],
						.name_size = 3 };
		assert_int_equal(manifest_add(writer, &entry, &err), 0);
	}
	assert_int_equal(manifest_end(writer, &err), 0);
	for (size_t i = 0; i < WIDE; i++) {
		assert_int_equal(
			manifest_begin(writer, i + 1, 0, root, name[i], 3, &listing[i], &err), 0);
		assert_int_equal(manifest_end(writer, &err), 0);
	}
	assert_int_equal(manifest_finish(writer, &err), 0);
	manifest_writer_close(writer);
}

static size_t count_descriptors(void)
{
	size_t count = 0;
	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void keeps_few_directories_open_and_no_spot_dies(void **state)
{
	(void)state;
	static uint64_t listing[WIDE];
	struct site *site;
	struct err err;
	make_wide(tree_path("wide"), listing);
	size_t before = count_descriptors();
	assert_int_equal(site_new(tree_path("wide"), harbour.root, &site, &err), 0);
	struct spot *held = open_spot(site, listing[0]);
	for (size_t i = 1; i < WIDE; i++)
		spot_unref(open_spot(site, listing[i]));
	assert_in_range(count_descriptors() - before, 1, 70);
	assert_true(is_at(held, "out/000"));
	struct spot *again = open_spot(site, listing[0]);
	assert_true(is_at(again, "out/000"));
	spot_unref(again);
	site_free(site);
	assert_true(is_at(held, "out/000"));
	spot_unref(held);
	assert_int_equal(count_descriptors(), before);
	assert_int_equal(tree_count("out"), WIDE);
}

static void give_back(void *context) { spot_unref(context); }

static void takes_spots_back_in_any_thread(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++) {
		struct thread thread;
		struct spot *spot = open_spot(harbour.site, harbour.listing[HARBOUR_D]);
		spot_ref(spot);
		assert_true(thread_start(&thread, "other", give_back, spot));
		spot_unref(spot);
		thread_join(&thread);
	}
	struct spot *spot = open_spot(harbour.site, harbour.listing[HARBOUR_D]);
	assert_true(is_at(spot, "out/d"));
	assert_int_equal(atomic_load(&spot->references), 2);
	spot_unref(spot);
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		FACT(makes_what_is_missing_on_the_way),
		FACT(takes_what_is_there),
		FACT(goes_through_no_symlink_and_no_file),
		FACT(refuses_offsets_of_no_listing),
		FACT(keeps_few_directories_open_and_no_spot_dies),
		FACT(takes_spots_back_in_any_thread),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
