#include "report/log.h"

#include "base/bytes.h"
#include "report/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { LOG_LINE_MAX = 16 << 20 };

const char *timestamp(time_t when, char text[TIMESTAMP_SIZE])
{
	struct tm local;
	if (!localtime_r(&when, &local) ||
	    strftime(text, TIMESTAMP_SIZE, "%Y-%m-%d %H:%M:%S", &local) == 0)
		text[0] = '\0';
	return text;
}

enum fault log_open(struct output *output, struct err *err)
{
	const char *path = output->options.log_file;
	if (!path)
		return FAULT_NONE;
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
	if (fd < 0)
		return err_os(err, FAULT_IO, errno, "cannot open the log '%.150s'", path);
	output->log = fd;
	return FAULT_NONE;
}

/* A log that cannot be written stops nothing, but is not passed over in silence. */
static void tell_failed(struct output *output, int os_error)
{
	char text[128];
	if (atomic_exchange(&output->log_failed, true))
		return;
	int size = snprintf(text, sizeof text, "barge: warning: cannot write the log: %s\n",
			    strerror(os_error));
	if (size > 0 && output->messages >= 0)
		(void)outlet_write(output->messages, text, (size_t)size, 0);
}

static void log_line(struct output *output, const char *text, size_t size)
{
	char when[TIMESTAMP_SIZE];
	struct bytes line;
	bytes_init(&line, LOG_LINE_MAX);
	enum fault fault = bytes_printf(&line, "%s ", timestamp(time(NULL), when));
	if (!fault)
		fault = bytes_append(&line, text, size);
	if (!fault)
		fault = bytes_append_text(&line, "\n");
	int os_error =
		fault ? ENOMEM : outlet_write(output->log, (const char *)line.data, line.size, 0);
	if (os_error)
		tell_failed(output, os_error);
	bytes_fini(&line);
}

void log_lines(struct output *output, const char *text, size_t size)
{
	while (output->log > 0 && size > 0) {
		const char *end = memchr(text, '\n', size);
		const size_t length = end ? (size_t)(end - text) : size;
		if (length > 0)
			log_line(output, text, length);
		text += length + (end != NULL);
		size -= length + (end != NULL);
	}
}

void log_close(struct output *output)
{
	if (output->log > 0 && close(output->log) != 0)
		tell_failed(output, errno);
	output->log = 0;
}
