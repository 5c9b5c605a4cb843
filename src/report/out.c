#include "report/out.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

enum { OUT_BUFFER_SIZE = 65536 };

/* State of the one stdout. */
static char buffer[OUT_BUFFER_SIZE];
static size_t used;
static int failed;

static bool wait_writable(void)
{
	struct pollfd ready = { .fd = STDOUT_FILENO, .events = POLLOUT };
	return poll(&ready, 1, -1) >= 0 || errno == EINTR;
}

/* Writes to stdout.  The first failure ends all output, not the program. */
static void put(const char *text, size_t size)
{
	while (size > 0 && !failed) {
		ssize_t written = write(STDOUT_FILENO, text, size);
		if (written >= 0) {
			text += written;
			size -= (size_t)written;
			continue;
		}
		/* Somebody else's end of a pipe or terminal may have made it non-blocking. */
		if (errno == EINTR || (errno == EAGAIN && wait_writable()))
			continue;
		failed = errno;
	}
}

void out_put(const void *text, size_t size)
{
	if (size > sizeof buffer - used)
		out_flush();
	if (size > sizeof buffer) {
		put(text, size);
		return;
	}
	memcpy(buffer + used, text, size);
	used += size;
}

void out_flush(void)
{
	put(buffer, used);
	used = 0;
}

int out_failed(void) { return failed; }
