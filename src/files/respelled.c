#include "files/respelled.h"

#include "base/utf8.h"
#include "files/dirfd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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

/* Stores whether the plan has an entry of this name in the listing. */
static enum fault is_planned(struct catalog *catalog, struct listing_id listing, const char *name,
			     bool *planned, struct err *err)
{
	struct catalog_reader *reader;
	struct catalog_page page = { 0 };
	size_t size = strlen(name);
	if (catalog_reader_new(catalog, &reader, err))
		return err->fault;
	catalog_seek(reader, listing);
	enum fault fault;
	*planned = false;
	do {
		fault = catalog_read(reader, &page, err);
		for (size_t i = 0; !fault && !page.is_end && i < page.count; i++)
			*planned |= page.entry[i].name_size == size &&
				    memcmp(page.entry[i].name, name, size) == 0;
	} while (!fault && !page.is_end && !page.last && !*planned);
	catalog_reader_free(reader);
	return fault;
}

enum fault respelled_check(struct catalog *catalog, const struct tree_dir *dir, const char *name,
			   const struct stat *st, struct err *err)
{
	char written[NAME_SIZE];
	bool planned = false;
	if (!is_doubtful(dir->fd, name, st))
		return FAULT_NONE;
	enum fault fault = read_written(dir->fd, name, st, written, err);
	if (!fault && *written && strcmp(written, name) != 0)
		fault = is_planned(catalog, dir->listing, written, &planned, err);
	if (!fault && planned)
		fault = err_set(err, FAULT_EXISTS,
				"'%.70s' and '%.70s' are the same name at the target", name,
				written);
	return fault;
}
