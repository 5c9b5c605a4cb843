#include "files/respelled.h"

#include "base/utf8.h"
#include "files/dirfd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { NAME_SIZE = DIRFD_NAME_MAX + 1 };

static bool is_same_thing(int at, const char *name, const struct stat *st)
{
	struct stat other;
	return fstatat(at, name, &other, AT_SYMLINK_NOFOLLOW) == 0 && other.st_dev == st->st_dev &&
	       other.st_ino == st->st_ino;
}

/* Whether another spelling leads to the same, so that it is to be looked which one is there. */
static bool is_doubtful(int at, const char *name, const struct stat *st)
{
	char other[NAME_SIZE];
	for (unsigned i = 0; i < SPELLINGS; i++)
		if (name_respell(name, i, other, sizeof other) && is_same_thing(at, other, st))
			return true;
	return false;
}

/* ---- names of the plan that are alike ---- */

static int compare_numbers(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;
	return (*left > *right) - (*left < *right);
}

/* Calls `take` for each name of the listing until it returns false.  The plan may still be written:
 * stores in `whole` whether all names were there. */
static enum fault each_name(struct catalog *catalog, struct listing_id listing,
			    bool (*take)(void *context, const struct manifest_entry *entry),
			    void *context, bool *whole, struct err *err)
{
	struct catalog_reader *reader;
	struct catalog_page page = { 0 };
	bool more = true;
	if (catalog_reader_new(catalog, &reader, err))
		return err->fault;
	catalog_seek(reader, listing);
	enum fault fault;
	do {
		fault = catalog_next(reader, &page, err);
		for (size_t i = 0; more && !fault && !page.is_end && i < page.count; i++)
			more = take(context, &page.entry[i]);
	} while (more && !fault && !page.is_end && !page.last);
	*whole = !fault && !page.is_end && page.last;
	catalog_reader_free(reader);
	return fault;
}

struct gathered {
	struct alike *alike;
	size_t capacity;
	bool failed; /* for want of memory */
};

static bool gather(void *context, const struct manifest_entry *entry)
{
	struct gathered *gathered = context;
	size_t count = gathered->alike->count;
	if (count == gathered->capacity) {
		size_t capacity = count ? 2 * count : 256;
		struct alike *grown =
			realloc(gathered->alike, sizeof *grown + capacity * sizeof *grown->name);
		gathered->failed = !grown;
		if (!grown)
			return false;
		gathered->alike = grown;
		gathered->capacity = capacity;
	}
	gathered->alike->count = count + 1;
	gathered->alike->name[count] = name_likeness(entry->name, entry->name_size);
	return true;
}

/* Leaves of sorted numbers those that are there more than once. */
static void keep_repeated(struct alike *alike)
{
	size_t kept = 0;
	for (size_t i = 1; i < alike->count; i++)
		if (alike->name[i] == alike->name[i - 1] &&
		    (kept == 0 || alike->name[kept - 1] != alike->name[i]))
			alike->name[kept++] = alike->name[i];
	alike->count = kept;
}

/* Finds out which names of the directory are alike, and whether those are all. */
static struct alike *find_alike(struct catalog *catalog, struct listing_id listing, bool *whole,
				struct err *err)
{
	struct gathered gathered = { .alike = calloc(1, sizeof *gathered.alike) };
	if (!gathered.alike) {
		err_set(err, FAULT_NOMEM, "no memory for the names of a directory");
		return NULL;
	}
	enum fault fault = each_name(catalog, listing, gather, &gathered, whole, err);
	if (!fault && gathered.failed)
		fault = err_set(err, FAULT_NOMEM, "no memory for the names of a directory");
	if (fault) {
		free(gathered.alike);
		return NULL;
	}
	qsort(gathered.alike->name, gathered.alike->count, sizeof *gathered.alike->name,
	      compare_numbers);
	keep_repeated(gathered.alike);
	struct alike *shrunk = realloc(
		gathered.alike, sizeof *shrunk + gathered.alike->count * sizeof *shrunk->name);
	return shrunk ? shrunk : gathered.alike;
}

static bool holds(const struct alike *alike, uint64_t likeness)
{
	return bsearch(&likeness, alike->name, alike->count, sizeof *alike->name, compare_numbers);
}

/* Whether the plan has another name in the directory that is like this one. */
static enum fault has_alike(struct catalog *catalog, struct tree_dir *dir, const char *name,
			    bool *has, struct err *err)
{
	uint64_t likeness = name_likeness(name, strlen(name));
	struct alike *known = atomic_load_explicit(&dir->alike, memory_order_acquire);
	struct alike *nobody = NULL;
	bool whole = false;
	if (known) {
		*has = holds(known, likeness);
		return FAULT_NONE;
	}
	known = find_alike(catalog, dir->listing, &whole, err);
	if (!known)
		return err->fault;
	*has = holds(known, likeness);
	if (!whole || !atomic_compare_exchange_strong(&dir->alike, &nobody, known))
		free(known); /* there is more to come, or another thread was as quick */
	return FAULT_NONE;
}

/* ---- the directory ---- */

/* Looks for `name` as it is written, and else stores how the same thing is; "": it is not known. */
static enum fault read_written(int at, const char *name, const struct stat *st,
			       char written[NAME_SIZE], struct err *err)
{
	int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		int os_error = errno;
		if (fd >= 0)
			close(fd);
		return err_os(err, FAULT_IO, os_error, "cannot read a directory");
	}
	bool exact = false;
	written[0] = '\0';
	for (const struct dirent *entry; !exact && (entry = readdir(dir));) {
		exact = strcmp(entry->d_name, name) == 0;
		if (exact || (entry->d_ino == st->st_ino && is_same_thing(at, entry->d_name, st)))
			snprintf(written, NAME_SIZE, "%s", entry->d_name);
	}
	closedir(dir);
	return FAULT_NONE;
}

struct sought {
	const char *name;
	size_t size;
	bool found;
};

static bool seek(void *context, const struct manifest_entry *entry)
{
	struct sought *sought = context;
	sought->found = entry->name_size == sought->size &&
			memcmp(entry->name, sought->name, sought->size) == 0;
	return !sought->found;
}

enum fault respelled_check(struct catalog *catalog, struct tree_dir *dir, const char *name,
			   const struct stat *st, struct err *err)
{
	char written[NAME_SIZE];
	bool alike = false;
	if (!is_doubtful(dir->fd, name, st))
		return FAULT_NONE;
	enum fault fault = has_alike(catalog, dir, name, &alike, err);
	if (fault || !alike)
		return fault;
	fault = read_written(dir->fd, name, st, written, err);
	struct sought sought = { .name = written, .size = strlen(written) };
	bool whole;
	if (!fault && sought.size > 0 && strcmp(written, name) != 0)
		fault = each_name(catalog, dir->listing, seek, &sought, &whole, err);
	if (!fault && sought.found)
		fault = err_set(err, FAULT_EXISTS,
				"'%.70s' and '%.70s' are the same name at the target", name,
				written);
	return fault;
}
