/*
 * A log of small framed records that are durable before they count: the keys file.
 *
 * A record cut off by the end of the file, or whose tail is zeros up to it, or the last one where a
 * page of it is zeros, was never acted upon and is cut; any other bad record means that durable
 * data was lost, and the log does not open.  Buffers are wiped: records may hold secrets.
 *
 * Place      src/commit, for the keys of directories to be made -> [record log] -> a file.
 * Threads    one thread a log.
 */
#pragma once

#include "queue/file/frame.h"

/* Bytes of one record; a frame holds one more, which tells a whole record from a torn one. */
enum { RECORD_PAYLOAD_MAX = FRAME_PAYLOAD_MAX - 1 };

struct record_log;

/* Takes one record found at opening; `payload` borrows until it returns. */
typedef void record_found(void *context, uint8_t type, const unsigned char *payload, size_t size);

/*
 * Opens or creates (mode 0600) the log at `path` of the job, and calls `found` for each record in
 * it, oldest first.  A torn tail is cut.  Faults: CORRUPT, FULL, IO, NOMEM.
 */
MUST_USE enum fault record_log_open(const char *path, const unsigned char job_id[16],
				    record_found *found, void *context, struct record_log **log,
				    struct err *err);

/* Appends a record of at most RECORD_PAYLOAD_MAX bytes and returns once it is durable.  Sleeps for
 * a sync.  Faults: FULL, IO; the first one is final, and every later call repeats it. */
MUST_USE enum fault record_log_append(struct record_log *log, uint8_t type, const void *payload,
				      size_t size, struct err *err);

/* Closes the log; NULL is allowed. */
void record_log_close(struct record_log *log);
