#include "land/hardlinks.h"

#include "base/bytes.h"
#include "base/digest.h"
#include "base/meta.h"
#include "files/regular.h"
#include "files/target_tree.h"
#include "land/arrival.h"
#include "queue/core/array.h"
#include "queue/core/file_io.h"
#include "queue/core/kill.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { KEPT_OPEN = 4, NAMES_MAX = 1 << 30 /* bytes of all names that are kept */ };

/* A name of a file that had several. */
struct hardlink {
	unsigned char key[CONTENT_HASH_SIZE]; /* of what was one file, and of its bytes */
	unsigned char content[CONTENT_HASH_SIZE];
	uint64_t length, id;
	struct listing_id listing; /* its directory's */
	size_t name;               /* in `names`, NUL-terminated */
};

/* A directory that has one. */
struct touched {
	uint64_t id;
	struct listing_id listing;
};

struct hardlinks {
	const struct hardlinks_options *options;
	struct tree *tree;
	struct listing_id listing; /* of the page at hand, */
	uint64_t directory;        /* and of what it lists */
	struct hardlink *link;
	size_t count, capacity;
	struct touched *touched; /* by id */
	size_t touched_count, touched_capacity;
	struct bytes names;
};

static enum fault hardlinks_nomem(struct err *err)
{
	return err_set(err, FAULT_NOMEM, "no memory for files of several names");
}

/* ---- which there are ---- */

static void key_of(const struct meta *meta, const struct outcome *outcome,
		   unsigned char key[CONTENT_HASH_SIZE])
{
	unsigned char text[3 * sizeof(uint64_t) + sizeof outcome->content];
	store_le64(text, meta->dev);
	store_le64(text + 8, meta->ino);
	store_le64(text + 16, outcome->length);
	memcpy(text + 24, outcome->content, sizeof outcome->content);
	content_hash_of(text, sizeof text, key);
}

/* Keeps the directory at hand; the target's own is the user's. */
static bool keep_directory(struct hardlinks *hardlinks)
{
	size_t count = hardlinks->touched_count;
	if (hardlinks->directory == 0 ||
	    (count > 0 && hardlinks->touched[count - 1].id == hardlinks->directory))
		return true;
	if (!array_reserve(&hardlinks->touched, count, &hardlinks->touched_capacity,
			   sizeof *hardlinks->touched))
		return false;
	hardlinks->touched[hardlinks->touched_count++] =
		(struct touched){ hardlinks->directory, hardlinks->listing };
	return true;
}

static enum fault keep_link(struct hardlinks *hardlinks, const struct manifest_entry *entry,
			    const struct meta *meta, const struct outcome *outcome, struct err *err)
{
	if (!array_reserve(&hardlinks->link, hardlinks->count, &hardlinks->capacity,
			   sizeof *hardlinks->link))
		return hardlinks_nomem(err);
	struct hardlink *link = &hardlinks->link[hardlinks->count];
	*link = (struct hardlink){
		.length = outcome->length,
		.id = entry->id,
		.listing = hardlinks->listing,
		.name = hardlinks->names.size,
	};
	memcpy(link->content, outcome->content, sizeof link->content);
	key_of(meta, outcome, link->key);
	if (bytes_append(&hardlinks->names, entry->name, entry->name_size) ||
	    bytes_append(&hardlinks->names, "", 1) || !keep_directory(hardlinks))
		return hardlinks_nomem(err);
	hardlinks->count++;
	return FAULT_NONE;
}

/* A catalog_visitor. */
static enum fault visit(void *context, const struct manifest_entry *entry,
			const struct outcome *outcome, struct err *err)
{
	struct meta meta;
	if (entry->kind != MANIFEST_FILE || outcome->state != OUTCOME_DONE ||
	    entry->name_size > DIRFD_NAME_MAX ||
	    !meta_unpack(entry->meta, entry->meta_size, &meta) || !(meta.flags & META_GRID) ||
	    meta.nlink < 2)
		return FAULT_NONE;
	return keep_link(context, entry, &meta, outcome, err);
}

/* Has `look` visit all entries of the plan. */
static enum fault visit_all(struct hardlinks *hardlinks,
			    enum fault (*look)(void *context, const struct manifest_entry *entry,
					       const struct outcome *outcome, struct err *err),
			    struct err *err)
{
	const struct catalog_visitor visitor = { .visit = look, .context = hardlinks };
	struct catalog_reader *reader = NULL;
	struct catalog_page page;
	enum fault fault = catalog_reader_new(hardlinks->options->catalog, &reader, err);
	while (!fault) {
		fault = catalog_next(reader, &page, err);
		if (fault || page.is_end)
			break;
		hardlinks->listing = page.listing;
		hardlinks->directory = page.id;
		fault = catalog_visit(reader, &page, &visitor, err);
	}
	catalog_reader_free(reader);
	return fault;
}

static int compare_links(const void *a, const void *b)
{
	const struct hardlink *left = a, *right = b;
	int order = memcmp(left->key, right->key, sizeof left->key);
	return order ? order : (left->id > right->id) - (left->id < right->id);
}

/* ---- making them ---- */

/* Opens the directory of a name, and looks whether it has there what came.  False: not, or it
 * cannot be told. */
static bool is_as_it_came(struct hardlinks *hardlinks, const struct hardlink *link,
			  struct tree_dir **dir, struct stat *st)
{
	struct err passed;
	const char *name = bytes_text(&hardlinks->names) + link->name;
	if (tree_open(hardlinks->tree, link->listing, dir, &passed))
		return false;
	if (fstatat((*dir)->fd, name, st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st->st_mode) &&
	    regular_is((*dir)->fd, name, link->length, link->content))
		return true;
	tree_dir_unref(*dir);
	return false;
}

/* Gives what is open as `fd` another name, in the place of what was `seen` to have that. */
static enum fault name_again(const struct hardlinks *hardlinks, int fd, const struct hardlink *link,
			     const struct tree_dir *dir, const struct stat *seen, struct err *err)
{
	char path[64], temporary[DIRFD_TEMPORARY_SIZE];
	const char *name = bytes_text(&hardlinks->names) + link->name;
	arrival_prefix(hardlinks->options->job, temporary);
	size_t size = strlen(temporary);
	snprintf(temporary + size, sizeof temporary - size, "%llu", (unsigned long long)link->id);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	/* What a run that was killed left under the temporary name is a link too. */
	if (unlinkat(dir->fd, temporary, 0) != 0 && errno != ENOENT)
		return err_os(err, FAULT_IO, errno, "cannot remove a temporary file");
	if (linkat(AT_FDCWD, path, dir->fd, temporary, AT_SYMLINK_FOLLOW) != 0)
		return err_os(err, FAULT_IO, errno, "cannot link a file");
	KILL_POINT("fetch-link");
	enum fault fault = dirfd_name(dir->fd, temporary, name, seen, err);
	KILL_POINT("fetch-linked");
	if (fault)
		(void)unlinkat(dir->fd, temporary, 0);
	return fault;
}

/* The same, durably, also in a directory that is read-only, which then stays open for a while. */
static bool link_in(const struct hardlinks *hardlinks, int fd, const struct hardlink *link,
		    const struct tree_dir *dir, const struct stat *seen)
{
	struct err err;
	bool able;
	enum fault fault = name_again(hardlinks, fd, link, dir, seen, &err);
	if (restore_opens(dir->fd, fault, &err))
		fault = name_again(hardlinks, fd, link, dir, seen, &err);
	return !fault && !file_sync_able(dir->fd, &able, &err);
}

/* Makes `link` a name of the file that is open as `fd`, unless it is one. */
static void link_one(struct hardlinks *hardlinks, int fd, const struct hardlink *link)
{
	struct tree_dir *dir;
	struct stat first, seen;
	bool well = false;
	if (is_as_it_came(hardlinks, link, &dir, &seen)) {
		well = fstat(fd, &first) == 0 && first.st_dev == seen.st_dev &&
		       first.st_ino == seen.st_ino;
		well = well || link_in(hardlinks, fd, link, dir, &seen);
		tree_dir_unref(dir);
	}
	losses_add(hardlinks->options->losses, well ? 0 : LOST_LINK);
}

/* Opens the file if it is there as it came.  Returns its descriptor, or -1. */
static int open_as_it_came(struct hardlinks *hardlinks, const struct hardlink *link)
{
	const char *name = bytes_text(&hardlinks->names) + link->name;
	struct tree_dir *dir;
	struct stat seen, now;
	if (!is_as_it_came(hardlinks, link, &dir, &seen))
		return -1;
	int fd = openat(dir->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	tree_dir_unref(dir);
	if (fd >= 0 && (fstat(fd, &now) != 0 || !dirfd_is_same(&seen, &now))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Opens the first of a group that is there as it came; those before it stay by themselves.  Returns
 * its descriptor, or -1. */
static int open_first(struct hardlinks *hardlinks, const struct hardlink *link, size_t *from,
		      size_t count)
{
	for (; *from < count; ++*from) {
		int fd = open_as_it_came(hardlinks, &link[*from]);
		if (fd >= 0)
			return fd;
		losses_add(hardlinks->options->losses, LOST_LINK);
	}
	return -1;
}

static void link_group(struct hardlinks *hardlinks, const struct hardlink *link, size_t count)
{
	size_t first = 0;
	int fd = open_first(hardlinks, link, &first, count);
	for (size_t i = first + 1; i < count && fd >= 0; i++)
		link_one(hardlinks, fd, &link[i]);
	if (fd >= 0)
		close(fd);
}

static void link_groups(struct hardlinks *hardlinks)
{
	struct hardlink *link = hardlinks->link;
	if (hardlinks->count > 1)
		qsort(link, hardlinks->count, sizeof *link, compare_links);
	for (size_t i = 0, next; i < hardlinks->count; i = next) {
		for (next = i + 1; next < hardlinks->count; next++)
			if (memcmp(link[i].key, link[next].key, sizeof link[i].key) != 0)
				break;
		if (next - i > 1)
			link_group(hardlinks, &link[i], next - i);
	}
}

/* ---- their directories ---- */

static int compare_touched(const void *a, const void *b)
{
	const struct touched *left = a, *right = b;
	return (left->id > right->id) - (left->id < right->id);
}

/* Gives a directory that has such names the looks that the plan says, whichever run has changed
 * them (a catalog_visitor). */
static enum fault give_looks(void *context, const struct manifest_entry *entry,
			     const struct outcome *outcome, struct err *err)
{
	struct hardlinks *hardlinks = context;
	const struct touched key = { .id = entry->id };
	const struct touched *touched = bsearch(&key, hardlinks->touched, hardlinks->touched_count,
						sizeof key, compare_touched);
	struct tree_dir *dir;
	struct meta meta;
	unsigned lost = 0;
	if (entry->kind != MANIFEST_DIRECTORY || !touched || outcome->state != OUTCOME_DONE ||
	    !meta_unpack(entry->meta, entry->meta_size, &meta) ||
	    tree_open(hardlinks->tree, touched->listing, &dir, err))
		return FAULT_NONE;
	const struct looks looks = {
		.mode = meta_has_mode(&meta) ? &meta.mode : NULL,
		.mtime_ns = meta_has_mtime(&meta) ? &meta.mtime_ns : NULL,
	};
	enum fault fault =
		restore_directory(dir->fd, &looks, 0777 & ~hardlinks->options->mask, &lost, err);
	tree_dir_unref(dir);
	return fault;
}

static enum fault restore_touched(struct hardlinks *hardlinks, struct err *err)
{
	if (hardlinks->touched_count == 0)
		return FAULT_NONE;
	qsort(hardlinks->touched, hardlinks->touched_count, sizeof *hardlinks->touched,
	      compare_touched);
	return visit_all(hardlinks, give_looks, err);
}

enum fault hardlinks_make(const struct hardlinks_options *options, struct err *err)
{
	struct hardlinks hardlinks = { .options = options };
	bytes_init(&hardlinks.names, NAMES_MAX);
	int fd = open(options->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_os(err, FAULT_IO, errno, "cannot open '%.120s'", options->root);
	enum fault fault =
		target_tree_new_looking(options->catalog, fd, KEPT_OPEN, &hardlinks.tree, err);
	close(fd);
	if (!fault)
		fault = visit_all(&hardlinks, visit, err);
	if (!fault) {
		link_groups(&hardlinks);
		fault = restore_touched(&hardlinks, err);
	}
	tree_free(hardlinks.tree);
	bytes_fini(&hardlinks.names);
	free(hardlinks.link);
	free(hardlinks.touched);
	return fault;
}
