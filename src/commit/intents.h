/*
 * Intents: the RSA key of a mutable directory, durable before the request that makes it.
 *
 * A crash between request and outcome leaves an intent without a settled slot; the next run uses
 * the same key, so the same directory, and never makes a second one.
 *
 * Place      the committer's thread alone; file `keys` of a job, docs/formats.md.
 * Ownership  keys in memory are those of directories not settled: a few dozen after a crash.
 */
#pragma once

#include "queue/outcomes.h"
#include "tahoe/mutable.h"

struct intents;

/*
 * Opens the keys file of the job and takes in the intents of directories that `outcomes` does not
 * call settled. Faults: CORRUPT, FULL, IO, NOMEM.
 */
MUST_USE enum fault intents_open(const char *path, const unsigned char job_id[16],
				 struct outcomes *outcomes, struct intents **intents,
				 struct err *err);

/* Returns the key meant for directory `id`, or NULL.  Valid until the next call. */
const struct mutable_key *intents_find(const struct intents *intents, uint64_t id);

/* Makes the intent durable, replacing an earlier one of `id`. */
MUST_USE enum fault intents_add(struct intents *intents, uint64_t id, const struct mutable_key *key,
				struct err *err);

/* Forgets, in memory, the intent of `id`: it is settled, or its key was used up. */
void intents_forget(struct intents *intents, uint64_t id);

/* Wipes and frees.  NULL is allowed. */
void intents_close(struct intents *intents);
