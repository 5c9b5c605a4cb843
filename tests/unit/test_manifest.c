#include "queue/file/manifest.h"
#include "queue/file/manifest_format.h"

#include "queue/file/frame.h"
#include "queue/file/outcomes.h"
#include "tests/unit/facts.h"
#include "tests/unit/manifest_sample.h"
#include "tests/unit/scratch.h"

#include <xxhash.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Stands in for the C library's: a disk that loses what it was given. */
static bool sync_fails;

int fdatasync(int fd)
{
	if (!sync_fails)
		return (int)syscall(SYS_fdatasync, fd);
	errno = EIO;
	return -1;
}

static struct manifest_reader *open_reader(const char *path)
{
	struct manifest_reader *reader = NULL;
	assert_int_equal(manifest_open(path, &reader, NULL), FAULT_NONE);
	return reader;
}

static struct manifest_writer *begin_root(const char *path)
{
	struct listing_id listing;
	struct manifest_writer *writer = sample_create(path);
	assert_int_equal(manifest_begin(writer, 0, 0, LISTING_NONE, "", 0, &listing, NULL),
			 FAULT_NONE);
	return writer;
}

static struct manifest_entry file_named(const char *name)
{
	return (struct manifest_entry){ .kind = MANIFEST_FILE,
					.name = name,
					.name_size = strlen(name) };
}

static void reads_back_a_plan(void **state)
{
	(void)state;
	for (size_t sync_every = 0; sync_every < 4; sync_every++) {
		struct sample sample = { .files = 50, .name_size = 20, .sync_every = sync_every };
		sample_make(&sample, scratch_path("plan"), true);
		struct sample_position end = sample_check(&sample, scratch_path("plan"), NULL);
		assert_int_equal(end.directory, SAMPLE_DIRECTORIES);
	}
}

/* The example of docs/formats.md; when this fails, the version has to change. */
static void writes_the_bytes_of_the_documented_example(void **state)
{
	(void)state;
	static unsigned char bytes[1024];
	const char *path = scratch_path("example");
	const struct manifest_property property = { "command", "cp -r", 5 };
	struct manifest_entry file = { .kind = MANIFEST_FILE,
				       .bytes = 1000,
				       .chunk_size = 600,
				       .name = "a.txt",
				       .name_size = 5,
				       .meta = (const unsigned char *)"\x01\x02",
				       .meta_size = 2 };
	struct manifest_entry directory = { .kind = MANIFEST_DIRECTORY,
					    .name = "d",
					    .name_size = 1 };
	struct manifest_writer *writer = NULL;
	unsigned char job[16];
	struct listing_id root, listing;
	for (unsigned char i = 0; i < 16; i++)
		job[i] = i;
	assert_int_equal(manifest_create(path, job, &property, 1, &writer, NULL), FAULT_NONE);
	assert_int_equal(manifest_begin(writer, 0, 0, LISTING_NONE, "", 0, &root, NULL),
			 FAULT_NONE);
	assert_int_equal(manifest_add(writer, &file, NULL), FAULT_NONE);
	assert_int_equal(manifest_add(writer, &directory, NULL), FAULT_NONE);
	assert_int_equal(manifest_end(writer, NULL), FAULT_NONE);
	assert_int_equal(manifest_begin(writer, directory.id, 0, root, "d", 1, &listing, NULL),
			 FAULT_NONE);
	assert_int_equal(manifest_end(writer, NULL), FAULT_NONE);
	assert_int_equal(manifest_finish(writer, NULL), FAULT_NONE);
	manifest_writer_close(writer);
	assert_int_equal(scratch_load(path, bytes, sizeof bytes), 249);
	assert_true(XXH3_64bits(bytes, 249) == 0x12ee07492a3949a4);
}

static void keeps_blocks_full_and_below_the_limit(void **state)
{
	(void)state;
	struct sample sample = { .files = 3000, .name_size = 250 };
	size_t blocks = 0, bytes = 0;
	sample_make(&sample, scratch_path("blocks"), true);
	sample_check(&sample, scratch_path("blocks"), &blocks);
	bytes = scratch_size(scratch_path("blocks"));
	assert_in_range(blocks, bytes / FRAME_PAYLOAD_MAX + 3,
			bytes / (FRAME_PAYLOAD_MAX - 600) + 4);
}

static void keeps_job_and_properties(void **state)
{
	(void)state;
	size_t size = 0;
	struct sample sample = { .files = 1, .name_size = 10 };
	sample_make(&sample, scratch_path("plan"), false);
	struct manifest_reader *reader = open_reader(scratch_path("plan"));
	assert_memory_equal(manifest_job_id(reader), sample_job, 16);
	const char *value = manifest_property(reader, "command", &size);
	assert_int_equal(size, 5);
	assert_memory_equal(value, "cp -r", 5);
	value = manifest_property(reader, "source", &size);
	assert_int_equal(size, 4);
	assert_memory_equal(value, "/a\0b", 4);
	assert_null(manifest_property(reader, "sourc", &size));
	assert_false(manifest_is_complete(reader));
	manifest_close(reader);
}

static void counts_a_number_for_each_chunk(void **state)
{
	(void)state;
	static const struct {
		uint64_t bytes, chunk_size, ids;
	} row[] = {
		{ 0, 0, 1 },
		{ 100, 0, 1 },
		{ 0, 10, 1 },
		{ 10, 10, 1 },
		{ 11, 10, 3 },
		{ 20, 10, 3 },
		{ 21, 10, 4 },
		{ 1000, 1, 1001 },
		{ UINT64_MAX, 2, (UINT64_C(1) << 63) + 1 },
		{ UINT64_MAX, 1, UINT64_MAX },
	};
	for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
		struct manifest_entry entry = { .kind = MANIFEST_FILE,
						.bytes = row[i].bytes,
						.chunk_size = row[i].chunk_size };
		assert_true(manifest_entry_ids(&entry) == row[i].ids);
	}
}

static void makes_all_that_was_added_durable_at_a_sync(void **state)
{
	(void)state;
	const char *path = scratch_path("synced");
	struct manifest_writer *writer = begin_root(path);
	struct manifest_reader *reader = open_reader(path);
	struct manifest_block block;
	struct listing_id durable, again;
	assert_int_equal(manifest_sync(writer, &durable, NULL), FAULT_NONE);
	assert_int_equal(durable.value, manifest_first(reader));
	uint64_t offset = durable.value;
	for (uint64_t id = 1; id < 4; id++) {
		struct manifest_entry entry = file_named("name");
		assert_int_equal(manifest_add(writer, &entry, NULL), FAULT_NONE);
		assert_int_equal(entry.id, id);
		assert_int_equal(manifest_read(reader, offset, &block, NULL), FAULT_NOT_FOUND);
		assert_int_equal(manifest_sync(writer, &durable, NULL), FAULT_NONE);
		assert_int_equal(manifest_sync(writer, &again, NULL), FAULT_NONE);
		assert_int_equal(durable.value, again.value);
		assert_int_equal(manifest_read(reader, offset, &block, NULL), FAULT_NONE);
		assert_int_equal(block.next, durable.value);
		assert_int_equal(block.count, 1);
		assert_int_equal(block.entry[0].id, id);
		assert_int_equal(block.first, id == 1);
		assert_false(block.last);
		offset = block.next;
	}
	assert_int_equal(manifest_end(writer, NULL), FAULT_NONE);
	assert_int_equal(manifest_read(reader, offset, &block, NULL), FAULT_NONE);
	assert_int_equal(block.count, 0);
	assert_true(block.last && !block.first);
	assert_false(manifest_is_complete(reader));
	assert_int_equal(manifest_finish(writer, NULL), FAULT_NONE);
	assert_true(manifest_is_complete(reader));
	manifest_close(reader);
	manifest_writer_close(writer);
}

static void refuses_entries_that_cannot_be(void **state)
{
	(void)state;
	static char long_name[MANIFEST_NAME_MAX + 1];
	memset(long_name, 'n', sizeof long_name);
	const struct manifest_entry bad[] = {
		{ .kind = 0, .name = "a", .name_size = 1 },
		{ .kind = 6, .name = "a", .name_size = 1 },
		{ .kind = MANIFEST_LINKED, .name = "a", .name_size = 1, .bytes = 1 },
		{ .kind = MANIFEST_FILE,
		  .verdict = OUTCOME_FAILED,
		  .reason = REASON_IO,
		  .name = "a/b",
		  .name_size = 3 },
		{ .kind = MANIFEST_OTHER, .name = "a", .name_size = 1 },
		{ .kind = MANIFEST_FILE, .name = "a", .name_size = 1, .verdict = OUTCOME_DONE },
		{ .kind = MANIFEST_FILE, .name = "a", .name_size = 1, .verdict = OUTCOME_DAMAGED },
		{ .kind = MANIFEST_FILE, .name = "a", .name_size = 1, .reason = REASON_IO },
		{ .kind = MANIFEST_DIRECTORY, .name = "a", .name_size = 1, .bytes = 1 },
		{ .kind = MANIFEST_SYMLINK, .name = "a", .name_size = 1, .chunk_size = 1 },
		{ .kind = MANIFEST_FILE, .name = "", .name_size = 0 },
		{ .kind = MANIFEST_FILE, .name = "a/b", .name_size = 3 },
		{ .kind = MANIFEST_FILE, .name = "a\0b", .name_size = 3 },
		{ .kind = MANIFEST_FILE, .name = long_name, .name_size = sizeof long_name },
		{ .kind = MANIFEST_FILE, .name = "a", .name_size = 1, .meta_size = 4097 },
	};
	struct manifest_writer *writer = begin_root(scratch_path("bad"));
	struct manifest_totals before = *manifest_writer_totals(writer);
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		struct manifest_entry entry = bad[i];
		assert_int_equal(manifest_add(writer, &entry, NULL), FAULT_USAGE);
	}
	struct manifest_entry huge = file_named("huge");
	huge.bytes = UINT64_MAX;
	huge.chunk_size = 1;
	assert_int_equal(manifest_add(writer, &huge, NULL), FAULT_TOO_LARGE);
	assert_memory_equal(&before, manifest_writer_totals(writer), sizeof before);
	huge.chunk_size = 0;
	assert_int_equal(manifest_add(writer, &huge, NULL), FAULT_NONE);
	struct manifest_entry largest = { .kind = MANIFEST_FILE,
					  .name = long_name,
					  .name_size = MANIFEST_NAME_MAX,
					  .meta = (unsigned char *)long_name,
					  .meta_size = 4096 };
	for (int i = 0; i < 40; i++)
		assert_int_equal(manifest_add(writer, &largest, NULL), FAULT_NONE);
	manifest_writer_close(writer);
}

/* Sizes are somebody's word: however large their sum, later entries are taken, and whoever opens
 * the plan comes to the same totals. */
static void sums_of_made_up_sizes_stop_at_the_largest_number(void **state)
{
	(void)state;
	static const uint64_t size[] = {
		UINT64_MAX, 1, UINT64_C(1) << 63, 0, INT64_MAX, UINT64_MAX
	};
	struct manifest_resume resume;
	for (int complete = 0; complete < 2; complete++) {
		const char *path = scratch_path(complete ? "whole" : "cut");
		struct manifest_writer *writer = begin_root(path);
		for (size_t i = 0; i < ARRAY_COUNT(size); i++) {
			struct manifest_entry entry = file_named("some");
			entry.bytes = size[i];
			assert_int_equal(manifest_add(writer, &entry, NULL), FAULT_NONE);
		}
		assert_int_equal(manifest_writer_totals(writer)->bytes, UINT64_MAX);
		assert_int_equal(manifest_end(writer, NULL), FAULT_NONE);
		if (complete)
			assert_int_equal(manifest_finish(writer, NULL), FAULT_NONE);
		manifest_writer_close(writer);
		assert_int_equal(manifest_recover(path, &resume, &writer, NULL), FAULT_NONE);
		manifest_writer_close(writer);
		assert_int_equal(resume.complete, complete);
		assert_int_equal(resume.totals.bytes, UINT64_MAX);
		assert_int_equal(resume.totals.files, ARRAY_COUNT(size));
	}
}

static void never_writes_over_a_file(void **state)
{
	(void)state;
	struct manifest_writer *writer = NULL;
	char *value = calloc(1, MANIFEST_HEADER_MAX);
	struct manifest_property large = { "large", value, MANIFEST_HEADER_MAX - 10 };
	scratch_store(scratch_path("there"), "x", 1);
	assert_int_equal(manifest_create(scratch_path("there"), sample_job, NULL, 0, &writer, NULL),
			 FAULT_EXISTS);
	assert_int_equal(manifest_create(scratch_path("new"), sample_job, &large, 1, &writer, NULL),
			 FAULT_TOO_LARGE);
	assert_int_equal(access(scratch_path("new"), F_OK), -1);
	large.value_size -= 1; /* a key of 1 + 5, a value of 5 + n */
	assert_int_equal(manifest_create(scratch_path("new"), sample_job, &large, 1, &writer, NULL),
			 FAULT_NONE);
	manifest_writer_close(writer);
	free(value);
}

/* Makes a plan without entries whose header has `size` bytes, and reads it back. */
static void assert_header(size_t size)
{
	const char *path = scratch_path("header");
	struct manifest_writer *writer = NULL;
	struct manifest_reader *reader = NULL;
	struct manifest_resume resume;
	char *value = malloc(size);
	for (size_t i = 0; i < size; i++)
		value[i] = (char)(i * 7 % 251);
	/* a key of 1 + 5, a value of 3 or 5 + n, and one more */
	const struct manifest_property property[] = {
		{ "large", value, size - (size > FRAME_PAYLOAD_MAX ? 15 : 13) }, { "x", "y", 1 }
	};
	(void)unlink(path);
	assert_int_equal(manifest_create(path, sample_job, property, 2, &writer, NULL), FAULT_NONE);
	manifest_writer_close(writer);
	for (int i = 0; i < 2; i++) {
		size_t found = 0;
		assert_int_equal(manifest_open(path, &reader, NULL), FAULT_NONE);
		const char *got = manifest_property(reader, "large", &found);
		assert_int_equal(found, property[0].value_size);
		assert_memory_equal(got, value, found);
		assert_memory_equal(manifest_property(reader, "x", &found), "y", 1);
		manifest_close(reader);
		assert_int_equal(manifest_recover(path, &resume, &writer, NULL), FAULT_NONE);
		if (i == 0)
			assert_int_equal(manifest_finish(writer, NULL), FAULT_NONE);
		manifest_writer_close(writer);
		assert_int_equal(resume.complete, i == 1);
	}
	/* A header that was not written to its end is none, wherever it was cut. */
	for (size_t cut = size - 1; cut > size / 5; cut -= size / 5) {
		assert_int_equal(truncate(path, (off_t)(MANIFEST_PREAMBLE_SIZE + cut)), 0);
		assert_int_equal(manifest_open(path, &reader, NULL), FAULT_CORRUPT);
	}
	free(value);
}

static void a_header_takes_as_many_frames_as_it_needs(void **state)
{
	(void)state;
	assert_header(1000);
	assert_header(FRAME_PAYLOAD_MAX);
	assert_header(FRAME_PAYLOAD_MAX + 2);
	assert_header(2 * FRAME_PAYLOAD_MAX);
	assert_header(300000);
}

/* Makes a whole preamble of another version out of the one at `path`. */
static void set_version(const char *path, uint16_t version)
{
	static unsigned char bytes[8192];
	size_t size = scratch_load(path, bytes, sizeof bytes);
	store_le16(bytes + 8, version);
	store_le64(bytes + 32, XXH3_64bits(bytes, 32));
	scratch_store(path, bytes, size);
}

static void names_both_versions_of_a_newer_plan(void **state)
{
	(void)state;
	struct sample sample = { .files = 1, .name_size = 10 };
	const char *path = scratch_path("newer");
	struct manifest_reader *reader = NULL;
	struct manifest_writer *writer = NULL;
	struct manifest_resume resume;
	struct err err;
	sample_make(&sample, path, false);
	size_t size = scratch_size(path);
	set_version(path, 7);
	assert_int_equal(manifest_open(path, &reader, &err), FAULT_CORRUPT);
	assert_non_null(strstr(err.text, "version 7"));
	assert_non_null(strstr(err.text, "version 1"));
	assert_int_equal(truncate(path, (off_t)size - 1), 0);
	assert_int_equal(manifest_recover(path, &resume, &writer, &err), FAULT_CORRUPT);
	assert_non_null(strstr(err.text, "version 7"));
	assert_int_equal(scratch_size(path), size - 1);
	set_version(path, 1);
	assert_int_equal(manifest_recover(path, &resume, &writer, &err), FAULT_NONE);
	manifest_writer_close(writer);
}

static void finds_a_flip_in_the_block_it_reads(void **state)
{
	(void)state;
	static unsigned char bytes[8192];
	struct sample sample = { .files = 3, .name_size = 10 };
	const char *path = scratch_path("flip");
	sample_make(&sample, path, true);
	size_t size = scratch_load(path, bytes, sizeof bytes);
	for (uint64_t at = sample.listing[1].value; at < sample.listing[2].value; at++) {
		struct manifest_block block;
		bytes[at] ^= 0x10;
		scratch_store(path, bytes, size);
		bytes[at] ^= 0x10;
		struct manifest_reader *reader = open_reader(path);
		enum fault fault = manifest_read(reader, sample.listing[0].value, &block, NULL);
		assert_int_equal(fault, FAULT_NONE);
		fault = manifest_read(reader, sample.listing[1].value, &block, NULL);
		assert_int_equal(fault, FAULT_CORRUPT);
		manifest_close(reader);
	}
}

static void finds_any_path_with_no_memory(void **state)
{
	(void)state;
	struct sample sample = { .files = 2, .name_size = 10 };
	char path[32];
	sample_make(&sample, scratch_path("paths"), false);
	struct manifest_reader *reader = open_reader(scratch_path("paths"));
	static const struct {
		size_t directory, capacity;
		const char *path;
	} row[] = {
		{ 0, 32, "" },     { 1, 32, "dir" },    { 2, 32, "dir/sub" },
		{ 3, 32, "more" }, { 2, 8, "dir/sub" }, { 2, 7, "...sub" },
		{ 2, 5, "...b" },  { 2, 4, "..." },     { 0, 4, "" },
	};
	for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
		uint64_t listing = sample.listing[row[i].directory].value;
		memset(path, '#', sizeof path);
		assert_int_equal(manifest_path(reader, listing, path, row[i].capacity, NULL),
				 FAULT_NONE);
		assert_string_equal(path, row[i].path);
	}
	assert_int_equal(manifest_path(reader, 64, path, sizeof path, NULL), FAULT_CORRUPT);
	assert_int_equal(manifest_path(reader, 1u << 30, path, sizeof path, NULL), FAULT_CORRUPT);
	manifest_close(reader);

	/* A block in the middle of a listing is not where one begins. */
	struct manifest_block block;
	sample.sync_every = 2;
	sample_make(&sample, scratch_path("paths"), false);
	reader = open_reader(scratch_path("paths"));
	assert_int_equal(manifest_read(reader, manifest_first(reader), &block, NULL), FAULT_NONE);
	assert_int_equal(manifest_path(reader, block.next, path, sizeof path, NULL), FAULT_CORRUPT);
	manifest_close(reader);
}

static void takes_the_first_failed_sync_as_final(void **state)
{
	(void)state;
	struct manifest_writer *writer = begin_root(scratch_path("unsynced"));
	struct manifest_entry entry = file_named("a");
	struct err err;
	struct listing_id durable = { 7 }, listing;
	assert_int_equal(manifest_add(writer, &entry, NULL), FAULT_NONE);
	sync_fails = true;
	assert_int_equal(manifest_sync(writer, &durable, &err), FAULT_IO);
	sync_fails = false;
	assert_int_equal(durable.value, 7);
	assert_int_equal(err.os_error, EIO);
	memset(&err, 0, sizeof err);
	assert_int_equal(manifest_sync(writer, &durable, &err), FAULT_IO);
	assert_int_equal(err.os_error, EIO);
	assert_int_equal(manifest_add(writer, &entry, NULL), FAULT_IO);
	assert_int_equal(manifest_end(writer, NULL), FAULT_IO);
	manifest_writer_close(writer);

	writer = begin_root(scratch_path("unfinished"));
	assert_int_equal(manifest_end(writer, NULL), FAULT_NONE);
	sync_fails = true;
	assert_int_equal(manifest_finish(writer, NULL), FAULT_IO);
	sync_fails = false;
	assert_int_equal(manifest_finish(writer, NULL), FAULT_IO);
	assert_int_equal(
		manifest_begin(writer, 1, 0, (struct listing_id){ 64 }, "d", 1, &listing, NULL),
		FAULT_IO);
	struct manifest_reader *reader = open_reader(scratch_path("unfinished"));
	assert_false(manifest_is_complete(reader));
	manifest_close(reader);
	manifest_writer_close(writer);
}

static void goes_on_once_a_full_disk_has_room_again(void **state)
{
	(void)state;
	struct sample sample = { .files = 1000, .name_size = 200, .sync_every = 100 };
	const char *path = scratch_path("full");
	struct rlimit before;
	struct err err;
	signal(SIGXFSZ, SIG_IGN);
	struct manifest_writer *writer = sample_create(path);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	struct rlimit tight = { .rlim_cur = 100000, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	struct sample_position start = { 0 };
	enum fault fault = sample_write(&sample, writer, start, &err);
	struct listing_id durable;
	enum fault again = manifest_sync(writer, &durable, NULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(fault, FAULT_FULL);
	assert_int_equal(again, FAULT_FULL);
	assert_int_equal(manifest_sync(writer, &durable, NULL), FAULT_FULL);
	manifest_writer_close(writer);
	sample_go_on(&sample, path);
}

static long resident_kib(void)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

static void keeps_its_memory_constant(void **state)
{
	(void)state;
	struct sample few = { .files = 10000, .name_size = 30, .sync_every = 1000 };
	struct sample many = { .files = 100000, .name_size = 30, .sync_every = 1000 };
	sample_make(&few, scratch_path("few"), false);
	sample_go_on(&few, scratch_path("few"));
	long before = resident_kib();
	sample_make(&many, scratch_path("many"), false);
	sample_go_on(&many, scratch_path("many"));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	assert_in_range(resident_kib() - before, 0, 1024);
#else
	(void)before; /* the sanitizers hold back freed memory */
#endif
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(reads_back_a_plan),
		cmocka_unit_test(writes_the_bytes_of_the_documented_example),
		cmocka_unit_test(keeps_blocks_full_and_below_the_limit),
		cmocka_unit_test(keeps_job_and_properties),
		cmocka_unit_test(counts_a_number_for_each_chunk),
		cmocka_unit_test(makes_all_that_was_added_durable_at_a_sync),
		cmocka_unit_test(refuses_entries_that_cannot_be),
		cmocka_unit_test(sums_of_made_up_sizes_stop_at_the_largest_number),
		cmocka_unit_test(never_writes_over_a_file),
		cmocka_unit_test(a_header_takes_as_many_frames_as_it_needs),
		cmocka_unit_test(names_both_versions_of_a_newer_plan),
		cmocka_unit_test(finds_a_flip_in_the_block_it_reads),
		cmocka_unit_test(finds_any_path_with_no_memory),
		cmocka_unit_test(takes_the_first_failed_sync_as_final),
		cmocka_unit_test(goes_on_once_a_full_disk_has_room_again),
		cmocka_unit_test(keeps_its_memory_constant),
	};
	return cmocka_run_group_tests(facts, scratch_setup, scratch_teardown);
}
