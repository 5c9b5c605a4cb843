/*
 * RSA keys made ahead by idle threads, so that making a mutable directory does not wait 77 ms for
 * its own.
 *
 * Place      beside the committer, which takes one a new directory.
 * Threads    runs its own; keyring_want from any, keyring_take from one.
 */
#pragma once

#include "tahoe/mutable.h"

enum { KEYRING_AHEAD = 32 /* keys waiting; 1.3 KB each */ };

struct keyring;

/* Starts `threads` threads of low priority.  Faults: NOMEM. */
MUST_USE enum fault keyring_new(unsigned threads, struct keyring **keyring, struct err *err);

/* Tells how many keys will be taken in all, as far as is known; no more are made than that. */
void keyring_want(struct keyring *keyring, uint64_t total);

/* Takes a key, made ahead or now.  Sleeps up to a tenth of a second.  Faults: those of
 * mutable_key_generate. */
MUST_USE enum fault keyring_take(struct keyring *keyring, struct mutable_key *key, struct err *err);

/* Ends the threads, wipes what was not taken, and frees.  NULL is allowed. */
void keyring_free(struct keyring *keyring);
