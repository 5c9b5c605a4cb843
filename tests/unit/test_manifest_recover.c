#include "queue/file/frame.h"
#include "queue/file/manifest.h"

#include "tests/unit/facts.h"
#include "tests/unit/manifest_sample.h"
#include "tests/unit/scratch.h"

#include <sys/wait.h>
#include <unistd.h>

static const struct sample small = { .files = 5, .name_size = 10, .sync_every = 2 };
static unsigned char whole[4096], changed[4096];

/* Behind preamble and header: below, nothing durable can be missing. */
static size_t first_block(const char *path)
{
	struct manifest_reader *reader = NULL;
	assert_int_equal(manifest_open(path, &reader, NULL), FAULT_NONE);
	uint64_t first = manifest_first(reader);
	manifest_close(reader);
	return (size_t)first;
}

static void refused_and_left(const char *path, const void *bytes, size_t size)
{
	struct manifest_resume resume;
	struct manifest_writer *writer = NULL;
	struct err err = { 0 };
	unsigned char after[4096];
	scratch_store(path, bytes, size);
	assert_int_equal(manifest_recover(path, &resume, &writer, &err), FAULT_CORRUPT);
	assert_true(err.text[0] != '\0' && err.fault == FAULT_CORRUPT);
	assert_null(writer);
	assert_int_equal(scratch_load(path, after, sizeof after), size);
	assert_memory_equal(after, bytes, size);
}

#ifdef BARGE_KILL_POINTS
/* Plans in a child that dies at the point `wish`; returns whether it did. */
static bool die_planning(const char *path, const char *wish)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		setenv("BARGE_KILL", wish, 1);
		struct sample sample = small;
		sample_make(&sample, path, true);
		_exit(0);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

/* Runs first: a process reads the wish at its first passage, and children inherit that. */
static void goes_on_after_death_at_every_kill_point(void **state)
{
	(void)state;
	static const char *const point[] = { "manifest-block", "manifest-synced",
					     "manifest-trailer", "manifest-complete" };
	char wish[64];
	int deaths[ARRAY_COUNT(point)] = { 0 };
	for (size_t i = 0; i < ARRAY_COUNT(point); i++) {
		for (int n = 1; n < 100; n++) {
			snprintf(wish, sizeof wish, "%s:%d", point[i], n);
			if (!die_planning(scratch_path("killed"), wish))
				break;
			deaths[i]++;
			pid_t child = fork();
			assert_true(child >= 0);
			if (child == 0) {
				unsetenv("BARGE_KILL");
				struct sample sample = small;
				sample_go_on(&sample, scratch_path("killed"));
				_exit(0);
			}
			int status = 0;
			assert_int_equal(waitpid(child, &status, 0), child);
			assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		}
	}
	assert_true(deaths[0] > 8);
	assert_int_equal(deaths[1], 6);
	assert_int_equal(deaths[2], 1);
	assert_int_equal(deaths[3], 1);
}
#endif

static void finds_every_flip_in_a_complete_plan(void **state)
{
	(void)state;
	struct sample sample = small;
	const char *path = scratch_path("flips");
	sample_make(&sample, path, true);
	size_t size = scratch_load(path, whole, sizeof whole);
	for (size_t at = 0; at < size; at++) {
		for (unsigned bit = 0; bit < 9; bit++) {
			memcpy(changed, whole, size);
			changed[at] ^= (unsigned char)(bit == 8 ? 0xff : 1u << bit);
			refused_and_left(path, changed, size);
		}
	}
}

static void finds_every_cut_of_a_complete_plan(void **state)
{
	(void)state;
	struct sample sample = small;
	const char *path = scratch_path("cuts");
	sample_make(&sample, path, true);
	size_t size = scratch_load(path, whole, sizeof whole);
	for (size_t length = 0; length < size; length++)
		refused_and_left(path, whole, length);
	whole[size] = 0;
	refused_and_left(path, whole, size + 1);
}

static void goes_on_after_every_cut_of_an_unfinished_plan(void **state)
{
	(void)state;
	struct sample sample = small;
	const char *path = scratch_path("unfinished");
	sample_make(&sample, path, false);
	size_t size = scratch_load(path, whole, sizeof whole);
	size_t first = first_block(path);
	for (size_t length = 0; length < first; length++)
		refused_and_left(path, whole, length);
	for (size_t length = first; length <= size; length++) {
		struct sample again = small;
		scratch_store(path, whole, length);
		sample_go_on(&again, path);
	}
}

static void goes_on_after_a_tail_of_zeros_or_garbage(void **state)
{
	(void)state;
	struct sample sample = small;
	const char *path = scratch_path("tails");
	sample_make(&sample, path, false);
	size_t size = scratch_load(path, whole, sizeof whole);
	for (size_t length = first_block(path); length <= size; length += 3) {
		for (int fill = 0; fill < 2; fill++) {
			struct sample again = small;
			memcpy(changed, whole, length);
			memset(changed + length, fill ? 'x' : 0, 300);
			scratch_store(path, changed, length + 300);
			sample_go_on(&again, path);
		}
	}
}

static void cuts_at_the_first_bad_block_and_says_how_much(void **state)
{
	(void)state;
	struct sample sample = small;
	const char *path = scratch_path("bad-block");
	sample_make(&sample, path, false);
	size_t size = scratch_load(path, whole, sizeof whole);
	memcpy(changed, whole, size);
	changed[sample.listing[2].value + 30] ^= 1;
	scratch_store(path, changed, size);
	struct manifest_resume resume;
	struct manifest_writer *writer = NULL;
	assert_int_equal(manifest_recover(path, &resume, &writer, NULL), FAULT_NONE);
	assert_false(resume.complete || resume.inside);
	assert_int_equal(resume.cut, size - sample.listing[2].value);
	assert_int_equal(resume.listing.value, sample.listing[1].value);
	assert_int_equal(scratch_size(path), sample.listing[2].value);
	assert_int_equal(manifest_writer_totals(writer)->next_id, sample.id[2] + 1);
	struct listing_id durable;
	assert_int_equal(manifest_sync(writer, &durable, NULL), FAULT_NONE);
	assert_int_equal(durable.value, sample.listing[2].value);
	manifest_writer_close(writer);
}

static void writes_the_trailer_again_when_the_mark_is_missing(void **state)
{
	(void)state;
	struct sample sample = small;
	const char *path = scratch_path("no-mark");
	sample_make(&sample, path, true);
	size_t size = scratch_load(path, whole, sizeof whole);
	memcpy(changed, whole, size);
	memset(changed + 40, 0, 16);
	scratch_store(path, changed, size);
	struct manifest_resume resume;
	struct manifest_writer *writer = NULL;
	assert_int_equal(manifest_recover(path, &resume, &writer, NULL), FAULT_NONE);
	assert_false(resume.complete || resume.inside);
	assert_true(resume.cut > FRAME_HEADER_SIZE);
	assert_int_equal(manifest_finish(writer, NULL), FAULT_NONE);
	manifest_writer_close(writer);
	assert_int_equal(scratch_load(path, changed, sizeof changed), size);
	assert_memory_equal(changed, whole, size);
}

static void goes_on_inside_a_listing_of_many_blocks(void **state)
{
	(void)state;
	static unsigned char large[1 << 20];
	const struct sample model = { .files = 1500, .name_size = 200 };
	struct sample sample = model;
	const char *path = scratch_path("inside");
	sample_make(&sample, path, false);
	size_t size = scratch_load(path, large, sizeof large);
	assert_true(size > 300000 && size < sizeof large);
	for (size_t length = size - 400; length > 70000; length -= 66000) {
		struct sample again = model;
		scratch_store(path, large, length);
		struct manifest_resume resume;
		struct manifest_writer *writer = NULL;
		assert_int_equal(manifest_recover(path, &resume, &writer, NULL), FAULT_NONE);
		assert_true(resume.inside);
		assert_int_equal(resume.listing.value, sample.listing[1].value);
		assert_int_equal(resume.last_name_size, 200);
		manifest_writer_close(writer);
		sample_go_on(&again, path);
	}
}

static void knows_a_missing_file(void **state)
{
	(void)state;
	struct manifest_resume resume;
	struct manifest_writer *writer = NULL;
	assert_int_equal(manifest_recover(scratch_path("none"), &resume, &writer, NULL),
			 FAULT_NOT_FOUND);
}

int main(void)
{
	unsetenv("BARGE_KILL");
	const struct CMUnitTest facts[] = {
#ifdef BARGE_KILL_POINTS
		cmocka_unit_test(goes_on_after_death_at_every_kill_point),
#endif
		cmocka_unit_test(finds_every_flip_in_a_complete_plan),
		cmocka_unit_test(finds_every_cut_of_a_complete_plan),
		cmocka_unit_test(goes_on_after_every_cut_of_an_unfinished_plan),
		cmocka_unit_test(goes_on_after_a_tail_of_zeros_or_garbage),
		cmocka_unit_test(cuts_at_the_first_bad_block_and_says_how_much),
		cmocka_unit_test(writes_the_trailer_again_when_the_mark_is_missing),
		cmocka_unit_test(goes_on_inside_a_listing_of_many_blocks),
		cmocka_unit_test(knows_a_missing_file),
	};
	return cmocka_run_group_tests(facts, scratch_setup, scratch_teardown);
}
