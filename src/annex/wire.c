#include "annex/wire.h"

#include "base/escape.h"
#include "base/redact.h"

#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

void wire_init(struct wire *wire, int fd)
{
	*wire = (struct wire){ .fd = fd };
	mutex_init(&wire->mutex);
}

void wire_fini(struct wire *wire) { mutex_fini(&wire->mutex); }

/* Writes all of it, or notes that nobody reads. */
static void put(struct wire *wire, const char *text, size_t size)
{
	mutex_lock(&wire->mutex);
	while (size > 0 && !wire->failed) {
		ssize_t written = write(wire->fd, text, size);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0) {
			wire->failed = true;
			break;
		}
		text += written;
		size -= (size_t)written;
	}
	mutex_unlock(&wire->mutex);
}

PRINTF_LIKE(3, 0)
static void put_line(struct wire *wire, const char *tag, const char *format, va_list list)
{
	va_list again;
	va_copy(again, list);
	int size = vsnprintf(NULL, 0, format, again);
	va_end(again);
	size_t tag_size = strlen(tag);
	char *line = size < 0 ? NULL : malloc(tag_size + (size_t)size + 2);
	if (!line) { /* a line that is missing would have the other side wait for ever */
		wire->failed = true;
		return;
	}
	memcpy(line, tag, tag_size);
	vsnprintf(line + tag_size, (size_t)size + 1, format, list);
	line[tag_size + (size_t)size] = '\n';
	put(wire, line, tag_size + (size_t)size + 1);
	explicit_bzero(line, tag_size + (size_t)size);
	free(line);
}

void wire_send(struct wire *wire, uint64_t job, const char *format, ...)
{
	char tag[32] = "";
	if (wire->tags)
		snprintf(tag, sizeof tag, "J %llu ", (unsigned long long)job);
	va_list list;
	va_start(list, format);
	put_line(wire, tag, format, list);
	va_end(list);
}

void wire_send_plain(struct wire *wire, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	put_line(wire, "", format, list);
	va_end(list);
}

const char *wire_text(const char *text, char buffer[WIRE_TEXT_SIZE])
{
	struct bytes redacted, shown;
	bytes_init(&redacted, 65536);
	bytes_init(&shown, 65536);
	enum fault fault = redact_text(&redacted, text, strlen(text));
	if (!fault)
		fault = escape_hidden(&shown, redacted.data, redacted.size, false);
	snprintf(buffer, WIRE_TEXT_SIZE, "%s",
		 fault || shown.size == 0 ? "no reason is known" : bytes_text(&shown));
	bytes_fini(&redacted);
	bytes_fini(&shown);
	return buffer;
}
