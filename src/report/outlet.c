#include "report/outlet.h"

#include "base/cancel.h"
#include "queue/core/thread.h"

#include <errno.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LOOK_MS = 100, /* between questions whether to stop */
	PIECE = 4096,  /* PIPE_BUF: a pipe that polls as writable takes so much without sleeping */
};

/* Sleeps until there is room.  Returns 0 or an errno. */
static int wait_room(int fd, unsigned grace_ms)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };
	uint64_t asked_ms = 0;
	for (;;) {
		bool asked = cancel_asked();
		uint64_t now_ms = clock_ms();
		if (asked && !asked_ms)
			asked_ms = now_ms;
		bool late = asked && now_ms - asked_ms >= grace_ms;
		int count = poll(&room, 1, late ? 0 : LOOK_MS);
		if (count > 0)
			return 0; /* an error shows when it is written to */
		if (count < 0 && errno != EINTR)
			return errno;
		if (late)
			return ECANCELED;
	}
}

int outlet_write(int fd, const void *text, size_t size, unsigned grace_ms)
{
	const char *at = text;
	struct stat st;
	size_t piece = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? size : PIECE;
	while (size > 0) {
		int os_error = wait_room(fd, grace_ms);
		if (os_error)
			return os_error;
		ssize_t written = write(fd, at, min_u64(size, piece));
		if (written >= 0) {
			at += written;
			size -= (size_t)written;
		} else if (errno != EINTR && errno != EAGAIN) {
			return errno;
		}
	}
	return 0;
}
