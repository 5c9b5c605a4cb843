#include "files/regular.h"

#include "base/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_SIZE = 1 << 16 };

static bool has_length(int fd, uint64_t length)
{
	struct stat st;
	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == length;
}

/* Hashes what is left of the open file. */
static bool hash_file(int fd, unsigned char *buffer, unsigned char found[CONTENT_HASH_SIZE])
{
	struct content_hash hash = { 0 };
	struct err err;
	if (content_hash_init(&hash, &err))
		return false;
	content_hash_start(&hash);
	ssize_t size = 1;
	while (size > 0) {
		size = read(fd, buffer, READ_SIZE);
		if (size > 0)
			content_hash_update(&hash, buffer, (size_t)size);
		else if (size < 0 && errno == EINTR)
			size = 1;
	}
	content_hash_final(&hash, found);
	content_hash_fini(&hash);
	return size == 0;
}

bool regular_is(int at, const char *name, uint64_t length, const unsigned char content[16])
{
	unsigned char found[CONTENT_HASH_SIZE];
	int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return false;
	unsigned char *buffer = has_length(fd, length) ? malloc(READ_SIZE) : NULL;
	bool same =
		buffer && hash_file(fd, buffer, found) && memcmp(found, content, sizeof found) == 0;
	free(buffer);
	close(fd);
	return same;
}
