#include "serve/path.h"

#include "base/escape.h"
#include "base/utf8.h"
#include "serve/problem.h"

enum { PATH_SIZE_MAX = 256 * 1024 }; /* bytes; the request line is shorter */

static enum fault part_add(struct path *path, const char *part, size_t size, struct err *err)
{
	const size_t offset = path->text.size;
	enum fault fault = escape_percent_decode(&path->text, part, size);
	if (fault == FAULT_USAGE)
		return problem(err, 400, "a bad %%-escape in the URL");
	const size_t decoded = path->text.size - offset;
	if (!fault && !name_is_utf8(path->text.data + offset, decoded))
		return err_set(err, FAULT_CORRUPT, "the URL is not UTF-8");
	if (!fault)
		fault = bytes_append(&path->text, "", 1);
	if (!fault)
		path->parts[path->count++] = (struct path_part){ offset, decoded };
	return bytes_err(fault, err, "a URL");
}

enum fault path_parse(struct path *path, const char *url, struct err *err)
{
	const size_t size = strlen(url);
	size_t slashes = 0;
	for (size_t i = 0; i < size; i++)
		slashes += url[i] == '/';
	*path = (struct path){ .parts = calloc(slashes + 1, sizeof path->parts[0]) };
	bytes_init(&path->text, PATH_SIZE_MAX);
	if (!path->parts)
		return err_set(err, FAULT_NOMEM, "out of memory for a URL");
	enum fault fault = FAULT_NONE;
	const char *at = url + (url[0] == '/');
	while (*at && !fault) {
		const size_t length = strcspn(at, "/");
		if (length == 0)
			fault = problem(err, 400, "an empty component in the URL");
		else
			fault = part_add(path, at, length, err);
		at += length;
		path->trailing = *at == '/';
		at += path->trailing;
	}
	if (fault)
		path_fini(path);
	return fault;
}

void path_fini(struct path *path)
{
	bytes_fini(&path->text);
	free(path->parts);
	path->parts = NULL;
	path->count = 0;
}

const char *path_part(const struct path *path, size_t index)
{
	if (index >= path->count)
		return "";
	return bytes_text(&path->text) + path->parts[index].offset;
}

/* Reads digits at *cursor; false when there are none. */
static bool digits_read(const char **cursor, uint64_t *number)
{
	const char *start = *cursor;
	*number = 0;
	for (; **cursor >= '0' && **cursor <= '9'; ++*cursor) {
		const uint64_t digit = (uint64_t)(**cursor - '0');
		if (*number > (UINT64_MAX - digit) / 10)
			*number = UINT64_MAX / 10;
		else
			*number = *number * 10 + digit;
	}
	return *cursor != start;
}

enum range_answer range_parse(const char *value, uint64_t total, struct range *range)
{
	static const char unit[] = "bytes=";
	uint64_t first = 0, last = UINT64_MAX;
	*range = (struct range){ 0, total };
	if (!value || strncmp(value, unit, sizeof unit - 1) != 0)
		return RANGE_WHOLE;
	const char *at = value + sizeof unit - 1;
	const bool has_first = digits_read(&at, &first);
	if (*at++ != '-')
		return RANGE_WHOLE;
	const bool has_last = digits_read(&at, &last);
	if (!has_last)
		last = UINT64_MAX;
	if ((*at != '\0' && *at != ',') || (!has_first && !has_last))
		return RANGE_WHOLE;
	if (!has_first) {
		first = last < total ? total - last : 0;
		last = UINT64_MAX;
	}
	if (last < first)
		return RANGE_WHOLE;
	if (first >= total)
		return RANGE_UNSATISFIABLE;
	*range = (struct range){ first, min_u64(last - first, total - first - 1) + 1 };
	return RANGE_PART;
}
