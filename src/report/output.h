/*
 * How much is told, and in which form.
 *
 * Place      one part of struct options; reports and tallies take it.
 * Ownership  plain data.
 * Threads    read by anyone once parsed.
 */
#pragma once

#include <stdbool.h>

enum report_progress {
	REPORT_PROGRESS_AUTO,   /* a line on a terminal, plain lines every few seconds otherwise */
	REPORT_PROGRESS_ALWAYS, /* the line, whatever stderr is */
	REPORT_PROGRESS_NEVER,
};

struct output_options {
	enum report_progress progress;
	bool json;    /* a JSON line on stdout for each entry, and a summary */
	bool verbose; /* plain lines of progress come often, and one at the end */
	bool quiet;   /* no progress, no summary on stderr */
};
