/* First, because it names parameters rand, which queue/core/base.h bans. */
#include <openssl/evp.h>

#include "base/digest.h"

#include <assert.h>
#include <nettle/md5.h>
#include <nettle/sha2.h>
#include <xxhash.h>

/* The calls below fail only on misuse once the state has its algorithm. */
static void must(int ok)
{
	assert(ok == 1);
	(void)ok;
}

enum fault digest_init(struct digest *digest, struct err *err)
{
	digest->state = EVP_MD_CTX_new();
	if (digest->state && EVP_DigestInit_ex(digest->state, EVP_sha256(), NULL) == 1)
		return FAULT_NONE;
	digest_fini(digest);
	return err_set(err, FAULT_NOMEM, "no memory for a hash");
}

void digest_fini(struct digest *digest)
{
	if (!digest)
		return;
	EVP_MD_CTX_free(digest->state);
	digest->state = NULL;
}

void digest_start(struct digest *digest)
{
	/* Without an algorithm: looking it up again costs more than a short hash. */
	must(EVP_DigestInit_ex(digest->state, NULL, NULL));
}

void digest_update(struct digest *digest, const void *data, size_t size)
{
	must(EVP_DigestUpdate(digest->state, data, size));
}

void digest_final(struct digest *digest, unsigned char out[DIGEST_SIZE])
{
	must(EVP_DigestFinal_ex(digest->state, out, NULL));
}

void digest_final_double(struct digest *digest, unsigned char out[DIGEST_SIZE])
{
	digest_final(digest, out);
	digest_of(out, DIGEST_SIZE, out);
}

void digest_of(const void *data, size_t size, unsigned char out[DIGEST_SIZE])
{
	struct sha256_ctx context;
	sha256_init(&context);
	sha256_update(&context, size, data);
	sha256_digest(&context, DIGEST_SIZE, out);
	explicit_bzero(&context, sizeof context);
}

void md5_of(const void *data, size_t size, unsigned char out[MD5_SIZE])
{
	struct md5_ctx context;
	md5_init(&context);
	md5_update(&context, size, data);
	md5_digest(&context, MD5_SIZE, out);
}

enum fault content_hash_init(struct content_hash *hash, struct err *err)
{
	hash->state = XXH3_createState();
	return hash->state ? FAULT_NONE : err_set(err, FAULT_NOMEM, "no memory for a hash");
}

void content_hash_fini(struct content_hash *hash)
{
	if (!hash)
		return;
	XXH3_freeState(hash->state);
	hash->state = NULL;
}

void content_hash_start(struct content_hash *hash)
{
	must(XXH3_128bits_reset(hash->state) == XXH_OK);
}

void content_hash_update(struct content_hash *hash, const void *data, size_t size)
{
	must(XXH3_128bits_update(hash->state, data, size) == XXH_OK);
}

static void store(XXH128_hash_t value, unsigned char out[CONTENT_HASH_SIZE])
{
	XXH128_canonical_t canonical;
	XXH128_canonicalFromHash(&canonical, value);
	memcpy(out, canonical.digest, CONTENT_HASH_SIZE);
}

void content_hash_final(struct content_hash *hash, unsigned char out[CONTENT_HASH_SIZE])
{
	store(XXH3_128bits_digest(hash->state), out);
}

void content_hash_of(const void *data, size_t size, unsigned char out[CONTENT_HASH_SIZE])
{
	store(XXH3_128bits(data, size), out);
}

static const char hex[] = "0123456789abcdef";

void content_hash_print(const unsigned char hash[CONTENT_HASH_SIZE],
			char text[CONTENT_HASH_TEXT_SIZE])
{
	for (size_t i = 0; i < CONTENT_HASH_SIZE; i++) {
		*text++ = hex[hash[i] >> 4];
		*text++ = hex[hash[i] & 15];
	}
	*text = '\0';
}

bool content_hash_parse(const char *text, size_t size, unsigned char hash[CONTENT_HASH_SIZE])
{
	if (size != CONTENT_HASH_TEXT_SIZE - 1)
		return false;
	for (size_t i = 0; i < size; i++) {
		const char *digit = memchr(hex, text[i], sizeof hex - 1);
		if (!digit)
			return false;
		hash[i / 2] = (unsigned char)(hash[i / 2] << 4 | (digit - hex));
	}
	return true;
}
