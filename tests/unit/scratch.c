#include "tests/unit/scratch.h"

#include "tests/unit/facts.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[200];

int scratch_setup(void **state)
{
	(void)state;
	const char *parent = getenv("TMPDIR");
	snprintf(directory, sizeof directory, "%s/barge-test-XXXXXX", parent ? parent : "/tmp");
	return mkdtemp(directory) ? 0 : -1;
}

int scratch_teardown(void **state)
{
	(void)state;
	DIR *files = opendir(directory);
	if (!files)
		return -1;
	for (struct dirent *file = readdir(files); file; file = readdir(files))
		if (file->d_name[0] != '.')
			unlinkat(dirfd(files), file->d_name, 0);
	closedir(files);
	return rmdir(directory);
}

const char *scratch_path(const char *name)
{
	static char path[8][300];
	static unsigned next;
	char *made = path[next++ % ARRAY_COUNT(path)];
	snprintf(made, sizeof path[0], "%s/%s", directory, name);
	return made;
}

void scratch_store(const char *path, const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	close(fd);
}

size_t scratch_load(const char *path, void *data, size_t capacity)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	ssize_t size = read(fd, data, capacity);
	assert_true(size >= 0);
	close(fd);
	return (size_t)size;
}

size_t scratch_size(const char *path)
{
	struct stat status;
	assert_int_equal(stat(path, &status), 0);
	return (size_t)status.st_size;
}
