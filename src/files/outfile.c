#include "files/outfile.h"

#include "queue/core/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Returns the path of the directory that the file is to appear in; the caller frees it. */
static char *directory_of(const struct outfile *outfile)
{
	size_t size = (size_t)(outfile->name - outfile->path);
	return size > 0 ? strndup(outfile->path, size) : strdup(".");
}

/* Opens the directory that the file is to appear in. */
static enum fault open_directory(struct outfile *outfile, struct err *err)
{
	char *slash = strrchr(outfile->path, '/');
	outfile->name = slash ? slash + 1 : outfile->path;
	if (!*outfile->name)
		return err_set(err, FAULT_USAGE, "'%.150s' is no name for a file", outfile->path);
	char *directory = directory_of(outfile);
	if (!directory)
		return err_set(err, FAULT_NOMEM, "out of memory");
	outfile->at = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int os_error = outfile->at < 0 ? errno : 0;
	if (os_error)
		err_os(err, os_error == ENOENT || os_error == ENOTDIR ? FAULT_USAGE : FAULT_IO,
		       os_error, "cannot open the directory '%.120s'", directory);
	free(directory);
	return os_error ? err->fault : FAULT_NONE;
}

/* Whether the name may be taken: what is no regular file is never replaced. */
static enum fault check_place(struct outfile *outfile, bool replace, struct err *err)
{
	if (dirfd_look(outfile->at, outfile->name, &outfile->seen, &outfile->there, err))
		return err->fault;
	mode_t mode = outfile->seen.st_mode;
	if (!outfile->there || (replace && S_ISREG(mode)))
		return FAULT_NONE;
	return err_set(err, FAULT_EXISTS, "%s",
		       S_ISREG(mode)   ? "a file is there already"
		       : S_ISDIR(mode) ? "a directory is in the way"
		       : S_ISLNK(mode) ? "a symlink is in the way"
				       : "something that is no regular file is in the way");
}

enum fault outfile_open(struct outfile *outfile, const char *path, bool replace, struct err *err)
{
	*outfile = (struct outfile){ .fd = -1, .at = -1 };
	outfile->path = strdup(path);
	if (!outfile->path)
		return err_set(err, FAULT_NOMEM, "out of memory");
	enum fault fault = open_directory(outfile, err);
	if (!fault) {
		fault = check_place(outfile, replace, err);
		if (!fault)
			fault = dirfd_create(outfile->at, outfile->temporary, &outfile->fd, err);
		if (fault)
			err_wrap(err, "'%.100s'", path);
	}
	if (fault)
		outfile_fini(outfile);
	return fault;
}

enum fault outfile_rewind(struct outfile *outfile, uint64_t kept, struct err *err)
{
	const off_t at = (off_t)kept;
	if (lseek(outfile->fd, at, SEEK_SET) != at || ftruncate(outfile->fd, at) != 0)
		return err_os(err, FAULT_IO, errno, "cannot write a file anew");
	return FAULT_NONE;
}

/* Whether the directory is still where it was: somebody may have moved it away meanwhile. */
static enum fault check_directory(const struct outfile *outfile, struct err *err)
{
	struct stat ours, theirs;
	char *directory = directory_of(outfile);
	if (!directory)
		return err_set(err, FAULT_NOMEM, "out of memory");
	bool same = fstat(outfile->at, &ours) == 0 && stat(directory, &theirs) == 0 &&
		    ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
	free(directory);
	return same ? FAULT_NONE
		    : err_set(err, FAULT_EXISTS, "its directory was moved away or replaced");
}

enum fault outfile_publish(struct outfile *outfile, struct err *err)
{
	enum fault fault = file_sync_able(outfile->fd, NULL, err);
	if (!fault)
		fault = check_directory(outfile, err);
	if (!fault)
		fault = dirfd_publish(outfile->at, outfile->temporary, outfile->name,
				      outfile->there ? &outfile->seen : NULL, err);
	if (!fault) {
		outfile->temporary[0] = '\0';
		fault = check_directory(outfile, err);
	}
	return fault ? err_wrap(err, "'%.100s'", outfile->path) : FAULT_NONE;
}

void outfile_fini(struct outfile *outfile)
{
	if (outfile->temporary[0] && outfile->fd >= 0)
		(void)unlinkat(outfile->at, outfile->temporary, 0);
	if (outfile->fd >= 0)
		close(outfile->fd);
	if (outfile->at >= 0)
		close(outfile->at);
	free(outfile->path);
	*outfile = (struct outfile){ .fd = -1, .at = -1 };
}
