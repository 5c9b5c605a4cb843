/*
 * Connections that are kept waiting: delayed replies and stalls.
 *
 * Place      http suspends a connection here; a thread of its own wakes it when its time has come.
 * Ownership  none; a connection is libmicrohttpd's.
 * Threads    waits_suspend only in libmicrohttpd's thread, the others in one thread; the one room
 *            of src/serve with a lock.
 */
#pragma once

#include "queue/core/fault.h"

struct MHD_Connection;
struct waits;

#define WAIT_FOR_EVER UINT32_MAX

/* Starts the thread.  FAULT_NOMEM. */
MUST_USE enum fault waits_new(struct waits **waits, struct err *err);

/*
 * Suspends `connection` for `timeout_ms`, or till the end with WAIT_FOR_EVER.  False, the
 * connection going on, once waits_end was called or memory ran out.
 */
MUST_USE bool waits_suspend(struct waits *waits, struct MHD_Connection *connection,
			    uint32_t timeout_ms);

/* Wakes everybody and refuses further waiting; has to come before MHD_stop_daemon. */
void waits_end(struct waits *waits);

/* Ends the thread and frees.  NULL is allowed. */
void waits_free(struct waits *waits);
