#include "tests/unit/tree.h"

#include "tests/unit/facts.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { USER = 1234, GROUP = 2345 };

static char root[200];

int tree_setup(void **state)
{
	(void)state;
	const char *parent = getenv("TMPDIR");
	snprintf(root, sizeof root, "%s/barge-test-XXXXXX", parent ? parent : "/tmp");
	return mkdtemp(root) ? 0 : -1;
}

/* Empties the directory `fd` and closes it; paths may be longer than the kernel takes. */
static void empty(int fd)
{
	DIR *files = fdopendir(fd);
	assert_non_null(files);
	for (const struct dirent *file = readdir(files); file; file = readdir(files)) {
		if (strcmp(file->d_name, ".") == 0 || strcmp(file->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, file->d_name, 0) == 0)
			continue;
		empty(openat(fd, file->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
		assert_int_equal(unlinkat(fd, file->d_name, AT_REMOVEDIR), 0);
	}
	closedir(files);
}

int tree_teardown(void **state)
{
	(void)state;
	empty(open(root, O_RDONLY | O_DIRECTORY));
	return rmdir(root);
}

const char *tree_path(const char *name)
{
	static char path[8][600];
	static unsigned next;
	char *made = path[next++ % ARRAY_COUNT(path)];
	snprintf(made, sizeof path[0], "%s%s%s", root, *name ? "/" : "", name);
	return made;
}

void tree_store(const char *name, const char *text)
{
	FILE *file = fopen(tree_path(name), "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

bool tree_holds(const char *name, const void *data, size_t size)
{
	FILE *file = fopen(tree_path(name), "r");
	if (!file)
		return false;
	char *found = malloc(size + 2);
	bool same = fread(found, 1, size + 1, file) == size &&
		    (size == 0 || memcmp(found, data, size) == 0);
	free(found);
	fclose(file);
	return same;
}

static int give_away(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st, (void)kind, (void)where;
	return lchown(path, USER, GROUP);
}

void tree_as_user(void)
{
	if (getuid() != 0)
		return;
	assert_int_equal(nftw(root, give_away, 16, FTW_PHYS), 0);
	assert_int_equal(setegid(GROUP) | seteuid(USER), 0);
	assert_int_equal(prctl(PR_SET_DUMPABLE, 1), 0); /* /proc/self is this user's */
}

void tree_as_root(void) { assert_int_equal(seteuid(getuid()) | setegid(getgid()), 0); }

size_t tree_count(const char *name)
{
	size_t count = 0;
	DIR *files = opendir(tree_path(name));
	assert_non_null(files);
	for (const struct dirent *file = readdir(files); file; file = readdir(files))
		if (strcmp(file->d_name, ".") != 0 && strcmp(file->d_name, "..") != 0)
			count++;
	closedir(files);
	return count;
}
