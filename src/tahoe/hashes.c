#include "tahoe/hashes.h"

#include <nettle/sha2.h>

static void add_netstring(struct sha256_ctx *context, const void *data, size_t size)
{
	char prefix[NETSTRING_HEAD_MAX];
	const size_t length = (size_t)(netstring_head(prefix, size) - prefix);
	sha256_update(context, length, (const unsigned char *)prefix);
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
	hash_tagged_bytes(&(struct hash_part){ tag, strlen(tag) },
			  &(struct hash_part){ data, size }, out);
}

void hash_tagged_bytes(const struct hash_part *tag, const struct hash_part *data,
		       unsigned char out[DIGEST_SIZE])
{
	struct sha256_ctx context;
	sha256_init(&context);
	add_netstring(&context, tag->data, tag->size);
	sha256_update(&context, data->size, data->data);
	finish_double(&context, out);
}

void hash_pair(const char *tag, const struct hash_part *left, const struct hash_part *right,
	       unsigned char out[DIGEST_SIZE])
{
	struct sha256_ctx context;
	sha256_init(&context);
	add_netstring(&context, tag, strlen(tag));
	add_netstring(&context, left->data, left->size);
	add_netstring(&context, right->data, right->size);
	finish_double(&context, out);
}

void hash_node(const unsigned char left[DIGEST_SIZE], const unsigned char right[DIGEST_SIZE],
	       unsigned char out[DIGEST_SIZE])
{
	hash_pair(TAG_INTERNAL_NODE, &(struct hash_part){ left, DIGEST_SIZE },
		  &(struct hash_part){ right, DIGEST_SIZE }, out);
}

void hash_tagged_start(struct digest *digest, const char *tag)
{
	char prefix[NETSTRING_HEAD_MAX];
	const size_t length = (size_t)(netstring_head(prefix, strlen(tag)) - prefix);
	digest_start(digest);
	digest_update(digest, prefix, length);
	digest_update(digest, tag, strlen(tag));
	digest_update(digest, ",", 1);
}

char *netstring_head(char out[NETSTRING_HEAD_MAX], size_t size)
{
	char *end = decimal_put(out, size);
	*end = ':';
	return end + 1;
}

enum fault netstring_append(struct bytes *out, const void *data, size_t size)
{
	char prefix[NETSTRING_HEAD_MAX];
	const size_t length = (size_t)(netstring_head(prefix, size) - prefix);
	size_t whole;
	if (!add_size(size, length + 1, &whole))
		return FAULT_TOO_LARGE;
	enum fault fault = bytes_reserve(out, whole);
	if (!fault)
		fault = bytes_append(out, prefix, length);
	if (!fault)
		fault = bytes_append(out, data, size);
	if (!fault)
		fault = bytes_append(out, ",", 1);
	return fault;
}

bool netstring_take(struct bytes_view *from, struct bytes_view *content)
{
	const char *data = from->data;
	size_t at = 0, size = 0;
	for (; at < from->size && data[at] >= '0' && data[at] <= '9' && size <= from->size; at++)
		size = size * 10 + (size_t)(data[at] - '0');
	if (at == 0 || at == from->size || data[at++] != ':')
		return false;
	if (from->size - at <= size || data[at + size] != ',')
		return false;
	*content = (struct bytes_view){ data + at, size };
	*from = (struct bytes_view){ data + at + size + 1, from->size - at - size - 1 };
	return true;
}
