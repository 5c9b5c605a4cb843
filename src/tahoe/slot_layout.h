/*
 * Where things lie in shares of mutable files.
 *
 * Place      inside tahoe/slot: what reads shares and what makes them.
 */
#pragma once

#include "tahoe/slot.h"

#include <endian.h>

enum {
	SLOT_SEQUENCE_AT = 1,
	SLOT_ROOT_AT = 9,
	SLOT_SDMF_HEADER = 107,     /* bytes; offsets begin behind what is signed */
	SLOT_PUBLIC_KEY_MAX = 1024, /* bytes; one of 2048 bits takes 294 */
	SLOT_SIGNATURE_MAX = 1024,  /* 256 */
};

static inline uint16_t load_be16(const unsigned char *at)
{
	uint16_t value;
	memcpy(&value, at, sizeof value);
	return be16toh(value);
}

static inline uint32_t load_be32(const unsigned char *at)
{
	uint32_t value;
	memcpy(&value, at, sizeof value);
	return be32toh(value);
}

static inline uint64_t load_be64(const unsigned char *at)
{
	uint64_t value;
	memcpy(&value, at, sizeof value);
	return be64toh(value);
}

/* The salt that stands before each block: an MDMF segment has its own. */
static inline size_t slot_salt_size(const struct slot_version *version)
{
	return version->mdmf ? SLOT_SALT_SIZE : 0;
}

static inline uint64_t slot_segments(const struct slot_version *version)
{
	if (version->data_size == 0)
		return 0;
	return (version->data_size - 1) / version->segment_size + 1;
}

/* Bytes of the file in a segment. */
static inline size_t slot_segment_bytes(const struct slot_version *version, uint64_t index)
{
	const uint64_t left = version->data_size - index * version->segment_size;
	return (size_t)min_u64(left, version->segment_size);
}

/* Bytes of its block in a share, without salt. */
static inline size_t slot_block_size(const struct slot_version *version, uint64_t index)
{
	return (slot_segment_bytes(version, index) + version->needed - 1) / version->needed;
}

/* Bytes of all blocks of a share. */
static inline uint64_t slot_blocks_size(const struct slot_version *version)
{
	const uint64_t segments = slot_segments(version), salt = slot_salt_size(version);
	if (segments == 0)
		return 0;
	return (segments - 1) * (slot_block_size(version, 0) + salt) +
	       slot_block_size(version, segments - 1) + salt;
}

/* Has `cipher` at the start of what was encrypted with this salt; `readkey` is of the read cap. */
static inline void slot_cipher_start(struct chk_cipher *cipher, const unsigned char *readkey,
				     const unsigned char *salt)
{
	unsigned char key[DIGEST_SIZE];
	hash_pair(TAG_DATA_KEY, &(struct hash_part){ salt, SLOT_SALT_SIZE },
		  &(struct hash_part){ readkey, CAP_KEY_SIZE }, key);
	chk_cipher_start(cipher, key, 0);
	explicit_bzero(key, sizeof key);
}
