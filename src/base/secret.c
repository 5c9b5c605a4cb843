#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

void secret_wipe(void *data, size_t size)
{
	if (size > 0)
		explicit_bzero(data, size);
}

bool secret_equal(const void *a, const void *b, size_t size)
{
	const volatile unsigned char *x = a, *y = b;
	unsigned char differing = 0;
	for (size_t i = 0; i < size; i++)
		differing |= x[i] ^ y[i];
	return differing == 0;
}

enum fault secret_random(void *out, size_t size, struct err *err)
{
	unsigned char *at = out;
	while (size > 0) {
		ssize_t got = getrandom(at, size, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return err_os(err, FAULT_IO, errno, "no random bytes from the kernel");
		at += got;
		size -= (size_t)got;
	}
	return FAULT_NONE;
}

/* In a sticky directory only the owner can put another file into the place of ours. */
static bool parent_is_safe(const char *path)
{
	char *copy = strdup(path);
	struct stat st;
	bool safe = copy && stat(dirname(copy), &st) == 0 &&
		    (!(st.st_mode & S_IWOTH) || (st.st_mode & S_ISVTX));
	free(copy);
	return safe;
}

/* Whether nobody but its owner can have read or written it.  A node's own files are Tahoe's. */
static enum fault check_safe(const char *path, const struct stat *st, enum secret_file_rule rule,
			     struct err *err)
{
	if (!S_ISREG(st->st_mode))
		return err_set(err, FAULT_INSECURE, "%s is not a regular file", path);
	if (st->st_mode & S_IWOTH)
		return err_set(err, FAULT_INSECURE, "%s can be written by everybody", path);
	if (rule == SECRET_FILE_TAHOE)
		return FAULT_NONE;
	if (st->st_uid != geteuid())
		return err_set(err, FAULT_INSECURE, "%s belongs to somebody else", path);
	if (st->st_mode & (S_IRWXG | S_IRWXO))
		return err_set(err, FAULT_INSECURE,
			       "%s is open to group or others (try chmod go= on it)", path);
	if (st->st_nlink != 1)
		return err_set(err, FAULT_INSECURE, "%s has more than one name", path);
	if (!parent_is_safe(path))
		return err_set(err, FAULT_INSECURE,
			       "%s is in a directory that is open to everybody", path);
	return FAULT_NONE;
}

/* Reads to the end, one byte more than fits being the proof that it does not. */
static enum fault read_all(int fd, const char *path, struct bytes *out, struct err *err)
{
	for (;;) {
		unsigned char part[4096];
		ssize_t got = read(fd, part, sizeof part);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_os(err, FAULT_IO, errno, "%s cannot be read", path);
		if (got == 0)
			return FAULT_NONE;
		enum fault fault = bytes_err(bytes_append(out, part, (size_t)got), err, path);
		explicit_bzero(part, (size_t)got);
		if (fault)
			return fault;
	}
}

enum fault secret_file_read(const char *path, enum secret_file_rule rule, struct bytes *out,
			    struct err *err)
{
	const size_t before = out->size;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return err_os(err, errno == ENOENT || errno == ENOTDIR ? FAULT_NOT_FOUND : FAULT_IO,
			      errno, "%s cannot be opened", path);
	enum fault fault;
	struct stat st;
	if (fstat(fd, &st) < 0)
		fault = err_os(err, FAULT_IO, errno, "%s cannot be examined", path);
	else
		fault = check_safe(path, &st, rule, err);
	if (!fault)
		fault = read_all(fd, path, out, err);
	if (fault && out->size > before) {
		explicit_bzero(out->data + before, out->size - before);
		out->size = before;
		out->data[before] = '\0';
	}
	close(fd);
	return fault;
}
