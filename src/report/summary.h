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

/* ---- pieces, for summaries of other commands ---- */

struct summary_number {
	const char *key;
	uint64_t value;
};

/* Opens the object: its event, and `job` unless that is NULL. */
MUST_USE enum fault summary_begin(struct bytes *out, const char *job);

/* Appends a member each. */
MUST_USE enum fault summary_numbers(struct bytes *out, const struct summary_number *number,
				    size_t count);

/* Appends how long it took. */
MUST_USE enum fault summary_seconds(struct bytes *out, uint64_t ms);

/* Writes a summary that is nothing but numbers, where programs are told; `line` is room for it.
 * What was printed before is flushed in any case.  Faults: those of bytes_append. */
MUST_USE enum fault summary_put(struct output *output, struct bytes *line,
				const struct summary_number *number, size_t count, struct err *err);
