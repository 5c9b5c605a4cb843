#include "recheck/appeared.h"

#include "base/bytes.h"
#include "base/meta.h"
#include "queue/core/array.h"
#include "select/marked.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { PATH_SIZE = 1 << 16 };

struct finder {
	const struct appeared_options *options;
	struct catalog_reader *reader;
	struct source_tree *tree;
	uint64_t *changed; /* a bit for each id of a directory whose times are not those planned */
	uint64_t end;      /* ids below it have a bit */
	uint64_t *hash;    /* of the names of the listing at hand */
	size_t count, capacity;
	uint64_t found;
	bool marked; /* the directory at hand: what its markers leave out is not missed */
	char path[PATH_SIZE];
};

static enum fault finder_no_memory(struct err *err)
{
	return err_set(err, FAULT_NOMEM, "no memory to look for names that appeared");
}

/* ---- directories that have changed ---- */

/* Makes room for the bit of `id`. */
static bool reserve_bit(struct finder *finder, uint64_t id)
{
	if (id < finder->end)
		return true;
	uint64_t end = max_u64(2 * finder->end, (id / 64 + 1) * 64);
	uint64_t *grown = reallocarray(finder->changed, end / 64, sizeof *grown);
	if (!grown)
		return false;
	memset(grown + finder->end / 64, 0, (end - finder->end) / 8);
	finder->changed = grown;
	finder->end = end;
	return true;
}

static bool is_changed(const struct finder *finder, uint64_t id)
{
	return id < finder->end && finder->changed[id / 64] >> id % 64 & 1;
}

/* Whether the directory of the entry was changed after it was planned.  Of one that is merged the
 * plan has the times of the first source alone, so it may have. */
static bool has_changed(struct finder *finder, const struct manifest_entry *entry,
			struct listing_id listing)
{
	struct meta planned;
	struct stat status;
	struct err err;
	if (!meta_unpack(entry->meta, entry->meta_size, &planned) || planned.flags & META_MADE)
		return false;
	if (planned.flags & META_MERGED)
		return true;
	if (planned.flags & META_GRID ||
	    source_tree_stat(finder->tree, listing, entry, &status, &err))
		return false;
	const struct meta now = meta_from_stat(&status);
	return now.mtime_ns != planned.mtime_ns || now.ctime_ns != planned.ctime_ns;
}

/* ---- names ---- */

static uint64_t hash_of(const char *name, size_t size) { return XXH3_64bits(name, size); }

static int compare_hashes(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return left < right ? -1 : left > right;
}

static bool keep_hash(struct finder *finder, const struct manifest_entry *entry)
{
	if (!array_reserve(&finder->hash, finder->count, &finder->capacity, sizeof *finder->hash))
		return false;
	finder->hash[finder->count++] = hash_of(entry->name, entry->name_size);
	return true;
}

/* The path that rules are about begins with the name of a source. */
static const char *below_made(const struct finder *finder)
{
	const char *path = finder->path;
	for (size_t i = 0; i < finder->options->sources.made_count; i++) {
		const char *slash = strchr(path, '/');
		path = slash ? slash + 1 : path;
	}
	return path;
}

/* Whether the selection takes what has the name in the open directory, whose path is at hand. */
static bool is_taken(struct finder *finder, int at, const char *name)
{
	const struct select *select = finder->options->select;
	struct stat status, above;
	size_t size = strlen(finder->path), length = strlen(name);
	if (fstatat(at, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || fstat(at, &above) != 0)
		return false;
	if (finder->marked && !marked_keeps(select, name, length))
		return false;
	if (!select || select_takes_all(select) || size + length + 2 > sizeof finder->path)
		return true;
	finder->path[size] = '/';
	memcpy(finder->path + size + 1, name, length + 1);
	const char *path = below_made(finder);
	const struct select_item item = {
		.path = path,
		.size = strlen(path),
		.kind = S_ISREG(status.st_mode)   ? MANIFEST_FILE
			: S_ISDIR(status.st_mode) ? MANIFEST_DIRECTORY
			: S_ISLNK(status.st_mode) ? MANIFEST_SYMLINK
						  : MANIFEST_OTHER,
		.bytes = (uint64_t)status.st_size,
		.mtime_ns = meta_from_stat(&status).mtime_ns,
		.mounted = status.st_dev != above.st_dev,
	};
	bool taken = select_ask(select, &item) == SELECT_TAKE;
	finder->path[size] = '\0';
	return taken;
}

/* Counts what the open directory holds and the listing at hand does not. */
static void count_names(struct finder *finder, DIR *dir)
{
	const struct select *select = finder->options->select;
	finder->marked = select && marked_is(select, dirfd(dir));
	for (struct dirent *entry; (entry = readdir(dir));) {
		const char *name = entry->d_name;
		uint64_t hash = hash_of(name, strlen(name));
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		    (finder->count > 0 &&
		     bsearch(&hash, finder->hash, finder->count, sizeof hash, compare_hashes)))
			continue;
		finder->found += is_taken(finder, dirfd(dir), name);
	}
}

/* Compares what the sources of one rank have of a directory with its listing. */
static enum fault compare_ranked(struct finder *finder, struct listing_id listing, size_t rank,
				 struct err *err)
{
	struct err passed;
	int fd;
	if (source_tree_directory(finder->tree, listing, rank, &fd, &passed))
		return FAULT_NONE;
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return finder_no_memory(err);
	}
	count_names(finder, dir);
	closedir(dir);
	return FAULT_NONE;
}

/* Compares a directory with its listing, which has been read to its end. */
static enum fault compare(struct finder *finder, const struct catalog_page *page, struct err *err)
{
	if (catalog_path(finder->reader, page->listing, finder->path, PATH_SIZE / 2, err))
		return err->fault;
	if (finder->count > 1)
		qsort(finder->hash, finder->count, sizeof finder->hash[0], compare_hashes);
	enum fault fault = FAULT_NONE;
	for (size_t rank = 0; rank < source_tree_ranks(finder->tree) && !fault; rank++)
		fault = compare_ranked(finder, page->listing, rank, err);
	return fault;
}

/* ---- the plan ---- */

static enum fault look_page(struct finder *finder, const struct catalog_page *page, struct err *err)
{
	bool changed = is_changed(finder, page->id);
	if (page->first)
		finder->count = 0;
	for (size_t i = 0; i < page->count; i++) {
		const struct manifest_entry *entry = &page->entry[i];
		if (changed && !keep_hash(finder, entry))
			return finder_no_memory(err);
		if (entry->kind != MANIFEST_DIRECTORY || entry->verdict != 0 ||
		    !has_changed(finder, entry, page->listing))
			continue;
		if (!reserve_bit(finder, entry->id))
			return finder_no_memory(err);
		finder->changed[entry->id / 64] |= UINT64_C(1) << entry->id % 64;
	}
	return changed && page->last ? compare(finder, page, err) : FAULT_NONE;
}

static enum fault look_pages(struct finder *finder, struct err *err)
{
	for (;;) {
		struct catalog_page page;
		if (catalog_next(finder->reader, &page, err))
			return err->fault;
		if (page.is_end)
			return FAULT_NONE;
		if (look_page(finder, &page, err))
			return err->fault;
	}
}

enum fault appeared_count(const struct appeared_options *options, uint64_t *count, struct err *err)
{
	*count = 0;
	if (options->sources.source_count == 0 ||
	    (options->select && select_list_hash(options->select)))
		return FAULT_NONE;
	struct finder *finder = calloc(1, sizeof *finder);
	if (!finder)
		return finder_no_memory(err);
	finder->options = options;
	enum fault fault = catalog_reader_new(options->catalog, &finder->reader, err);
	if (!fault)
		fault = source_tree_new(&options->sources, &finder->tree, err);
	if (!fault)
		fault = look_pages(finder, err);
	*count = finder->found;
	source_tree_free(finder->tree);
	catalog_reader_free(finder->reader);
	free(finder->changed);
	free(finder->hash);
	free(finder);
	return fault;
}
