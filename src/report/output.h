/*
 * Where a run's words go: lines for people, results for programs, and how much of both.
 *
 * Place      main makes one of the options and hands it down; who tells something was given it.
 *            report/say.h writes the lines, report/out.h the results.  Below src/report nobody
 *            prints.
 * Ownership  the descriptors are borrowed.
 * Threads    lines may come from any thread, results from one at a time.
 */
#pragma once

#include "report/waits.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum report_progress {
	REPORT_PROGRESS_AUTO,   /* a line on a terminal, plain lines every few seconds otherwise */
	REPORT_PROGRESS_ALWAYS, /* the line, whatever `messages` is */
	REPORT_PROGRESS_NEVER,
};

/* One part of struct options. */
struct output_options {
	enum report_progress progress;
	bool json;      /* results are JSON lines: one for each entry, and a summary */
	bool verbose;   /* all lines; those of progress come often, and one at the end */
	char *log_file; /* where what is said is kept as well, or NULL */
	bool quiet;     /* only warnings and errors: no progress, no summary for people */
};

enum { OUTPUT_BUFFER_SIZE = 65536 };

/* All that is not given is zero at first. */
struct output {
	struct output_options options;
	int results, messages;   /* descriptors (stdout, stderr); -1: there is none */
	atomic_bool progress_up; /* a progress line stands on the terminal */
	int log;                 /* a descriptor; 0: there is none */
	atomic_bool log_failed;  /* that was said */
	struct waits waits;      /* what the progress line says besides */
	atomic_bool stuck;       /* nobody reads the messages, and somebody asked to stop */

	/* report/out.c */
	char buffer[OUTPUT_BUFFER_SIZE];
	size_t used;
	int failed; /* errno */
};
