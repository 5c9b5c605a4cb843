/*
 * Capabilities: what Tahoe-LAFS calls the strings that name files and directories.
 *
 * Place      everywhere; the text form at the edges (aliases, HTTP, JSON), the struct inside, the
 *            binary form in slots of the outcomes file.
 * Ownership  a struct cap is plain data without pointers.  It is a secret: cap_wipe it when done,
 *            and show it to nobody.
 * Threads    all functions may run concurrently.
 *
 * Source: tahoe-lafs 1.20.0 allmydata/uri.py, docs/specifications/uri.rst.
 */
#pragma once

#include "queue/core/fault.h"

enum {
	CAP_PACKED_SIZE = 60,  /* bytes of the binary form, see cap_pack */
	CAP_TEXT_SIZE = 256,   /* bytes of the longest text form with its NUL */
	CAP_KEY_SIZE = 16,     /* bytes: write key, read key or storage index */
	CAP_HASH_SIZE = 32,    /* bytes: UEB hash or fingerprint */
	CAP_LITERAL_MAX = 128, /* bytes in a literal; Tahoe makes at most LITERAL_SIZE_MAX */
	LITERAL_SIZE_MAX = 55, /* bytes; a longer file is CHK. allmydata/immutable/upload.py */
};

/* The numbers are in files (docs/formats.md): never change one, never use one again. */
enum cap_kind {
	CAP_NONE = 0, /* no cap; the zero value */
	CAP_CHK = 1,
	CAP_CHK_VERIFIER = 2,
	CAP_LIT = 3,
	CAP_SSK = 4,
	CAP_SSK_RO = 5,
	CAP_SSK_VERIFIER = 6,
	CAP_MDMF = 7,
	CAP_MDMF_RO = 8,
	CAP_MDMF_VERIFIER = 9,
	CAP_DIR2 = 10,
	CAP_DIR2_RO = 11,
	CAP_DIR2_VERIFIER = 12,
	CAP_DIR2_CHK = 13,
	CAP_DIR2_CHK_VERIFIER = 14,
	CAP_DIR2_LIT = 15,
	CAP_DIR2_MDMF = 16,
	CAP_DIR2_MDMF_RO = 17,
	CAP_DIR2_MDMF_VERIFIER = 18,
	CAP_UNKNOWN = 19, /* a format of the future, kept as text with its ro. or imm. */
};

struct cap {
	enum cap_kind kind;
	uint16_t needed; /* CHK kinds: k */
	uint16_t total;  /* CHK kinds: n */
	uint64_t size; /* CHK kinds: bytes of the file; literals and unknown: bytes in `content` */
	union {
		struct {
			unsigned char key[CAP_KEY_SIZE]; /* write key, read key or storage index */
			unsigned char
				hash[CAP_HASH_SIZE]; /* CHK: of the UEB; mutable: fingerprint */
		};
		unsigned char content[CAP_TEXT_SIZE - 1]; /* a literal's data, or unknown text */
	};
};

/*
 * Reads the cap that `text` is, all of its `size` bytes.  Strict: no blanks, no capital letters in
 * base32, k and n with 1 <= k <= n <= 256, no leading zeros.  A known cap behind "ro." or "imm."
 * loses the prefix, and is FAULT_USAGE when it grants more than the prefix allows; MDMF's trailing
 * ":..." hints are dropped; a cap of an unknown format (printable ASCII) becomes CAP_UNKNOWN, which
 * the caller may have to refuse.  FAULT_USAGE: malformed or empty; FAULT_TOO_LARGE: an unknown
 * cap or a literal beyond what a struct cap holds.  The text of `err` does not show the cap.
 */
MUST_USE enum fault cap_parse(const char *text, size_t size, struct cap *cap, struct err *err);

/* Writes the text form, NUL-terminated; "" for CAP_NONE.  Returns its length without the NUL. */
size_t cap_print(const struct cap *cap, char out[CAP_TEXT_SIZE]);

/* Wipes `cap`, which is CAP_NONE afterwards. */
void cap_wipe(struct cap *cap);

/* True when both are the same cap, field by field; both may be CAP_NONE. */
MUST_USE bool cap_equal(const struct cap *a, const struct cap *b);

/* Names a directory, of any kind and right. */
bool cap_is_directory(const struct cap *cap);

/* Names a file, of any kind and right. */
bool cap_is_file(const struct cap *cap);

/* Grants writing: SSK, MDMF, DIR2, DIR2-MDMF. */
bool cap_is_writable(const struct cap *cap);

/* Names something that can change, whatever it grants. */
bool cap_is_mutable(const struct cap *cap);

/* Contains its data: LIT, DIR2-LIT. */
bool cap_is_literal(const struct cap *cap);

/* Grants checking only. */
bool cap_is_verifier(const struct cap *cap);

/* CHK, DIR2-CHK and their verifiers: `needed`, `total` and `size` have meaning. */
bool cap_is_chk(const struct cap *cap);

/* Returns "URI:CHK:" and its like for `kind`, a literal; "" for CAP_NONE and CAP_UNKNOWN. */
const char *cap_prefix(enum cap_kind kind);

/*
 * Stores the read-only form, which is the cap itself unless it is writable.  False, storing
 * nothing, for verifiers, CAP_UNKNOWN and CAP_NONE.  `cap` and `out` may be the same, here and
 * below.
 */
MUST_USE bool cap_to_readonly(const struct cap *cap, struct cap *out);

/* Writes the text of the read-only form.  Returns its length, 0 where there is none. */
size_t cap_print_readonly(const struct cap *cap, char out[CAP_TEXT_SIZE]);

/* Stores the verify cap.  False for literals (they have none), CAP_UNKNOWN and CAP_NONE. */
MUST_USE bool cap_to_verifier(const struct cap *cap, struct cap *out);

/* Stores the storage index, which is no secret.  False for caps that have none. */
MUST_USE bool cap_storage_index(const struct cap *cap, unsigned char out[CAP_KEY_SIZE]);

/*
 * Stores the file cap of the bytes that a directory is serialized in, or the directory cap of a
 * file with such bytes.  False where there is none; a file (directory) cap becomes itself.
 */
MUST_USE bool cap_to_file(const struct cap *cap, struct cap *out);
MUST_USE bool cap_to_directory(const struct cap *cap, struct cap *out);

/*
 * Stores the binary form: its bytes (the rest of `out` is zero), how many count, and the kind.
 *   CHK kinds       key 16, UEB hash 32, k u16, n u16, size u64, little-endian: 60
 *   mutable kinds   key 16, fingerprint 32: 48
 *   literal kinds   the data: 0 to 60
 * False, storing nothing, when it does not fit: a longer literal, CAP_UNKNOWN, CAP_NONE.  The
 * caller keeps such a cap as text.
 */
MUST_USE bool cap_pack(const struct cap *cap, unsigned char out[CAP_PACKED_SIZE], uint8_t *size,
		       uint8_t *kind);

/* Reads the binary form back.  False when it is not one: the bytes may come from a bad disk. */
MUST_USE bool cap_unpack(const unsigned char in[CAP_PACKED_SIZE], uint8_t size, uint8_t kind,
			 struct cap *cap);
