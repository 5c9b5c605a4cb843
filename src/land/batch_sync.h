/*
 * How the files of a batch become durable: an fsync each, or one syncfs for all.
 *
 * One syncfs is several times as quick for many small files, as it commits once; but it also writes
 * what others have not written yet, and may answer for their errors.  So it is taken only
 *
 *   where it tells of errors       Linux 5.8, and file systems that are known to keep to it; asked
 *                                  of one descriptor that was open before the files were written,
 *                                  as each descriptor hears of an error once
 *   where it writes little else    all that the machine has to write is hardly more than the batch
 *   where it was the quicker one   both are measured; now and then the other one again
 *
 * When it fails, each file is synced by itself: its own descriptor tells whether the error is its.
 * So it is from then on, as the error may be that of a file which is still being written.
 *
 * Place      inside src/land: arrival.c.
 * Ownership  holds a descriptor of the target.
 * Threads    batch_sync_covers may run concurrently; the rest belongs to the thread of arrivals.
 */
#pragma once

#include "queue/core/thread.h"

#include <sys/types.h>

struct batch_sync {
	struct mutex lock;
	int fd GUARDED; /* of the target; -1: none yet, or syncfs is not for it */
	bool looked GUARDED;
	dev_t device GUARDED;
	uint64_t each_us, all_us; /* a file, lately; 0: not known */
	unsigned batches;
	bool failed;
};

/* Begins; nothing is known of the target. */
void batch_sync_init(struct batch_sync *sync);
void batch_sync_fini(struct batch_sync *sync);

/* Returns whether a file that is to be opened in the directory from now on can be made durable with
 * all others.  Any thread. */
bool batch_sync_covers(struct batch_sync *sync, int directory);

/* Returns whether a batch of `count` files, all covered, and so many bytes is better synced by
 * batch_sync_all. */
bool batch_sync_wants_all(struct batch_sync *sync, size_t count, uint64_t bytes);

/* Makes everything that was written durable.  False: nothing is said of any file; each has to be
 * synced.  Sleeps. */
bool batch_sync_all(struct batch_sync *sync);

/* Notes how long a batch took, one way or the other. */
void batch_sync_learn(struct batch_sync *sync, bool all, size_t count, uint64_t took_ms);
