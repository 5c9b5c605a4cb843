/*
 * The embedded gateway: a one-node Tahoe-LAFS grid for trying and testing, in this process.
 *
 * Place      serve/main, which is `barge-gateway DIR` -> [serve] -> clients over loopback.
 * Ownership  DIR belongs to one serve_run at a time (a lock file says so).
 * Threads    serve_run sleeps in the caller; one thread of libmicrohttpd does all the work, so
 *            nothing of src/serve but serve/waits.h knows a lock.
 *
 * DIR becomes a node directory, so `-d DIR` is all a client needs: node.url, tahoe.cfg (1-of-1),
 * private/convergence, private/aliases with a fresh directory "tahoe:".  Shares are kept in
 * DIR/shares.log.  Nothing is synced: it survives kill -9 at any moment, not a power cut.
 * Flow of a request: http.c takes it in and asks fault_plan.c what is to go wrong -> the handlers
 * http_file.c, http_directory.c, http_mkdir.c, http_listing.c, http_check.c, http_status.c ->
 * grid.c, which does what a node does (directories: directory*.c, versions: grid_slot.c) ->
 * shares.c, the log.  Back through download.c (bytes proved as they go) and http_reply.c.
 * Source: tahoe-lafs 1.20.0 docs/frontends/webapi.rst, allmydata/web/.
 */
#pragma once

#include "queue/core/fault.h"

struct serve_options {
	const char *directory;     /* made if it is not there */
	uint16_t port;             /* 0: the one of DIR/node.url if it is free, else any */
	const char *const *faults; /* specs of serve/fault_plan.h */
	size_t fault_count;
	/* Called once when requests are accepted; `url` is "http://127.0.0.1:PORT/". */
	void (*ready)(void *context, const char *url);
	void *context;
	int stop_fd; /* readable (or closed at the other end): come to an end */
};

/*
 * Serves until `stop_fd` says so.  FAULT_USAGE: a fault spec is wrong; FAULT_LOCKED: another
 * gateway has DIR; FAULT_EXISTS: DIR is the directory of a real node; FAULT_CORRUPT: the log is
 * damaged in its middle; FAULT_UNAVAILABLE: the port is taken; FAULT_FULL, FAULT_IO, FAULT_NOMEM.
 */
MUST_USE enum fault serve_run(const struct serve_options *options, struct err *err);

/* Returns the grammar of fault specs, several lines, for --help. */
const char *serve_fault_help(void);
