#include "direct/direct_check_parts.h"

#include "tahoe/chk.h"

void check_share_free(struct check_slot *slot)
{
	chk_proof_free(slot->proof);
	slot_proof_free(slot->slot_proof);
	slot->proof = NULL;
	slot->slot_proof = NULL;
}

bool check_share_begun(const struct check_slot *slot) { return slot->proof || slot->slot_proof; }

void check_share_begin(struct check_slot *slot)
{
	const struct direct_check *check = slot->check;
	struct err *wrong = &slot->wrong;
	slot->at = 0;
	wrong->fault = check->is_mutable
			       ? slot_proof_new(&check->cap, slot->share, check->wanted.verify,
						&slot->slot_proof, wrong)
			       : chk_proof_new(&check->cap, slot->share, &slot->proof, wrong);
}

bool check_share_take(struct check_slot *slot, const void *data, size_t size)
{
	return !(slot->slot_proof ? slot_proof_take(slot->slot_proof, data, size, &slot->wrong)
				  : chk_proof_take(slot->proof, data, size, &slot->wrong));
}

uint64_t check_share_left(const struct check_slot *slot)
{
	return slot->slot_proof ? slot_proof_left(slot->slot_proof) : chk_proof_left(slot->proof);
}

/* A small share is asked for whole, by what its size is likely to be. */
size_t check_share_piece(const struct check_slot *slot)
{
	const struct cap *cap = &slot->check->cap;
	const struct chk_params params = {
		.k = cap->needed,
		.n = cap->total,
		.max_segment_size = CHK_SEGMENT_SIZE,
	};
	struct chk_layout layout;
	struct err err;
	uint64_t left = check_share_left(slot);
	if (slot->proof && slot->at == 0 && !chk_layout_of(&params, cap->size, &layout, &err))
		left = layout.share_size;
	return (size_t)min_u64(left, CHECK_PIECE);
}

/* Returns the number of a version among those that were found, from 1 on; 0: there are too many. */
static unsigned char number_of(struct direct_check *check, const struct slot_version *version)
{
	for (unsigned i = 0; i < check->versions; i++)
		if (slot_same_version(&check->version[i], version))
			return (unsigned char)(i + 1);
	if (check->versions == CHECK_VERSIONS)
		return 0;
	check->version[check->versions++] = *version;
	return (unsigned char)check->versions;
}

void check_share_end(struct check_slot *slot)
{
	slot->wrong.fault = slot->slot_proof ? slot_proof_end(slot->slot_proof, &slot->wrong)
					     : chk_proof_end(slot->proof, &slot->wrong);
	if (slot->wrong.fault || !slot->slot_proof)
		return;
	struct check_finding *finding = &slot->check->finding[slot->server];
	finding->version[slot->share] =
		number_of(slot->check, slot_proof_version(slot->slot_proof));
}

void check_share_close(struct check_slot *slot)
{
	struct check_finding *finding = &slot->check->finding[slot->server];
	check_share_free(slot);
	if (!slot->wrong.fault)
		share_set_add(&finding->good, slot->share);
	else if (slot->wrong.fault == FAULT_CORRUPT)
		share_set_add(&finding->corrupt, slot->share);
	else if (slot->wrong.fault != FAULT_NOT_FOUND)
		finding->answered = false;
	slot->share++;
}
