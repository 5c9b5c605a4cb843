/*
 * What a run waits for, so that the progress line can say it.
 *
 * Place      place/setup and whoever stores contents tell -> [waits] -> progress reads.
 * Ownership  plain data inside a struct output; all zeros: nothing is waited for.
 * Threads    all functions may run concurrently.
 */
#pragma once

#include "queue/core/base.h"

#include <stdatomic.h>

enum { WAITS_UPLOADS_MAX = 64 /* that are told apart; more are waited for as well */ };

struct waits {
	atomic_uint gateways; /* that are away */
	atomic_bool grid;     /* it is in trouble */
	/* Uploads of which servers keep a half: when each is tried again, and until when the last
	 * may have to wait. */
	atomic_uint_least64_t due_ms[WAITS_UPLOADS_MAX];
	atomic_uint_least64_t until_ms;
};

/* Notes that an upload is put off, at `now_ms` of clock_ms: it is tried again in `delay_ms`, and
 * may have to wait for `left_ms` in all. */
void waits_upload(struct waits *waits, uint64_t now_ms, uint64_t delay_ms, uint64_t left_ms);

/* Returns how many uploads wait at `now_ms`, those that are just being tried again among them. */
unsigned waits_uploads(const struct waits *waits, uint64_t now_ms);

/* Returns until when the last of them may have to wait. */
uint64_t waits_until_ms(const struct waits *waits);
