#include "select/glob.h"

#include "base/utf8.h"

#include <string.h>

enum { SURROGATE = 0xdc00 }; /* what Python makes of a byte that is not UTF-8, with that byte */

struct text {
	const char *at, *end;
};

/* Takes the character at the beginning of the text, which is not empty. */
static uint32_t take_code(struct text *text)
{
	static const unsigned char mask[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	unsigned char lead = (unsigned char)*text->at;
	size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	if (size > (size_t)(text->end - text->at) || !name_is_utf8(text->at, size)) {
		text->at++;
		return SURROGATE + lead;
	}
	uint32_t code = lead & mask[size];
	for (size_t i = 1; i < size; i++)
		code = code << 6 | ((unsigned char)text->at[i] & 0x3f);
	text->at += size;
	return code;
}

/* Finds the end of the class whose `[` is behind us; NULL: it has none. */
static const char *class_end(struct text glob)
{
	const char *at = glob.at;
	at += at < glob.end && *at == '!';
	at += at < glob.end && *at == ']';
	return at < glob.end ? memchr(at, ']', (size_t)(glob.end - at)) : NULL;
}

/* Whether the class, without its brackets, has the character.  A `-` that has none before or behind
 * it is itself; a range that goes down is empty. */
static bool class_has(struct text class, uint32_t code)
{
	bool negated = class.at < class.end && *class.at == '!', found = false;
	class.at += negated;
	while (class.at < class.end && !found) {
		uint32_t low = take_code(&class), high = low;
		if (class.end - class.at >= 2 && *class.at == '-') {
			class.at++;
			high = take_code(&class);
		}
		found = low <= code && code <= high;
	}
	return found != negated;
}

/* Takes what stands for one character from the glob, which is not empty and does not begin with a
 * `*`, and says whether it stands for the first of the name, which is taken. */
static bool take_one(struct text *glob, struct text *name)
{
	if (name->at == name->end)
		return false;
	uint32_t code = take_code(name), wanted = take_code(glob);
	const char *end = wanted == '[' ? class_end(*glob) : NULL;
	if (!end)
		return wanted == '?' || wanted == code;
	const struct text class = { glob->at, end };
	glob->at = end + 1;
	return class_has(class, code);
}

bool glob_matches(const char *glob, size_t glob_size, const char *name, size_t size)
{
	struct text pattern = { glob, glob + glob_size }, rest = { name, name + size };
	struct text star = { NULL, NULL }, behind = rest; /* where to go on: one character later */
	while (rest.at < rest.end || pattern.at < pattern.end) {
		if (pattern.at < pattern.end && *pattern.at == '*') {
			pattern.at++;
			star = pattern;
			behind = rest;
			continue;
		}
		if (pattern.at < pattern.end && take_one(&pattern, &rest))
			continue;
		if (!star.at || behind.at == behind.end)
			return false;
		(void)take_code(&behind);
		pattern = star;
		rest = behind;
	}
	return true;
}
