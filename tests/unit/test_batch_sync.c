#include "land/batch_sync.h"

#include "tests/unit/facts.h"
#include "tests/unit/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { EXT = 0xef53, XFS = 0x58465342, NFS = 0x6969, MEBIBYTE = 1 << 20 };

#define BTRFS 0x9123683eu

/* What the system says: these stand in the place of the library's. */
static struct {
	const char *release; /* NULL: it does not say */
	uint32_t file_system;
	bool stat_fails;
	unsigned stats;
	const char *memory; /* path of what is read as /proc/meminfo */
	int synced;         /* the descriptor */
	unsigned syncs;
	int sync_error[2]; /* of one sync after the other */
} machine;

int fake_open(const char *path, int flags, ...) __asm__("open64");
int fake_fstatfs(int fd, struct statfs *fs) __asm__("fstatfs64");
int fake_uname(struct utsname *name) __asm__("uname");
int fake_syncfs(int fd) __asm__("syncfs");

int fake_open(const char *path, int flags, ...)
{
	va_list rest;
	va_start(rest, flags);
	mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
	va_end(rest);
	bool memory = machine.memory && strcmp(path, "/proc/meminfo") == 0;
	return openat(AT_FDCWD, memory ? machine.memory : path, flags, mode);
}

int fake_fstatfs(int fd, struct statfs *fs)
{
	(void)fd;
	machine.stats++;
	*fs = (struct statfs){ .f_type = machine.file_system };
	return machine.stat_fails ? -1 : 0;
}

int fake_uname(struct utsname *name)
{
	if (!machine.release)
		return -1;
	snprintf(name->release, sizeof name->release, "%s", machine.release);
	return 0;
}

int fake_syncfs(int fd)
{
	machine.synced = fd;
	errno = machine.sync_error[machine.syncs++ % 2];
	return errno ? -1 : 0;
}

static struct batch_sync sync_of;
static int directory;

static int setup(void **state)
{
	if (tree_setup(state))
		return -1;
	memset(&machine, 0, sizeof machine);
	machine.release = "6.1.0-18-amd64";
	machine.file_system = EXT;
	machine.synced = -1;
	directory = open(tree_path(""), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	batch_sync_init(&sync_of);
	return directory < 0;
}

static int teardown(void **state)
{
	batch_sync_fini(&sync_of);
	close(directory);
	return tree_teardown(state);
}

/* Whether it covers the directory, when it is asked for the first time. */
static bool covers_anew(void)
{
	batch_sync_fini(&sync_of);
	batch_sync_init(&sync_of);
	return batch_sync_covers(&sync_of, directory);
}

static void say_memory(const char *text)
{
	tree_store("memory", text);
	machine.memory = tree_path("memory");
}

/* Has a file take `each` and `all` microseconds, where that is above 0. */
static void know(uint64_t each_us, uint64_t all_us)
{
	sync_of.each_us = each_us;
	sync_of.all_us = all_us;
}

/* ---- facts ---- */

static void trusts_some_file_systems(void **state)
{
	(void)state;
	static const uint32_t trusted[] = { EXT, XFS, BTRFS };
	for (size_t i = 0; i < ARRAY_COUNT(trusted); i++) {
		machine.file_system = trusted[i];
		assert_true(covers_anew());
	}
	machine.file_system = NFS;
	assert_false(covers_anew());
	machine.file_system = EXT;
	machine.stat_fails = true;
	assert_false(covers_anew());
}

static void trusts_linux_since_5_8(void **state)
{
	(void)state;
	static const char *const good[] = { "5.8.0", "5.10.0-30-amd64", "6.0", "10.1" };
	static const char *const bad[] = { "5.7.19", "4.19.0", "4.9", "", "linux", "6", NULL };
	for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
		machine.release = good[i];
		assert_true(covers_anew());
	}
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		machine.release = bad[i];
		assert_false(covers_anew());
	}
}

static void looks_once(void **state)
{
	(void)state;
	assert_true(batch_sync_covers(&sync_of, directory));
	assert_true(batch_sync_covers(&sync_of, directory));
	assert_int_equal(machine.stats, 1);
	machine.file_system = NFS;
	assert_false(covers_anew());
	assert_int_equal(machine.stats, 2);
	machine.file_system = EXT;
	assert_false(batch_sync_covers(&sync_of, directory));
	assert_int_equal(machine.stats, 2);
}

static void covers_one_file_system(void **state)
{
	(void)state;
	assert_true(batch_sync_covers(&sync_of, directory));
	int other = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(other >= 0);
	assert_false(batch_sync_covers(&sync_of, other));
	close(other);
	assert_false(batch_sync_covers(&sync_of, other)); /* nothing is open as that */
}

static void syncs_by_a_descriptor_of_its_own(void **state)
{
	(void)state;
	assert_true(batch_sync_covers(&sync_of, directory));
	assert_true(batch_sync_all(&sync_of));
	int fd = machine.synced;
	assert_true(fd >= 0 && fd != directory);
	assert_true(fcntl(fd, F_GETFD) >= 0);
	batch_sync_fini(&sync_of);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	batch_sync_init(&sync_of);
}

static void an_interrupted_sync_is_done_again(void **state)
{
	(void)state;
	machine.sync_error[0] = EINTR;
	assert_true(batch_sync_covers(&sync_of, directory));
	assert_true(batch_sync_all(&sync_of));
	assert_int_equal(machine.syncs, 2);
}

static void wants_no_more_after_an_error(void **state)
{
	(void)state;
	say_memory("\nDirty: 0 kB\nWriteback: 0 kB\n");
	machine.sync_error[0] = EIO;
	assert_true(batch_sync_covers(&sync_of, directory));
	know(10, 0);
	assert_true(batch_sync_wants_all(&sync_of, 4, MEBIBYTE));
	assert_false(batch_sync_all(&sync_of));
	assert_int_equal(machine.syncs, 1);
	assert_false(batch_sync_wants_all(&sync_of, 4, MEBIBYTE));
}

static void takes_the_quicker_way(void **state)
{
	(void)state;
	say_memory("\nDirty: 0 kB\nWriteback: 0 kB\n");
	assert_false(batch_sync_wants_all(&sync_of, 4, 0)); /* each of its own is tried first, */
	know(10, 0);
	assert_true(batch_sync_wants_all(&sync_of, 4, 0)); /* then all together */
	assert_false(batch_sync_wants_all(&sync_of, 3, 0));
	know(0, 10);
	assert_false(batch_sync_wants_all(&sync_of, 4, 0));
	know(10, 9);
	assert_true(batch_sync_wants_all(&sync_of, 4, 0));
	know(10, 10);
	assert_false(batch_sync_wants_all(&sync_of, 4, 0));
}

static void tries_the_slower_way_now_and_then(void **state)
{
	(void)state;
	say_memory("\nDirty: 0 kB\nWriteback: 0 kB\n");
	know(10, 9);
	for (unsigned batch = 1; batch <= 96; batch++)
		assert_int_equal(batch_sync_wants_all(&sync_of, 4, 0), batch % 32 != 0);
	know(9, 10);
	for (unsigned batch = 1; batch <= 96; batch++)
		assert_int_equal(batch_sync_wants_all(&sync_of, 4, 0), batch % 32 == 0);
}

/* Twice the batch and 16 MiB: 18 MiB are 18,432 KiB. */
static void leaves_alone_what_others_have_to_write(void **state)
{
	(void)state;
	know(10, 9);
	say_memory("MemTotal: 1 kB\nDirty:   18432 kB\nWriteback:    0 kB\n");
	assert_true(batch_sync_wants_all(&sync_of, 4, MEBIBYTE));
	say_memory("MemTotal: 1 kB\nDirty:   18433 kB\nWriteback:    0 kB\n");
	assert_false(batch_sync_wants_all(&sync_of, 4, MEBIBYTE));
	say_memory("MemTotal: 1 kB\nDirty:   18431 kB\nWriteback:    1 kB\n");
	assert_true(batch_sync_wants_all(&sync_of, 4, MEBIBYTE));
	say_memory("MemTotal: 1 kB\nDirty:   18431 kB\nWriteback:    2 kB\n");
	assert_false(batch_sync_wants_all(&sync_of, 4, MEBIBYTE));
}

static void does_not_guess_what_others_have_to_write(void **state)
{
	(void)state;
	know(10, 9);
	say_memory("\nDirty: 0 kB\n");
	assert_false(batch_sync_wants_all(&sync_of, 4, MEBIBYTE));
	say_memory("\nDirty: some kB\nWriteback: 0 kB\n");
	assert_false(batch_sync_wants_all(&sync_of, 4, MEBIBYTE));
	say_memory("");
	assert_false(batch_sync_wants_all(&sync_of, 4, MEBIBYTE));
	machine.memory = tree_path("none");
	assert_false(batch_sync_wants_all(&sync_of, 4, MEBIBYTE));
	machine.memory = tree_path(""); /* a directory: opened, and not read */
	assert_false(batch_sync_wants_all(&sync_of, 4, MEBIBYTE));
}

static void knows_an_average(void **state)
{
	(void)state;
	batch_sync_learn(&sync_of, false, 3, 1000); /* too few */
	assert_int_equal(sync_of.each_us, 0);
	batch_sync_learn(&sync_of, false, 4, 40);
	assert_int_equal(sync_of.each_us, 10001);
	assert_int_equal(sync_of.all_us, 0);
	batch_sync_learn(&sync_of, false, 10, 20);
	assert_int_equal(sync_of.each_us, (10001 * 3 + 2001) / 4);
	batch_sync_learn(&sync_of, true, 8, 0);
	assert_int_equal(sync_of.all_us, 1); /* never as if nothing were known */
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest fact[] = {
		FACT(trusts_some_file_systems),
		FACT(trusts_linux_since_5_8),
		FACT(looks_once),
		FACT(covers_one_file_system),
		FACT(syncs_by_a_descriptor_of_its_own),
		FACT(an_interrupted_sync_is_done_again),
		FACT(wants_no_more_after_an_error),
		FACT(takes_the_quicker_way),
		FACT(tries_the_slower_way_now_and_then),
		FACT(leaves_alone_what_others_have_to_write),
		FACT(does_not_guess_what_others_have_to_write),
		FACT(knows_an_average),
	};
	return cmocka_run_group_tests(fact, NULL, NULL);
}
