#include "base/utf8.h"

#include "base/digest.h"

#include <utf8proc.h>

enum {
	NFC_PLAIN_BELOW = 0x300, /* no character below it changes or combines: UAX 15 */
	STACK_CODES = 1024,      /* code points that are composed without allocation */
	DECOMPOSED_MAX = 4,      /* code points one becomes in NFD at most, UAX 15 table */
};

/* Whether `name` is UTF-8, and its greatest code point. */
static bool survey(const void *name, size_t size, uint32_t *greatest)
{
	const unsigned char *at = name;
	*greatest = 0;
	while (size > 0) {
		utf8proc_int32_t code;
		const utf8proc_ssize_t step = utf8proc_iterate(at, (utf8proc_ssize_t)size, &code);
		if (step <= 0)
			return false;
		if ((uint32_t)code > *greatest)
			*greatest = (uint32_t)code;
		at += step;
		size -= (size_t)step;
	}
	return true;
}

bool code_is_hidden(uint32_t code)
{
	/* Without ink and width, and of none of the categories below. */
	static const struct {
		uint32_t first, last;
	} ignorable[] = {
		{ 0x034F, 0x034F }, { 0x115F, 0x1160 },   { 0x17B4, 0x17B5 }, { 0x180B, 0x180F },
		{ 0x2060, 0x206F }, { 0x3164, 0x3164 },   { 0xFE00, 0xFE0F }, { 0xFFA0, 0xFFA0 },
		{ 0xFFF0, 0xFFFB }, { 0xE0000, 0xE0FFF },
	};
	if (code >= 0x20 && code < 0x7F)
		return false;
	for (size_t i = 0; i < ARRAY_COUNT(ignorable); i++)
		if (code >= ignorable[i].first && code <= ignorable[i].last)
			return true;
	switch (utf8proc_category((utf8proc_int32_t)code)) {
	case UTF8PROC_CATEGORY_CC:
	case UTF8PROC_CATEGORY_CF:
	case UTF8PROC_CATEGORY_CS:
	case UTF8PROC_CATEGORY_ZL:
	case UTF8PROC_CATEGORY_ZP:
		return true;
	default:
		return false;
	}
}

bool name_is_utf8(const void *name, size_t size)
{
	uint32_t greatest;
	return survey(name, size, &greatest);
}

/* Code points of `name` after composition into `buffer`; below 0 when they do not fit. */
static utf8proc_ssize_t compose(const void *name, size_t size, utf8proc_int32_t *buffer,
				size_t room)
{
	const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
	utf8proc_ssize_t count = utf8proc_decompose(name, (utf8proc_ssize_t)size, buffer,
						    (utf8proc_ssize_t)room, options);
	if (count < 0 || (size_t)count > room)
		return -1;
	return utf8proc_normalize_utf32(buffer, count, options);
}

static bool same_text(const void *name, size_t size, const utf8proc_int32_t *code, size_t count)
{
	const unsigned char *at = name;
	for (size_t i = 0; i < count; i++) {
		utf8proc_int32_t own;
		const utf8proc_ssize_t step = utf8proc_iterate(at, (utf8proc_ssize_t)size, &own);
		if (step <= 0 || own != code[i])
			return false;
		at += step;
		size -= (size_t)step;
	}
	return size == 0;
}

bool name_is_nfc(const void *name, size_t size)
{
	uint32_t greatest;
	if (!survey(name, size, &greatest))
		return false;
	if (greatest < NFC_PLAIN_BELOW)
		return true;
	utf8proc_int32_t stack[STACK_CODES];
	utf8proc_int32_t *buffer = stack;
	size_t room;
	if (!mul_size(size, DECOMPOSED_MAX, &room))
		return false;
	if (room > ARRAY_COUNT(stack)) {
		buffer = calloc(room, sizeof *buffer);
		if (!buffer)
			return false;
	}
	utf8proc_ssize_t count = compose(name, size, buffer, room);
	bool same = count >= 0 && same_text(name, size, buffer, (size_t)count);
	if (buffer != stack)
		free(buffer);
	return same;
}

enum fault name_to_nfc(struct bytes *out, const void *name, size_t size)
{
	uint32_t greatest;
	if (!survey(name, size, &greatest))
		return FAULT_USAGE;
	if (greatest < NFC_PLAIN_BELOW)
		return bytes_append(out, name, size);
	utf8proc_uint8_t *text = NULL;
	utf8proc_ssize_t length = utf8proc_map(name, (utf8proc_ssize_t)size, &text,
					       UTF8PROC_STABLE | UTF8PROC_COMPOSE);
	if (length < 0)
		return length == UTF8PROC_ERROR_NOMEM ? FAULT_NOMEM : FAULT_USAGE;
	enum fault fault = bytes_append(out, text, (size_t)length);
	free(text);
	return fault;
}

/* ---- other spellings ---- */

/* Letters for letters, bytes that are no UTF-8 for themselves. */
static bool respell_case(const char *name, char *out, size_t room)
{
	utf8proc_uint8_t bytes[4];
	size_t size = 0;
	while (*name) {
		utf8proc_int32_t code;
		utf8proc_ssize_t step = utf8proc_iterate((const utf8proc_uint8_t *)name, -1, &code);
		utf8proc_ssize_t count = 1;
		bytes[0] = (unsigned char)*name;
		if (step > 0) {
			utf8proc_int32_t other = utf8proc_tolower(code);
			count = utf8proc_encode_char(other != code ? other : utf8proc_toupper(code),
						     bytes);
		}
		if (size + (size_t)count >= room)
			return false;
		memcpy(out + size, bytes, (size_t)count);
		size += (size_t)count;
		name += step > 0 ? step : 1;
	}
	out[size] = '\0';
	return true;
}

static bool respell_form(const char *name, char *out, size_t room)
{
	const utf8proc_uint8_t *text = (const utf8proc_uint8_t *)name;
	utf8proc_uint8_t *form = utf8proc_NFD(text);
	if (form && strcmp((const char *)form, name) == 0) {
		free(form);
		form = utf8proc_NFC(text);
	}
	bool fits = form && strlen((const char *)form) < room;
	if (fits)
		memcpy(out, form, strlen((const char *)form) + 1);
	free(form);
	return fits;
}

static bool respell_trimmed(const char *name, char *out, size_t room)
{
	size_t size = strlen(name);
	while (size > 0 && (name[size - 1] == '.' || name[size - 1] == ' '))
		size--;
	if (size == 0 || size >= room)
		return false;
	memcpy(out, name, size);
	out[size] = '\0';
	return true;
}

bool name_respell(const char *name, enum name_spelling spelling, char *out, size_t room)
{
	bool made = spelling == SPELLING_CASE   ? respell_case(name, out, room)
		    : spelling == SPELLING_FORM ? respell_form(name, out, room)
						: respell_trimmed(name, out, room);
	return made && strcmp(out, name) != 0;
}

uint64_t name_likeness(const char *name, size_t size)
{
	unsigned char hash[CONTENT_HASH_SIZE];
	utf8proc_uint8_t *folded = NULL;
	while (size > 1 && (name[size - 1] == '.' || name[size - 1] == ' '))
		size--;
	utf8proc_ssize_t length =
		utf8proc_map((const utf8proc_uint8_t *)name, (utf8proc_ssize_t)size, &folded,
			     UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD);
	/* What is no UTF-8 is itself alone. */
	if (length >= 0)
		content_hash_of(folded, (size_t)length, hash);
	else
		content_hash_of(name, size, hash);
	free(folded);
	return load_le64(hash);
}
