/*
 * One gateway for a command that works in one thread: connected, with its patience.
 *
 * Place      options -> setup -> [session] -> barge ls, get, put.
 * Ownership  a struct session stays where session_open filled it until session_fini.
 * Threads    the main thread.
 */
#pragma once

#include "calls/tries.h"
#include "place/setup.h"

struct session {
	struct setup setup;
	struct store_wait wait;
	struct tries tries; /* to be copied for each call that is to be tried again */
};

/* Loads the setup and connects.  Sleeps.  Faults: those of setup_load and setup_connect. */
MUST_USE enum fault session_open(const struct connection_options *connection, struct output *output,
				 struct session *session, struct err *err);

/* Closes the store, wipes and frees.  All zeros are allowed. */
void session_fini(struct session *session);

/*
 * Turns what ended the work on one file or directory into an exit status, saying why: one that the
 * gateway could not give, take or prove, or has refused, is STATUS_PARTLY.  Returns FAULT_NONE
 * then, else the fault.
 */
MUST_USE enum fault session_settle(struct output *output, const struct err *err, int *status);
