/*
 * The shares of a new mutable file or directory (SDMF), signed.
 *
 * Place      the committer makes them of a directory; direct/direct_publish sends them.
 * Ownership  whoever made them frees them; they are made of secrets, but hold none.
 * Threads    may run concurrently.
 *
 * The salt follows from key and contents, so that the same directory made again, after a kill, is
 * the same version; all but the signature is the same bytes.
 *
 * Source: tahoe-lafs 1.20.0 allmydata/mutable/{layout,publish}.py.
 */
#pragma once

#include "tahoe/lease.h"
#include "tahoe/mutable.h"
#include "tahoe/slot.h"

/* All shares, in memory. */
struct slot_shares {
	struct cap cap; /* CAP_DIR2 */
	struct slot_version version;
	unsigned count;
	size_t share_size;
	unsigned char *data; /* one behind the other */
};

/* Makes the shares of contents of `size` bytes, as k and n of `params` say, both below 256.
 * FAULT_USAGE for others; FAULT_NOMEM.  The caller frees them with slot_shares_free. */
MUST_USE enum fault slot_shares_new(const struct mutable_key *key, const struct chk_params *params,
				    const void *data, size_t size, struct slot_shares **shares,
				    struct err *err);

/* Returns about how many bytes all shares take. */
uint64_t slot_shares_size(const struct chk_params *params, uint64_t size);

/* Wipes the cap and frees.  NULL is allowed. */
void slot_shares_free(struct slot_shares *shares);

/* Stores what lets write to the slot at a server; `cap` is writable. */
void slot_write_enabler(const struct cap *cap, const unsigned char server[LEASE_SERVER_SIZE],
			unsigned char out[DIGEST_SIZE]);
