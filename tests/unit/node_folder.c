#include "tests/unit/node_folder.h"

#include "tests/unit/facts.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 200 };

int node_folder_setup(void **state)
{
	const char *base = getenv("TMPDIR");
	char *directory = NULL, path[PATH_SIZE];
	if (asprintf(&directory, "%s/nodeXXXXXX", base ? base : "/tmp") < 0 || !mkdtemp(directory))
		return -1;
	snprintf(path, sizeof path, "%s/private", directory);
	*state = directory;
	return mkdir(path, 0700);
}

/* Removes a directory with its files; nothing where there is none. */
static void remove_folder(const char *path)
{
	DIR *files = opendir(path);
	if (!files)
		return;
	for (struct dirent *file = readdir(files); file; file = readdir(files))
		unlinkat(dirfd(files), file->d_name, 0);
	closedir(files);
	rmdir(path);
}

int node_folder_teardown(void **state)
{
	char path[PATH_SIZE];
	snprintf(path, sizeof path, "%s/private", (char *)*state);
	remove_folder(path);
	remove_folder(*state);
	free(*state);
	return 0;
}

void node_folder_put(const char *directory, const char *name, const char *text, mode_t mode)
{
	char path[PATH_SIZE];
	snprintf(path, sizeof path, "%s/%s", directory, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}
