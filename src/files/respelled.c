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

/* Calls `take` for each name of the listing until it returns false. */
static enum fault each_name(struct catalog *catalog, struct listing_id listing,
			    bool (*take)(void *context, const struct manifest_entry *entry),
			    void *context, struct err *err)
{
	struct catalog_reader *reader;
	struct catalog_page page = { 0 };
	bool more = true;
	if (catalog_reader_new(catalog, &reader, err))
		return err->fault;
	catalog_seek(reader, listing);
	enum fault fault;
	do {
		fault = catalog_read(reader, &page, err);
		for (size_t i = 0; more && !fault && !page.is_end && i < page.count; i++)
			more = take(context, &page.entry[i]);
	} while (more && !fault && !page.is_end && !page.last);
	catalog_reader_free(reader);
	return fault;
}

struct gathered {
	struct alike *alike;
	size_t capacity;
};

static bool gather(void *context, const struct manifest_entry *entry)
{
	struct gathered *gathered = context;
	size_t count = gathered->alike ? gathered->alike->count : 0;
	if (count == gathered->capacity) {
		size_t capacity = count ? 2 * count : 256;
		struct alike *grown =
			realloc(gathered->alike, sizeof *grown + capacity * sizeof *grown->name);
		if (!grown) {
			free(gathered->alike);
			gathered->alike = NULL;
			return false;
		}
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

/* Finds out which names of the directory are alike, once for all. */
static enum fault find_alike(struct catalog *catalog, struct tree_dir *dir, struct err *err)
{
	struct gathered gathered = { 0 };
	struct alike *nobody = NULL;
	enum fault fault = each_name(catalog, dir->listing, gather, &gathered, err);
	if (!fault && !gathered.alike)
		fault = err_set(err, FAULT_NOMEM, "no memory for the names of a directory");
	if (fault) {
		free(gathered.alike);
		return fault;
	}
	qsort(gathered.alike->name, gathered.alike->count, sizeof *gathered.alike->name,
	      compare_numbers);
	keep_repeated(gathered.alike);
	struct alike *shrunk = realloc(
		gathered.alike, sizeof *shrunk + gathered.alike->count * sizeof *shrunk->name);
	if (!atomic_compare_exchange_strong(&dir->alike, &nobody, shrunk ? shrunk : gathered.alike))
		free(shrunk ? shrunk : gathered.alike); /* another thread was as quick */
	return FAULT_NONE;
}

/* Whether the plan has another name in the directory that is like this one. */
static enum fault has_alike(struct catalog *catalog, struct tree_dir *dir, const char *name,
			    bool *has, struct err *err)
{
	uint64_t likeness = name_likeness(name, strlen(name));
	if (!atomic_load_explicit(&dir->alike, memory_order_acquire) &&
	    find_alike(catalog, dir, err))
		return err->fault;
	const struct alike *alike = atomic_load_explicit(&dir->alike, memory_order_acquire);
	*has = bsearch(&likeness, alike->name, alike->count, sizeof *alike->name, compare_numbers);
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
	if (!fault && sought.size > 0 && strcmp(written, name) != 0)
		fault = each_name(catalog, dir->listing, seek, &sought, err);
	if (!fault && sought.found)
		fault = err_set(err, FAULT_EXISTS,
				"'%.70s' and '%.70s' are the same name at the target", name,
				written);
	return fault;
}
