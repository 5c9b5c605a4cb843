/* The binary form of caps: docs/formats.md. */
#include "tahoe/caps.h"

#include "base/secret.h"

enum {
	HASH_AT = CAP_KEY_SIZE,
	NEEDED_AT = HASH_AT + CAP_HASH_SIZE,
	TOTAL_AT = NEEDED_AT + 2,
	SIZE_AT = TOTAL_AT + 2,
	MUTABLE_SIZE = NEEDED_AT,
	SHARES_MAX = 256,
};

_Static_assert(SIZE_AT + 8 == CAP_PACKED_SIZE, "a CHK cap fills the binary form");
_Static_assert(LITERAL_SIZE_MAX <= CAP_PACKED_SIZE, "what Tahoe makes a literal of fits");

bool cap_pack(const struct cap *cap, unsigned char out[CAP_PACKED_SIZE], uint8_t *size,
	      uint8_t *kind)
{
	if (cap->kind == CAP_NONE || cap->kind == CAP_UNKNOWN ||
	    (cap_is_literal(cap) && cap->size > CAP_PACKED_SIZE))
		return false;
	memset(out, 0, CAP_PACKED_SIZE);
	*kind = (uint8_t)cap->kind;
	if (cap_is_literal(cap)) {
		memcpy(out, cap->content, (size_t)cap->size);
		*size = (uint8_t)cap->size;
		return true;
	}
	memcpy(out, cap->key, CAP_KEY_SIZE);
	memcpy(out + HASH_AT, cap->hash, CAP_HASH_SIZE);
	*size = MUTABLE_SIZE;
	if (cap_is_chk(cap)) {
		store_le16(out + NEEDED_AT, cap->needed);
		store_le16(out + TOTAL_AT, cap->total);
		store_le64(out + SIZE_AT, cap->size);
		*size = CAP_PACKED_SIZE;
	}
	return true;
}

static bool unpack_chk(const unsigned char in[CAP_PACKED_SIZE], struct cap *cap)
{
	cap->needed = load_le16(in + NEEDED_AT);
	cap->total = load_le16(in + TOTAL_AT);
	cap->size = load_le64(in + SIZE_AT);
	return cap->needed >= 1 && cap->needed <= cap->total && cap->total <= SHARES_MAX;
}

static bool unpack_fields(const unsigned char in[CAP_PACKED_SIZE], uint8_t size, struct cap *cap)
{
	if (cap_is_literal(cap)) {
		if (size > CAP_PACKED_SIZE)
			return false;
		memcpy(cap->content, in, size);
		cap->size = size;
		return true;
	}
	memcpy(cap->key, in, CAP_KEY_SIZE);
	memcpy(cap->hash, in + HASH_AT, CAP_HASH_SIZE);
	if (cap_is_chk(cap))
		return size == CAP_PACKED_SIZE && unpack_chk(in, cap);
	return size == MUTABLE_SIZE;
}

bool cap_unpack(const unsigned char in[CAP_PACKED_SIZE], uint8_t size, uint8_t kind,
		struct cap *cap)
{
	if (kind <= CAP_NONE || kind >= CAP_UNKNOWN)
		return false;
	struct cap result;
	memset(&result, 0, sizeof result);
	result.kind = kind;
	const bool valid = unpack_fields(in, size, &result);
	if (valid)
		*cap = result;
	cap_wipe(&result);
	return valid;
}
