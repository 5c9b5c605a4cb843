#include "select/pattern.h"

#include <ctype.h>

struct pattern pattern_parse(const char *text, size_t size)
{
	struct pattern pattern = { .text = text, .size = size, .components = 1 };
	if (size > 1 && text[size - 1] == '/') {
		pattern.directory = true;
		pattern.size--;
	}
	if (size > 0 && text[0] == '/') {
		pattern.anchored = true;
		pattern.text++;
		pattern.size--;
	}
	const char *at = pattern.text;
	for (size_t i = 0; i < pattern.size; i++) {
		pattern.components += at[i] == '/';
		pattern.wild |= at[i] == '*' || at[i] == '?' || at[i] == '[';
		if (at[i] == '*' && i + 1 < pattern.size && at[i + 1] == '*') {
			pattern.leads |= i == 0 && !pattern.anchored;
			pattern.crosses = true;
		}
	}
	pattern.itself = pattern.size >= 3 && memcmp(at + pattern.size - 3, "***", 3) == 0;
	return pattern;
}

/* ---- what is matched ---- */

/* A path, with the slashes that a pattern may need at its ends. */
struct subject {
	const char *path;
	size_t size;
	bool before, behind;
};

static size_t subject_size(const struct subject *subject)
{
	return subject->size + subject->before + subject->behind;
}

static char subject_byte(const struct subject *subject, size_t at)
{
	if (subject->before && at-- == 0)
		return '/';
	return at < subject->size ? subject->path[at] : '/';
}

/* ---- classes ---- */

struct class_name {
	const char *name;
	int (*has)(int byte);
};

static const struct class_name class_name[] = {
	{ "alnum", isalnum }, { "alpha", isalpha }, { "blank", isblank }, { "cntrl", iscntrl },
	{ "digit", isdigit }, { "graph", isgraph }, { "lower", islower }, { "print", isprint },
	{ "punct", ispunct }, { "space", isspace }, { "upper", isupper }, { "xdigit", isxdigit },
};

/* Reads "[:name:]" at `at` and stores whether it has `byte`.  Returns its size; 0: none is there.
 */
static size_t match_named(const char *at, size_t size, unsigned char byte, bool *found)
{
	const char *end = size > 3 && at[1] == ':' ? memmem(at + 2, size - 2, ":]", 2) : NULL;
	if (!end)
		return 0;
	for (size_t i = 0; i < ARRAY_COUNT(class_name); i++)
		if (strlen(class_name[i].name) == (size_t)(end - at - 2) &&
		    memcmp(at + 2, class_name[i].name, (size_t)(end - at - 2)) == 0)
			*found |= class_name[i].has(byte) != 0;
	return (size_t)(end - at) + 2;
}

/* One byte of a class, its backslash passed over. */
static bool class_byte(const char *text, size_t size, size_t *at, unsigned char *byte)
{
	if (text[*at] == '\\')
		++*at;
	if (*at >= size)
		return false;
	*byte = (unsigned char)text[(*at)++];
	return true;
}

/* Matches `byte` against the class whose '[' is at `text`.  Returns its size; 0: it does not match
 * or has no end. */
static size_t match_class(const char *text, size_t size, unsigned char byte)
{
	size_t at = 1;
	bool negated = at < size && (text[at] == '!' || text[at] == '^');
	at += negated;
	bool found = false;
	for (bool first = true; at < size && (first || text[at] != ']'); first = false) {
		size_t named =
			text[at] == '[' ? match_named(text + at, size - at, byte, &found) : 0;
		at += named;
		unsigned char low, high;
		if (named)
			continue;
		if (!class_byte(text, size, &at, &low))
			return 0;
		high = low;
		if (at + 1 < size && text[at] == '-' && text[at + 1] != ']') {
			at++;
			if (!class_byte(text, size, &at, &high))
				return 0;
		}
		found |= low <= byte && byte <= high;
	}
	return at < size && found != negated && byte != '/' ? at + 1 : 0;
}

/* ---- matching ---- */

/* Where to go on after a mismatch: behind a star of the pattern, which takes one byte more. */
struct retreat {
	size_t pattern, subject;
	bool set;
};

/* Matches one byte against what stands at `at`, no star.  Returns the size of that; 0: no match. */
static size_t match_one(const struct pattern *pattern, size_t at, char byte)
{
	const char *text = pattern->text + at;
	size_t size = pattern->size - at;
	if (text[0] == '?')
		return byte != '/';
	if (text[0] == '[')
		return match_class(text, size, (unsigned char)byte);
	if (text[0] == '\\' && size > 1)
		return text[1] == byte ? 2 : 0;
	return text[0] == byte;
}

/* Passes the stars at `*at` and remembers where to retreat to. */
static void take_stars(const struct pattern *pattern, size_t *at, size_t subject,
		       struct retreat *star, struct retreat *stars)
{
	size_t count = 0;
	while (*at < pattern->size && pattern->text[*at] == '*') {
		++*at;
		count++;
	}
	/* What stands before a `**` need not be tried again: that takes whatever is left over. */
	star->set = false;
	*(count > 1 ? stars : star) = (struct retreat){ *at, subject, true };
}

/* Goes back to the last star that can take one byte more.  Returns false when there is none. */
static bool retreat(const struct subject *subject, struct retreat *star, struct retreat *stars)
{
	size_t size = subject_size(subject);
	if (star->set && star->subject < size && subject_byte(subject, star->subject) != '/') {
		star->subject++;
		return true;
	}
	star->set = false;
	if (!stars->set || stars->subject >= size)
		return false;
	stars->subject++;
	return true;
}

/*
 * Matches the whole pattern against the subject from `begin` to its end, without recursion: after a
 * mismatch the latest `*` takes one byte more, if that is no slash; else the latest `**` does.
 *
 *   pattern   a ** b * c        two places to go back to, each a pair of where the pattern goes on
 *   subject   a xx b yy c       and where in the subject: `stars` for the `**`, `star` for the `*`
 */
static bool match_from(const struct pattern *pattern, const struct subject *subject, size_t begin)
{
	struct retreat star = { .set = false }, stars = { .set = false };
	size_t at = 0, size = subject_size(subject);
	for (size_t i = begin;;) {
		if (at < pattern->size && pattern->text[at] == '*') {
			take_stars(pattern, &at, i, &star, &stars);
			continue;
		}
		if (at == pattern->size && i == size)
			return true;
		size_t step = at < pattern->size && i < size
				      ? match_one(pattern, at, subject_byte(subject, i))
				      : 0;
		at += step;
		i++;
		if (step)
			continue;
		if (!retreat(subject, &star, &stars))
			return false;
		at = star.set ? star.pattern : stars.pattern;
		i = star.set ? star.subject : stars.subject;
	}
}

/* Returns where the last `components` of the path begin; 0 when it has fewer, which match nothing
 * with so many slashes. */
static size_t find_tail(const char *path, size_t size, size_t components)
{
	size_t at = size;
	while (at > 0 && (path[at - 1] != '/' || --components > 0))
		at--;
	return at;
}

/* A pattern that is not tied to the root may begin at any component. */
static bool match_anywhere(const struct pattern *pattern, const struct subject *subject)
{
	for (size_t i = 0; i < subject_size(subject); i++)
		if ((i == 0 || subject_byte(subject, i - 1) == '/') &&
		    match_from(pattern, subject, i))
			return true;
	return false;
}

bool pattern_matches(const struct pattern *pattern, const char *path, size_t size,
		     bool is_directory)
{
	size_t begin = 0;
	if (pattern->directory && !is_directory)
		return false;
	if (!pattern->anchored && !pattern->crosses)
		begin = find_tail(path, size, pattern->components);
	if (!pattern->wild)
		return size - begin == pattern->size &&
		       memcmp(path + begin, pattern->text, pattern->size) == 0;
	const struct subject subject = {
		.path = path,
		.size = size,
		.before = pattern->leads,
		.behind = pattern->itself && is_directory,
	};
	if (pattern->crosses && !pattern->anchored && !pattern->leads)
		return match_anywhere(pattern, &subject);
	return match_from(pattern, &subject, begin);
}
