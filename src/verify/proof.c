#include "verify/proof.h"

#include "base/secret.h"

static const char spliced[] = "problem during download\n";

_Static_assert(sizeof spliced - 1 == PROOF_TAIL_MAX, "the tail holds the words");

void proof_fini(struct proof *proof)
{
	content_hash_fini(&proof->hash);
	chk_key_fini(&proof->key);
	*proof = (struct proof){ 0 };
}

/* The key of a file follows from the secret and from how the cap says it was encoded. */
static enum fault start_key(struct proof *proof, const struct cap *cap,
			    const struct chk_params *secret, struct err *err)
{
	struct chk_params params = *secret;
	params.k = cap->needed;
	params.n = cap->total;
	params.max_segment_size = CHK_SEGMENT_SIZE;
	enum fault fault = FAULT_NONE;
	if (!proof->key.digest.state)
		fault = chk_key_init(&proof->key, err);
	if (!fault)
		fault = chk_key_start(&proof->key, &params, cap->size, err);
	secret_wipe(&params, sizeof params);
	return fault;
}

enum fault proof_start(struct proof *proof, const struct cap *cap, const struct chk_params *secret,
		       struct err *err)
{
	if (!proof->hash.state && content_hash_init(&proof->hash, err))
		return err->fault;
	content_hash_start(&proof->hash);
	proof->size = 0;
	proof->tail_size = 0;
	proof->keyed = secret && cap->kind == CAP_CHK;
	return proof->keyed ? start_key(proof, cap, secret, err) : FAULT_NONE;
}

/* Keeps the last bytes: the words of an error stand at the end. */
static void keep_tail(struct proof *proof, const unsigned char *data, size_t size)
{
	if (size >= PROOF_TAIL_MAX) {
		memcpy(proof->tail, data + size - PROOF_TAIL_MAX, PROOF_TAIL_MAX);
		proof->tail_size = PROOF_TAIL_MAX;
		return;
	}
	size_t kept = proof->tail_size;
	size_t drop = kept + size > PROOF_TAIL_MAX ? kept + size - PROOF_TAIL_MAX : 0;
	memmove(proof->tail, proof->tail + drop, kept - drop);
	memcpy(proof->tail + kept - drop, data, size);
	proof->tail_size = kept - drop + size;
}

enum fault proof_update(struct proof *proof, const void *data, size_t size, struct err *err)
{
	if (proof->keyed && chk_key_update(&proof->key, data, size, err))
		return err_wrong(err, "the gateway sent more bytes than the file has");
	content_hash_update(&proof->hash, data, size);
	keep_tail(proof, data, size);
	proof->size += size;
	return FAULT_NONE;
}

enum fault proof_end(struct proof *proof, const struct cap *cap, bool *proven, struct err *err)
{
	unsigned char key[CAP_KEY_SIZE];
	*proven = false;
	if (cap_is_chk(cap) && proof->size != cap->size)
		return err_wrong(err, "the gateway sent %llu bytes of %llu",
				 (unsigned long long)proof->size, (unsigned long long)cap->size);
	if (!proof->keyed)
		return FAULT_NONE;
	if (chk_key_final(&proof->key, key, err))
		return err->fault;
	*proven = secret_equal(key, cap->key, CAP_KEY_SIZE);
	secret_wipe(key, sizeof key);
	return FAULT_NONE;
}

void proof_keep(struct proof *proof)
{
	content_hash_final(&proof->hash, proof->first);
	proof->first_size = proof->size;
}

bool proof_has(struct proof *proof, const unsigned char content[CONTENT_HASH_SIZE])
{
	unsigned char now[CONTENT_HASH_SIZE];
	content_hash_final(&proof->hash, now);
	return memcmp(now, content, CONTENT_HASH_SIZE) == 0;
}

bool proof_repeats(struct proof *proof)
{
	return proof->size == proof->first_size && proof_has(proof, proof->first);
}

size_t proof_doubtful_tail(const struct proof *proof)
{
	for (size_t size = proof->tail_size; size > 0; size--)
		if (memcmp(proof->tail + proof->tail_size - size, spliced, size) == 0)
			return size;
	return 0;
}
