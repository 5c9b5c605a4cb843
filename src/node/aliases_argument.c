/* What a person typed, taken apart. */
#include "node/aliases.h"

#include "base/escape.h"

enum { SHOWN_MAX = 120 }; /* bytes of a name in a message */

void argument_wipe(struct argument *argument)
{
	if (argument)
		cap_wipe(&argument->root);
}

static bool begins(const char *text, size_t size, const char *with)
{
	const size_t length = strlen(with);
	return size >= length && memcmp(text, with, length) == 0;
}

static bool is_cap(const char *text, size_t size)
{
	return begins(text, size, "URI:") || begins(text, size, "ro.URI:") ||
	       begins(text, size, "imm.URI:");
}

/* Returns the bytes of the cap at the beginning of `text`, and of what parts it from the path.  The
 * old way, URI:...:./path, comes before the new one, as in Tahoe. */
static size_t measure_cap(const char *text, size_t size, size_t *mark)
{
	const char *end = memmem(text, size, ":./", 3);
	*mark = 3;
	if (!end) {
		end = memchr(text, '/', size);
		*mark = end ? 1 : 0;
	}
	return end ? (size_t)(end - text) : size;
}

static enum fault split_cap(const char *text, size_t size, struct argument *argument,
			    struct err *err)
{
	size_t mark;
	const size_t cap_size = measure_cap(text, size, &mark);
	enum fault fault = cap_parse(text, cap_size, &argument->root, err);
	if (fault)
		return fault;
	argument->kind = ARGUMENT_CAP;
	argument->path = text + cap_size + mark;
	argument->path_size = size - cap_size - mark;
	return FAULT_NONE;
}

/* Keeps a name to be shown.  It is as long as it may be, or "...". */
static const char *show_name(struct bytes *out, const char *name, size_t size)
{
	bytes_init(out, SHOWN_MAX);
	return escape_name(out, name, size) ? "..." : bytes_text(out);
}

static enum fault no_default(const char *name, struct err *err)
{
	struct bytes shown;
	const char *text = show_name(&shown, name, strlen(name));
	enum fault fault = err_set(err, FAULT_USAGE,
				   "No alias specified, and the default '%s' alias doesn't exist. "
				   "To create it, use 'tahoe create-alias %s'.",
				   text, text);
	bytes_fini(&shown);
	return fault;
}

static enum fault unknown_alias(const struct aliases *aliases, const char *name, size_t size,
				struct err *err)
{
	const char *nearest = aliases_nearest(aliases, name, size);
	struct bytes shown, other;
	const char *text = show_name(&shown, name, size);
	const char *meant =
		show_name(&other, nearest ? nearest : "", nearest ? strlen(nearest) : 0);
	const char *none = aliases->count == 0 ? "; the node directory has none, and -d DIR names "
						 "another"
					       : "";
	enum fault fault = err_set(err, FAULT_USAGE,
				   "Unknown alias '%s', please create it with 'tahoe add-alias' or "
				   "'tahoe create-alias'%s%s%s",
				   text, nearest ? "; did you mean '" : none, nearest ? meant : "",
				   nearest ? ":'?" : ".");
	bytes_fini(&shown);
	bytes_fini(&other);
	return fault;
}

/* Looks the alias up that argument->alias names. */
static enum fault resolve(const struct aliases *aliases, bool is_default, struct argument *argument,
			  struct err *err)
{
	const char *cap = aliases_find(aliases, argument->alias, argument->alias_size);
	if (!cap)
		return is_default
			       ? no_default(argument->alias, err)
			       : unknown_alias(aliases, argument->alias, argument->alias_size, err);
	enum fault fault = cap_parse(cap, strlen(cap), &argument->root, err);
	if (fault == FAULT_USAGE || (!fault && !cap_is_directory(&argument->root))) {
		cap_wipe(&argument->root);
		return err_set(err, FAULT_USAGE, "alias '%.*s' does not hold a directory cap",
			       (int)min_u64(argument->alias_size, SHOWN_MAX), argument->alias);
	}
	argument->kind = ARGUMENT_ALIAS;
	return fault;
}

static enum fault without_alias(const struct aliases *aliases, const char *default_alias,
				struct argument *argument, struct err *err)
{
	if (!default_alias)
		return FAULT_NONE;
	argument->alias = default_alias;
	argument->alias_size = strlen(default_alias);
	return resolve(aliases, true, argument, err);
}

const char *argument_alias(const char *text, const char *default_alias, size_t *size)
{
	if (is_cap(text, strlen(text)))
		return NULL;
	const char *colon = strchr(text, ':');
	if (colon && !memchr(text, '/', (size_t)(colon - text))) {
		*size = (size_t)(colon - text);
		return text;
	}
	if (default_alias)
		*size = strlen(default_alias);
	return default_alias;
}

const char *argument_path(const char *text)
{
	size_t mark, size = strlen(text);
	if (is_cap(text, size))
		return text + measure_cap(text, size, &mark) + mark;
	return argument_alias(text, NULL, &size) ? text + size + 1 : text;
}

enum fault argument_split(const struct aliases *aliases, const char *text,
			  const char *default_alias, struct argument *argument, struct err *err)
{
	/* Tahoe cuts blanks off; here a blank is part of a name, as in every other command. */
	const size_t size = strlen(text);
	memset(argument, 0, sizeof *argument);
	argument->path = text;
	argument->path_size = size;
	if (is_cap(text, size))
		return split_cap(text, size, argument, err);
	argument->alias = argument_alias(text, NULL, &argument->alias_size);
	if (!argument->alias)
		return without_alias(aliases, default_alias, argument, err);
	argument->path = text + argument->alias_size + 1;
	argument->path_size = size - argument->alias_size - 1;
	return resolve(aliases, false, argument, err);
}
