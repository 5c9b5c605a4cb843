#include "tests/unit/sandbox.h"

#include "tests/unit/facts.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static char room[200];
static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st, (void)kind, (void)where;
	return remove(path);
}

int sandbox_setup(void **state)
{
	(void)state;
	const char *base = getenv("TMPDIR");
	snprintf(room, sizeof room, "%.150s/roomXXXXXX", base ? base : "/tmp");
	umask(077);
	return mkdtemp(room) ? 0 : -1;
}

int sandbox_teardown(void **state)
{
	(void)state;
	return nftw(room, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *sandbox_path(const char *name)
{
	static char path[16][512];
	static size_t next;
	char *here = path[next++ % ARRAY_COUNT(path)];
	snprintf(here, sizeof path[0], "%s%s%s", room, *name ? "/" : "", name);
	return here;
}

void sandbox_file(const char *name, const char *text, mode_t mode)
{
	int fd = open(sandbox_path(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

void sandbox_directory(const char *name, mode_t mode)
{
	assert_int_equal(mkdir(sandbox_path(name), mode), 0);
	assert_int_equal(chmod(sandbox_path(name), mode), 0);
}

char *sandbox_read(const char *name)
{
	enum { SIZE = 1 << 20 };
	char *text = calloc(1, SIZE + 1);
	assert_non_null(text);
	int fd = open(sandbox_path(name), O_RDONLY);
	assert_true(fd >= 0);
	assert_true(read(fd, text, SIZE) >= 0);
	close(fd);
	return text;
}

int sandbox_create(const char *name)
{
	int fd = open(sandbox_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	assert_true(fd >= 0);
	return fd;
}
