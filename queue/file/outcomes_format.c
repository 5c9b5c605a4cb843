#include "queue/file/outcomes_format.h"

#include "queue/file/preamble.h"

#include <assert.h>
#include <xxhash.h>

static const struct preamble_kind outcomes_file = { "barge\r\nO", "outcomes", OUTCOMES_VERSION };

/* Offsets within a header copy. */
enum {
	HEADER_BINDING_SIZE = PREAMBLE_SIZE,
	HEADER_BINDING = 48,
	HEADER_HASH = OUTCOMES_COPY_SIZE - 8,
};

/* Offsets within a slot. */
enum {
	SLOT_HASH = 0,
	SLOT_CAP_KIND = 8,
	SLOT_CAP_SIZE = 9,
	SLOT_STATE = 10,
	SLOT_ATTEMPTS = 11,
	SLOT_LEVEL = 12,
	SLOT_REASON = 13,
	SLOT_RESERVED = 14,
	SLOT_CAP = 16,
	SLOT_CONTENT = SLOT_CAP + OUTCOME_CAP_MAX,
	SLOT_META = SLOT_CONTENT + 16,
	SLOT_LENGTH = SLOT_META + OUTCOME_META_SIZE,
};

_Static_assert(SLOT_LENGTH + 8 == OUTCOMES_SLOT_SIZE, "a slot has no gaps");
_Static_assert(HEADER_BINDING + OUTCOME_BINDING_MAX <= HEADER_HASH, "a binding fits its copy");

/* The seed is the offset in the file, so that a copy in the other one's place does not check. */
static uint64_t copy_hash(const unsigned char *at, unsigned index)
{
	return XXH3_64bits_withSeed(at, HEADER_HASH, (XXH64_hash_t)index * OUTCOMES_COPY_SIZE);
}

void outcomes_header_encode(const struct outcomes_header *header, unsigned index, unsigned char *at)
{
	assert(header->binding_size <= OUTCOME_BINDING_MAX);
	memset(at, 0, OUTCOMES_COPY_SIZE);
	preamble_encode(&outcomes_file, header->job_id, at);
	store_le32(at + HEADER_BINDING_SIZE, header->binding_size);
	memcpy(at + HEADER_BINDING, header->binding, header->binding_size);
	store_le64(at + HEADER_HASH, copy_hash(at, index));
}

enum outcomes_copy outcomes_header_decode(const unsigned char *at, unsigned index,
					  struct outcomes_header *header)
{
	*header = (struct outcomes_header){ .version = load_le16(at + PREAMBLE_MAGIC_SIZE) };
	struct preamble_kind kind = outcomes_file;
	kind.version = (uint16_t)header->version;
	if (preamble_decode(&kind, at, header->job_id, NULL) != FAULT_NONE)
		return OUTCOMES_COPY_BAD;
	if (header->version > OUTCOMES_VERSION)
		return OUTCOMES_COPY_NEWER;
	header->binding_size = load_le32(at + HEADER_BINDING_SIZE);
	if (load_le64(at + HEADER_HASH) != copy_hash(at, index) ||
	    header->version != OUTCOMES_VERSION || header->binding_size > OUTCOME_BINDING_MAX)
		return OUTCOMES_COPY_BAD;
	memcpy(header->binding, at + HEADER_BINDING, header->binding_size);
	return OUTCOMES_COPY_GOOD;
}

/* Hashes all behind the hash itself, then the task number: 128 bytes together. */
static uint64_t slot_hash(const unsigned char *at, uint64_t id, uint64_t seed)
{
	unsigned char hashed[OUTCOMES_SLOT_SIZE];
	memcpy(hashed, at + SLOT_CAP_KIND, OUTCOMES_SLOT_SIZE - SLOT_CAP_KIND);
	store_le64(hashed + OUTCOMES_SLOT_SIZE - SLOT_CAP_KIND, id);
	uint64_t hash = XXH3_64bits_withSeed(hashed, sizeof hashed, seed);
	explicit_bzero(hashed, sizeof hashed);
	return hash;
}

void outcomes_slot_encode(const struct outcome *outcome, uint64_t seed, unsigned char *at)
{
	assert(outcome->state <= OUTCOME_FAILED && outcome->cap_size <= OUTCOME_CAP_MAX);
	memset(at, 0, OUTCOMES_SLOT_SIZE);
	if (outcome->state == OUTCOME_NONE)
		return;
	at[SLOT_CAP_KIND] = outcome->cap_kind;
	at[SLOT_CAP_SIZE] = outcome->cap_size;
	at[SLOT_STATE] = outcome->state;
	at[SLOT_ATTEMPTS] = outcome->attempts;
	at[SLOT_LEVEL] = outcome->level;
	at[SLOT_REASON] = outcome->reason;
	memcpy(at + SLOT_CAP, outcome->cap, outcome->cap_size);
	memcpy(at + SLOT_CONTENT, outcome->content, sizeof outcome->content);
	memcpy(at + SLOT_META, outcome->meta, sizeof outcome->meta);
	store_le64(at + SLOT_LENGTH, outcome->length);
	store_le64(at + SLOT_HASH, slot_hash(at, outcome->id, seed));
}

static bool all_zero(const unsigned char *at)
{
	return at[0] == 0 && memcmp(at, at + 1, OUTCOMES_SLOT_SIZE - 1) == 0;
}

/* Whether a cap has a size that one can have, and zeros behind its end. */
static bool cap_checks(const unsigned char *at)
{
	if (at[SLOT_CAP_SIZE] > OUTCOME_CAP_MAX ||
	    (at[SLOT_CAP_KIND] == 0 && at[SLOT_CAP_SIZE] > 0))
		return false;
	unsigned char behind = 0;
	for (size_t i = at[SLOT_CAP_SIZE]; i < OUTCOME_CAP_MAX; i++)
		behind |= at[SLOT_CAP + i];
	return behind == 0;
}

/* Whether the slot is one that outcomes_slot_encode writes.  A hash that is right tells only
 * who has computed it: what says things that nobody writes is not believed. */
static bool slot_checks(const unsigned char *at, uint64_t id, uint64_t seed)
{
	return load_le64(at + SLOT_HASH) == slot_hash(at, id, seed) &&
	       at[SLOT_STATE] >= OUTCOME_PLANNED && at[SLOT_STATE] <= OUTCOME_FAILED &&
	       (at[SLOT_STATE] != OUTCOME_DONE || at[SLOT_REASON] == REASON_NONE) &&
	       (at[SLOT_LEVEL] & OUTCOME_LEVEL_UNUSED) == 0 && cap_checks(at) &&
	       load_le16(at + SLOT_RESERVED) == 0;
}

void outcomes_slot_decode(const unsigned char *at, uint64_t id, uint64_t seed,
			  struct outcome *outcome)
{
	*outcome = (struct outcome){ .id = id };
	if (all_zero(at))
		return;
	if (!slot_checks(at, id, seed)) {
		outcome->state = OUTCOME_DAMAGED;
		return;
	}
	outcome->cap_kind = at[SLOT_CAP_KIND];
	outcome->cap_size = at[SLOT_CAP_SIZE];
	outcome->state = at[SLOT_STATE];
	outcome->attempts = at[SLOT_ATTEMPTS];
	outcome->level = at[SLOT_LEVEL];
	outcome->reason = at[SLOT_REASON];
	memcpy(outcome->cap, at + SLOT_CAP, outcome->cap_size);
	memcpy(outcome->content, at + SLOT_CONTENT, sizeof outcome->content);
	memcpy(outcome->meta, at + SLOT_META, sizeof outcome->meta);
	outcome->length = load_le64(at + SLOT_LENGTH);
}
