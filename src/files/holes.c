#include "files/holes.h"

#include "files/dirfd.h"

#include <fcntl.h>
#include <string.h>

enum {
	ROOM_UNIT = 512 /* of st_blocks, whatever the file system's blocks are.  Source: stat(3) */
};

bool holes_are_in(const struct stat *st)
{
	return st->st_blocks >= 0 && st->st_size / ROOM_UNIT > st->st_blocks;
}

static bool is_zero(const unsigned char *data, size_t size)
{
	return data[0] == 0 && memcmp(data, data + 1, size - 1) == 0;
}

/* Returns how many bytes at the beginning of `data`, in blocks, are zero, or are not, as its first
 * block is.  `zero` says which. */
static size_t run_of(const unsigned char *data, size_t size, bool *zero)
{
	size_t run = 0;
	*zero = size >= HOLE_BLOCK && is_zero(data, HOLE_BLOCK);
	do
		run += HOLE_BLOCK;
	while (size >= run + HOLE_BLOCK && is_zero(data + run, HOLE_BLOCK) == *zero);
	return *zero || size >= run + HOLE_BLOCK ? run : size;
}

/* Whether the range reads as zeros now and takes no room.  A range behind the end counts only once
 * something behind it is written. */
static bool punch(int fd, uint64_t offset, size_t size)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
			 (off_t)size) == 0;
}

/* Whether the file reaches that far without anything being written. */
static bool reaches(int fd, uint64_t end)
{
	struct stat st;
	return fstat(fd, &st) == 0 && (uint64_t)st.st_size >= end;
}

enum fault holes_write_at(int fd, uint64_t offset, const void *data, size_t size, struct err *err)
{
	const unsigned char *at = data, *end = at + size, *kept = at; /* kept: not written yet */
	const size_t kept_back = reaches(fd, offset + size) ? 0 : HOLE_BLOCK;
	while (end - at > HOLE_MIN) {
		bool zero;
		size_t run = run_of(at, (size_t)(end - at) - kept_back, &zero);
		uint64_t there = offset + (uint64_t)(at - (const unsigned char *)data);
		if (zero && run >= HOLE_MIN && punch(fd, there, run)) {
			if (at > kept && dirfd_write_at(fd, there - (uint64_t)(at - kept), kept,
							(size_t)(at - kept), err))
				return err->fault;
			kept = at + run;
		}
		at += run;
	}
	return dirfd_write_at(fd, offset + (uint64_t)(kept - (const unsigned char *)data), kept,
			      (size_t)(end - kept), err);
}
