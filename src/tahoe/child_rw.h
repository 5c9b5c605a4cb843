/*
 * How a mutable directory hides the write cap of a child from those who may only read it.
 *
 * Place      directories read and written past a gateway; the embedded gateway.
 * Ownership  plain memory of the caller; what is hidden is a secret.
 * Threads    one owner of the cipher at a time.
 *
 * salt 16 | AES-128-CTR(write cap) | mac 32.  The salt follows from the write cap, the key from the
 * salt and the directory's write key.  Readers since Tahoe-LAFS 1.3 do not look at the mac.
 * Source: tahoe-lafs 1.20.0 allmydata/dirnode.py _encrypt_rw_uri, allmydata/util/hashutil.py.
 */
#pragma once

#include "tahoe/chk.h"

enum {
	CHILD_RW_SALT_SIZE = 16,
	CHILD_RW_MAC_SIZE = 32,
	CHILD_RW_OVERHEAD =
		CHILD_RW_SALT_SIZE + CHILD_RW_MAC_SIZE, /* also where no cap is hidden */
};

/* Appends the hidden form of the write cap, "" where there is none, as a netstring.  Results as of
 * bytes_append; FAULT_USAGE for a cap longer than any that is known. */
MUST_USE enum fault child_rw_hide(struct chk_cipher *cipher,
				  const unsigned char writekey[CAP_KEY_SIZE],
				  const struct bytes_view *rw, struct bytes *out);

/* Stores in `out` the write cap that is hidden, of hidden->size - CHILD_RW_OVERHEAD bytes.  False:
 * it is too short to be one. */
MUST_USE bool child_rw_show(struct chk_cipher *cipher, const unsigned char writekey[CAP_KEY_SIZE],
			    const struct bytes_view *hidden, char *out);
