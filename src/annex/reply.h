/*
 * One request run, and what became of it said.
 *
 * Place      the threads of jobs -> [reply] -> an operation, then a line on the wire.
 * Threads    may run concurrently, for different jobs.
 */
#pragma once

#include "annex/jobs.h"

/* Runs the job's request, ends it, and answers.  Sleeps. */
void reply_run(struct annex_job *job);
