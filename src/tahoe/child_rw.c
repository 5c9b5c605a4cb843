#include "tahoe/child_rw.h"

#include "base/secret.h"

#include <nettle/sha2.h>

enum { MAC_BLOCK = 16 }; /* bytes of the key that go into each hash */

/* Has `cipher` at the start of the write cap that the salt belongs to; stores the key. */
static void begin(struct chk_cipher *cipher, const unsigned char *writekey, const void *salt,
		  unsigned char key[DIGEST_SIZE])
{
	hash_pair(TAG_CHILD_KEY, &(struct hash_part){ salt, CHILD_RW_SALT_SIZE },
		  &(struct hash_part){ writekey, CAP_KEY_SIZE }, key);
	chk_cipher_start(cipher, key, 0);
}

/* Adds the key, each byte combined with `pad`. */
static void add_key(struct sha256_ctx *context, const unsigned char *key, unsigned char pad)
{
	unsigned char block[MAC_BLOCK];
	for (size_t i = 0; i < MAC_BLOCK; i++)
		block[i] = key[i] ^ pad;
	sha256_init(context);
	sha256_update(context, sizeof block, block);
	secret_wipe(block, sizeof block);
}

/* Like HMAC, but for the size of a block. */
static void mac(const unsigned char *key, const unsigned char *data, size_t size,
		unsigned char out[CHILD_RW_MAC_SIZE])
{
	struct sha256_ctx context;
	add_key(&context, key, 0x36);
	sha256_update(&context, size, data);
	sha256_digest(&context, CHILD_RW_MAC_SIZE, out);
	add_key(&context, key, 0x5c);
	sha256_update(&context, CHILD_RW_MAC_SIZE, out);
	sha256_digest(&context, CHILD_RW_MAC_SIZE, out);
}

enum fault child_rw_hide(struct chk_cipher *cipher, const unsigned char writekey[CAP_KEY_SIZE],
			 const struct bytes_view *rw, struct bytes *out)
{
	unsigned char data[CAP_TEXT_SIZE + CHILD_RW_OVERHEAD], hash[DIGEST_SIZE];
	unsigned char key[DIGEST_SIZE];
	const size_t covered = CHILD_RW_SALT_SIZE + rw->size;
	if (rw->size > CAP_TEXT_SIZE)
		return FAULT_USAGE;
	hash_tagged(TAG_CHILD_SALT, rw->data, rw->size, hash);
	memcpy(data, hash, CHILD_RW_SALT_SIZE);
	begin(cipher, writekey, data, key);
	chk_cipher_apply(cipher, rw->data, data + CHILD_RW_SALT_SIZE, rw->size);
	mac(key, data, covered, data + covered);
	secret_wipe(key, sizeof key);
	return netstring_append(out, data, covered + CHILD_RW_MAC_SIZE);
}

bool child_rw_show(struct chk_cipher *cipher, const unsigned char writekey[CAP_KEY_SIZE],
		   const struct bytes_view *hidden, char *out)
{
	unsigned char key[DIGEST_SIZE];
	const unsigned char *data = hidden->data;
	if (hidden->size < CHILD_RW_OVERHEAD)
		return false;
	begin(cipher, writekey, data, key);
	chk_cipher_apply(cipher, data + CHILD_RW_SALT_SIZE, out, hidden->size - CHILD_RW_OVERHEAD);
	secret_wipe(key, sizeof key);
	return true;
}
