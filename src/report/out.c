#include "report/out.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static bool wait_writable(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	return poll(&ready, 1, -1) >= 0 || errno == EINTR;
}

/* Writes to the results.  The first failure ends all output, not the program. */
static void out_write(struct output *output, const char *text, size_t size)
{
	while (size > 0 && output->results >= 0 && !output->failed) {
		ssize_t written = write(output->results, text, size);
		if (written >= 0) {
			text += written;
			size -= (size_t)written;
			continue;
		}
		/* Somebody else's end of a pipe or terminal may have made it non-blocking. */
		if (errno == EINTR || (errno == EAGAIN && wait_writable(output->results)))
			continue;
		output->failed = errno;
	}
}

void out_put(struct output *output, const void *text, size_t size)
{
	if (size > sizeof output->buffer - output->used)
		out_flush(output);
	if (size > sizeof output->buffer) {
		out_write(output, text, size);
		return;
	}
	memcpy(output->buffer + output->used, text, size);
	output->used += size;
}

void out_flush(struct output *output)
{
	out_write(output, output->buffer, output->used);
	output->used = 0;
}

int out_failed(const struct output *output) { return output->failed; }
