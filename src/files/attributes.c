#include "files/attributes.h"

#include "files/restore.h"
#include "queue/core/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

enum {
	HEAD_SIZE = 3,       /* of an attribute: the two lengths */
	NAME_MAX_SIZE = 255, /* Source: XATTR_NAME_MAX of linux/limits.h */
	NAMES_MAX = 1 << 16, /* bytes of all names.  Source: XATTR_LIST_MAX */
	COUNT_MAX = META_ATTRIBUTES_MAX / (HEAD_SIZE + 1), /* that could be packed */
};

static bool begins(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static unsigned kind_of(const char *name)
{
	if (strcmp(name, "system.posix_acl_access") == 0 ||
	    strcmp(name, "system.posix_acl_default") == 0)
		return ATTRIBUTES_ACCESS;
	bool of_root = (begins(name, "security.") && strcmp(name, "security.capability") != 0) ||
		       begins(name, "trusted.");
	return begins(name, "user.") || (of_root && geteuid() == 0) ? ATTRIBUTES_OTHERS : 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Appends the attribute, if there is room for it. */
static bool pack_one(int fd, const char *name, unsigned char *packed, size_t *size)
{
	const size_t name_size = strlen(name);
	const size_t used = *size + HEAD_SIZE + name_size;
	if (used >= META_ATTRIBUTES_MAX)
		return false;
	unsigned char *value = packed + used;
	/* With no room at all the call would say how much is wanted. */
	ssize_t value_size = fgetxattr(fd, name, value, META_ATTRIBUTES_MAX - used);
	if (value_size < 0)
		return errno == ENODATA; /* it went meanwhile */
	packed[*size] = (unsigned char)name_size;
	store_le16(packed + *size + 1, (uint16_t)value_size);
	memcpy(packed + *size + HEAD_SIZE, name, name_size);
	*size = used + (size_t)value_size;
	return true;
}

/* Packs those of the names that are wanted, sorted. */
static size_t pack(int fd, const char *names, size_t names_size, unsigned wanted,
		   unsigned char *packed, bool *cut)
{
	const char *name[COUNT_MAX];
	size_t count = 0, size = 0;
	for (const char *at = names; at < names + names_size; at += strlen(at) + 1) {
		if (!(kind_of(at) & wanted))
			continue;
		if (count == COUNT_MAX) {
			*cut = true;
			break;
		}
		name[count++] = at;
	}
	qsort(name, count, sizeof *name, compare_names);
	for (size_t i = 0; i < count; i++)
		*cut |= !pack_one(fd, name[i], packed, &size);
	return size;
}

size_t attributes_read(int at, const char *name, unsigned wanted,
		       unsigned char packed[META_ATTRIBUTES_MAX], bool *cut)
{
	char few[1024];
	char *names = few;
	size_t size = 0;
	/* What cannot be opened fails by itself, or is of no kind that has any. */
	int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t names_size = flistxattr(fd, few, sizeof few);
	if (names_size < 0 && errno == ERANGE) {
		names = malloc(NAMES_MAX);
		names_size = names ? flistxattr(fd, names, NAMES_MAX) : -1;
	}
	if (names_size > 0)
		size = pack(fd, names, (size_t)names_size, wanted, packed, cut);
	else if (names_size < 0 && !os_error_is_lack(errno))
		*cut = true;
	if (names != few)
		free(names);
	close(fd);
	return size;
}

void attributes_set(int fd, const unsigned char *packed, size_t size, unsigned *lost)
{
	char name[NAME_MAX_SIZE + 1];
	while (size > HEAD_SIZE) {
		const size_t name_size = packed[0], value_size = load_le16(packed + 1);
		if (name_size + value_size > size - HEAD_SIZE)
			break;
		memcpy(name, packed + HEAD_SIZE, name_size);
		name[name_size] = '\0';
		const unsigned kind = kind_of(name);
		if (kind && fsetxattr(fd, name, packed + HEAD_SIZE + name_size, value_size, 0) != 0)
			*lost |= kind == ATTRIBUTES_ACCESS ? LOST_ACCESS : LOST_ATTRIBUTES;
		packed += HEAD_SIZE + name_size + value_size;
		size -= HEAD_SIZE + name_size + value_size;
	}
	*lost |= size > 0 ? LOST_ATTRIBUTES : 0;
}
