#include "serve/grid_slot.h"

#include "base/secret.h"
#include "serve/problem.h"
#include "tahoe/chk.h"

enum {
	NONCE_SIZE = 16,
	SLOT_HEADER_SIZE = CAP_HASH_SIZE + NONCE_SIZE,
};

static enum fault lost(struct err *err)
{
	return problem(err, 410,
		       "allmydata.mutable.common.UnrecoverableFileError: no recoverable versions");
}

/* Each version has a key of its own, from the read key and the version's nonce. */
static enum fault cipher_open(struct chk_cipher *cipher, const struct cap *readonly,
			      const unsigned char nonce[NONCE_SIZE], struct err *err)
{
	unsigned char key[DIGEST_SIZE];
	enum fault fault = chk_cipher_init(cipher, err);
	if (fault)
		return fault;
	hash_pair(TAG_DATA_KEY, &(struct hash_part){ nonce, NONCE_SIZE },
		  &(struct hash_part){ readonly->key, CAP_KEY_SIZE }, key);
	chk_cipher_start(cipher, key, 0);
	secret_wipe(key, sizeof key);
	return FAULT_NONE;
}

enum fault slot_find(const struct shares *shares, const struct cap *cap, struct share *share,
		     struct err *err)
{
	unsigned char index[CAP_KEY_SIZE], fingerprint[CAP_HASH_SIZE];
	if (!cap_storage_index(cap, index) || !shares_find(shares, index, share) ||
	    share->kind != SHARE_SLOT || share->size < SLOT_HEADER_SIZE)
		return lost(err);
	const enum fault fault =
		shares_read(shares, share->offset, fingerprint, sizeof fingerprint, err);
	if (!fault && memcmp(fingerprint, cap->hash, sizeof fingerprint) != 0)
		return lost(err);
	return fault;
}

static enum fault slot_append(struct shares *shares, const struct share *share,
			      const unsigned char header[SLOT_HEADER_SIZE],
			      const struct bytes *body, struct err *err)
{
	enum fault fault = shares_begin(shares, share, err);
	if (!fault)
		fault = shares_write(shares, header, SLOT_HEADER_SIZE, err);
	if (!fault)
		fault = shares_write(shares, body->data, body->size, err);
	if (!fault)
		fault = shares_commit(shares, err);
	if (fault)
		shares_abort(shares);
	return fault;
}

enum fault slot_write(struct shares *shares, const struct cap *cap, uint64_t sequence,
		      const struct stored_directory *directory, struct err *err)
{
	struct cap readonly;
	struct share share = { .kind = SHARE_SLOT, .sequence = sequence };
	if (!cap_storage_index(cap, share.index) || !cap_to_readonly(cap, &readonly))
		return problem(err, 500, "builtins.AssertionError: no storage index");
	unsigned char header[SLOT_HEADER_SIZE];
	struct chk_cipher cipher = { 0 };
	struct bytes body;
	bytes_init(&body, DIRECTORY_BODY_MAX);
	memcpy(header, cap->hash, CAP_HASH_SIZE);
	enum fault fault = secret_random(header + CAP_HASH_SIZE, NONCE_SIZE, err);
	if (!fault)
		fault = directory_pack(directory, cap->key, &body, err);
	if (!fault)
		fault = cipher_open(&cipher, &readonly, header + CAP_HASH_SIZE, err);
	if (!fault) {
		if (body.size > 0)
			chk_cipher_apply(&cipher, body.data, body.data, body.size);
		share.size = sizeof header + body.size;
		fault = slot_append(shares, &share, header, &body, err);
	}
	chk_cipher_fini(&cipher);
	bytes_fini(&body);
	cap_wipe(&readonly);
	return fault;
}

/* Allocates the data of a slot, checked against the record's hash. */
static enum fault slot_read(const struct shares *shares, const struct share *share,
			    unsigned char **data, struct err *err)
{
	unsigned char *read = malloc((size_t)share->size + 1);
	if (!read)
		return err_set(err, FAULT_NOMEM, "out of memory for a directory");
	enum fault fault = shares_read(shares, share->offset, read, (size_t)share->size, err);
	if (!fault)
		fault = shares_check(shares, share, read, err);
	if (fault) {
		free(read);
		return fault;
	}
	*data = read;
	return FAULT_NONE;
}

enum fault slot_open(const struct shares *shares, const struct cap *cap,
		     struct download_reply **download, struct err *err)
{
	struct share share = { 0 };
	struct cap readonly;
	unsigned char *data = NULL;
	struct chk_cipher cipher = { 0 };
	enum fault fault = slot_find(shares, cap, &share, err);
	if (fault)
		return fault;
	if (!cap_to_readonly(cap, &readonly))
		return lost(err);
	fault = slot_read(shares, &share, &data, err);
	if (fault || !data) {
		cap_wipe(&readonly);
		return fault == FAULT_CORRUPT ? lost(err) : fault;
	}
	const size_t size = (size_t)share.size - SLOT_HEADER_SIZE;
	unsigned char *body = data + SLOT_HEADER_SIZE;
	fault = cipher_open(&cipher, &readonly, data + CAP_HASH_SIZE, err);
	if (!fault) {
		if (size > 0)
			chk_cipher_apply(&cipher, body, body, size);
		fault = download_of_memory(body, size, download, err);
	}
	chk_cipher_fini(&cipher);
	cap_wipe(&readonly);
	secret_wipe(data, (size_t)share.size);
	free(data);
	return fault;
}

enum fault slot_check(const struct shares *shares, const struct share *share, struct err *err)
{
	unsigned char *data = NULL;
	const enum fault fault = slot_read(shares, share, &data, err);
	free(data);
	return fault;
}
