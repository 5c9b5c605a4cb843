#include "select/listed.h"

#include "queue/core/array.h"
#include "queue/entry.h"

/* A path in `text`; `whole` stands for all below it. */
struct item {
	size_t at, size;
	size_t cover; /* once sorted: 1 + the index of the whole one it is below; 0: none */
	bool whole;
};

struct listed {
	struct bytes text;
	struct item *item; /* once sorted: by components, so what is below one follows it */
	size_t count, capacity;
};

struct listed *listed_new(void)
{
	struct listed *listed = calloc(1, sizeof *listed);
	if (listed)
		bytes_init(&listed->text, LISTED_TEXT_MAX);
	return listed;
}

void listed_free(struct listed *listed)
{
	if (!listed)
		return;
	bytes_fini(&listed->text);
	free(listed->item);
	free(listed);
}

static const char *text_of(const struct listed *listed, const struct item *item)
{
	return bytes_text(&listed->text) + item->at;
}

static bool reserve_item(struct listed *listed)
{
	return array_reserve(&listed->item, listed->count, &listed->capacity, sizeof *listed->item);
}

static bool is_dots(const char *name, size_t size, size_t dots)
{
	return size == dots && memcmp(name, "..", size) == 0;
}

/* Appends the components of `path` to the text and notes whether a slash ends it. */
static enum fault add_components(struct listed *listed, const char *path, size_t size,
				 struct item *item, struct err *err)
{
	for (const char *end = path + size; path < end;) {
		const char *slash = memchr(path, '/', (size_t)(end - path));
		size_t length = (size_t)((slash ? slash : end) - path);
		if (is_dots(path, length, 2))
			return err_set(err, FAULT_USAGE, "\"..\" leads out of the source");
		if (length > MANIFEST_NAME_MAX)
			return err_set(err, FAULT_USAGE, "a name of %zu bytes is too long", length);
		bool counts = length > 0 && !is_dots(path, length, 1);
		enum fault fault = FAULT_NONE;
		if (counts && listed->text.size > item->at)
			fault = bytes_append_text(&listed->text, "/");
		if (counts && !fault)
			fault = bytes_append(&listed->text, path, length);
		if (fault)
			return bytes_err(fault, err, "the list");
		item->whole = slash != NULL;
		path += length + (slash != NULL);
	}
	item->size = listed->text.size - item->at;
	return FAULT_NONE;
}

enum fault listed_add(struct listed *listed, const char *path, size_t size, struct err *err)
{
	if (size > 0 && path[0] == '/')
		return err_set(err, FAULT_USAGE,
			       "paths on a list begin below the source, not at /");
	if (!reserve_item(listed))
		return err_set(err, FAULT_NOMEM, "no memory for the list");
	struct item item = { .at = listed->text.size };
	enum fault fault = add_components(listed, path, size, &item, err);
	/* "." is the source itself, which is copied in any case. */
	if (!fault && item.size > 0)
		listed->item[listed->count++] = item;
	return fault;
}

/* Compares so that a directory stands right before all that is below it. */
static int compare_paths(const char *a, size_t a_size, const char *b, size_t b_size)
{
	size_t size = a_size < b_size ? a_size : b_size;
	for (size_t i = 0; i < size; i++) {
		if (a[i] == b[i])
			continue;
		if (a[i] == '/' || b[i] == '/')
			return a[i] == '/' ? -1 : 1;
		return (unsigned char)a[i] - (unsigned char)b[i];
	}
	return (a_size > b_size) - (a_size < b_size);
}

static int compare_items(const void *left, const void *right, void *listed)
{
	const struct item *a = left, *b = right;
	int order = compare_paths(text_of(listed, a), a->size, text_of(listed, b), b->size);
	/* The one that is whole comes first, so that it is the one that stays. */
	return order ? order : b->whole - a->whole;
}

/* Returns whether `path` is the item or below it. */
static bool is_within(const struct listed *listed, const struct item *item, const char *path,
		      size_t size)
{
	return size >= item->size && memcmp(path, text_of(listed, item), item->size) == 0 &&
	       (size == item->size || path[item->size] == '/');
}

/* Returns 1 + the index of the whole item that `path` is below, looking from the one before it up;
 * 0: there is none. */
static size_t find_cover(const struct listed *listed, size_t at, const char *path, size_t size)
{
	while (at > 0) {
		const struct item *item = &listed->item[at - 1];
		if (item->whole && is_within(listed, item, path, size))
			return at;
		at = item->cover;
	}
	return 0;
}

void listed_sort(struct listed *listed)
{
	if (listed->count > 1)
		qsort_r(listed->item, listed->count, sizeof *listed->item, compare_items, listed);
	size_t kept = 0;
	for (size_t i = 0; i < listed->count; i++) {
		struct item item = listed->item[i];
		const char *path = text_of(listed, &item);
		const struct item *last = kept ? &listed->item[kept - 1] : NULL;
		if (last && last->size == item.size && is_within(listed, last, path, item.size))
			continue;
		item.cover = find_cover(listed, kept, path, item.size);
		listed->item[kept++] = item;
	}
	listed->count = kept;
}

enum fault listed_text(const struct listed *listed, struct bytes *out, struct err *err)
{
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < listed->count && !fault; i++) {
		const struct item *item = &listed->item[i];
		fault = bytes_append(out, text_of(listed, item), item->size);
		if (!fault && item->whole)
			fault = bytes_append_text(out, "/");
		if (!fault)
			fault = bytes_append(out, "", 1);
	}
	return bytes_err(fault, err, "the list");
}

/* Returns the first item that does not come before `path`. */
static size_t lower_bound(const struct listed *listed, const char *path, size_t size)
{
	size_t low = 0, high = listed->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct item *item = &listed->item[middle];
		if (compare_paths(text_of(listed, item), item->size, path, size) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Returns whether there is an item `at`, and it is `path` or below it. */
static bool is_below(const struct listed *listed, size_t at, const char *path, size_t size)
{
	if (at >= listed->count || listed->item[at].size < size)
		return false;
	const char *text = text_of(listed, &listed->item[at]);
	return memcmp(text, path, size) == 0 &&
	       (size == 0 || listed->item[at].size == size || text[size] == '/');
}

enum listed_place listed_find(const struct listed *listed, const char *path, size_t size)
{
	size_t at = lower_bound(listed, path, size);
	if (is_below(listed, at, path, size))
		return listed->item[at].size == size ? LISTED_ON : LISTED_LEADS;
	return find_cover(listed, at, path, size) ? LISTED_BELOW : LISTED_OFF;
}

bool listed_has_all(const struct listed *listed, const char *path, size_t size)
{
	size_t at = lower_bound(listed, path, size);
	bool found = is_below(listed, at, path, size) && listed->item[at].size == size;
	return (found && listed->item[at].whole) || find_cover(listed, at, path, size) > 0;
}

const char *listed_next(const struct listed *listed, const char *path, size_t path_size,
			size_t *cursor, size_t *size)
{
	size_t begin = path_size ? path_size + 1 : 0;
	size_t at = *cursor ? *cursor : lower_bound(listed, path, path_size);
	while (is_below(listed, at, path, path_size) && listed->item[at].size <= path_size)
		at++;
	if (!is_below(listed, at, path, path_size))
		return NULL;
	const struct item *item = &listed->item[at];
	const char *name = text_of(listed, item) + begin;
	const char *slash = memchr(name, '/', item->size - begin);
	*size = slash ? (size_t)(slash - name) : item->size - begin;
	while (is_below(listed, at, text_of(listed, item), begin + *size))
		at++;
	*cursor = at;
	return name;
}
