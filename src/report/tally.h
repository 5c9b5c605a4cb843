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

#include "report/counters.h"
#include "report/entry_line.h"
#include "report/output.h"
#include "report/summary.h"

struct progress;

struct tally {
	struct output *output;
	struct counters counters;
	struct plan_progress found; /* what is to be done, while more of it is found */
	struct progress *progress;
	uint64_t there;    /* bytes of the file at hand */
	uint64_t failures; /* shown */
	struct bytes line;
};

/* Starts the progress line as the options say.  Faults: NOMEM, IO. */
MUST_USE enum fault tally_open(struct tally *tally, struct output *output, struct err *err);

/* Writes a line about an entry where one is wanted; its `reason` is NULL when it is done. */
void tally_put(struct tally *tally, const struct entry_line *entry);

/* Says, to those who asked for more, that the one file of a command is done, and when. */
void tally_say_file(struct output *output, const char *path, uint64_t bytes);

/* Adds bytes to the rate shown.  `context` is the struct tally. */
void tally_moved(void *context, uint64_t bytes);

/* Says how much is to be done, where that is known: from now on the progress line knows where it
 * ends. */
void tally_expect(struct tally *tally, uint64_t files, uint64_t directories, uint64_t bytes);

/* Says of one more that is to be done, where nobody knows yet how many there are; and that this was
 * the last of them, which is as if all were expected. */
void tally_found(struct tally *tally, bool is_directory, uint64_t bytes);
void tally_all_found(struct tally *tally);

/* Says of one of these that it was done by an earlier run. */
void tally_before(struct tally *tally, bool is_directory, uint64_t bytes);

/* Says how many bytes of the one file at hand are there; fewer than before: it is begun anew.
 * `context` is the struct tally. */
void tally_there(void *context, uint64_t bytes);

/* Takes the progress line away. */
void tally_rest(struct tally *tally);

struct tally_summary {
	const struct summary_number *number; /* for programs */
	size_t count;
	const char *job;              /* or NULL */
	const char *level;            /* or NULL */
	const char *text;             /* for people: a line without "barge: " and newline */
	const char *held, *held_json; /* what held the command back; NULL: that is not told */
};

/* Writes the summary, for people and programs, after tally_rest. */
void tally_sum(struct tally *tally, const struct tally_summary *summary);

/* Ends the progress and frees.  All zeros are allowed. */
void tally_close(struct tally *tally);
