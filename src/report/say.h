/*
 * The one outlet for people: lines on stderr, without caps and without control bytes.
 *
 * Place      reports and commands -> [say] -> output->messages.
 * Ownership  none.
 * Threads    may run concurrently: a line is one write.  A failing stderr is ignored.
 */
#pragma once

#include "queue/core/fault.h"
#include "report/output.h"

enum say_level {
	SAY_ERROR,
	SAY_WARNING,
	SAY_INFO,
	SAY_DEBUG,
};

/* Returns whether `level` is shown: to SAY_WARNING when quiet, to SAY_DEBUG when verbose. */
bool say_shows(const struct output *output, enum say_level level);

/* Writes "barge: " ("barge: warning: ") and the formatted text as one line, without caps, and with
 * what is hidden escaped (escape_hidden). */
void say(struct output *output, enum say_level level, const char *format, ...) PRINTF_LIKE(3, 4);

/* Writes the text of `err` as an error. */
void say_err(struct output *output, const struct err *err);

/* Says that what is in flight will be finished and no more begun (a cancel_waker): quiet or not.
 * `context` is the struct output. */
void say_stopping(void *context);

/* Writes `text` as a line of its own as the process ends at once, and waits for nobody. */
void say_last(struct output *output, const char *text);

/* Writes plain text, lines without a prefix: parts of a summary. */
void say_plain(struct output *output, const char *text, size_t size);

/*
 * Replaces the progress line of a terminal by `text`, of `size` bytes without a newline; 0 takes it
 * away.  Lines said in between go above it.
 */
void say_progress(struct output *output, const char *text, size_t size);
