/*
 * What a job tells people and programs: counters, progress, JSON lines, the summary, the status.
 *
 * Inside: report.c counts and hands on; its outlets are lines.c (a line an entry, with sentences
 * from details.c), progress.c (with what waits.c is told of) and summary.c (numbers from
 * recount.c), which print through say.c (stderr, and log.c) and out.c (stdout).  entry_line.c has
 * one settled entry in words and in JSON; fields.c and json.c write single lines; tally.c does the
 * same for commands without a queue; status.c is the exit status.
 *
 * Place      the queue's commit thread and the planner feed it; a struct output is its outlet.
 *            The engine opens and feeds it.
 * Ownership  owns two threads (lines, progress), a reader of the catalog and errors.jsonl.
 * Threads    the feeding functions may run concurrently; open, finish and close belong to one
 *            thread.  Progress reads counters on its own clock; the feeders print nothing.
 */
#pragma once

#include "queue/queue.h"
#include "report/counters.h"
#include "report/output.h"
#include "report/recount.h"
#include "report/say.h"

struct report_options {
	struct output *output;
	struct catalog *catalog;          /* borrowed; for paths, and to count at the end */
	const char *errors;               /* path of errors.jsonl, or NULL for none */
	const char *job;                  /* 32 hex digits */
	const char *target;               /* the local directory that is written to, or NULL */
	const struct plan_progress *plan; /* how far the plan is, read on the clock; borrowed; NULL:
					     only report_planned tells */
};

struct report;

/* Starts the threads.  Strings of `options` are copied.  Faults: IO, FULL (errors.jsonl), NOMEM. */
MUST_USE enum fault report_open(const struct report_options *options, struct report **report,
				struct err *err);

/* ---- feeding; `context` is the struct report, so that these fit queue_file_options ---- */

/*
 * Takes a durable outcome (a queue_settled).  Sleeps when stdout is slower than the grid.  The root
 * (task 0) is the target, not an entry: done means linked.
 */
void report_settled(void *context, const struct task *task, const struct outcome *outcome);

/* Counts what earlier runs settled, so that progress begins where they ended.  Before the queue
 * begins.  Sleeps for as long as reading the plan takes.  Faults: CORRUPT, IO, NOMEM. */
MUST_USE enum fault report_before(struct report *report, struct err *err);

/* Takes the totals of the finished plan: from now on the progress line knows where it ends. */
void report_planned(struct report *report, const struct manifest_totals *totals);

/* Returns how many files and the like are not settled; UINT64_MAX: the plan is not complete. */
uint64_t report_files_left(const struct report *report);

/* Adds bytes that left this machine or arrived, retries included: for the rate shown. */
void report_moved(struct report *report, uint64_t bytes);

/* Tells something of an entry that is done none the less; `text` is a literal. */
void report_remark(struct report *report, const struct task *task, const char *text);

/* Adds bytes that are there of a file that is not settled yet; takes them away (negative) where
 * they are to be done again, and once the file has ended. */
void report_underway(struct report *report, int64_t bytes);

/*
 * Keeps the sentence of `err` for entry `id` until it settles: it becomes the detail in
 * errors.jsonl and in messages, caps taken out.  The last one wins; a detail may be lost when very
 * many are waiting.  Call it before queue_record.
 */
void report_detail(struct report *report, uint64_t id, const struct err *err);

/* ---- the end ---- */

struct report_end {
	enum fault fault;  /* why the engine stopped, or FAULT_NONE */
	bool cancelled;    /* somebody asked to stop, or `limit` was reached */
	const char *limit; /* the option that let nothing more begin, or NULL */
	const char *level; /* of verification, as text: "cap", "read", ... */
	const char
		*go_on; /* the command that goes on, or NULL; shown while there is something left */
	const char *retry; /* the command that takes up what failed, or NULL; shown when something
			      did */
	bool as_read;      /* files are copied as they are read: `level` says no more */
	unsigned asked;    /* enum recount_asked: left out because an option said so */
	uint64_t damaged;  /* slots that did not check */
	uint64_t unreferenced; /* directories left behind on the grid */
	uint64_t reread;       /* files proven by a second reading */
	uint64_t direct;       /* files read from the storage servers alone */
	struct report_lost {
		uint64_t modes, owners, times, syncs, links, attributes;
	} lost; /* entries of which a local target could not keep that */
	struct report_backup {
		const char *stamp; /* the snapshot's name; NULL: it is no backup */
		bool ended;        /* Latest is moved, or leads to a newer one */
		uint64_t checked_files, checked_directories; /* that were known, */
		uint64_t unmended; /* and those of them that keep bad shares */
	} backup;
	const char *held;      /* what held the run back, in words; NULL: it was too short */
	const char *held_json; /* the same as a JSON object, or NULL */
	bool fetched;          /* the target is local: nothing is linked */
	/* What earlier runs did, and was taken up again: */
	uint64_t source_changed, written_gone, written_changed, retried;
	uint64_t unseen;   /* what could not be looked at again */
	uint64_t appeared; /* names in local sources that came after the plan */
};

/*
 * Drains and ends the threads, counts anew from plan and outcomes (after queue_close), checks the
 * law planned = done + skipped + failed (+ left over, when stopped early), and gives the summary:
 * text on stderr, with --json also a line on stdout.  Stores in `counts` what was counted. Faults:
 * CORRUPT (the law is broken, or the manifest is damaged), IO, NOMEM.
 */
MUST_USE enum fault report_finish(struct report *report, const struct report_end *end,
				  struct recount *counts, struct err *err);

/* Ends the threads if they run, and frees.  NULL is allowed. */
void report_close(struct report *report);
