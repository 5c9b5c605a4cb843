#include "land/presence.h"

#include "files/target_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEPT_OPEN = 4 /* directories: they come in the order of the plan */ };

enum { SHOWN_SIZE = 120 }; /* bytes of a path in an error's text */

struct presence {
	struct tree *tree;
	struct catalog_reader *reader;
	struct listing_id listing;   /* of the page at hand */
	struct tree_dir *target_dir; /* its directory, once one of its entries is looked for, */
	bool gone;                   /* or it is not there */
	bool sampled;                /* one of the page's files was looked for */
	uint64_t missing;
	char first[SHOWN_SIZE];
};

static bool is_there(const struct presence *presence, const struct manifest_entry *entry)
{
	char name[DIRFD_NAME_MAX + 1];
	struct stat st;
	if (presence->gone || entry->name_size > DIRFD_NAME_MAX)
		return false;
	memcpy(name, entry->name, entry->name_size);
	name[entry->name_size] = '\0';
	if (fstatat(presence->target_dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno != ENOENT && errno != ENOTDIR;
	return entry->kind != MANIFEST_DIRECTORY || S_ISDIR(st.st_mode);
}

/* Opens the directory of the page at hand, if that is not open. */
static enum fault enter(struct presence *presence, struct err *err)
{
	if (presence->target_dir || presence->gone)
		return FAULT_NONE;
	enum fault fault = tree_open(presence->tree, presence->listing, &presence->target_dir, err);
	presence->gone = fault == FAULT_NOT_FOUND || fault == FAULT_EXISTS;
	return presence->gone ? FAULT_NONE : fault;
}

/* A catalog_visitor. */
static enum fault look(void *context, const struct manifest_entry *entry,
		       const struct outcome *outcome, struct err *err)
{
	struct presence *presence = context;
	bool directory = entry->kind == MANIFEST_DIRECTORY;
	if (outcome->state != OUTCOME_DONE || (!directory && presence->sampled))
		return FAULT_NONE;
	if (enter(presence, err))
		return err->fault;
	presence->sampled |= !directory;
	if (is_there(presence, entry))
		return FAULT_NONE;
	if (presence->missing++ > 0)
		return FAULT_NONE;
	enum fault fault = catalog_path(presence->reader, presence->listing, presence->first,
					sizeof presence->first, err);
	size_t size = strlen(presence->first);
	snprintf(presence->first + size, sizeof presence->first - size, "%s%.*s", size ? "/" : "",
		 (int)entry->name_size, entry->name);
	return fault;
}

static enum fault look_at_page(struct presence *presence, const struct catalog_page *page,
			       struct err *err)
{
	const struct catalog_visitor visitor = { .visit = look, .context = presence };
	presence->listing = page->listing;
	presence->gone = presence->sampled = false;
	enum fault fault = catalog_visit(presence->reader, page, &visitor, err);
	tree_dir_unref(presence->target_dir);
	presence->target_dir = NULL;
	return fault;
}

static enum fault look_at_all(struct presence *presence, struct err *err)
{
	struct catalog_page page;
	enum fault fault;
	do {
		fault = catalog_next(presence->reader, &page, err);
		if (!fault && !page.is_end)
			fault = look_at_page(presence, &page, err);
	} while (!fault && !page.is_end);
	if (!fault && presence->missing > 0)
		fault = err_set(err, FAULT_EXISTS,
				"'%s' was done and is not at the target any more (%llu such)",
				presence->first, (unsigned long long)presence->missing);
	return fault;
}

enum fault presence_check(struct catalog *catalog, const char *root, struct err *err)
{
	struct presence presence = { 0 };
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_os(err, FAULT_IO, errno, "cannot open '%.120s'", root);
	enum fault fault = target_tree_new_looking(catalog, fd, KEPT_OPEN, &presence.tree, err);
	close(fd);
	if (!fault)
		fault = catalog_reader_new(catalog, &presence.reader, err);
	if (!fault)
		fault = look_at_all(&presence, err);
	catalog_reader_free(presence.reader);
	tree_free(presence.tree);
	return fault;
}
