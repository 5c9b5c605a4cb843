/*
 * The end of a job in words and as a JSON line.
 *
 * Place      recounted numbers -> [summary] -> stderr and stdout.
 * Threads    none of its own.
 */
#pragma once

#include "base/bytes.h"
#include "report/report.h"

/* Besides what was recounted: what only this run knows. */
struct summary_run {
	const char *job;
	uint64_t ms;    /* it took */
	uint64_t done;  /* entries done in this run */
	uint64_t bytes; /* of files done in this run */
	uint64_t lost;  /* lines that could not be written */
};

/* Appends the summary for people, lines with their newlines.  Results as of bytes_append. */
MUST_USE enum fault summary_text(struct bytes *out, const struct summary_run *run,
				 const struct report_end *end, const struct recount *counts);

/* Appends {"event":"summary",...} and a newline. */
MUST_USE enum fault summary_json(struct bytes *out, const struct summary_run *run,
				 const struct report_end *end, const struct recount *counts);
