/*
 * What became of entries, for commands that run without a queue: lines, progress, speed.
 *
 * Place      barge get, put and verify -> [tally] -> stdout, stderr.
 * Ownership  owns the progress thread until tally_close.
 * Threads    tally_moved may run concurrently; everything else belongs to one thread.
 *
 * The lines have the form of those of report/report.h.
 */
#pragma once

#include "base/bytes.h"
#include "report/counters.h"
#include "report/output.h"

struct progress;

struct tally {
	bool json, quiet;
	struct counters counters;
	struct progress *progress;
	uint64_t failures; /* shown */
	struct bytes line;
};

struct tally_entry {
	bool has_id;
	uint64_t id;
	const char *path; /* any bytes */
	size_t path_size;
	const char *kind;   /* "file" */
	const char *state;  /* "done", "skipped", "failed" */
	const char *reason; /* unless done */
	const char *detail; /* or "" */
	uint64_t bytes;
};

/* Starts the progress line as the options say.  Faults: NOMEM, IO. */
MUST_USE enum fault tally_open(struct tally *tally, const struct output_options *output,
			       struct err *err);

/* Writes a line about an entry where one is wanted. */
void tally_put(struct tally *tally, const struct tally_entry *entry);

/* Adds bytes to the rate shown.  `context` is the struct tally. */
void tally_moved(void *context, uint64_t bytes);

/* Takes the progress line away. */
void tally_rest(struct tally *tally);

struct tally_number {
	const char *key;
	uint64_t value;
};

struct tally_summary {
	const struct tally_number *number; /* for programs */
	size_t count;
	const char *job;   /* or NULL */
	const char *level; /* or NULL */
	const char *text;  /* for people: a line without "barge: " and newline */
};

/* Writes the summary, for people and programs, after tally_rest. */
void tally_sum(struct tally *tally, const struct tally_summary *summary);

/* Ends the progress and frees.  All zeros are allowed. */
void tally_close(struct tally *tally);
