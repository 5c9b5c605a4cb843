/*
 * Jobs of git-annex: one request at a time each, run by a bounded number of threads.
 *
 *   idle --request--> waiting --a thread takes it--> running <--> asking (until the answer comes)
 *    ^                                                  |
 *    +--------- idle again, and only then the reply ----+
 *
 * A job is a number that git-annex uses again and again; without ASYNC there is one, 0.  The reader
 * never waits for a thread, so answers always come through.
 *
 * Place      the reader -> [jobs] -> reply.c.
 * Ownership  a struct jobs owns its jobs and threads; a job its texts.
 * Threads    jobs_begin, jobs_name and jobs_answer: the reader.  The rest: the thread of a job.
 */
#pragma once

#include "annex/kinds.h"
#include "annex/wire.h"

enum { JOBS_MAX = 1024, JOBS_THREADS_MAX = 64 };

struct jobs;

struct annex_job {
	struct jobs *jobs;
	uint64_t number;
	/* of the reader */
	char *pending; /* what EXPORT said, for the next request */
	/* of the thread that runs it, after the reader */
	const struct annex_kind *kind;
	char *line; /* whose words `parameter` is */
	char *parameter[3];
	char *name;           /* of an export */
	uint64_t progress_ms; /* of the last line of progress; 0: none */
	/* of both */
	bool busy GUARDED;
	bool asking GUARDED;
	char *answer GUARDED;
	struct cond answered;
	struct annex_job *next GUARDED; /* that waits */
};

struct jobs {
	const struct annex_options *options;
	struct wire *wire;
	bool shows_info;        /* the extension INFO is agreed on */
	bool tells_unavailable; /* the extension UNAVAILABLERESPONSE is */
	atomic_bool stop;
	struct mutex mutex;
	struct cond work;
	struct annex_job *job[JOBS_MAX] GUARDED;
	size_t count GUARDED;
	struct annex_job *first GUARDED, *last GUARDED; /* that wait */
	unsigned threads GUARDED, idle GUARDED;
	bool ending GUARDED;
	struct thread thread[JOBS_THREADS_MAX];
};

void jobs_init(struct jobs *jobs, const struct annex_options *options, struct wire *wire);

/* Stops what runs, ends the threads, and frees. */
void jobs_fini(struct jobs *jobs);

/*
 * Has `kind` run by the job `number`.  `line` is a text from malloc that the job takes, also on
 * failure; the parameters point into it.  Faults: CORRUPT (the job is busy), TOO_LARGE, NOMEM.
 */
MUST_USE enum fault jobs_begin(struct jobs *jobs, uint64_t number, const struct annex_kind *kind,
			       char *line, char *const parameter[3], struct err *err);

/* Keeps the name of the job's next request.  Faults: those of jobs_begin. */
MUST_USE enum fault jobs_name(struct jobs *jobs, uint64_t number, const char *name,
			      struct err *err);

/* Gives the job's question its answer.  FAULT_CORRUPT: it did not ask. */
MUST_USE enum fault jobs_answer(struct jobs *jobs, uint64_t number, const char *answer,
				struct err *err);

/* Says that a request asks something, which is about to be sent. */
void jobs_ask(struct annex_job *job);

/* Sleeps until the answer is there: text from malloc, or NULL: nobody answers any more. */
char *jobs_await(struct annex_job *job);

/* Frees what the request was: the job takes another from now on. */
void jobs_end(struct annex_job *job);
