/*
 * The progress line: a thread that looks at the counters on its own clock.
 *
 * On a terminal five times a second one row, rewritten in place; otherwise every five seconds a
 * line of its own, or with -v four times a second where something was done.
 *
 * Place      counters -> [progress] -> say.
 * Ownership  owns its thread; the counters are borrowed until progress_close.
 */
#pragma once

#include "queue/core/fault.h"
#include "report/counters.h"
#include "report/output.h"

struct progress;

/*
 * Starts the thread as `output` says; nothing, and NULL in `progress`, where no progress is wanted.
 * Faults: NOMEM, IO.
 */
MUST_USE enum fault progress_open(const struct counters *counters, struct output *output,
				  struct progress **progress, struct err *err);

/* Ends the thread and takes the line away.  NULL is allowed. */
void progress_close(struct progress *progress);

enum { PROGRESS_TEXT_SIZE = 256, QUANTITY_SIZE = 24 };

/* A moment: what had been done when, to tell speed from. */
struct progress_sample {
	uint64_t at_ms, entries, bytes;
};

/* Returns how many bytes are there: of files that are done, and of those on their way. */
uint64_t progress_bytes(const struct counters *counters);

/*
 * Writes the line for what the counters say now, of which `bytes` are there; speed is that since
 * `since`.  What matters most comes first, as a terminal may be narrow.
 */
size_t progress_text(const struct counters *counters, uint64_t bytes,
		     const struct progress_sample *since, uint64_t now_ms,
		     char text[PROGRESS_TEXT_SIZE]);

/* Writes what is waited for, before the line; empty when nothing is. */
size_t progress_waits(const struct output *output, uint64_t now_ms, char text[PROGRESS_TEXT_SIZE]);

/* Writes "1.5 MiB" and the like, with powers of 1024. */
const char *quantity_bytes(uint64_t bytes, char text[QUANTITY_SIZE]);

/* Returns `amount` per second over `ms` milliseconds, 0 when none have passed. */
uint64_t quantity_rate(uint64_t amount, uint64_t ms);
