#include "store/listing_numbers.h"

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

bool listing_nanoseconds(const char *text, size_t size, int64_t *ns)
{
	bool negative = size > 0 && text[0] == '-';
	if (negative) {
		text++;
		size--;
	}
	const char *dot = memchr(text, '.', size);
	size_t length = dot ? (size_t)(dot - text) : size;
	uint64_t seconds, fraction = 0;
	if (!listing_whole_number(text, length, INT64_MAX / 1000000000 - 1, &seconds))
		return false;
	uint64_t unit = 100000000;
	for (size_t i = length + 1; i < size; i++, unit /= 10) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		fraction += unit * (uint64_t)(text[i] - '0');
	}
	int64_t sum = (int64_t)(seconds * 1000000000 + fraction);
	*ns = negative ? -sum : sum;
	return true;
}
