#include "files/symlink.h"

#include "base/digest.h"
#include "files/dirfd.h"

#include <errno.h>
#include <unistd.h>

static enum fault check_form(const char *target, size_t size, struct err *err)
{
	if (size == 0 || size > SYMLINK_TARGET_MAX || memchr(target, '\0', size))
		return err_set(err, FAULT_INSECURE, "it holds no target of a symlink");
	return FAULT_NONE;
}

enum fault symlink_check(const char *target, size_t size, unsigned depth, struct err *err)
{
	if (check_form(target, size, err))
		return err->fault;
	if (target[0] == '/')
		return err_set(err, FAULT_INSECURE, "the symlink's target is absolute");
	unsigned up = 0;
	bool down = false;
	for (size_t at = 0; at < size;) {
		const char *slash = memchr(target + at, '/', size - at);
		size_t length = slash ? (size_t)(slash - target) - at : size - at;
		bool stays = length == 0 || (length == 1 && target[at] == '.');
		bool rises = length == 2 && memcmp(target + at, "..", 2) == 0;
		if (rises && (down || ++up > depth))
			return err_set(err, FAULT_INSECURE,
				       "the symlink's target may lead out of the target directory");
		down |= !stays && !rises;
		at += length + 1;
	}
	return FAULT_NONE;
}

enum fault symlink_make(int at, const char *name, int fd, const unsigned *depth, struct err *err)
{
	char target[SYMLINK_TARGET_MAX + 1];
	size_t size = 0;
	while (size < sizeof target) {
		ssize_t got = pread(fd, target + size, sizeof target - size, (off_t)size);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_os(err, FAULT_IO, errno, "cannot read a symlink's target");
		if (got == 0)
			break;
		size += (size_t)got;
	}
	if (depth ? symlink_check(target, size, *depth, err) : check_form(target, size, err))
		return err->fault;
	target[size] = '\0';
	return dirfd_link(at, name, target, err);
}

bool symlink_is(int at, const char *name, uint64_t length, const unsigned char content[16])
{
	char target[SYMLINK_TARGET_MAX + 1];
	unsigned char found[CONTENT_HASH_SIZE];
	ssize_t size = readlinkat(at, name, target, sizeof target);
	if (size < 0 || (uint64_t)size != length)
		return false;
	content_hash_of(target, (size_t)size, found);
	return memcmp(found, content, sizeof found) == 0;
}
