/*
 * The contents of a mutable directory, read from the storage servers.
 *
 *   ASK ---> which shares has each of the next servers?
 *    ^ |
 *    | v
 *   LOOK --> the beginning of each share
 *    ^ |
 *    | v
 *   CHOOSE   the newest version whose signature is good: are there k shares of it?
 *    | |     no: ASK others
 *    | v
 *   FETCH -> the rest of k of them; one that is no good is done without: CHOOSE
 *    | |
 *    | v
 *    | PROVE   hash trees; decode, decrypt: done
 *    v
 *   GIVE UP, from anywhere
 *
 * Which version is the newest is known as Tahoe knows it: by asking the first 2k servers in the
 * order in which shares are placed, and more where one has a share of a version that k were not
 * found of.  All 2k have to answer, or all there are: where one does not, the gateway may know
 * better.
 *
 * Place      inside direct/direct, for direct_list.
 * Ownership  whoever started one ends it, until `done` is called.
 * Threads    those of the store.
 *
 * Source: tahoe-lafs 1.20.0 allmydata/mutable/servermap.py (MODE_READ), retrieve.py.
 */
#pragma once

#include "direct/direct_call.h"

struct direct_slot;

/* Hears once how it ended, `why` NULL: well.  The slot is gone then. */
typedef void direct_slot_done(void *context, const struct err *why);

struct direct_slot_then {
	direct_slot_done *done;
	void *context;
};

/* Returns whether slots may be read here just now; `why` says why not, where it will stay so. */
bool direct_can_read_slots(const struct direct *direct, struct err *why);

/* Starts reading what the mutable `cap`, of a directory or a file, names; the contents are
 * appended to `out`, which is borrowed, and says how many it takes.  NULL with `why` filled: it
 * could not begin, and `done` is not called. */
struct direct_slot *direct_slot_start(struct direct *direct, const struct cap *cap,
				      struct bytes *out, struct direct_slot_then then,
				      struct err *why);

/* Ends it without a word. */
void direct_slot_cancel(struct direct_slot *slot);
