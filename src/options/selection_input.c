#include "options/selection_input.h"

#include "base/calendar.h"
#include "base/meta.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PART_SIZE = 65536 };

static enum fault read_all(int fd, struct bytes *out, struct err *err)
{
	for (;;) {
		unsigned char part[PART_SIZE];
		ssize_t got = read(fd, part, sizeof part);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_os(err, FAULT_IO, errno, "cannot read it");
		if (got == 0)
			return FAULT_NONE;
		enum fault fault = bytes_append(out, part, (size_t)got);
		if (fault == FAULT_TOO_LARGE)
			return err_set(err, fault, "it has more than %zu bytes", out->max);
		if (fault)
			return bytes_err(fault, err, "a file");
	}
}

enum fault selection_input(const char *path, struct bytes *out, struct err *err)
{
	if (strcmp(path, "-") == 0)
		return read_all(STDIN_FILENO, out, err);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_os(err, errno == ENOENT ? FAULT_NOT_FOUND : FAULT_IO, errno,
			      "cannot open it");
	enum fault fault = read_all(fd, out, err);
	close(fd);
	return fault;
}

/* ---- dates ---- */

enum { NS_PER_S = 1000000000 };

static bool read_seconds(const char *text, int64_t *seconds)
{
	char *end;
	if (text[0] != '@' || text[1] < '0' || text[1] > '9')
		return false;
	errno = 0;
	*seconds = strtoll(text + 1, &end, 10);
	return !errno && *end == '\0';
}

enum fault selection_date(const char *text, int64_t *ns, struct err *err)
{
	int64_t seconds;
	struct stat st;
	if (read_seconds(text, &seconds) || calendar_read(text, CALENDAR_FIRST, &seconds)) {
		if (!__builtin_mul_overflow(seconds, (int64_t)NS_PER_S, ns))
			return FAULT_NONE;
		return err_set(err, FAULT_USAGE, "\"%.60s\" is too far away", text);
	}
	if (stat(text, &st) < 0)
		return err_os(err, FAULT_USAGE, errno,
			      "\"%.60s\" is no date like 2024-05-31 or 2024-05-31T12:30Z, and no "
			      "file",
			      text);
	*ns = meta_from_stat(&st).mtime_ns;
	return FAULT_NONE;
}
