/*
 * Directories serialized as Tahoe-LAFS does, and the caps of immutable ones, which follow.
 *
 * Place      the committer, before mkdir-immutable: the reply must equal this cap.  The embedded
 *            gateway, to make one.
 * Ownership  a struct dirnode owns the serialized form, up to a maximum, until dirnode_fini.
 * Threads    one owner at a time.
 *
 * A directory is the concatenation of N( N(name) N(ro_uri) N(rw) N(metadata) ), sorted by name.  An
 * immutable one, where rw is "", is stored as a file: DIR2-LIT up to LITERAL_SIZE_MAX bytes, else
 * DIR2-CHK.  Empty: URI:DIR2-LIT:  In a mutable one rw is what tahoe/child_rw.h hides.
 * Source: tahoe-lafs 1.20.0 allmydata/dirnode.py _pack_normalized_children, nodemaker.py.
 */
#pragma once

#include "tahoe/chk.h"

struct dirnode {
	struct bytes body;        /* the serialized form so far */
	struct bytes child;       /* scratch */
	size_t last_offset;       /* of the last name in body */
	size_t last_size;         /* bytes of it */
	uint64_t count;           /* children */
	struct chk_cipher cipher; /* of a mutable one: hides write caps; else zero */
	unsigned char writekey[CAP_KEY_SIZE];
};

/* One link; everything is borrowed for the call. */
struct dirnode_child {
	const char *name; /* UTF-8 in NFC */
	size_t name_size;
	const struct cap *cap; /* in an immutable one, of what cannot change */
	const char *metadata;  /* canonical JSON, see tahoe/edge.h; "{}" when there is none */
	size_t metadata_size;
};

/* Makes an empty directory whose serialized form may take `max` bytes. */
void dirnode_init(struct dirnode *dir, size_t max);

/* The same of a mutable one with this write key.  FAULT_NOMEM. */
MUST_USE enum fault dirnode_init_mutable(struct dirnode *dir, size_t max,
					 const unsigned char writekey[CAP_KEY_SIZE],
					 struct err *err);

/* Wipes and frees.  NULL and all zeros are allowed. */
void dirnode_fini(struct dirnode *dir);

/* Empties it for the next directory and keeps the memory. */
void dirnode_clear(struct dirnode *dir);

/*
 * Adds a child.  Names must rise in the order of their bytes: FAULT_USAGE when one does not, and
 * when the cap is a verifier, of no known kind, or (in an immutable one) mutable, as the gateway
 * would refuse it.  FAULT_TOO_LARGE,
 * FAULT_NOMEM.  On failure the directory is as before.
 */
MUST_USE enum fault dirnode_add(struct dirnode *dir, const struct dirnode_child *child,
				struct err *err);

/*
 * Stores the cap of what was added, which stays until dirnode_clear.  FAULT_USAGE for parameters
 * out of range; FAULT_NOMEM.
 */
MUST_USE enum fault dirnode_cap(const struct dirnode *dir, const struct chk_params *params,
				struct cap *cap, struct err *err);

/* The same, with its shares (chk_shares_new), of a form that is not literal. */
MUST_USE enum fault dirnode_shares(const struct dirnode *dir, const struct chk_params *params,
				   struct cap *cap, struct chk_shares **shares, struct err *err);
