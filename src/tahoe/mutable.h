/*
 * RSA keys of mutable directories, made before the directory: the write cap follows from the key.
 *
 * Place      idle threads make keys ahead; the committer sends them as private-key=; the embedded
 *            gateway turns one into a cap.
 * Ownership  struct mutable_key is plain data and a secret: mutable_key_wipe it.
 * Threads    all functions may run concurrently.
 *
 * Write key = first 16 of T(TAG_WRITEKEY, PKCS#8 DER of the private key), fingerprint =
 * T(TAG_FINGERPRINT, SubjectPublicKeyInfo DER).
 * Source: tahoe-lafs 1.20.0 allmydata/mutable/filenode.py, crypto/rsa.py, web/common.py
 * get_keypair.
 */
#pragma once

#include "tahoe/caps.h"

enum {
	MUTABLE_KEY_BITS = 2048,      /* what Tahoe-LAFS asks for; e = 65537 */
	MUTABLE_DER_MAX = 1280,       /* bytes; an RSA-2048 key takes 1215 to 1219 */
	MUTABLE_PUBLIC_MAX = 320,     /* bytes; 294 */
	MUTABLE_KEY_TEXT_SIZE = 1712, /* bytes of the base64url form of MUTABLE_DER_MAX with NUL */
};

struct mutable_key {
	unsigned char der[MUTABLE_DER_MAX]; /* PKCS#8 private key */
	size_t der_size;
	struct cap cap; /* CAP_DIR2; cap_to_file gives the SSK */
};

/* Makes a new key and its cap.  Some 77 ms of CPU.  FAULT_IO (no randomness), FAULT_NOMEM. */
MUST_USE enum fault mutable_key_generate(struct mutable_key *key, struct err *err);

/*
 * Takes a key over from its DER, as stored in `keys` or sent by a client.  FAULT_CORRUPT when it is
 * not a PKCS#8 RSA-2048 private key; FAULT_NOMEM.  `key->der` is the canonical DER, as
 * Tahoe-LAFS hashes it.
 */
MUST_USE enum fault mutable_key_from_der(const void *der, size_t size, struct mutable_key *key,
					 struct err *err);

/* A signature, and the key to check it with. */
struct mutable_signature {
	unsigned char public_key[MUTABLE_PUBLIC_MAX]; /* SubjectPublicKeyInfo DER */
	size_t public_size;
	unsigned char bytes[MUTABLE_KEY_BITS / 8];
	size_t size;
};

/* Signs as Tahoe-LAFS signs versions: RSA-PSS with SHA-256.  FAULT_NOMEM. */
MUST_USE enum fault mutable_key_sign(const struct mutable_key *key, const void *data, size_t size,
				     struct mutable_signature *signature, struct err *err);

/* Writes the value of private-key=: base64url with padding, NUL-terminated.  Returns its length. */
size_t mutable_key_text(const struct mutable_key *key, char out[MUTABLE_KEY_TEXT_SIZE]);

/* Reads that form back (the embedded gateway), padding optional.  Faults of mutable_key_from_der.
 */
MUST_USE enum fault mutable_key_from_text(const char *text, size_t size, struct mutable_key *key,
					  struct err *err);

/* Wipes.  NULL is allowed. */
void mutable_key_wipe(struct mutable_key *key);
