#include "base/bytes.h"

#include <stdarg.h>

enum { CAPACITY_MIN = 64 };

void bytes_init(struct bytes *b, size_t max) { *b = (struct bytes){ .max = max }; }

static void release(unsigned char *data, size_t size)
{
	if (data)
		explicit_bzero(data, size);
	free(data);
}

void bytes_fini(struct bytes *b)
{
	if (!b)
		return;
	release(b->data, b->size);
	bytes_init(b, b->max);
}

void bytes_clear(struct bytes *b)
{
	if (!b->data)
		return;
	explicit_bzero(b->data, b->size);
	b->size = 0;
	b->data[0] = '\0';
}

/* Not realloc, which would leave the old copy behind unwiped. */
static enum fault grow(struct bytes *b, size_t capacity)
{
	size_t whole;
	if (!add_size(capacity, 1, &whole))
		return FAULT_TOO_LARGE;
	unsigned char *data = malloc(whole);
	if (!data)
		return FAULT_NOMEM;
	if (b->data)
		memcpy(data, b->data, b->size);
	data[b->size] = '\0';
	release(b->data, b->size);
	b->data = data;
	b->capacity = capacity;
	return FAULT_NONE;
}

enum fault bytes_reserve(struct bytes *b, size_t more)
{
	size_t needed;
	if (!add_size(b->size, more, &needed) || needed > b->max)
		return FAULT_TOO_LARGE;
	if (b->data && needed <= b->capacity)
		return FAULT_NONE;
	size_t capacity = b->capacity < CAPACITY_MIN ? CAPACITY_MIN : b->capacity;
	while (capacity < needed)
		if (!mul_size(capacity, 2, &capacity))
			capacity = needed;
	if (capacity > b->max)
		capacity = b->max;
	return grow(b, capacity);
}

enum fault bytes_append(struct bytes *b, const void *data, size_t size)
{
	enum fault fault = bytes_reserve(b, size);
	if (fault)
		return fault;
	if (size > 0)
		memcpy(b->data + b->size, data, size);
	b->size += size;
	b->data[b->size] = '\0';
	return FAULT_NONE;
}

enum fault bytes_append_text(struct bytes *b, const char *text)
{
	return bytes_append(b, text, strlen(text));
}

enum fault bytes_printf(struct bytes *b, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length < 0)
		return FAULT_NOMEM;
	enum fault fault = bytes_reserve(b, (size_t)length);
	if (fault)
		return fault;
	va_start(args, format);
	vsnprintf((char *)b->data + b->size, (size_t)length + 1, format, args);
	va_end(args);
	b->size += (size_t)length;
	return FAULT_NONE;
}

unsigned char *bytes_take(struct bytes *b, size_t *size)
{
	unsigned char *data = b->data;
	*size = b->size;
	bytes_init(b, b->max);
	return data;
}

const char *bytes_text(const struct bytes *b) { return b->data ? (const char *)b->data : ""; }

enum fault bytes_err(enum fault fault, struct err *err, const char *what)
{
	if (fault == FAULT_NONE)
		return fault;
	if (fault == FAULT_TOO_LARGE)
		return err_set(err, fault, "%s is too large", what);
	if (fault == FAULT_NOMEM)
		return err_set(err, fault, "no memory for %s", what);
	return err_set(err, fault, "%s: %s", what, fault_name(fault));
}

char *decimal_put(char out[DECIMAL_MAX], uint64_t value)
{
	char digits[DECIMAL_MAX];
	size_t at = sizeof digits;
	do
		digits[--at] = (char)('0' + value % 10);
	while (value /= 10);
	return mempcpy(out, digits + at, sizeof digits - at);
}

int bytes_compare(const void *a, size_t a_size, const void *b, size_t b_size)
{
	size_t both = a_size < b_size ? a_size : b_size;
	int order = both > 0 ? memcmp(a, b, both) : 0; /* either may be NULL */
	return order ? order : (a_size > b_size) - (a_size < b_size);
}
