#include "files/pipe.h"

#include "base/cancel.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

enum {
	LOOK_MS = 200, /* between questions whether to stop */
	TAKE_SIZE = 65536,
	GIVE_SIZE =
		4096, /* PIPE_BUF: a pipe that polls as writable takes so much without sleeping */
};

const char *pipe_directory(void)
{
	const char *directory = getenv("TMPDIR");
	return directory && *directory ? directory : "/tmp";
}

/* Sleeps until `fd` is ready, or at its end. */
static enum fault wait_ready(int fd, short events, struct err *err)
{
	struct pollfd ready = { .fd = fd, .events = events };
	while (!cancel_asked()) {
		int count = poll(&ready, 1, LOOK_MS);
		if (count > 0)
			return FAULT_NONE;
		if (count < 0 && errno != EINTR)
			return err_os(err, FAULT_IO, errno, "cannot wait for a pipe");
	}
	return err_set(err, FAULT_CANCELLED, "asked to stop");
}

static bool is_passing(int os_error) { return os_error == EINTR || os_error == EAGAIN; }

enum fault pipe_take(int fd, struct spool *spool, struct err *err)
{
	unsigned char buffer[TAKE_SIZE];
	for (;;) {
		if (wait_ready(fd, POLLIN, err))
			return err->fault;
		ssize_t got = read(fd, buffer, sizeof buffer);
		if (got == 0)
			return FAULT_NONE;
		if (got < 0 && is_passing(errno))
			continue;
		if (got < 0)
			return err_os(err, FAULT_IO, errno, "cannot read it");
		if (spool_append(spool, buffer, (size_t)got, err))
			return err->fault;
	}
}

static enum fault give_piece(int fd, const unsigned char *data, size_t size, struct err *err)
{
	while (size > 0) {
		if (wait_ready(fd, POLLOUT, err))
			return err->fault;
		ssize_t written = write(fd, data, size);
		if (written < 0 && is_passing(errno))
			continue;
		if (written < 0)
			return err_os(err, FAULT_IO, errno, "cannot write to standard output");
		data += written;
		size -= (size_t)written;
	}
	return FAULT_NONE;
}

enum fault pipe_give(const struct spool *spool, int fd, struct err *err)
{
	unsigned char buffer[GIVE_SIZE];
	for (uint64_t at = 0; at < spool->size;) {
		struct spool_piece piece = { .size = sizeof buffer };
		if (spool_read(spool, at, buffer, &piece, err) ||
		    give_piece(fd, piece.data, piece.size, err))
			return err->fault;
		at += piece.size;
	}
	return FAULT_NONE;
}
