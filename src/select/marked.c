#include "select/marked.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char signature[] = "Signature: 8a477f597d28d172789f06886806bc55";

/* Whether there is the tag of a cache, and says that it is one: any file may have the name. */
static bool has_cache_tag(int directory)
{
	char text[sizeof signature - 1];
	size_t size = 0;
	ssize_t got = 1;
	struct stat st;
	int fd = openat(directory, MARKED_CACHE_TAG,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return false;
	while (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && size < sizeof text && got > 0) {
		got = pread(fd, text + size, sizeof text - size, (off_t)size);
		if (got > 0)
			size += (size_t)got;
		else if (got < 0 && errno == EINTR)
			got = 1;
	}
	close(fd);
	return size == sizeof text && memcmp(text, signature, size) == 0;
}

bool marked_is(const struct select *select, int fd)
{
	const char *name;
	for (size_t i = 0; (name = select_marker(select, i)); i++)
		if (faccessat(fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return true;
	return select_leaves_caches(select) && has_cache_tag(fd);
}

bool marked_keeps(const struct select *select, const char *name, size_t size)
{
	const char *marker;
	for (size_t i = 0; (marker = select_marker(select, i)); i++)
		if (strlen(marker) == size && memcmp(marker, name, size) == 0)
			return true;
	return select_leaves_caches(select) && size == sizeof MARKED_CACHE_TAG - 1 &&
	       memcmp(name, MARKED_CACHE_TAG, size) == 0;
}
