/*
 * Exit statuses: what a shell learns about a run.
 *
 * Place      the last step of each command.
 * Threads    pure.
 */
#pragma once

#include "queue/core/fault.h"

enum status {
	STATUS_DONE = 0,         /* all done, or left out by an option that says so */
	STATUS_PARTLY = 1,       /* some entries failed or were skipped, the rest is there */
	STATUS_USAGE = 2,        /* nothing was done */
	STATUS_INTERRUPTED = 3,  /* resumable; the command to go on was printed */
	STATUS_CONFLICT = 4,     /* something else is at the target */
	STATUS_CORRUPT = 5,      /* damaged or foreign state */
	STATUS_LOCKED = 6,       /* the job runs already */
	STATUS_UNAVAILABLE = 69, /* no gateway */
	STATUS_IO = 74,          /* local input or output */
	STATUS_TEMPORARY = 75,   /* memory, descriptors */
	STATUS_INSECURE = 77,    /* permissions, or a URL that would give secrets away */
};

/* Returns the exit status for a fault that ended a command; FAULT_NONE is 0. */
int status_of_fault(enum fault fault);
