#include "select/select.h"

#include "base/digest.h"
#include "base/text_list.h"
#include "queue/core/array.h"
#include "select/glob.h"
#include "select/pattern.h"

#include <errno.h>

/* What a rule does, as its text begins. */
enum rule_kind {
	RULE_TAKE = '+',
	RULE_LEAVE = '-',
	RULE_LEAVE_GLOB = '=', /* by glob.h, whatever the path */
};

struct select_rule {
	struct pattern pattern; /* borrows from `text`; not of a glob */
	char *text;
	enum rule_kind kind;
};

struct select {
	struct select_rule *rule;
	size_t count, capacity;
	size_t text_size; /* bytes the rules take in select_text */
	struct select_limits limits;
	struct text_list marker;
	struct listed *listed;
	char hash[SELECT_HASH_SIZE]; /* of the list; "" without one */
};

static enum fault no_memory(struct err *err)
{
	return err_set(err, FAULT_NOMEM, "no memory for the selection");
}

struct select *select_new(void) { return calloc(1, sizeof(struct select)); }

void select_clear(struct select *select)
{
	for (size_t i = 0; i < select->count; i++)
		free(select->rule[i].text);
	select->count = 0;
	select->text_size = 0;
}

void select_free(struct select *select)
{
	if (!select)
		return;
	select_clear(select);
	free(select->rule);
	text_list_fini(&select->marker);
	listed_free(select->listed);
	free(select);
}

static enum fault add_rule(struct select *select, enum rule_kind kind, const char *pattern,
			   size_t size, struct err *err)
{
	if (size == 0)
		return err_set(err, FAULT_USAGE, "a pattern is missing");
	if (size > SELECT_TEXT_MAX || select->text_size + size + 2 > SELECT_TEXT_MAX)
		return err_set(err, FAULT_TOO_LARGE, "the rules are longer than %d bytes together",
			       SELECT_TEXT_MAX);
	if (!array_reserve(&select->rule, select->count, &select->capacity, sizeof *select->rule))
		return no_memory(err);
	char *text = strndup(pattern, size);
	if (!text)
		return no_memory(err);
	select->rule[select->count++] = (struct select_rule){ .pattern = pattern_parse(text, size),
							      .text = text,
							      .kind = kind };
	select->text_size += size + 2;
	return FAULT_NONE;
}

enum fault select_add(struct select *select, bool include, const char *pattern, size_t size,
		      struct err *err)
{
	return add_rule(select, include ? RULE_TAKE : RULE_LEAVE, pattern, size, err);
}

enum fault select_add_glob(struct select *select, const char *glob, size_t size, struct err *err)
{
	return add_rule(select, RULE_LEAVE_GLOB, glob, size, err);
}

enum fault select_mark(struct select *select, const char *name, struct err *err)
{
	size_t size = strlen(name);
	if (size == 0 || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return err_set(err, FAULT_USAGE, "\"%.60s\" is not the name of a file", name);
	if (size > SELECT_TEXT_MAX || select->text_size + size + 16 > SELECT_TEXT_MAX)
		return err_set(err, FAULT_TOO_LARGE, "the rules are longer than %d bytes together",
			       SELECT_TEXT_MAX);
	select->text_size += size + 16;
	return text_list_add(&select->marker, name, err);
}

const char *select_marker(const struct select *select, size_t number)
{
	return number < select->marker.count ? select->marker.text[number] : NULL;
}

bool select_leaves_caches(const struct select *select) { return select->limits.caches; }

void select_limit(struct select *select, const struct select_limits *limits)
{
	select->limits = *limits;
}

/* ---- the list ---- */

/* The list is known by a hash of its text, in which it is sorted: the order of lines is nothing. */
static enum fault hash_list(const struct listed *listed, char hash[SELECT_HASH_SIZE],
			    struct err *err)
{
	struct bytes text;
	unsigned char digest[DIGEST_SIZE];
	bytes_init(&text, 2 * (size_t)LISTED_TEXT_MAX);
	enum fault fault = listed_text(listed, &text, err);
	digest_of(text.data, text.size, digest);
	bytes_fini(&text);
	for (size_t i = 0; i < DIGEST_SIZE; i++)
		snprintf(hash + 2 * i, 3, "%02x", digest[i]);
	return fault;
}

enum fault select_list(struct select *select, struct listed *listed, struct err *err)
{
	char hash[SELECT_HASH_SIZE];
	listed_free(select->listed);
	select->listed = listed;
	enum fault fault = hash_list(listed, hash, err);
	if (!fault && select->hash[0] && strcmp(hash, select->hash) != 0)
		return err_set(err, FAULT_CORRUPT,
			       "the list of files is not the one that was planned");
	if (!fault)
		memcpy(select->hash, hash, sizeof hash);
	return fault;
}

const struct listed *select_listed(const struct select *select) { return select->listed; }

const char *select_list_hash(const struct select *select)
{
	return select->hash[0] ? select->hash : NULL;
}

bool select_takes_all(const struct select *select)
{
	const struct select_limits *limits = &select->limits;
	return !select->count && !select->hash[0] && !limits->min_bytes && !limits->max_bytes &&
	       !limits->has_newer && !limits->one_file_system && !limits->caches &&
	       !select->marker.count;
}

/* ---- asking ---- */

static bool passes_rules(const struct select *select, const char *path, size_t size,
			 bool is_directory)
{
	const char *slash = memrchr(path, '/', size);
	const char *name = slash ? slash + 1 : path;
	size_t name_size = size - (size_t)(name - path);
	for (size_t i = 0; i < select->count; i++) {
		const struct select_rule *rule = &select->rule[i];
		bool matches =
			rule->kind == RULE_LEAVE_GLOB
				? glob_matches(rule->text, strlen(rule->text), name, name_size)
				: pattern_matches(&rule->pattern, path, size, is_directory);
		if (matches)
			return rule->kind == RULE_TAKE;
	}
	return true;
}

/* Where the path without the source's name stands on the list. */
static enum listed_place find_listed(const struct select *select, const char *path, size_t size)
{
	const char *slash = memchr(path, '/', size);
	size_t begin = slash ? (size_t)(slash - path) + 1 : size;
	return select->listed ? listed_find(select->listed, path + begin, size - begin) : LISTED_ON;
}

/* Limits of size are for files; a directory is only asked whether it is another file system. */
static bool passes_limits(const struct select_limits *limits, const struct select_item *item)
{
	if (item->kind == MANIFEST_DIRECTORY)
		return !(limits->one_file_system && item->mounted);
	if (limits->has_newer && item->mtime_ns <= limits->newer_ns)
		return false;
	if (item->kind != MANIFEST_FILE)
		return true;
	return item->bytes >= limits->min_bytes &&
	       (!limits->max_bytes || item->bytes <= limits->max_bytes);
}

enum select_answer select_ask(const struct select *select, const struct select_item *item)
{
	bool is_directory = item->kind == MANIFEST_DIRECTORY;
	if (!passes_rules(select, item->path, item->size, is_directory))
		return SELECT_LEAVE;
	enum listed_place place = find_listed(select, item->path, item->size);
	if (place == LISTED_OFF)
		return SELECT_LEAVE;
	if (place == LISTED_LEADS && !is_directory)
		return SELECT_ASTRAY;
	return passes_limits(&select->limits, item) ? SELECT_TAKE : SELECT_LEAVE;
}

bool select_may_take(const struct select *select, const char *path, size_t size,
		     enum manifest_kind kind)
{
	bool passes = kind != MANIFEST_DIRECTORY && passes_rules(select, path, size, false);
	if (!passes && (!kind || kind == MANIFEST_DIRECTORY))
		passes = passes_rules(select, path, size, true);
	return passes && find_listed(select, path, size) != LISTED_OFF;
}

bool select_misses(const struct select *select, const char *path, size_t size)
{
	enum listed_place place = find_listed(select, path, size);
	return select->listed && (place == LISTED_ON || place == LISTED_LEADS) &&
	       select_may_take(select, path, size, 0);
}

/* ---- as text ---- */

static enum fault limits_text(const struct select_limits *limits, struct bytes *out)
{
	enum fault fault = FAULT_NONE;
	if (limits->min_bytes)
		fault = bytes_printf(out, "min-size=%llu%c", (unsigned long long)limits->min_bytes,
				     '\0');
	if (!fault && limits->max_bytes)
		fault = bytes_printf(out, "max-size=%llu%c", (unsigned long long)limits->max_bytes,
				     '\0');
	if (!fault && limits->has_newer)
		fault = bytes_printf(out, "newer=%lld%c", (long long)limits->newer_ns, '\0');
	if (!fault && limits->one_file_system)
		fault = bytes_printf(out, "one-file-system%c", '\0');
	if (!fault && limits->caches)
		fault = bytes_printf(out, "exclude-caches%c", '\0');
	return fault;
}

enum fault select_text(const struct select *select, struct bytes *out, struct err *err)
{
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < select->count && !fault; i++) {
		const struct select_rule *rule = &select->rule[i];
		fault = bytes_printf(out, "%c", rule->kind);
		if (!fault)
			fault = bytes_append(out, rule->text, strlen(rule->text) + 1);
	}
	if (!fault)
		fault = limits_text(&select->limits, out);
	for (size_t i = 0; i < select->marker.count && !fault; i++)
		fault = bytes_printf(out, "if-present=%s%c", select->marker.text[i], '\0');
	if (!fault && select->hash[0])
		fault = bytes_printf(out, "files-from=%s%c", select->hash, '\0');
	return bytes_err(fault, err, "the selection");
}

/* Reads the size behind `key`, which `text` may begin with. */
static bool read_size(const char *text, const char *key, uint64_t *size)
{
	char *end;
	size_t length = strlen(key);
	if (strncmp(text, key, length) != 0 || text[length] < '0' || text[length] > '9')
		return false;
	errno = 0;
	*size = strtoull(text + length, &end, 10);
	return !errno && *end == '\0';
}

static bool read_newer(const char *text, struct select_limits *limits)
{
	static const char key[] = "newer=";
	const char *digits = text + sizeof key - 1;
	char *end;
	if (strncmp(text, key, sizeof key - 1) != 0)
		return false;
	errno = 0;
	limits->has_newer = true;
	limits->newer_ns = strtoll(digits, &end, 10);
	return !errno && end != digits && *end == '\0';
}

static bool read_hash(const char *text, char hash[SELECT_HASH_SIZE])
{
	static const char key[] = "files-from=";
	size_t size = sizeof key - 1;
	if (strncmp(text, key, size) != 0 || strlen(text + size) != SELECT_HASH_SIZE - 1)
		return false;
	memcpy(hash, text + size, SELECT_HASH_SIZE);
	return strspn(hash, "0123456789abcdef") == SELECT_HASH_SIZE - 1;
}

/* Reads one item of the text, which ends in a NUL. */
static enum fault read_item(struct select *select, const char *text, size_t size, struct err *err)
{
	static const char marker[] = "if-present=";
	struct select_limits *limits = &select->limits;
	if (text[0] == RULE_LEAVE_GLOB && size > 1)
		return select_add_glob(select, text + 1, size - 1, err);
	if (strncmp(text, marker, sizeof marker - 1) == 0)
		return select_mark(select, text + sizeof marker - 1, err);
	if ((text[0] == '+' || text[0] == '-') && size > 1)
		return select_add(select, text[0] == '+', text + 1, size - 1, err);
	if (read_size(text, "min-size=", &limits->min_bytes) ||
	    read_size(text, "max-size=", &limits->max_bytes) || read_newer(text, limits) ||
	    read_hash(text, select->hash))
		return FAULT_NONE;
	bool caches = strcmp(text, "exclude-caches") == 0;
	if (!caches && strcmp(text, "one-file-system") != 0)
		return err_set(err, FAULT_CORRUPT, "the job's selection makes no sense");
	limits->caches |= caches;
	limits->one_file_system |= !caches;
	return FAULT_NONE;
}

enum fault select_read(const char *text, size_t size, struct select **select, struct err *err)
{
	struct select *made = select_new();
	enum fault fault = FAULT_NONE;
	if (!made)
		return no_memory(err);
	if (size > 0 && text[size - 1] != '\0')
		fault = err_set(err, FAULT_CORRUPT, "the job's selection is cut short");
	for (const char *end = text + size; !fault && text < end;) {
		size_t length = strlen(text);
		fault = read_item(made, text, length, err);
		text += length + 1;
	}
	if (fault)
		select_free(made);
	else
		*select = made;
	return fault == FAULT_TOO_LARGE || fault == FAULT_USAGE
		       ? err_set(err, FAULT_CORRUPT, "the job's selection makes no sense")
		       : fault;
}
