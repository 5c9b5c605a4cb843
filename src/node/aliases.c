#include "node/aliases.h"

#include "base/near.h"
#include "base/secret.h"
#include "node/node_file.h"
#include "queue/core/array.h"

enum { ALIASES_MAX = 4 * 1024 * 1024 }; /* bytes of the file */

static void free_secret(char *text)
{
	if (text)
		secret_wipe(text, strlen(text));
	free(text);
}

void aliases_fini(struct aliases *aliases)
{
	if (!aliases)
		return;
	for (size_t i = 0; i < aliases->count; i++) {
		free(aliases->list[i].name);
		free_secret(aliases->list[i].cap);
	}
	free(aliases->list);
	*aliases = (struct aliases){ .count = 0 };
}

/* The last of a name counts: so that a file of many lines costs what it is long, none looks for
 * those before it. */
const char *aliases_find(const struct aliases *aliases, const char *name, size_t size)
{
	for (size_t i = aliases->count; i > 0; i--) {
		const struct alias *alias = &aliases->list[i - 1];
		if (strlen(alias->name) == size && memcmp(alias->name, name, size) == 0)
			return alias->cap;
	}
	return NULL;
}

const char *aliases_nearest(const struct aliases *aliases, const char *name, size_t size)
{
	const char *nearest = NULL;
	size_t best = NEAR_NOT;
	for (size_t i = 0; i < aliases->count; i++) {
		const size_t far = near_word(name, size, aliases->list[i].name);
		if (far < best) {
			best = far;
			nearest = aliases->list[i].name;
		}
	}
	return nearest;
}

static bool reserve_alias(struct aliases *aliases)
{
	return array_reserve(&aliases->list, aliases->count, &aliases->capacity,
			     sizeof *aliases->list);
}

struct value {
	const char *text;
	size_t size;
};

static enum fault set_alias(struct aliases *aliases, const char *name, size_t size,
			    struct value value, struct err *err)
{
	char *copy = strndup(name, size), *cap = strndup(value.text, value.size);
	if (!copy || !cap || !reserve_alias(aliases)) {
		free(copy);
		free_secret(cap);
		return err_set(err, FAULT_NOMEM, "no memory for aliases");
	}
	aliases->list[aliases->count++] = (struct alias){ copy, cap };
	return FAULT_NONE;
}

enum fault aliases_set(struct aliases *aliases, const char *name, const char *cap, struct err *err)
{
	return set_alias(aliases, name, strlen(name), (struct value){ cap, strlen(cap) }, err);
}

static enum fault take_line(struct aliases *aliases, const char *line, size_t size, struct err *err)
{
	node_trim(&line, &size);
	const char *colon = size > 0 && line[0] != '#' ? memchr(line, ':', size) : NULL;
	if (!colon)
		return FAULT_NONE;
	const size_t name_size = (size_t)(colon - line);
	struct value value = { colon + 1, size - name_size - 1 };
	node_trim(&value.text, &value.size);
	return set_alias(aliases, line, name_size, value, err);
}

static enum fault take_lines(struct aliases *aliases, const char *text, struct err *err)
{
	enum fault fault = FAULT_NONE;
	while (*text && !fault) {
		const size_t length = strcspn(text, "\n");
		fault = take_line(aliases, text, length, err);
		text += length;
		text += *text == '\n';
	}
	return fault;
}

/* private/root_dir.cap is the default alias, as in Tahoe. */
static enum fault take_root(struct aliases *aliases, const struct bytes *text, struct err *err)
{
	struct value value = { bytes_text(text), text->size };
	node_trim(&value.text, &value.size);
	if (value.size == 0)
		return FAULT_NONE;
	return set_alias(aliases, ALIAS_DEFAULT, strlen(ALIAS_DEFAULT), value, err);
}

/* Tahoe takes a file that it cannot read for no aliases. */
static enum fault forgive(enum fault fault)
{
	return fault == FAULT_NOT_FOUND || fault == FAULT_IO ? FAULT_NONE : fault;
}

enum fault aliases_load(struct aliases *aliases, const char *directory, struct err *err)
{
	*aliases = (struct aliases){ .count = 0 };
	struct bytes text;
	bytes_init(&text, ALIASES_MAX);
	char *where;
	enum fault fault = node_directory(directory, &where, err);
	if (!fault)
		fault = forgive(node_file(where, "private/root_dir.cap", &text, err));
	if (!fault)
		fault = take_root(aliases, &text, err);
	bytes_clear(&text);
	if (!fault)
		fault = forgive(node_file(where, "private/aliases", &text, err));
	if (!fault)
		fault = take_lines(aliases, bytes_text(&text), err);
	bytes_fini(&text);
	free(where);
	if (fault)
		aliases_fini(aliases);
	return fault;
}
