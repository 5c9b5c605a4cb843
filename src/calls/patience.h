/*
 * How long a grid may say that somebody else is uploading what we upload.
 *
 * A gateway cancels an upload whose client is gone, and its storage server may keep the half-made
 * share for another 30 minutes.  As long as it does, every upload of the same content ends in
 * UploadUnhappinessError.  So after a killed run, or a reply that was lost, this error is no
 * verdict about a file: it is tried again, less and less often, until those minutes are over.
 *
 * Place      asked by those who store immutable content: file transfers, immutable directories.
 * Threads    all functions may run concurrently.
 *
 * Source: Tahoe-LAFS 1.20, web/common.py (a lost connection cancels), storage/immutable.py
 * (BucketWriter).
 */
#pragma once

#include "store/store.h"

#include <stdatomic.h>

enum {
	PATIENCE_MS = 31 * 60 * 1000, /* the server's 30 minutes, and one for what was on its way */
	PATIENCE_DELAY_MIN_MS = 200,
	PATIENCE_DELAY_MAX_MS = 30000,
};

/* All zeros: no patience yet. */
struct patience {
	atomic_uint_least64_t since_ms; /* clock_ms when an upload may have been left; 0: never */
	atomic_bool told;
	/* Hears once, in words for people, that something waits.  May be NULL. */
	void (*tell)(void *context, const char *text);
	/* Hears of each that is put off for `delay_ms`, and may be for `left_ms` in all.  May be
	 * NULL. */
	void (*put_off)(void *context, uint32_t delay_ms, uint64_t left_ms);
	void *context; /* of both */
};

/* Notes that uploads may have been left half-way just now. */
void patience_begin(struct patience *patience);

/*
 * Judges the reply to an upload: notes a lost one, and returns whether it is an
 * UploadUnhappinessError to be tried again after `delay_ms` without being counted.  `patience` may
 * be NULL: false.
 */
bool patience_asks(struct patience *patience, const struct store_reply *reply, uint32_t *delay_ms);
