#include "queue/file/outcomes.h"

#include "queue/core/thread.h"
#include "queue/file/outcomes_format.h"
#include "queue/file/preamble.h"
#include "tests/unit/facts.h"
#include "tests/unit/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const unsigned char job[16] = "the job of test";
static const unsigned char other_job[16] = "another job....";

/* Stands in the way of the C library's: syncs fail on demand. */
static atomic_int sync_errno;
int fdatasync(int fd)
{
	errno = atomic_load(&sync_errno);
	return errno ? -1 : (int)syscall(SYS_fdatasync, fd);
}

static const char *fresh_path(void)
{
	static int number;
	char name[32];
	snprintf(name, sizeof name, "outcomes-%d", number++);
	return scratch_path(name);
}

static struct outcomes *create(const char *path)
{
	struct outcomes *outcomes = NULL;
	assert_int_equal(outcomes_create(path, job, "grid", 4, &outcomes, NULL), FAULT_NONE);
	return outcomes;
}

static struct outcome full_outcome(uint64_t id)
{
	struct outcome outcome = { .id = id,
				   .state = OUTCOME_DONE,
				   .level = 5,
				   .attempts = 2,
				   .cap_kind = 3,
				   .cap_size = OUTCOME_CAP_MAX,
				   .length = 0x1122334455667788 };
	memset(outcome.cap, 0xca, sizeof outcome.cap);
	memset(outcome.content, 0xc0, sizeof outcome.content);
	memset(outcome.meta, 0x3e, sizeof outcome.meta);
	return outcome;
}

static void assert_same(const struct outcome *a, const struct outcome *b)
{
	assert_int_equal(a->id, b->id);
	assert_int_equal(a->state, b->state);
	assert_int_equal(a->reason, b->reason);
	assert_int_equal(a->level, b->level);
	assert_int_equal(a->attempts, b->attempts);
	assert_int_equal(a->cap_kind, b->cap_kind);
	assert_int_equal(a->cap_size, b->cap_size);
	assert_memory_equal(a->cap, b->cap, sizeof a->cap);
	assert_memory_equal(a->content, b->content, sizeof a->content);
	assert_memory_equal(a->meta, b->meta, sizeof a->meta);
	assert_int_equal(a->length, b->length);
}

static void slots_come_back_as_written(void **state)
{
	(void)state;
	const char *path = fresh_path();
	struct outcomes *outcomes = create(path);
	struct outcome written[3] = { full_outcome(0), full_outcome(7), full_outcome(1000) };
	written[1].cap_size = 0;
	memset(written[1].cap, 0, sizeof written[1].cap);
	written[1].state = OUTCOME_PLANNED;
	for (int i = 0; i < 3; i++)
		assert_int_equal(outcomes_write(outcomes, &written[i], 1, NULL), FAULT_NONE);
	assert_int_equal(outcomes_sync(outcomes, NULL), FAULT_NONE);
	outcomes_close(outcomes);
	unsigned repaired = 0;
	assert_int_equal(outcomes_open(path, job, &outcomes, &repaired, NULL), FAULT_NONE);
	assert_int_equal(repaired, 0);
	static struct outcome read[2000];
	assert_int_equal(outcomes_read(outcomes, 0, 2000, read, NULL), FAULT_NONE);
	assert_same(&read[0], &written[0]);
	assert_same(&read[7], &written[1]);
	assert_same(&read[1000], &written[2]);
	for (uint64_t id = 0; id < 2000; id++) {
		assert_int_equal(read[id].id, id);
		if (id != 0 && id != 7 && id != 1000)
			assert_int_equal(read[id].state, OUTCOME_NONE);
	}
	outcomes_close(outcomes);
	outcomes_close(NULL);
}

static void the_bytes_are_those_of_the_format(void **state)
{
	(void)state;
	const char *path = fresh_path();
	struct outcomes *outcomes = create(path);
	struct outcome outcome = full_outcome(1);
	outcome.state = OUTCOME_FAILED;
	outcome.reason = REASON_WITHHELD;
	assert_int_equal(outcomes_write(outcomes, &outcome, 1, NULL), FAULT_NONE);
	outcomes_close(outcomes);
	struct stat stat_of;
	assert_int_equal(stat(path, &stat_of), 0);
	assert_int_equal(stat_of.st_mode & 07777, 0600);
	unsigned char byte[OUTCOMES_HEADER_SIZE + 2 * OUTCOMES_SLOT_SIZE];
	assert_int_equal(scratch_load(path, byte, sizeof byte), sizeof byte);
	for (int copy = 0; copy < 2; copy++) {
		const unsigned char *at = byte + copy * OUTCOMES_COPY_SIZE;
		assert_memory_equal(at, "barge\r\nO\1\0\0\0\0\0\0\0", 16);
		assert_memory_equal(at + 16, job, 16);
		assert_memory_equal(at + 40, "\4\0\0\0\0\0\0\0grid\0", 13);
	}
	const unsigned char *slot = byte + 4096 + 128;
	assert_memory_equal(slot + 8, "\3\74\4\2\5\22\0\0", 8);
	assert_int_equal(slot[16], 0xca);
	assert_int_equal(slot[75], 0xca);
	assert_int_equal(slot[76], 0xc0);
	assert_int_equal(slot[92], 0x3e);
	assert_memory_equal(slot + 120, "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
}

static void a_flipped_bit_anywhere_damages_the_slot(void **state)
{
	(void)state;
	unsigned char slot[OUTCOMES_SLOT_SIZE];
	struct outcome outcome = full_outcome(9), read;
	outcomes_slot_encode(&outcome, 77, slot);
	for (size_t bit = 0; bit < sizeof slot * 8; bit++) {
		slot[bit / 8] ^= (unsigned char)(1u << bit % 8);
		outcomes_slot_decode(slot, 9, 77, &read);
		assert_int_equal(read.state, OUTCOME_DAMAGED);
		assert_int_equal(read.cap_size, 0);
		slot[bit / 8] ^= (unsigned char)(1u << bit % 8);
	}
	outcomes_slot_decode(slot, 9, 77, &read);
	assert_same(&read, &outcome);
	outcomes_slot_decode(slot, 10, 77, &read);
	assert_int_equal(read.state, OUTCOME_DAMAGED);
	outcomes_slot_decode(slot, 9, 78, &read);
	assert_int_equal(read.state, OUTCOME_DAMAGED);
}

static void a_torn_slot_is_damaged_and_zeros_are_none(void **state)
{
	(void)state;
	unsigned char whole[OUTCOMES_SLOT_SIZE], slot[OUTCOMES_SLOT_SIZE];
	struct outcome outcome = full_outcome(9), read;
	outcomes_slot_encode(&outcome, 77, whole);
	for (size_t kept = 0; kept < sizeof slot; kept++) {
		memset(slot, 0, sizeof slot);
		memcpy(slot, whole, kept);
		outcomes_slot_decode(slot, 9, 77, &read);
		assert_int_equal(read.state, kept == 0 ? OUTCOME_NONE : OUTCOME_DAMAGED);
		memcpy(slot, whole, sizeof slot);
		memset(slot, 0, kept);
		outcomes_slot_decode(slot, 9, 77, &read);
		assert_int_equal(read.state, kept == 0 ? OUTCOME_DONE : OUTCOME_DAMAGED);
	}
}

static void a_file_cut_anywhere_loses_only_what_was_cut(void **state)
{
	(void)state;
	const char *path = fresh_path();
	struct outcomes *outcomes = create(path);
	for (uint64_t id = 0; id < 3; id++) {
		struct outcome outcome = full_outcome(id);
		assert_int_equal(outcomes_write(outcomes, &outcome, 1, NULL), FAULT_NONE);
	}
	outcomes_close(outcomes);
	for (long size = 4096 + 3 * 128; size >= 4096; size--) {
		assert_int_equal(truncate(path, size), 0);
		assert_int_equal(outcomes_open(path, job, &outcomes, NULL, NULL), FAULT_NONE);
		struct outcome read[4];
		assert_int_equal(outcomes_read(outcomes, 0, 4, read, NULL), FAULT_NONE);
		for (long id = 0; id < 3; id++) {
			long left = size - 4096 - id * 128;
			int expected = left >= 128 ? OUTCOME_DONE
				       : left > 0  ? OUTCOME_DAMAGED
						   : OUTCOME_NONE;
			assert_int_equal(read[id].state, expected);
		}
		outcomes_close(outcomes);
	}
}

static void writing_none_clears_a_slot(void **state)
{
	(void)state;
	struct outcomes *outcomes = create(fresh_path());
	struct outcome outcome = full_outcome(3), read;
	uint64_t end;
	assert_int_equal(outcomes_end(outcomes, &end, NULL), FAULT_NONE);
	assert_int_equal(end, 0);
	assert_int_equal(outcomes_write(outcomes, &outcome, 1, NULL), FAULT_NONE);
	outcome.id = 100000;
	assert_int_equal(outcomes_write(outcomes, &outcome, 1, NULL), FAULT_NONE);
	assert_int_equal(outcomes_end(outcomes, &end, NULL), FAULT_NONE);
	assert_int_equal(end, 100001);
	outcome.state = OUTCOME_NONE;
	assert_int_equal(outcomes_write(outcomes, &outcome, 1, NULL), FAULT_NONE);
	assert_int_equal(outcomes_read(outcomes, 100000, 1, &read, NULL), FAULT_NONE);
	assert_int_equal(read.state, OUTCOME_NONE);
	assert_int_equal(outcomes_end(outcomes, &end, NULL), FAULT_NONE);
	assert_int_equal(end, 4);
	outcomes_close(outcomes);
}

/* What was flushed is not written again. */
static void a_batch_that_was_flushed_is_empty(void **state)
{
	(void)state;
	struct outcomes *outcomes = create(fresh_path());
	struct outcomes_batch batch = { .outcomes = outcomes };
	struct outcome read[3], root = full_outcome(0);
	struct err err;
	assert_int_equal(outcomes_write(outcomes, &root, 1, &err), FAULT_NONE);
	for (uint64_t id = 1; id < 3; id++) {
		const struct outcome outcome = full_outcome(id);
		assert_int_equal(outcomes_batch_add(&batch, &outcome, &err), FAULT_NONE);
		assert_int_equal(outcomes_batch_flush(&batch, &err), FAULT_NONE);
	}
	assert_int_equal(outcomes_read(outcomes, 0, 3, read, &err), FAULT_NONE);
	for (uint64_t id = 0; id < 3; id++)
		assert_int_equal(read[id].state, OUTCOME_DONE);
	outcomes_close(outcomes);
}

/* ---- header ---- */

static enum fault open_bytes(const char *path, const void *byte, size_t size, unsigned *repaired,
			     struct err *err)
{
	struct outcomes *outcomes = NULL;
	scratch_store(path, byte, size);
	enum fault fault = outcomes_open(path, job, &outcomes, repaired, err);
	if (fault == FAULT_NONE) {
		size_t binding_size;
		assert_memory_equal(outcomes_binding(outcomes, &binding_size), "grid", 4);
		assert_int_equal(binding_size, 4);
	}
	outcomes_close(outcomes);
	return fault;
}

static void one_bad_copy_of_the_header_is_repaired(void **state)
{
	(void)state;
	const char *path = fresh_path();
	unsigned char good[OUTCOMES_HEADER_SIZE], byte[sizeof good];
	outcomes_close(create(path));
	assert_int_equal(scratch_load(path, good, sizeof good), sizeof good);
	for (size_t at = 0; at < sizeof good; at += at % 2048 < 80 || at % 2048 > 2030 ? 1 : 61) {
		memcpy(byte, good, sizeof byte);
		byte[at] ^= 0x10;
		unsigned repaired = 0;
		assert_int_equal(open_bytes(path, byte, sizeof byte, &repaired, NULL), FAULT_NONE);
		assert_int_equal(repaired, 1);
		assert_int_equal(scratch_load(path, byte, sizeof byte), sizeof byte);
		assert_memory_equal(byte, good, sizeof good);
	}
}

static void looking_at_a_file_leaves_it_as_it_is(void **state)
{
	(void)state;
	const char *path = fresh_path();
	unsigned char bad[OUTCOMES_HEADER_SIZE], byte[sizeof bad];
	struct outcomes *outcomes = create(path);
	struct outcome slot = { .id = 3, .state = OUTCOME_DONE };
	struct err err;
	assert_int_equal(outcomes_write(outcomes, &slot, 1, NULL), FAULT_NONE);
	outcomes_close(outcomes);
	assert_int_equal(scratch_load(path, bad, sizeof bad), sizeof bad);
	bad[50] ^= 0x10;
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, bad, sizeof bad, 0), sizeof bad);
	close(fd);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(outcomes_look(path, i ? job : NULL, &outcomes, &err), FAULT_NONE);
		assert_memory_equal(outcomes_job_id(outcomes), job, sizeof job);
		assert_int_equal(outcomes_read(outcomes, 3, 1, &slot, &err), FAULT_NONE);
		assert_int_equal(slot.state, OUTCOME_DONE);
		assert_int_equal(outcomes_write(outcomes, &slot, 1, &err), FAULT_IO);
		outcomes_close(outcomes);
	}
	assert_int_equal(scratch_load(path, byte, sizeof byte), sizeof byte);
	assert_memory_equal(byte, bad, sizeof bad);
	assert_int_equal(outcomes_look(path, other_job, &outcomes, &err), FAULT_CORRUPT);
	scratch_store(path, "short", 5);
	assert_int_equal(outcomes_look(path, NULL, &outcomes, &err), FAULT_USAGE);
	assert_int_equal(outcomes_look("/none", NULL, &outcomes, &err), FAULT_NOT_FOUND);
}

static void two_bad_copies_are_refused(void **state)
{
	(void)state;
	const char *path = fresh_path();
	unsigned char byte[OUTCOMES_HEADER_SIZE];
	struct err err;
	outcomes_close(create(path));
	assert_int_equal(scratch_load(path, byte, sizeof byte), sizeof byte);
	for (size_t size = 0; size < sizeof byte; size += 93)
		assert_int_equal(open_bytes(path, byte, size, NULL, &err), FAULT_CORRUPT);
	unsigned char swapped[sizeof byte];
	memcpy(swapped, byte + 2048, 2048);
	memcpy(swapped + 2048, byte, 2048);
	assert_int_equal(open_bytes(path, swapped, sizeof swapped, NULL, &err), FAULT_CORRUPT);
	struct outcomes_header header = { .version = 1, .binding_size = 4, .binding = "mine" };
	memcpy(header.job_id, job, sizeof job);
	outcomes_header_encode(&header, 1, byte + 2048);
	assert_int_equal(open_bytes(path, byte, sizeof byte, NULL, &err), FAULT_CORRUPT);
	byte[20] ^= 1;
	byte[2048 + 20] ^= 1;
	assert_int_equal(open_bytes(path, byte, sizeof byte, NULL, &err), FAULT_CORRUPT);
	assert_non_null(strstr(err.text, "damaged"));
}

static void a_newer_version_is_named(void **state)
{
	(void)state;
	const char *path = fresh_path();
	unsigned char byte[OUTCOMES_HEADER_SIZE] = { 0 };
	const struct preamble_kind newer = { "barge\r\nO", "outcomes", 37 };
	struct err err;
	preamble_encode(&newer, job, byte);
	preamble_encode(&newer, job, byte + 2048);
	assert_int_equal(open_bytes(path, byte, sizeof byte, NULL, &err), FAULT_CORRUPT);
	assert_non_null(strstr(err.text, "version 37"));
}

static void another_job_and_a_missing_file_are_refused(void **state)
{
	(void)state;
	const char *path = fresh_path();
	struct outcomes *outcomes = NULL;
	struct err err;
	assert_int_equal(outcomes_open(path, job, &outcomes, NULL, &err), FAULT_NOT_FOUND);
	outcomes_close(create(path));
	assert_int_equal(outcomes_open(path, other_job, &outcomes, NULL, &err), FAULT_CORRUPT);
	assert_non_null(strstr(err.text, "another job"));
	assert_int_equal(outcomes_create(path, job, NULL, 0, &outcomes, &err), FAULT_EXISTS);
	assert_int_equal(
		outcomes_create(fresh_path(), job, path, OUTCOME_BINDING_MAX + 1, &outcomes, &err),
		FAULT_TOO_LARGE);
	assert_null(outcomes);
}

/* ---- faults ---- */

/* The number that the next open gets: it grows where one was not closed. */
static int next_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	close(fd);
	return fd;
}

static void what_is_refused_leaves_nothing_behind(void **state)
{
	(void)state;
	const char *path = fresh_path();
	char fresh[300];
	struct outcomes *outcomes = NULL;
	int fd = next_fd();
	outcomes_close(create(path));
	assert_int_equal(next_fd(), fd);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(outcomes_open(path, other_job, &outcomes, NULL, NULL),
				 FAULT_CORRUPT);
		assert_int_equal(outcomes_look(path, other_job, &outcomes, NULL), FAULT_CORRUPT);
		assert_int_equal(outcomes_create(path, job, NULL, 0, &outcomes, NULL),
				 FAULT_EXISTS);
	}
	assert_null(outcomes);
	assert_int_equal(next_fd(), fd);
	snprintf(fresh, sizeof fresh, "%s.new", path);
	assert_int_equal(access(fresh, F_OK), -1);
}

/* All of a batch, or nothing of it. */
static void a_batch_with_a_number_too_large_is_refused_whole(void **state)
{
	(void)state;
	const uint64_t large = INT64_MAX / OUTCOMES_SLOT_SIZE;
	struct outcomes *outcomes = create(fresh_path());
	struct outcome batch[2] = { full_outcome(1), full_outcome(large) }, read[2];
	uint64_t end;
	assert_int_equal(outcomes_write(outcomes, batch, 2, NULL), FAULT_FULL);
	assert_int_equal(outcomes_end(outcomes, &end, NULL), FAULT_NONE);
	assert_int_equal(end, 0);
	assert_int_equal(outcomes_read(outcomes, large, 1, read, NULL), FAULT_IO);
	assert_int_equal(outcomes_read(outcomes, UINT64_MAX - 1, 1, read, NULL), FAULT_IO);
	assert_int_equal(outcomes_read(outcomes, large - 1000, 2, read, NULL), FAULT_NONE);
	assert_int_equal(read[1].state, OUTCOME_NONE);
	assert_int_equal(outcomes_write(outcomes, batch, 1, NULL), FAULT_NONE);
	assert_int_equal(outcomes_end(outcomes, &end, NULL), FAULT_NONE);
	assert_int_equal(end, 2);
	outcomes_close(outcomes);
}

/* Slots that lie side by side and such as do not, more of them than are written at once. */
static void a_batch_lands_where_its_numbers_say(void **state)
{
	(void)state;
	enum { COUNT = 3 * OUTCOMES_BATCH + 5 };
	static struct outcome batch[COUNT], read[4 * COUNT];
	struct outcomes *outcomes = create(fresh_path());
	for (size_t i = 0; i < COUNT; i++) {
		batch[i] = full_outcome(i < COUNT / 2 ? i : 2 * i + 7);
		batch[i].length = i;
	}
	assert_int_equal(outcomes_write(outcomes, batch, COUNT, NULL), FAULT_NONE);
	assert_int_equal(outcomes_read(outcomes, 0, ARRAY_COUNT(read), read, NULL), FAULT_NONE);
	size_t there = 0;
	for (size_t id = 0; id < ARRAY_COUNT(read); id++)
		there += read[id].state == OUTCOME_DONE;
	assert_int_equal(there, COUNT);
	for (size_t i = 0; i < COUNT; i++)
		assert_same(&read[batch[i].id], &batch[i]);
	outcomes_close(outcomes);
}

static void the_first_failed_sync_is_final(void **state)
{
	(void)state;
	const char *path = fresh_path();
	struct outcomes *outcomes = create(path);
	struct outcome outcome = full_outcome(1);
	struct err err;
	assert_int_equal(outcomes_write(outcomes, &outcome, 1, NULL), FAULT_NONE);
	atomic_store(&sync_errno, EIO);
	assert_int_equal(outcomes_sync(outcomes, &err), FAULT_IO);
	atomic_store(&sync_errno, 0);
	assert_int_equal(outcomes_sync(outcomes, &err), FAULT_IO);
	assert_int_equal(err.os_error, EIO);
	assert_int_equal(outcomes_write(outcomes, &outcome, 1, &err), FAULT_IO);
	outcomes_close(outcomes);
	atomic_store(&sync_errno, EIO);
	assert_int_equal(outcomes_open(path, job, &outcomes, NULL, NULL), FAULT_IO);
	assert_int_equal(outcomes_open(path, job, &outcomes, NULL, &err), FAULT_IO);
	atomic_store(&sync_errno, 0);
	assert_int_equal(outcomes_open(path, job, &outcomes, NULL, &err), FAULT_NONE);
	outcomes_close(outcomes);
}

static void a_full_disk_is_told_as_such(void **state)
{
	(void)state;
	struct outcomes *outcomes = create(fresh_path());
	signal(SIGXFSZ, SIG_IGN);
	struct rlimit before;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	struct rlimit tight = { .rlim_cur = 4096 + 128 * 2 + 50, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	struct outcome outcome = full_outcome(1), read[4];
	struct err err;
	enum fault fits = outcomes_write(outcomes, &outcome, 1, &err);
	outcome.id = 2;
	enum fault torn = outcomes_write(outcomes, &outcome, 1, &err);
	outcome.id = 3;
	enum fault refused = outcomes_write(outcomes, &outcome, 1, &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(fits, FAULT_NONE);
	assert_int_equal(torn, FAULT_FULL);
	assert_int_equal(refused, FAULT_FULL);
	assert_int_equal(outcomes_read(outcomes, 0, 4, read, NULL), FAULT_NONE);
	assert_int_equal(read[1].state, OUTCOME_DONE);
	assert_int_equal(read[2].state, OUTCOME_DAMAGED);
	assert_int_equal(read[3].state, OUTCOME_NONE);
	outcome.id = UINT64_MAX / 2;
	assert_int_equal(outcomes_write(outcomes, &outcome, 1, &err), FAULT_FULL);
	outcomes_close(outcomes);
}

static atomic_bool enough;

static void write_on(void *context)
{
	struct outcome outcome = full_outcome(5);
	for (uint8_t i = 0; !atomic_load(&enough); i++) {
		memset(outcome.cap, i, sizeof outcome.cap);
		outcome.length = i;
		if (outcomes_write(context, &outcome, 1, NULL) != FAULT_NONE)
			return;
	}
}

static void a_reader_never_sees_half_a_slot(void **state)
{
	(void)state;
	struct outcomes *outcomes = create(fresh_path());
	struct thread writer;
	assert_true(thread_start(&writer, "writer", write_on, outcomes));
	size_t wrong = 0;
	for (int i = 0; i < 20000; i++) {
		struct outcome read[2];
		if (outcomes_read(outcomes, 4, 2, read, NULL) != FAULT_NONE ||
		    read[1].state == OUTCOME_DAMAGED || read[1].cap[3] != read[1].length)
			wrong++;
	}
	atomic_store(&enough, true);
	thread_join(&writer);
	assert_int_equal(wrong, 0);
	outcomes_close(outcomes);
}

static void every_reason_has_a_text(void **state)
{
	(void)state;
	for (int reason = 0; reason <= REASON_FIXED; reason++) {
		const char *text = outcome_reason_text((uint8_t)reason);
		assert_true(strlen(text) > 3);
		for (int other = 0; other < reason; other++)
			assert_string_not_equal(text, outcome_reason_text((uint8_t)other));
	}
	assert_string_equal(outcome_reason_text(REASON_FIXED + 1), "unknown reason");
	assert_string_equal(outcome_reason_text(200), "unknown reason");
}

static void states_are_told_apart(void **state)
{
	(void)state;
	for (unsigned i = 0; i <= UINT8_MAX; i++) {
		struct outcome outcome = { .state = (uint8_t)i };
		assert_int_equal(outcome_is_settled(&outcome),
				 i == OUTCOME_DONE || i == OUTCOME_SKIPPED || i == OUTCOME_FAILED);
		assert_int_equal(outcome_has_existing(&outcome), i == OUTCOME_PLANNED);
		assert_false(outcome_is_reopened(&outcome));
		outcome.level = OUTCOME_OWN;
		assert_int_equal(outcome_is_reopened(&outcome), i == OUTCOME_PLANNED);
		assert_false(outcome_has_existing(&outcome));
		outcome.level = OUTCOME_OWN | OUTCOME_EXISTED;
		assert_int_equal(outcome_has_existing(&outcome), i == OUTCOME_PLANNED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_come_back_as_written),
		cmocka_unit_test(the_bytes_are_those_of_the_format),
		cmocka_unit_test(a_flipped_bit_anywhere_damages_the_slot),
		cmocka_unit_test(a_torn_slot_is_damaged_and_zeros_are_none),
		cmocka_unit_test(a_file_cut_anywhere_loses_only_what_was_cut),
		cmocka_unit_test(writing_none_clears_a_slot),
		cmocka_unit_test(a_batch_that_was_flushed_is_empty),
		cmocka_unit_test(one_bad_copy_of_the_header_is_repaired),
		cmocka_unit_test(looking_at_a_file_leaves_it_as_it_is),
		cmocka_unit_test(two_bad_copies_are_refused),
		cmocka_unit_test(a_newer_version_is_named),
		cmocka_unit_test(another_job_and_a_missing_file_are_refused),
		cmocka_unit_test(what_is_refused_leaves_nothing_behind),
		cmocka_unit_test(a_batch_with_a_number_too_large_is_refused_whole),
		cmocka_unit_test(a_batch_lands_where_its_numbers_say),
		cmocka_unit_test(the_first_failed_sync_is_final),
		cmocka_unit_test(a_full_disk_is_told_as_such),
		cmocka_unit_test(a_reader_never_sees_half_a_slot),
		cmocka_unit_test(every_reason_has_a_text),
		cmocka_unit_test(states_are_told_apart),
	};
	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
