#include "tahoe/hashes.h"

#include <nettle/sha2.h>

enum { PREFIX_MAX = 24 }; /* decimal length and colon of a netstring */

static void add_netstring(struct sha256_ctx *context, const void *data, size_t size)
{
	char prefix[PREFIX_MAX];
	int length = snprintf(prefix, sizeof prefix, "%zu:", size);
	sha256_update(context, (size_t)length, (const unsigned char *)prefix);
	sha256_update(context, size, data);
	sha256_update(context, 1, (const unsigned char *)",");
}

/* SHA-256 of the SHA-256.  The context is wiped: what was hashed may be a key. */
static void finish_double(struct sha256_ctx *context, unsigned char out[DIGEST_SIZE])
{
	sha256_digest(context, DIGEST_SIZE, out);
	sha256_update(context, DIGEST_SIZE, out);
	sha256_digest(context, DIGEST_SIZE, out);
	explicit_bzero(context, sizeof *context);
}

void hash_tagged(const char *tag, const void *data, size_t size, unsigned char out[DIGEST_SIZE])
{
	struct sha256_ctx context;
	sha256_init(&context);
	add_netstring(&context, tag, strlen(tag));
	sha256_update(&context, size, data);
	finish_double(&context, out);
}

void hash_node(const unsigned char left[DIGEST_SIZE], const unsigned char right[DIGEST_SIZE],
	       unsigned char out[DIGEST_SIZE])
{
	struct sha256_ctx context;
	sha256_init(&context);
	add_netstring(&context, TAG_INTERNAL_NODE, strlen(TAG_INTERNAL_NODE));
	add_netstring(&context, left, DIGEST_SIZE);
	add_netstring(&context, right, DIGEST_SIZE);
	finish_double(&context, out);
}

void hash_tagged_start(struct digest *digest, const char *tag)
{
	char prefix[PREFIX_MAX];
	int length = snprintf(prefix, sizeof prefix, "%zu:", strlen(tag));
	digest_start(digest);
	digest_update(digest, prefix, (size_t)length);
	digest_update(digest, tag, strlen(tag));
	digest_update(digest, ",", 1);
}

enum fault netstring_append(struct bytes *out, const void *data, size_t size)
{
	char prefix[PREFIX_MAX];
	int length = snprintf(prefix, sizeof prefix, "%zu:", size);
	size_t whole;
	if (!add_size(size, (size_t)length + 1, &whole))
		return FAULT_TOO_LARGE;
	enum fault fault = bytes_reserve(out, whole);
	if (!fault)
		fault = bytes_append(out, prefix, (size_t)length);
	if (!fault)
		fault = bytes_append(out, data, size);
	if (!fault)
		fault = bytes_append(out, ",", 1);
	return fault;
}
