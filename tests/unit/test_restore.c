#include "files/restore.h"

#include "base/bytes.h"
#include "tests/unit/facts.h"
#include "tests/unit/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Makes the new file, which nobody else can read yet. */
static int make_new(void)
{
	int fd = open(tree_path("new"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	return fd;
}

static struct stat status_of(int fd)
{
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	return st;
}

/* Stores a file "old" of this mode, and what lstat says of it. */
static struct stat make_old(mode_t mode)
{
	struct stat st;
	tree_store("old", "old");
	assert_int_equal(chmod(tree_path("old"), mode), 0);
	assert_int_equal(lstat(tree_path("old"), &st), 0);
	return st;
}

/* Restores the new file in the place of "old", and returns its mode. */
static uint32_t restore_over(const struct stat *old, const uint32_t *mode, unsigned *lost)
{
	int fd = make_new(), at = open(tree_path(""), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct looks looks = { .mode = mode, .given = old, .at = at, .name = "old" };
	struct err err;
	assert_int_equal(restore_file(fd, &looks, lost, &err), FAULT_NONE);
	uint32_t got = status_of(fd).st_mode & 07777;
	close(at);
	close(fd);
	return got;
}

static void restores_what_is_known(void **state)
{
	(void)state;
	static const uint32_t mode = S_IFREG | S_ISUID | 0751;
	static const int64_t before_1970 = -1;
	const struct looks nothing = { .mode = NULL },
			   both = { .mode = &mode, .mtime_ns = &before_1970 };
	struct err err;
	unsigned lost = 0;
	int fd = make_new();
	const struct stat first = status_of(fd);
	assert_int_equal(restore_file(fd, &nothing, &lost, &err), FAULT_NONE);
	struct stat then = status_of(fd);
	assert_int_equal(then.st_mode, first.st_mode);
	assert_memory_equal(&then.st_mtim, &first.st_mtim, sizeof first.st_mtim);
	assert_int_equal(restore_file(fd, &both, &lost, &err), FAULT_NONE);
	then = status_of(fd);
	assert_int_equal(then.st_mode & 07777, 0751);
	assert_int_equal(then.st_mtim.tv_sec, -1);
	assert_int_equal(then.st_mtim.tv_nsec, 999999999);
	assert_memory_equal(&then.st_atim, &first.st_atim, sizeof first.st_atim);
	assert_int_equal(lost, 0);
	close(fd);
	assert_int_equal(restore_file(-1, &both, &lost, &err), FAULT_IO);
}

static void keeps_the_mode_of_what_is_replaced(void **state)
{
	(void)state;
	static const uint32_t said = 0644;
	unsigned lost = 0;
	struct stat old = make_old(0600);
	assert_int_equal(restore_over(&old, NULL, &lost), 0600);
	old = make_old(0664);
	assert_int_equal(restore_over(&old, NULL, &lost), 0664);
	old = make_old(04755); /* but not the rights of other content */
	assert_int_equal(restore_over(&old, NULL, &lost), 0755);
	old = make_old(0600);
	assert_int_equal(restore_over(&old, &said, &lost), 0644);
	assert_int_equal(lost, 0);
}

static void keeps_the_owner_of_what_is_replaced(void **state)
{
	(void)state;
	unsigned lost = 0;
	struct stat old = make_old(0640), st;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(tree_path("old"), 1234, 2345), 0);
	assert_int_equal(lstat(tree_path("old"), &old), 0);
	assert_int_equal(restore_over(&old, NULL, &lost), 0640);
	assert_int_equal(lstat(tree_path("new"), &st), 0);
	assert_int_equal(st.st_uid, 1234);
	assert_int_equal(st.st_gid, 2345);
	assert_int_equal(lost, 0);
}

/* Another group must not get what the group of the old file had. */
static void shuts_out_a_group_that_is_another(void **state)
{
	(void)state;
	unsigned lost = 0;
	struct stat old = make_old(0674);
	if (geteuid() == 0)
		assert_int_equal(setegid(2345) | seteuid(1234), 0);
	old.st_gid = 0; /* that of root, which nobody else may give */
	bool member = getegid() == 0;
	int fd = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	const struct looks looks = { .given = &old, .at = AT_FDCWD, .name = tree_path("old") };
	struct err err;
	enum fault fault = restore_file(fd, &looks, &lost, &err);
	uint32_t mode = status_of(fd).st_mode & 0777;
	close(fd);
	(void)!seteuid(getuid());
	(void)!setegid(getgid());
	if (member)
		skip();
	assert_int_equal(fault, FAULT_NONE);
	assert_int_equal(mode, 0644);
	assert_true(lost & LOST_OWNER);
}

enum { ACL_VERSION = 2, LIST_SIZE = 44 };

/* An access list: rw- for the owner, r-- for the user 12345, nothing for group and others. */
static void make_list(unsigned char list[LIST_SIZE])
{
	static const struct {
		unsigned tag, rights;
		uint32_t id;
	} entry[] = { { 0x01, 6, UINT32_MAX },
		      { 0x02, 4, 12345 },
		      { 0x04, 0, UINT32_MAX },
		      { 0x10, 4, UINT32_MAX },
		      { 0x20, 0, UINT32_MAX } };
	store_le32(list, ACL_VERSION);
	for (size_t i = 0; i < ARRAY_COUNT(entry); i++) {
		store_le32(list + 4 + 8 * i, entry[i].tag | entry[i].rights << 16);
		store_le32(list + 8 + 8 * i, entry[i].id);
	}
}

static void keeps_the_access_list_of_what_is_replaced(void **state)
{
	(void)state;
	static const char acl[] = "system.posix_acl_access";
	unsigned char list[LIST_SIZE], got[LIST_SIZE];
	unsigned lost = 0;
	struct stat old = make_old(0600);
	make_list(list);
	if (setxattr(tree_path("old"), acl, list, sizeof list, 0) != 0)
		skip();
	assert_int_equal(lstat(tree_path("old"), &old), 0);
	assert_int_equal(old.st_mode & 0777, 0640);
	assert_int_equal(restore_over(&old, NULL, &lost), 0640);
	assert_int_equal(getxattr(tree_path("new"), acl, got, sizeof got), sizeof got);
	assert_memory_equal(got, list, sizeof list);
	assert_int_equal(lost, 0);
	/* None there, and the directory gives each new file one. */
	assert_int_equal(unlink(tree_path("old")) | unlink(tree_path("new")), 0);
	assert_int_equal(setxattr(tree_path(""), "system.posix_acl_default", list, sizeof list, 0),
			 0);
	old = make_old(0600);
	assert_int_equal(removexattr(tree_path("old"), acl), 0);
	assert_int_equal(chmod(tree_path("old"), 0640), 0);
	assert_int_equal(lstat(tree_path("old"), &old), 0);
	assert_int_equal(restore_over(&old, NULL, &lost), 0640);
	assert_int_equal(getxattr(tree_path("new"), acl, got, sizeof got), -1);
}

static void says_when_a_time_cannot_be_kept(void **state)
{
	(void)state;
	static const int64_t beyond[] = { INT64_MAX, INT64_MIN };
	struct err err;
	int fd = make_new();
	const struct stat first = status_of(fd);
	for (size_t i = 0; i < ARRAY_COUNT(beyond); i++) {
		const struct looks looks = { .mtime_ns = &beyond[i] };
		unsigned lost = 0;
		assert_int_equal(restore_file(fd, &looks, &lost, &err), FAULT_NONE);
		assert_int_equal(lost, LOST_TIME);
		assert_int_equal(status_of(fd).st_mtim.tv_sec, first.st_mtim.tv_sec);
	}
	close(fd);
}

/* Makes the directory "d" of this mode, and restores it; returns the mode it has then. */
static uint32_t restore_at_the_end(mode_t mode, const uint32_t *said)
{
	struct err err;
	unsigned lost = 0;
	const struct looks looks = { .mode = said };
	(void)mkdir(tree_path("d"), 0700);
	assert_int_equal(chmod(tree_path("d"), mode), 0);
	int fd = open(tree_path("d"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(restore_directory(fd, &looks, 0750, &lost, &err), FAULT_NONE);
	uint32_t got = status_of(fd).st_mode & 07777;
	assert_int_equal(lost, 0);
	close(fd);
	return got;
}

static void a_directory_gets_the_mode_that_its_mark_says(void **state)
{
	(void)state;
	static const uint32_t said = S_IFDIR | 06000 | 01555;
	assert_int_equal(restore_at_the_end(DIRECTORY_MADE, NULL), 0750);
	assert_int_equal(restore_at_the_end(DIRECTORY_MADE | S_ISGID, NULL), S_ISGID | 0750);
	assert_int_equal(restore_at_the_end(S_ISUID | DIRECTORY_MADE, NULL), 0750);
	assert_int_equal(restore_at_the_end(0700, NULL), 0700);
	assert_int_equal(restore_at_the_end(01777, NULL), 01777);
	assert_int_equal(restore_at_the_end(0700, &said), 01555);
	assert_int_equal(restore_at_the_end(S_ISGID | 0700, &said), S_ISGID | 01555);
}

static void the_name_of_a_new_directory_is_noted(void **state)
{
	(void)state;
	static const struct {
		mode_t mode, noted;
	} row[] = {
		{ DIRECTORY_MADE, S_ISUID | DIRECTORY_MADE },
		{ DIRECTORY_MADE | S_ISGID, S_ISUID | S_ISGID | DIRECTORY_MADE },
		{ S_ISUID | DIRECTORY_MADE, S_ISUID | DIRECTORY_MADE },
		{ 0700, 0700 },
		{ 01755, 01755 },
		{ 0555, 0555 },
	};
	assert_int_equal(mkdir(tree_path("d"), 0700), 0);
	int fd = open(tree_path("d"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
		assert_int_equal(fchmod(fd, row[i].mode), 0);
		restore_note_name(fd);
		assert_int_equal(status_of(fd).st_mode & 07777, row[i].noted);
	}
	close(fd);
}

static void a_directory_is_opened_for_the_time_being(void **state)
{
	(void)state;
	static const mode_t closed[] = { 0555, 0500, 01555, S_ISGID | 0550 };
	struct err err, other;
	assert_int_equal(mkdir(tree_path("d"), 0700), 0);
	int fd = open(tree_path("d"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)err_os(&err, FAULT_IO, EACCES, "refused");
	(void)err_os(&other, FAULT_IO, ENOSPC, "full");
	for (size_t i = 0; i < ARRAY_COUNT(closed); i++) {
		assert_int_equal(fchmod(fd, closed[i]), 0);
		assert_false(restore_opens(fd, FAULT_IO, &other));
		assert_false(restore_opens(fd, FAULT_NONE, &err));
		assert_true(restore_opens(fd, FAULT_IO, &err));
		assert_int_equal(status_of(fd).st_mode & S_IRWXU, S_IRWXU);
		assert_true(restore_opens(fd, FAULT_IO, &err)); /* as another thread would have */
		assert_int_equal(restore_at_the_end(status_of(fd).st_mode & 07777, NULL),
				 closed[i]);
	}
	assert_int_equal(fchmod(fd, 0700), 0); /* it was refused for another reason */
	assert_false(restore_opens(fd, FAULT_IO, &err));
	close(fd);
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, tree_setup, tree_teardown)

int main(void)
{
	const struct CMUnitTest fact[] = {
		FACT(restores_what_is_known),
		FACT(keeps_the_mode_of_what_is_replaced),
		FACT(keeps_the_owner_of_what_is_replaced),
		FACT(shuts_out_a_group_that_is_another),
		FACT(keeps_the_access_list_of_what_is_replaced),
		FACT(says_when_a_time_cannot_be_kept),
		FACT(a_directory_gets_the_mode_that_its_mark_says),
		FACT(the_name_of_a_new_directory_is_noted),
		FACT(a_directory_is_opened_for_the_time_being),
	};
	return cmocka_run_group_tests(fact, NULL, NULL);
}
