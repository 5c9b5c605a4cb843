/*
 * The directories that keys fall into, as far as they are known: kept for a while.
 *
 * Place      inside layout.
 * Ownership  a struct leaves owns its caps, which are secrets, until leaves_fini.
 * Threads    one at a time.
 */
#pragma once

#include "keys/key_name.h"
#include "tahoe/caps.h"

enum { LEAVES_KEPT_MS = 30000 /* somebody may take a directory away meanwhile */ };

struct leaf {
	uint64_t seen_ms; /* when it was reached from the root */
	uint8_t size, kind;
	unsigned char cap[CAP_PACKED_SIZE];
};

struct leaves {
	struct leaf *leaf; /* KEY_LEAVES */
};

/* FAULT_NOMEM. */
MUST_USE enum fault leaves_init(struct leaves *leaves, struct err *err);
void leaves_fini(struct leaves *leaves);

/* Stores the cap of a directory that was seen lately.  Returns whether it was. */
bool leaves_find(const struct leaves *leaves, unsigned number, uint64_t now_ms, struct cap *cap);

/* Keeps the cap of a directory that was reached at `seen_ms`. */
void leaves_keep(struct leaves *leaves, unsigned number, uint64_t seen_ms, const struct cap *cap);
