/*
 * Admission: how many tasks and how many bytes may be in the pipeline at once.
 *
 * Place      readers take a share before they read, whoever ends the body gives it back.  A body
 *            takes its whole share at once, so nobody waits while holding.
 * Threads    all functions may run concurrently.
 */
#pragma once

#include "queue/core/base.h"

struct gate;

/* Makes a gate for `tasks` and `bytes` (both at least 1).  Returns NULL when out of memory. */
struct gate *gate_new(uint64_t tasks, uint64_t bytes);

/*
 * Takes one task and `bytes`; a share larger than the whole gate counts as the whole gate.  Sleeps,
 * first come first served, until it fits.  Returns false, having taken nothing, once the gate is
 * closed.
 */
MUST_USE bool gate_enter(struct gate *gate, uint64_t bytes);

/* Gives back what gate_enter took with the same `bytes`. */
void gate_leave(struct gate *gate, uint64_t bytes);

/* Refuses all later entries and wakes every sleeper.  Idempotent. */
void gate_close(struct gate *gate);

/* Frees the gate, which must be empty.  NULL is allowed. */
void gate_free(struct gate *gate);
