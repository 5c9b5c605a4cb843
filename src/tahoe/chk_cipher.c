/* First, because it names parameters rand, which queue/core/base.h bans. */
#include <openssl/evp.h>

#include "tahoe/chk.h"

#include <assert.h>

enum {
	BLOCK_SIZE = 16,
	STEP_MAX = 1 << 30, /* EVP counts in int */
};

/* The calls below fail only on misuse once the state has its algorithm. */
static void must(int ok)
{
	assert(ok == 1);
	(void)ok;
}

enum fault chk_cipher_init(struct chk_cipher *cipher, struct err *err)
{
	cipher->state = EVP_CIPHER_CTX_new();
	if (cipher->state &&
	    EVP_EncryptInit_ex(cipher->state, EVP_aes_128_ctr(), NULL, NULL, NULL) == 1)
		return FAULT_NONE;
	chk_cipher_fini(cipher);
	return err_set(err, FAULT_NOMEM, "no memory for a cipher");
}

void chk_cipher_fini(struct chk_cipher *cipher)
{
	if (!cipher)
		return;
	EVP_CIPHER_CTX_free(cipher->state);
	cipher->state = NULL;
}

void chk_cipher_start(struct chk_cipher *cipher, const unsigned char key[CAP_KEY_SIZE],
		      uint64_t offset)
{
	unsigned char counter[BLOCK_SIZE] = { 0 };
	uint64_t block = offset / BLOCK_SIZE;
	for (int i = BLOCK_SIZE - 1; block > 0; i--, block >>= 8)
		counter[i] = (unsigned char)block;
	must(EVP_EncryptInit_ex(cipher->state, NULL, NULL, key, counter));
	unsigned char skipped[BLOCK_SIZE] = { 0 };
	chk_cipher_apply(cipher, skipped, skipped, offset % BLOCK_SIZE);
	explicit_bzero(skipped, sizeof skipped);
}

void chk_cipher_apply(struct chk_cipher *cipher, const void *in, void *out, size_t size)
{
	const unsigned char *from = in;
	unsigned char *to = out;
	while (size > 0) {
		const int step = size > STEP_MAX ? STEP_MAX : (int)size;
		int written = 0;
		must(EVP_EncryptUpdate(cipher->state, to, &written, from, step));
		assert(written == step);
		from += step;
		to += step;
		size -= (size_t)step;
	}
}
