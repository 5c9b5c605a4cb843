/* First, because they name parameters rand, which queue/core/base.h bans. */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "tahoe/mutable.h"

#include "base/secret.h"
#include "tahoe/hashes.h"

#include <nettle/base64.h>
#include <nettle/chacha.h>
#include <nettle/rsa.h>

enum {
	NUMBER_SIZE = MUTABLE_KEY_BITS / 8, /* bytes of the modulus, the largest number */
	EXPONENT = 65537,
};

void mutable_key_wipe(struct mutable_key *key)
{
	if (key)
		secret_wipe(key, sizeof *key);
}

/* nettle's generator cannot report a failing source, so the kernel's 32 bytes are taken before and
 * stretched by ChaCha. */
static void stretch(void *context, size_t size, uint8_t *out)
{
	memset(out, 0, size);
	chacha_crypt(context, size, out, out);
}

static enum fault seed(struct chacha_ctx *generator, struct err *err)
{
	uint8_t key[CHACHA_KEY_SIZE];
	static const uint8_t nonce[CHACHA_NONCE_SIZE];
	enum fault fault = secret_random(key, sizeof key, err);
	if (fault)
		return fault;
	chacha_set_key(generator, key);
	chacha_set_nonce(generator, nonce);
	secret_wipe(key, sizeof key);
	return FAULT_NONE;
}

static void number_wipe(mpz_t number)
{
	const size_t limbs = mpz_size(number);
	if (limbs > 0)
		secret_wipe(mpz_limbs_modify(number, (mp_size_t)limbs), limbs * sizeof(mp_limb_t));
}

static void wipe_private(struct rsa_private_key *key)
{
	number_wipe(key->d);
	number_wipe(key->p);
	number_wipe(key->q);
	number_wipe(key->a);
	number_wipe(key->b);
	number_wipe(key->c);
	rsa_private_key_clear(key);
}

/* `numbers` keeps the BIGNUM for as long as the builder wants it. */
static bool push_number(OSSL_PARAM_BLD *build, const char *name, const mpz_t value, BIGNUM **number)
{
	unsigned char bytes[NUMBER_SIZE];
	size_t size = 0;
	if (mpz_sizeinbase(value, 256) > sizeof bytes)
		return false;
	mpz_export(bytes, &size, 1, 1, 1, 0, value);
	*number = BN_secure_new();
	const bool pushed = *number && BN_bin2bn(bytes, (int)size, *number) &&
			    OSSL_PARAM_BLD_push_BN(build, name, *number) == 1;
	secret_wipe(bytes, sizeof bytes);
	return pushed;
}

static EVP_PKEY *key_from_params(OSSL_PARAM *params)
{
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	if (context && EVP_PKEY_fromdata_init(context) == 1 &&
	    EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(context);
	return key;
}

/* The same key in libcrypto's hands; NULL when out of memory. */
static EVP_PKEY *convert(const struct rsa_public_key *public, const struct rsa_private_key *private)
{
	BIGNUM *number[8] = { NULL };
	EVP_PKEY *key = NULL;
	OSSL_PARAM *params = NULL;
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	if (build && push_number(build, OSSL_PKEY_PARAM_RSA_N, public->n, &number[0]) &&
	    push_number(build, OSSL_PKEY_PARAM_RSA_E, public->e, &number[1]) &&
	    push_number(build, OSSL_PKEY_PARAM_RSA_D, private->d, &number[2]) &&
	    push_number(build, OSSL_PKEY_PARAM_RSA_FACTOR1, private->p, &number[3]) &&
	    push_number(build, OSSL_PKEY_PARAM_RSA_FACTOR2, private->q, &number[4]) &&
	    push_number(build, OSSL_PKEY_PARAM_RSA_EXPONENT1, private->a, &number[5]) &&
	    push_number(build, OSSL_PKEY_PARAM_RSA_EXPONENT2, private->b, &number[6]) &&
	    push_number(build, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, private->c, &number[7]))
		params = OSSL_PARAM_BLD_to_param(build);
	if (params)
		key = key_from_params(params);
	for (size_t i = 0; i < ARRAY_COUNT(number); i++)
		BN_clear_free(number[i]);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	return key;
}

/* PKCS#8, from which the write key is derived: any other encoding would give another directory. */
static bool private_der(EVP_PKEY *pkey, struct mutable_key *key)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
	const int size = info ? i2d_PKCS8_PRIV_KEY_INFO(info, NULL) : -1;
	unsigned char *at = key->der;
	const bool done =
		size > 0 && size <= MUTABLE_DER_MAX && i2d_PKCS8_PRIV_KEY_INFO(info, &at) == size;
	PKCS8_PRIV_KEY_INFO_free(info);
	key->der_size = done ? (size_t)size : 0;
	return done;
}

static bool public_der(EVP_PKEY *pkey, unsigned char out[MUTABLE_PUBLIC_MAX], size_t *size)
{
	const int length = i2d_PUBKEY(pkey, NULL);
	if (length <= 0 || length > MUTABLE_PUBLIC_MAX)
		return false;
	*size = (size_t)length;
	return i2d_PUBKEY(pkey, &out) == length;
}

/* Stores the encoded key and the cap that follows from it. */
static enum fault fill_key(EVP_PKEY *pkey, struct mutable_key *key, struct err *err)
{
	unsigned char public[MUTABLE_PUBLIC_MAX];
	size_t public_size = 0;
	memset(key, 0, sizeof *key);
	if (!private_der(pkey, key) || !public_der(pkey, public, &public_size)) {
		mutable_key_wipe(key);
		return err_set(err, FAULT_NOMEM, "no memory to encode a key");
	}
	unsigned char hash[DIGEST_SIZE];
	hash_tagged(TAG_WRITEKEY, key->der, key->der_size, hash);
	key->cap.kind = CAP_DIR2;
	memcpy(key->cap.key, hash, CAP_KEY_SIZE);
	hash_tagged(TAG_FINGERPRINT, public, public_size, key->cap.hash);
	secret_wipe(hash, sizeof hash);
	return FAULT_NONE;
}

enum fault mutable_key_generate(struct mutable_key *key, struct err *err)
{
	struct chacha_ctx generator;
	enum fault fault = seed(&generator, err);
	if (fault)
		return fault;
	struct rsa_public_key public;
	struct rsa_private_key private;
	rsa_public_key_init(&public);
	rsa_private_key_init(&private);
	mpz_set_ui(public.e, EXPONENT);
	EVP_PKEY *pkey = NULL;
	if (rsa_generate_keypair(&public, &private, &generator, stretch, NULL, NULL,
				 MUTABLE_KEY_BITS, 0))
		pkey = convert(&public, &private);
	fault = pkey ? fill_key(pkey, key, err) : err_set(err, FAULT_NOMEM, "no key could be made");
	EVP_PKEY_free(pkey);
	wipe_private(&private);
	rsa_public_key_clear(&public);
	secret_wipe(&generator, sizeof generator);
	return fault;
}

enum fault mutable_key_from_der(const void *der, size_t size, struct mutable_key *key,
				struct err *err)
{
	const unsigned char *at = der;
	PKCS8_PRIV_KEY_INFO *info = NULL;
	if (size <= MUTABLE_DER_MAX)
		info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)size);
	const bool whole = info && at == (const unsigned char *)der + size;
	EVP_PKEY *pkey = whole ? EVP_PKCS82PKEY(info) : NULL;
	struct mutable_key made;
	enum fault fault;
	if (pkey && EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA &&
	    EVP_PKEY_get_bits(pkey) == MUTABLE_KEY_BITS)
		fault = fill_key(pkey, &made, err);
	else
		fault = err_set(err, FAULT_CORRUPT, "not a PKCS#8 RSA key of %d bits",
				MUTABLE_KEY_BITS);
	if (!fault) {
		*key = made;
		mutable_key_wipe(&made);
	}
	EVP_PKEY_free(pkey);
	PKCS8_PRIV_KEY_INFO_free(info);
	return fault;
}

static bool sign(EVP_PKEY *pkey, const void *data, size_t size, struct mutable_signature *signature)
{
	EVP_PKEY_CTX *rsa;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	signature->size = sizeof signature->bytes;
	const bool done =
		context && EVP_DigestSignInit(context, &rsa, EVP_sha256(), NULL, pkey) == 1 &&
		EVP_PKEY_CTX_set_rsa_padding(rsa, RSA_PKCS1_PSS_PADDING) == 1 &&
		EVP_PKEY_CTX_set_rsa_pss_saltlen(rsa, RSA_PSS_SALTLEN_DIGEST) == 1 &&
		EVP_DigestSign(context, signature->bytes, &signature->size, data, size) == 1;
	EVP_MD_CTX_free(context);
	return done;
}

enum fault mutable_key_sign(const struct mutable_key *key, const void *data, size_t size,
			    struct mutable_signature *signature, struct err *err)
{
	const unsigned char *at = key->der;
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)key->der_size);
	EVP_PKEY *pkey = info ? EVP_PKCS82PKEY(info) : NULL;
	const bool done = pkey &&
			  public_der(pkey, signature->public_key, &signature->public_size) &&
			  sign(pkey, data, size, signature);
	EVP_PKEY_free(pkey);
	PKCS8_PRIV_KEY_INFO_free(info);
	return done ? FAULT_NONE : err_set(err, FAULT_NOMEM, "no memory to sign");
}

size_t mutable_key_text(const struct mutable_key *key, char out[MUTABLE_KEY_TEXT_SIZE])
{
	struct base64_encode_ctx context;
	base64url_encode_init(&context);
	size_t length = base64_encode_update(&context, out, key->der_size, key->der);
	length += base64_encode_final(&context, out + length);
	out[length] = '\0';
	return length;
}

enum fault mutable_key_from_text(const char *text, size_t size, struct mutable_key *key,
				 struct err *err)
{
	unsigned char der[BASE64_DECODE_LENGTH(MUTABLE_KEY_TEXT_SIZE)];
	struct base64_decode_ctx context;
	size_t der_size = sizeof der;
	base64url_decode_init(&context);
	if (size >= MUTABLE_KEY_TEXT_SIZE ||
	    !base64_decode_update(&context, &der_size, der, size, text))
		return err_set(err, FAULT_CORRUPT, "a key that is not base64url");
	enum fault fault = mutable_key_from_der(der, der_size, key, err);
	secret_wipe(der, sizeof der);
	return fault;
}
