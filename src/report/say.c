#include "report/say.h"

#include "base/escape.h"
#include "base/redact.h"
#include "report/log.h"
#include "report/outlet.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>

enum { SAY_LINE_MAX = 4 * 2048 + 64 /* each byte of a text escaped */ };

static const char take_away[] = "\r\033[K";

bool say_shows(const struct output *output, enum say_level level)
{
	return level <= (output->options.quiet     ? SAY_WARNING
			 : output->options.verbose ? SAY_DEBUG
						   : SAY_INFO);
}

/* One write for one line, so that lines of different threads do not mix. */
static void say_put(struct output *output, const char *text, size_t size)
{
	if (output->messages < 0)
		return;
	bool stuck = atomic_load_explicit(&output->stuck, memory_order_relaxed);
	if (outlet_write(output->messages, text, size, stuck ? 0 : OUTLET_GRACE_MS) == ECANCELED)
		atomic_store_explicit(&output->stuck, true, memory_order_relaxed);
}

static enum fault clear_progress(struct output *output, struct bytes *line)
{
	if (!atomic_exchange_explicit(&output->progress_up, false, memory_order_acq_rel))
		return FAULT_NONE;
	return bytes_append_text(line, take_away);
}

/* Appends a text without caps.  Names in it come escaped; this is the last fence, for whatever an
 * error text dragged along. */
static enum fault append_tamed(struct bytes *line, const char *text, size_t size)
{
	struct bytes clean;
	bytes_init(&clean, SAY_LINE_MAX);
	enum fault fault = redact_text(&clean, text, size);
	if (!fault)
		fault = escape_hidden(line, clean.data, clean.size, false);
	bytes_fini(&clean);
	return fault;
}

/* Writes a line at once: the progress line is cleared, caps are taken out, what is hidden is
 * escaped. */
static void put_line(struct output *output, const char *prefix, const char *text, size_t size)
{
	struct bytes line;
	bytes_init(&line, SAY_LINE_MAX);
	enum fault fault = clear_progress(output, &line);
	const size_t begin = line.size;
	if (!fault)
		fault = bytes_append_text(&line, prefix);
	if (!fault)
		fault = append_tamed(&line, text, size);
	if (!fault)
		fault = bytes_append_text(&line, "\n");
	if (!fault) {
		say_put(output, (const char *)line.data, line.size);
		log_lines(output, (const char *)line.data + begin, line.size - begin);
	}
	bytes_fini(&line);
}

void say(struct output *output, enum say_level level, const char *format, ...)
{
	if (!say_shows(output, level))
		return;
	char text[2048];
	va_list args;
	va_start(args, format);
	int length = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	size_t size = length < 0 ? 0 : (size_t)min_u64((uint64_t)length, sizeof text - 1);
	put_line(output, level == SAY_WARNING ? "barge: warning: " : "barge: ", text, size);
	explicit_bzero(text, size);
}

void say_err(struct output *output, const struct err *err)
{
	say(output, SAY_ERROR, "%s", err->text);
}

void say_plain(struct output *output, const char *text, size_t size)
{
	struct bytes shown;
	bytes_init(&shown, SIZE_MAX / 2);
	if (atomic_exchange_explicit(&output->progress_up, false, memory_order_acq_rel))
		say_put(output, take_away, sizeof take_away - 1);
	if (!escape_hidden(&shown, text, size, true)) {
		say_put(output, (const char *)shown.data, shown.size);
		log_lines(output, (const char *)shown.data, shown.size);
	}
	bytes_fini(&shown);
}

void say_progress(struct output *output, const char *text, size_t size)
{
	char line[512];
	if (size > sizeof line - sizeof take_away)
		size = sizeof line - sizeof take_away;
	memcpy(line, take_away, sizeof take_away - 1);
	if (size > 0)
		memcpy(line + sizeof take_away - 1, text, size);
	bool was_up =
		atomic_exchange_explicit(&output->progress_up, size > 0, memory_order_acq_rel);
	if (size > 0 || was_up)
		say_put(output, line, sizeof take_away - 1 + size);
}

void say_stopping(void *context)
{
	static const char text[] =
		"barge: stopping: finishing what is in flight; once more to stop at once\n";
	struct output *output = context;
	/* The thread of all signals does not wait for a reader. */
	if (atomic_exchange_explicit(&output->progress_up, false, memory_order_acq_rel))
		(void)outlet_write(output->messages, take_away, sizeof take_away - 1, 0);
	(void)outlet_write(output->messages, text, sizeof text - 1, 0);
	log_lines(output, text, sizeof text - 1);
}

void say_last(struct output *output, const char *text)
{
	struct bytes line;
	bytes_init(&line, SAY_LINE_MAX);
	enum fault fault = bytes_append_text(&line, "\nbarge: ");
	if (!fault)
		fault = escape_hidden(&line, text, strlen(text), false);
	if (!fault && !bytes_append_text(&line, "\n")) {
		(void)outlet_write(output->messages, (const char *)line.data, line.size, 0);
		log_lines(output, (const char *)line.data, line.size);
	}
	bytes_fini(&line);
}
