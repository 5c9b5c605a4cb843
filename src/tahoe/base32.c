#include "tahoe/base32.h"

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

size_t base32_length(size_t size) { return size / 5 * 8 + (size % 5 * 8 + 4) / 5; }

size_t base32_encode(const void *data, size_t size, char *out)
{
	const unsigned char *at = data;
	char *to = out;
	uint32_t pending = 0;
	int bits = 0;
	for (size_t i = 0; i < size; i++) {
		pending = (pending << 8 | at[i]) & 0xFFF;
		for (bits += 8; bits >= 5; bits -= 5)
			*to++ = alphabet[pending >> (bits - 5) & 31];
	}
	if (bits > 0)
		*to++ = alphabet[pending << (5 - bits) & 31];
	*to = '\0';
	return (size_t)(to - out);
}

static int value_of(char digit)
{
	if (digit >= 'a' && digit <= 'z')
		return digit - 'a';
	if (digit >= '2' && digit <= '7')
		return digit - '2' + 26;
	return -1;
}

bool base32_decode(const char *text, size_t length, unsigned char *out, size_t *size)
{
	const size_t whole = length / 8 * 5 + length % 8 * 5 / 8;
	if (base32_length(whole) != length)
		return false;
	uint32_t pending = 0;
	int bits = 0;
	size_t used = 0;
	for (size_t i = 0; i < length; i++) {
		int value = value_of(text[i]);
		if (value < 0)
			return false;
		pending = (pending << 5 | (uint32_t)value) & 0xFFF;
		bits += 5;
		if (bits >= 8) {
			bits -= 8;
			out[used++] = (unsigned char)(pending >> bits);
		}
	}
	if (pending & ((1u << bits) - 1))
		return false;
	*size = used;
	return true;
}
