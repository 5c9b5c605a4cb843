/*
 * The one outlet for people: lines on stderr, without caps and without control bytes.
 *
 * Place      src/report, src/engine and src/cli; nothing below them prints.
 * Ownership  none; one level for the process, set once at start.
 * Threads    may run concurrently: a line is one write.  A failing stderr is ignored.
 */
#pragma once

#include "queue/core/fault.h"

enum say_level {
	SAY_ERROR,
	SAY_WARNING,
	SAY_INFO,
	SAY_DEBUG,
};

/* Sets the least urgent level that is shown.  SAY_INFO until then. */
void say_set_level(enum say_level level);

/* Returns whether `level` is shown. */
bool say_shows(enum say_level level);

/* Writes "barge: " ("barge: warning: ") and the formatted text as one line. */
void say(enum say_level level, const char *format, ...) PRINTF_LIKE(2, 3);

/* Writes the text of `err` as an error. */
void say_err(const struct err *err);

/* Writes plain text as it is, without a prefix: parts of a summary. */
void say_plain(const char *text, size_t size);

/*
 * Replaces the progress line of a terminal by `text`, of `size` bytes without a newline; 0 takes it
 * away.  Lines said in between go above it.
 */
void say_progress(const char *text, size_t size);
