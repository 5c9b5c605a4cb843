#include "plan/chooser.h"

#include "select/marked.h"

#include <dirent.h>

enum { PATH_MAX_BYTES = 64 << 20 };

void chooser_init(struct chooser *chooser, const struct select *select)
{
	*chooser = (struct chooser){ .select = NULL };
	if (select && !select_takes_all(select))
		chooser->select = select;
	bytes_init(&chooser->path, PATH_MAX_BYTES);
}

void chooser_fini(struct chooser *chooser) { bytes_fini(&chooser->path); }

/* Returns the path without the source's name, as lists have it, and no slash behind it. */
static const char *listed_path(const struct chooser *chooser, size_t *size)
{
	const char *path = bytes_text(&chooser->path);
	const char *slash = memchr(path, '/', chooser->base);
	size_t begin = (size_t)(slash - path) + 1;
	*size = chooser->base > begin ? chooser->base - begin - 1 : 0;
	return path + begin;
}

enum fault chooser_enter(struct chooser *chooser, const struct walk *walk, size_t first,
			 const struct walk_directory *directory, struct err *err)
{
	bool top = walk_depth(walk) == first && walk_unnamed(walk, 0);
	chooser->marked = false;
	chooser->asks = chooser->select && (walk_depth(walk) > first || top);
	chooser->listed = false;
	chooser->base = 0;
	bytes_clear(&chooser->path);
	if (!chooser->asks)
		return FAULT_NONE;
	enum fault fault = top ? FAULT_NONE : walk_path(walk, first, &chooser->path, err);
	if (!fault)
		fault = bytes_err(bytes_reserve(&chooser->path, MANIFEST_NAME_MAX), err, "a path");
	if (fault || top)
		return fault;
	size_t size;
	chooser->base = chooser->path.size;
	chooser->cursor = 0;
	chooser->dev = directory->dev;
	const struct listed *listed = select_listed(chooser->select);
	const char *path = listed_path(chooser, &size);
	chooser->listed = listed && !listed_has_all(listed, path, size);
	return FAULT_NONE;
}

void chooser_look(struct chooser *chooser, int fd)
{
	chooser->marked = chooser->asks && marked_is(chooser->select, fd);
}

void chooser_look_remote(struct chooser *chooser, const struct remote *remote)
{
	const char *name;
	for (size_t i = 0; chooser->asks && (name = select_marker(chooser->select, i)); i++)
		chooser->marked |= remote_find(remote, name, strlen(name)) != NULL;
}

/* Whether the name is left out because something else marks its directory. */
static bool is_marked_out(const struct chooser *chooser, const char *name, size_t size)
{
	return chooser->marked && !marked_keeps(chooser->select, name, size);
}

/* Puts the name behind the directory's path. */
static void append(struct chooser *chooser, const char *name, size_t size)
{
	chooser->path.size = chooser->base;
	/* There is room: a name has at most MANIFEST_NAME_MAX bytes. */
	(void)!bytes_append(&chooser->path, name, size);
}

const char *chooser_next(struct chooser *chooser)
{
	size_t size, path_size;
	const struct listed *listed = chooser->base ? select_listed(chooser->select) : NULL;
	if (!listed)
		return NULL;
	const char *path = listed_path(chooser, &path_size);
	const char *name = listed_next(listed, path, path_size, &chooser->cursor, &size);
	if (!name)
		return NULL;
	append(chooser, name, size);
	return bytes_text(&chooser->path) + chooser->base;
}

bool chooser_may_take(struct chooser *chooser, const char *name, unsigned char type)
{
	if (!chooser->asks)
		return true;
	if (is_marked_out(chooser, name, strlen(name)))
		return false;
	append(chooser, name, strlen(name));
	enum manifest_kind kind = 0;
	if (type == DT_DIR)
		kind = MANIFEST_DIRECTORY;
	else if (type == DT_REG)
		kind = MANIFEST_FILE;
	return select_may_take(chooser->select, bytes_text(&chooser->path), chooser->path.size,
			       kind);
}

/* What is on the list of files and not in the directory becomes an entry failed(missing). */
static bool takes_missing(struct chooser *chooser, struct entry_found *found)
{
	if (!select_misses(chooser->select, bytes_text(&chooser->path), chooser->path.size))
		return false;
	found->entry.kind = MANIFEST_OTHER;
	entry_judge(&found->entry, OUTCOME_FAILED, REASON_MISSING);
	found->present = true;
	return true;
}

bool chooser_takes(struct chooser *chooser, struct entry_found *found)
{
	struct manifest_entry *entry = &found->entry;
	if (!chooser->asks)
		return found->present;
	if (is_marked_out(chooser, entry->name, entry->name_size))
		return false;
	append(chooser, entry->name, entry->name_size);
	if (!found->present)
		return takes_missing(chooser, found);
	struct meta meta = { .mtime_ns = INT64_MAX, .dev = chooser->dev };
	(void)!meta_unpack(entry->meta, entry->meta_size, &meta);
	const struct select_item item = {
		.path = bytes_text(&chooser->path),
		.size = chooser->path.size,
		.kind = (enum manifest_kind)entry->kind,
		.bytes = entry->bytes,
		.mtime_ns = meta.mtime_ns,
		.mounted = !(meta.flags & META_GRID) && meta.dev != chooser->dev,
	};
	enum select_answer answer = select_ask(chooser->select, &item);
	if (answer == SELECT_ASTRAY && !entry->verdict)
		entry_judge(entry, OUTCOME_FAILED, REASON_MISSING);
	return answer != SELECT_LEAVE;
}
