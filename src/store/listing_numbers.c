#include "store/listing_numbers.h"

#include <nettle/base64.h>

bool listing_whole_number(const char *text, size_t size, uint64_t max, uint64_t *value)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < size; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		uint64_t digit = (uint64_t)(text[i] - '0');
		if (digit > max || sum > (max - digit) / 10)
			return false;
		sum = 10 * sum + digit;
	}
	*value = sum;
	return size > 0;
}

/* A number as it is written: its digits, as far as they can be told, and a power of ten. */
struct decimal {
	uint64_t digits;
	int64_t power;
};

/* Takes the digits that are there, and returns how many; behind the point `down` is 1. */
static size_t take_digits(const char *text, size_t size, int down, struct decimal *decimal)
{
	size_t count = 0;
	for (; count < size && text[count] >= '0' && text[count] <= '9'; count++) {
		bool fits = decimal->digits <= (UINT64_MAX - 9) / 10;
		if (fits)
			decimal->digits = 10 * decimal->digits + (uint64_t)(text[count] - '0');
		decimal->power += fits ? -down : 1 - down;
	}
	return count;
}

/* Takes an exponent, without its letter. */
static bool take_exponent(const char *text, size_t size, struct decimal *decimal)
{
	enum { FAR = 1000000 };
	bool negative = size > 0 && text[0] == '-';
	size_t sign = negative || (size > 0 && text[0] == '+');
	int64_t power = 0;
	for (size_t i = sign; i < size; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		if (power < FAR)
			power = 10 * power + (text[i] - '0');
	}
	decimal->power += negative ? -power : power;
	return size > sign;
}

static bool read_decimal(const char *text, size_t size, struct decimal *decimal)
{
	size_t at = take_digits(text, size, 0, decimal);
	if (at == 0)
		return false;
	if (at < size && text[at] == '.')
		at += 1 + take_digits(text + at + 1, size - at - 1, 1, decimal);
	if (at < size && (text[at] == 'e' || text[at] == 'E'))
		return take_exponent(text + at + 1, size - at - 1, decimal);
	return at == size;
}

bool listing_nanoseconds(const char *text, size_t size, int64_t *ns)
{
	struct decimal decimal = { .power = 9 };
	bool negative = size > 0 && text[0] == '-';
	if (!read_decimal(text + negative, size - negative, &decimal))
		return false;
	/* To the nearest: one before 1970 is written as a sum, which is a little off. */
	uint64_t dropped = 0;
	for (; decimal.power < 0 && (decimal.digits > 0 || dropped > 0); decimal.power++) {
		dropped = decimal.digits % 10;
		decimal.digits /= 10;
	}
	decimal.digits += dropped >= 5;
	for (; decimal.power > 0 && decimal.digits > 0; decimal.power--) {
		if (decimal.digits > INT64_MAX / 10)
			return false;
		decimal.digits *= 10;
	}
	if (decimal.digits >= INT64_MAX) /* which stands for what cannot be told */
		return false;
	*ns = negative ? -(int64_t)decimal.digits : (int64_t)decimal.digits;
	return true;
}

bool listing_base64(const char *text, size_t size, unsigned char *bytes, size_t most,
		    size_t *decoded)
{
	struct base64_decode_ctx context;
	base64_decode_init(&context);
	return size <= BASE64_ENCODE_RAW_LENGTH(most) &&
	       base64_decode_update(&context, decoded, bytes, size, text) &&
	       base64_decode_final(&context);
}
