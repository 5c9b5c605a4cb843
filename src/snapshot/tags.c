#include "snapshot/tags.h"

enum { TAG_MAX = 64 }; /* bytes of one */

static bool is_tag(const char *tag, size_t size)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-+=:@/";
	return size > 0 && size <= TAG_MAX && strspn(tag, letters) >= size;
}

size_t tags_next(const char **rest, const char **tag)
{
	*tag = *rest + strspn(*rest, ",");
	const size_t size = strcspn(*tag, ",");
	*rest = *tag + size;
	return size;
}

/* As strcmp does of the two tags. */
static int compare(const char *a, size_t a_size, const char *b, size_t b_size)
{
	const int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
	return order ? order : (a_size > b_size) - (a_size < b_size);
}

/* Puts a tag where it belongs, unless it is there.  Returns false where there is no room. */
static bool insert(char tags[TAGS_SIZE], const char *tag, size_t size)
{
	const char *rest = tags, *other;
	const size_t used = strlen(tags);
	size_t at = used, other_size;
	while ((other_size = tags_next(&rest, &other)) > 0) {
		const int order = compare(tag, size, other, other_size);
		if (order == 0)
			return true;
		if (order < 0) {
			at = (size_t)(other - tags);
			break;
		}
	}
	if (used + size + 2 > TAGS_SIZE)
		return false;
	const bool last = at == used;
	const size_t comma = used > 0;
	memmove(tags + at + size + comma, tags + at, used - at + 1);
	if (comma)
		tags[last ? at : at + size] = ',';
	memcpy(tags + at + (last ? comma : 0), tag, size);
	return true;
}

enum fault tags_join(const struct text_list *given, char tags[TAGS_SIZE], struct err *err)
{
	*tags = '\0';
	for (size_t i = 0; i < given->count; i++) {
		const char *rest = given->text[i], *tag;
		size_t size = tags_next(&rest, &tag);
		for (bool first = true; size > 0 || first; first = false) {
			if (!is_tag(tag, size))
				return err_set(err, FAULT_USAGE,
					       "\"%.80s\" is no tag: 1 to %d letters and digits of "
					       "ASCII and . _ - + = : @ / with a comma between "
					       "several",
					       given->text[i], TAG_MAX);
			if (!insert(tags, tag, size))
				return err_set(err, FAULT_USAGE,
					       "a snapshot has room for %d bytes of tags",
					       TAGS_SIZE - 1);
			size = tags_next(&rest, &tag);
		}
	}
	return FAULT_NONE;
}

bool tags_are_valid(const char *tags)
{
	char given[TAGS_SIZE], joined[TAGS_SIZE], *text = given;
	const struct text_list list = { &text, 1 };
	struct err err;
	const int length = snprintf(given, sizeof given, "%s", tags);
	return !*tags ||
	       (length < TAGS_SIZE && !tags_join(&list, joined, &err) && strcmp(joined, tags) == 0);
}

static bool has(const char *tags, const char *wanted, size_t size)
{
	const char *rest = tags, *tag;
	size_t tag_size;
	while ((tag_size = tags_next(&rest, &tag)) > 0)
		if (tag_size == size && memcmp(tag, wanted, size) == 0)
			return true;
	return false;
}

bool tags_match(const char *tags, const struct text_list *wanted)
{
	for (size_t i = 0; i < wanted->count; i++) {
		const char *rest = wanted->text[i], *tag;
		size_t size;
		bool all = true;
		while (all && (size = tags_next(&rest, &tag)) > 0)
			all = has(tags, tag, size);
		if (all)
			return true;
	}
	return false;
}

enum fault tags_json(struct bytes *out, const char *tags)
{
	const char *tag;
	size_t size;
	enum fault fault = bytes_append_text(out, ",\"tags\":[");
	for (bool first = true; !fault && (size = tags_next(&tags, &tag)) > 0; first = false)
		fault = bytes_printf(out, "%s\"%.*s\"", first ? "" : ",", (int)size, tag);
	return fault ? fault : bytes_append_text(out, "]");
}
