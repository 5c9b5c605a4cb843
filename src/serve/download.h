/*
 * The bytes of one file, read from the log, proved segment by segment, and decrypted.
 *
 * Place      grid_open -> [download] -> http_reply, which streams it.
 * Ownership  a download owns its buffers; the log it reads from outlives it.
 * Threads    one owner at a time.
 */
#pragma once

#include "serve/shares.h"
#include "tahoe/chk.h"

struct download_reply;

/* Makes a download of `size` bytes that it copies and, when freed, wipes.  FAULT_NOMEM. */
MUST_USE enum fault download_of_memory(const void *data, size_t size,
				       struct download_reply **download, struct err *err);

/*
 * Makes a download of the file of `cap`, a CHK, whose share is `share`.  410 when the share's
 * hashes are not the cap's; FAULT_NOMEM, FAULT_IO.
 */
MUST_USE enum fault download_of_share(const struct shares *shares, const struct share *share,
				      const struct cap *cap, struct download_reply **download,
				      struct err *err);

/* Frees and wipes.  NULL is allowed. */
void download_free(struct download_reply *download);

/* Returns the bytes of the file. */
uint64_t download_size(const struct download_reply *download);

/*
 * Copies up to `max` bytes at `offset` into `out` and stores how many: at least 1 before the end.
 * 410 when the segment there is damaged; FAULT_IO.
 */
MUST_USE enum fault download_read(struct download_reply *download, uint64_t offset, void *out,
				  size_t *max, struct err *err);

/* Proves every segment.  410 when one is damaged; FAULT_IO. */
MUST_USE enum fault download_verify(struct download_reply *download, struct err *err);
