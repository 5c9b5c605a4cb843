/*
 * The log: what was said to people, kept in a file with the time of each line.
 *
 * Place      say -> [log] -> the file of --log-file.
 * Ownership  the descriptor is the output's from log_open to log_close.
 * Threads    log_lines may run concurrently: a line is one write to the file's end.
 */
#pragma once

#include "queue/core/fault.h"
#include "report/output.h"

#include <time.h>

enum { TIMESTAMP_SIZE = 32 };

/* Writes the local time as "2026-11-29 10:12:31". */
const char *timestamp(time_t when, char text[TIMESTAMP_SIZE]);

/* Opens the file that the options name, or makes it for the user alone.  None is named: well.
 * Faults: IO. */
MUST_USE enum fault log_open(struct output *output, struct err *err);

/* Appends the lines of `text`, each with the time in front. */
void log_lines(struct output *output, const char *text, size_t size);

/* Closes it, if there is one. */
void log_close(struct output *output);
