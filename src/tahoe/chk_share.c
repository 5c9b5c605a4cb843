#include "tahoe/chk_share.h"

#include "base/secret.h"

#include <assert.h>

enum { FIELD_MAX = 48 }; /* bytes of a UEB value */

/* Writes name:N(value), as the UEB has it. */
static size_t put_field(unsigned char *out, const char *name, const void *value, size_t size)
{
	char *at = stpcpy((char *)out, name);
	*at++ = ':';
	at = netstring_head(at, size);
	at = mempcpy(at, value, size);
	*at++ = ',';
	return (size_t)(at - (char *)out);
}

static size_t put_number(unsigned char *out, const char *name, uint64_t value)
{
	char text[DECIMAL_MAX];
	return put_field(out, name, text, (size_t)(decimal_put(text, value) - text));
}

/* Writes the parameters of the codec: bytes of a segment, k and n. */
static size_t put_codec(unsigned char *out, const char *name, uint64_t size, const uint16_t kn[2])
{
	char text[FIELD_MAX];
	char *at = decimal_put(text, size);
	*at++ = '-';
	at = decimal_put(at, kn[0]);
	*at++ = '-';
	at = decimal_put(at, kn[1]);
	return put_field(out, name, text, (size_t)(at - text));
}

/* The names in the order of their bytes, as allmydata/uri.py pack_extension sorts them. */
size_t chk_ueb_write(const struct chk_layout *layout, uint16_t k, uint16_t n,
		     const struct chk_roots *roots, unsigned char out[CHK_UEB_MAX])
{
	const uint16_t kn[2] = { k, n };
	const uint64_t padded_tail = ((uint64_t)layout->tail_size + k - 1) / k * k;
	unsigned char *at = out;
	at += put_field(at, "codec_name", "crs", 3);
	at += put_codec(at, "codec_params", layout->segment_size, kn);
	at += put_field(at, "crypttext_hash", roots->crypttext, DIGEST_SIZE);
	at += put_field(at, "crypttext_root_hash", roots->crypttext_root, DIGEST_SIZE);
	at += put_number(at, "needed_shares", k);
	at += put_number(at, "num_segments", layout->segment_count);
	at += put_number(at, "segment_size", layout->segment_size);
	at += put_field(at, "share_root_hash", roots->share_root, DIGEST_SIZE);
	at += put_number(at, "size", layout->size);
	at += put_codec(at, "tail_codec_params", padded_tail, kn);
	at += put_number(at, "total_shares", n);
	assert((size_t)(at - out) <= CHK_UEB_MAX);
	return (size_t)(at - out);
}

static void put_big_endian(unsigned char *at, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		at[i] = (unsigned char)(value >> 8 * (size - 1 - i));
}

size_t chk_header_write(const struct chk_layout *layout, uint16_t k,
			unsigned char out[CHK_HEADER_MAX])
{
	const uint64_t field[] = {
		layout->segment_size / k,
		layout->data_size,
		layout->data_offset,
		layout->data_offset + layout->data_size, /* the plaintext tree nobody writes */
		layout->crypttext_tree_offset,
		layout->block_tree_offset,
		layout->chain_offset,
		layout->ueb_offset,
	};
	const size_t width = layout->wide ? 8 : 4;
	put_big_endian(out, layout->wide ? 2 : 1, 4);
	for (size_t i = 0; i < ARRAY_COUNT(field); i++)
		put_big_endian(out + 4 + i * width, field[i], width);
	return 4 + ARRAY_COUNT(field) * width;
}

/* Where the value of a 32-byte field lies, or NULL. */
static const unsigned char *find_hash(const unsigned char *ueb, size_t size, const char *name)
{
	char head[FIELD_MAX];
	int length = snprintf(head, sizeof head, "%s:%d:", name, DIGEST_SIZE);
	const unsigned char *at = memmem(ueb, size, head, (size_t)length);
	if (!at || size - (size_t)(at - ueb) < (size_t)length + DIGEST_SIZE)
		return NULL;
	return at + length;
}

bool chk_ueb_read(const struct chk_layout *layout, uint16_t k, uint16_t n, const unsigned char *ueb,
		  struct chk_roots *roots)
{
	const size_t size = (size_t)layout->ueb_size;
	const unsigned char *whole = find_hash(ueb, size, "crypttext_hash");
	const unsigned char *segments = find_hash(ueb, size, "crypttext_root_hash");
	const unsigned char *shares = find_hash(ueb, size, "share_root_hash");
	if (!whole || !segments || !shares)
		return false;
	struct chk_roots found;
	memcpy(found.crypttext, whole, DIGEST_SIZE);
	memcpy(found.crypttext_root, segments, DIGEST_SIZE);
	memcpy(found.share_root, shares, DIGEST_SIZE);
	/* Writing it anew checks every other field. */
	unsigned char again[CHK_UEB_MAX];
	if (chk_ueb_write(layout, k, n, &found, again) != size || memcmp(again, ueb, size) != 0)
		return false;
	*roots = found;
	return true;
}

uint64_t chk_tree_leaves(uint64_t count)
{
	uint64_t leaves = 1;
	while (leaves < count)
		leaves *= 2;
	return leaves;
}

void chk_tree_complete(unsigned char *tree, uint64_t count)
{
	const uint64_t leaves = chk_tree_leaves(count);
	for (uint64_t i = count; i < leaves; i++) {
		char number[DECIMAL_MAX];
		hash_tagged(TAG_EMPTY_LEAF, number, (size_t)(decimal_put(number, i) - number),
			    tree + (leaves - 1 + i) * DIGEST_SIZE);
	}
	for (uint64_t i = leaves - 1; i-- > 0;)
		hash_node(tree + (2 * i + 1) * DIGEST_SIZE, tree + (2 * i + 2) * DIGEST_SIZE,
			  tree + i * DIGEST_SIZE);
}
