/*
 * Asking the program to stop: one flag, set by the first signal, and wakers for those who sleep.
 *
 * The first SIGINT, SIGTERM or SIGHUP sets the flag and calls the wakers; the second ends the
 * process at once.  A signal that was ignored at start (nohup) stays ignored.
 *
 * Place      main starts it; whoever waits long asks it, or has itself woken.
 * Threads    one thread takes all signals (sigwait); every other has them blocked.  Wakers run in
 *            that thread, or in the caller of cancel_watch when the flag is set already.
 */
#pragma once

#include "queue/core/fault.h"

/*
 * Blocks signals in the calling thread and starts the thread.  Call it before any other starts.
 * A second signal ends the process with `status`.
 */
MUST_USE enum fault cancel_start(int status, struct err *err);

/* Ends the thread; signals stay blocked. */
void cancel_stop(void);

/* Returns whether somebody asked to stop. */
bool cancel_asked(void);

typedef void cancel_waker(void *context);

/*
 * Has `waker(context)` called once when somebody asks to stop, at once if that was before.  The
 * waker must not sleep for long (ring_close, queue_stop, curl_multi_wakeup).  At most CANCEL_WAKERS
 * at a time; returns a number for cancel_unwatch.
 */
enum { CANCEL_WAKERS = 16 };
int cancel_watch(cancel_waker *waker, void *context);

/* Has `call(context)`, which must not sleep, called before a second signal ends the process; NULL:
 * nobody. */
void cancel_last(cancel_waker *call, void *context);

/* Forgets the waker; on return it is not running. */
void cancel_unwatch(int number);
