#include "known/known.h"

#include "known/age.h"
#include "known/database.h"
#include "queue/core/thread.h"
#include "tahoe/caps.h"
#include "tests/unit/facts.h"
#include "tests/unit/scratch.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#define NS INT64_C(1000000000)

static char *path_of(char path[200], const char *name)
{
	snprintf(path, 200, "%s", scratch_path(name));
	return path;
}

static struct knowledge *open_at(const char *path, enum known_state expected)
{
	struct knowledge *known;
	enum known_state state;
	struct err err;
	if (known_open(path, &known, &state, &err))
		fail_msg("%s", err.text);
	assert_int_equal(state, expected);
	return known;
}

/* A file that differs from others by its inode. */
static struct known_file file_of(const char *directory, const char *name, uint64_t inode)
{
	return (struct known_file){
		.directory = directory,
		.name = name,
		.name_size = strlen(name),
		.bytes = 77,
		.meta = { .mtime_ns = 5 * NS + 123456789,
			  .ctime_ns = 6 * NS + 987654321,
			  .ino = inode,
			  .dev = 9 },
	};
}

static struct known_cap cap_of(unsigned char byte)
{
	struct known_cap cap = { .kind = CAP_CHK, .size = 60, .uploaded = 100, .checked = 200 };
	memset(cap.cap, byte, sizeof cap.cap);
	return cap;
}

static void assert_known(struct knowledge *known, const struct known_file *file, unsigned char byte)
{
	struct known_cap found;
	assert_true(known_find_file(known, file, &found));
	assert_int_equal(found.kind, CAP_CHK);
	assert_int_equal(found.size, 60);
	assert_int_equal(found.cap[59], byte);
	assert_int_equal(found.uploaded, 100);
	assert_int_equal(found.checked, 200);
}

static void a_file_is_known_by_all_that_it_is(void **state)
{
	(void)state;
	char path[200];
	struct known_cap found, cap = cap_of(1);
	struct knowledge *known = open_at(path_of(path, "identity"), KNOWN_NEW);
	const struct known_file file = file_of("/home/a", "x", 5);
	assert_false(known_find_file(known, &file, &found));
	known_add_file(known, &file, &cap);
	assert_known(known, &file, 1);
	struct known_file other = file;
	other.bytes++;
	assert_false(known_find_file(known, &other, &found));
	other = file;
	other.meta.mtime_ns++;
	assert_false(known_find_file(known, &other, &found));
	other = file;
	other.meta.ctime_ns++;
	assert_false(known_find_file(known, &other, &found));
	other = file;
	other.meta.ino++;
	assert_false(known_find_file(known, &other, &found));
	other = file;
	other.name = "y";
	other.meta.dev++; /* elsewhere the device counts, */
	assert_false(known_find_file(known, &other, &found));
	other = file;
	other.meta.dev++; /* and at its path it does not */
	assert_known(known, &other, 1);
	known_close(known);
	known = open_at(path, KNOWN_OPENED);
	assert_known(known, &file, 1);
	known_close(known);
}

static void a_file_is_found_where_it_was_moved(void **state)
{
	(void)state;
	char path[200];
	struct known_cap cap = cap_of(2);
	struct knowledge *known = open_at(path_of(path, "moved"), KNOWN_NEW);
	const struct known_file before = file_of("/home/a", "x", 5), after = file_of("/b", "x", 5);
	known_add_file(known, &before, &cap);
	assert_known(known, &after, 2);
	/* From then on it is known there too, whatever its device is called. */
	struct known_file renumbered = after;
	renumbered.meta.dev = 1000;
	assert_known(known, &renumbered, 2);
	known_close(known);
}

static void times_count_as_exactly_as_they_were_kept(void **state)
{
	(void)state;
	char path[200];
	struct known_cap found, cap = cap_of(3);
	struct knowledge *known = open_at(path_of(path, "precision"), KNOWN_NEW);
	struct known_file file = file_of("/f", "x", 5), seen;
	file.meta.mtime_ns = INT64_C(1700000000123456789);
	file.precision = KNOWN_FLOAT;
	known_add_file(known, &file, &cap);
	seen = file;
	seen.precision = KNOWN_EXACT;
	seen.meta.mtime_ns += 1; /* the same as a float */
	assert_known(known, &seen, 3);
	seen.meta.mtime_ns += 1; /* it is kept exactly once it was seen */
	assert_false(known_find_file(known, &seen, &found));
	file.precision = KNOWN_SECONDS;
	file.meta.ino = 0;
	file.name = "y";
	known_add_file(known, &file, &cap);
	seen = file;
	seen.meta.ino = 17;
	seen.meta.mtime_ns = INT64_C(1700000000999999999);
	assert_known(known, &seen, 3);
	file.name = "z";
	known_add_file(known, &file, &cap);
	seen.name = "z";
	seen.meta.mtime_ns = INT64_C(1700000001000000000);
	assert_false(known_find_file(known, &seen, &found));
	known_close(known);
}

static void a_directory_is_known_by_its_hash(void **state)
{
	(void)state;
	char path[200];
	unsigned char hash[KNOWN_HASH_SIZE] = { 1, 2, 3 };
	struct known_cap found, cap = cap_of(4);
	struct knowledge *known = open_at(path_of(path, "directories"), KNOWN_NEW);
	assert_false(known_find_directory(known, hash, &found));
	known_add_directory(known, hash, &cap);
	assert_true(known_find_directory(known, hash, &found));
	assert_memory_equal(found.cap, cap.cap, sizeof cap.cap);
	hash[31] = 1;
	assert_false(known_find_directory(known, hash, &found));
	assert_false(known_noted_cap(known, KNOWN_PROBE, &found));
	known_note_cap(known, KNOWN_PROBE, &cap);
	assert_true(known_noted_cap(known, KNOWN_PROBE, &found));
	assert_memory_equal(found.cap, cap.cap, sizeof cap.cap);
	assert_int_equal(known_count(known), 1);
	known_close(known);
}

/* Changes a byte of a cap of sevens, as a bad disk would. */
static void damage(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	unsigned char page[4096];
	bool found = false;
	assert_true(fd >= 0);
	for (off_t at = 0; pread(fd, page, sizeof page, at) == (ssize_t)sizeof page; at += 4096)
		for (size_t i = 0; i + 60 < sizeof page && !found; i++) {
			if (page[i] != 7 || page[i + 59] != 7 || page[i + 30] != 7)
				continue;
			page[i + 30] = 8;
			found = pwrite(fd, page, sizeof page, at) == (ssize_t)sizeof page;
		}
	close(fd);
	assert_true(found);
}

static void a_row_that_a_disk_has_changed_is_not_there(void **state)
{
	(void)state;
	char path[200];
	struct known_cap found, cap = cap_of(7);
	struct knowledge *known = open_at(path_of(path, "rotten"), KNOWN_NEW);
	const struct known_file file = file_of("/home", "x", 5);
	known_add_file(known, &file, &cap);
	known_close(known);
	damage(path);
	known = open_at(path, KNOWN_OPENED);
	assert_false(known_find_file(known, &file, &found));
	known_close(known);
}

static void a_file_that_is_no_database_is_moved_aside(void **state)
{
	(void)state;
	char path[200], aside[220];
	struct stat st;
	struct known_cap cap = cap_of(5);
	const struct known_file file = file_of("/home", "x", 5);
	path_of(path, "damaged");
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(write(fd, "no database.", 12), 12);
	close(fd);
	struct knowledge *known = open_at(path, KNOWN_DAMAGED);
	snprintf(aside, sizeof aside, "%s.damaged", path);
	assert_int_equal(stat(aside, &st), 0);
	known_add_file(known, &file, &cap);
	assert_known(known, &file, 5);
	known_close(known);
}

static void a_target_has_one_writer(void **state)
{
	(void)state;
	char path[200];
	struct knowledge *known = open_at(path_of(path, "locked"), KNOWN_NEW), *second;
	enum known_state found;
	struct err err;
	assert_int_equal(known_open(path, &second, &found, &err), FAULT_LOCKED);
	known_close(known);
	known_close(open_at(path, KNOWN_OPENED));
}

struct writer {
	struct database database;
	struct thread thread;
	atomic_int *waiting; /* until both are there */
	enum fault fault;
};

static void lock_at_once(void *context)
{
	struct writer *writer = context;
	struct err err;
	atomic_fetch_sub(writer->waiting, 1);
	while (atomic_load(writer->waiting) > 0)
		sched_yield();
	writer->fault = database_lock(&writer->database, &err);
}

/* Both find that there is no file to lock, and make it. */
static void of_two_first_writers_one_is_locked_out(void **state)
{
	(void)state;
	for (int round = 0; round < 300; round++) {
		char name[30], path[200], lock[210];
		snprintf(name, sizeof name, "first-%d", round);
		snprintf(lock, sizeof lock, "%s.lock", path_of(path, name));
		atomic_int waiting = 2;
		struct writer writer[2];
		for (int i = 0; i < 2; i++) {
			writer[i] = (struct writer){ .database = { .path = path, .lock_fd = -1 },
						     .waiting = &waiting };
			assert_true(thread_start(&writer[i].thread, "writer", lock_at_once,
						 &writer[i]));
		}
		for (int i = 0; i < 2; i++)
			thread_join(&writer[i].thread);
		assert_int_equal(writer[0].fault + writer[1].fault, FAULT_LOCKED);
		for (int i = 0; i < 2; i++)
			if (!writer[i].fault)
				close(writer[i].database.lock_fd);
		unlink(lock);
	}
}

static void what_others_may_read_is_refused(void **state)
{
	(void)state;
	char path[200];
	struct knowledge *known;
	enum known_state found;
	struct stat st;
	struct err err;
	known_close(open_at(path_of(path, "open"), KNOWN_NEW));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(known_open(path, &known, &found, &err), FAULT_INSECURE);
}

static void begins_anew_for_another_grid(void **state)
{
	(void)state;
	char path[200];
	struct known_cap found, cap = cap_of(6);
	struct err err;
	struct knowledge *known = open_at(path_of(path, "anew"), KNOWN_NEW);
	const struct known_file file = file_of("/home", "x", 5);
	known_add_file(known, &file, &cap);
	assert_int_equal(known_begin_anew(known, &err), FAULT_NONE);
	assert_false(known_find_file(known, &file, &found));
	known_add_file(known, &file, &cap);
	assert_known(known, &file, 6);
	known_close(known);
}

static void age_says_when_to_look(void **state)
{
	(void)state;
	const struct known_age age = { .never_s = 30, .always_s = 60 };
	const struct known_age always = { .never_s = 0, .always_s = 0 };
	assert_false(known_is_due(&age, 100, 130, 0));
	assert_true(known_is_due(&age, 100, 160, UINT64_MAX));
	assert_true(known_is_due(&age, 100, 145, UINT64_MAX / 2 - UINT64_MAX / 100));
	assert_false(known_is_due(&age, 100, 145, UINT64_MAX / 2 + UINT64_MAX / 100));
	assert_false(known_is_due(&age, 100, 50, 0)); /* the clock went back */
	assert_false(known_is_due(&age, 100, 40, 0));
	assert_true(known_is_due(&age, 100, 39, UINT64_MAX));
	assert_true(known_is_due(&always, 100, 100, UINT64_MAX));
}

/* Whether a file with these times, read between the two others, is believed. */
static bool believed(int64_t mtime_ns, int64_t ctime_ns, int64_t from_ns, int64_t until_ns)
{
	const struct known_reading reading = { from_ns, until_ns };
	return known_is_settled(mtime_ns, ctime_ns, &reading);
}

static void young_times_are_not_believed(void **state)
{
	(void)state;
	const int64_t whole = 1700000000 * NS, odd = whole + 1;
	assert_true(believed(odd, odd, odd + NS / 10, odd + NS));
	assert_false(believed(odd, odd, odd + NS / 10 - 1, odd + NS));
	assert_false(believed(odd - NS, odd, odd, odd + NS));
	assert_false(believed(odd, odd - NS, odd, odd + NS));
	assert_false(believed(whole, odd - NS, whole + NS, odd + NS)); /* ticks of two seconds */
	assert_true(believed(whole, whole, whole + 2 * NS, whole + 2 * NS));
	assert_false(believed(INT64_MAX, whole, INT64_MAX, INT64_MAX));
}

static void times_that_no_clock_gave_are_believed(void **state)
{
	(void)state;
	const int64_t begun = 1700000000 * NS, ended = begun + 1000 * NS, old = begun - 9 * NS;
	const int64_t day = 86400 * NS;
	assert_false(believed(ended + day, old, begun, ended));
	assert_true(believed(ended + day + 1, old, begun, ended));
	assert_true(believed(old, ended + day + 1, begun, ended));
	assert_true(believed(ended + 99 * day, ended + 99 * day, begun, ended));
	assert_false(believed(ended + day + 1, begun, begun, ended));
	assert_false(
		believed(ended + 99 * day, old, begun, INT64_MAX)); /* until nobody knows when */
	assert_false(believed(META_LATE_TIME, old, begun, ended));  /* which one, nobody knows */
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(a_file_is_known_by_all_that_it_is),
		cmocka_unit_test(a_file_is_found_where_it_was_moved),
		cmocka_unit_test(times_count_as_exactly_as_they_were_kept),
		cmocka_unit_test(a_directory_is_known_by_its_hash),
		cmocka_unit_test(a_row_that_a_disk_has_changed_is_not_there),
		cmocka_unit_test(a_file_that_is_no_database_is_moved_aside),
		cmocka_unit_test(a_target_has_one_writer),
		cmocka_unit_test(of_two_first_writers_one_is_locked_out),
		cmocka_unit_test(what_others_may_read_is_refused),
		cmocka_unit_test(begins_anew_for_another_grid),
		cmocka_unit_test(age_says_when_to_look),
		cmocka_unit_test(young_times_are_not_believed),
		cmocka_unit_test(times_that_no_clock_gave_are_believed),
	};
	return cmocka_run_group_tests(facts, scratch_setup, scratch_teardown);
}
