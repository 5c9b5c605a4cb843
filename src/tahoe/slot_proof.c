#include "tahoe/slot_proof.h"

#include "base/bytes.h"

struct slot_proof {
	const struct cap *cap;
	bool whole;
	bool read; /* the header was */
	struct bytes bytes;
	struct slot_share share;
};

enum fault slot_proof_new(const struct cap *cap, unsigned number, bool whole,
			  struct slot_proof **out, struct err *err)
{
	struct slot_proof *proof = calloc(1, sizeof *proof);
	if (!proof)
		return err_set(err, FAULT_NOMEM, "no memory for a share");
	proof->cap = cap;
	proof->whole = whole;
	proof->share.number = number;
	bytes_init(&proof->bytes, (size_t)2 * SLOT_PROOF_MAX);
	*out = proof;
	return FAULT_NONE;
}

void slot_proof_free(struct slot_proof *proof)
{
	if (!proof)
		return;
	bytes_fini(&proof->bytes);
	free(proof);
}

/* Reads the header of what has come. */
static enum fault read_header(struct slot_proof *proof, struct err *err)
{
	const unsigned number = proof->share.number;
	struct slot_share share;
	if (slot_share_read(proof->bytes.data, proof->bytes.size, SLOT_PROOF_MAX, &share, err))
		return err->fault;
	proof->share = share;
	proof->share.number = number;
	proof->read = true;
	return FAULT_NONE;
}

enum fault slot_proof_take(struct slot_proof *proof, const void *data, size_t size, struct err *err)
{
	if (bytes_err(bytes_append(&proof->bytes, data, size), err, "a share"))
		return err->fault;
	return proof->read || proof->bytes.size < SLOT_HEADER_MAX ? FAULT_NONE
								  : read_header(proof, err);
}

uint64_t slot_proof_left(const struct slot_proof *proof)
{
	const uint64_t end =
		proof->whole ? max_u64(proof->share.head, proof->share.whole) : proof->share.head;
	if (!proof->read)
		return SLOT_PROOF_FIRST;
	return end > proof->bytes.size ? end - proof->bytes.size : 0;
}

enum fault slot_proof_end(struct slot_proof *proof, struct err *err)
{
	if (!proof->read && read_header(proof, err))
		return err->fault;
	if (slot_proof_left(proof) > 0)
		return err_set(err, FAULT_CORRUPT, "the share is too short");
	proof->share.data = proof->bytes.data;
	proof->share.size = proof->bytes.size;
	enum fault fault = slot_prove_version(proof->cap, &proof->share, err);
	if (!fault && proof->whole)
		fault = slot_prove_blocks(&proof->share, err);
	return fault;
}

const struct slot_version *slot_proof_version(const struct slot_proof *proof)
{
	return &proof->share.version;
}
