#include "compare/compare.h"

#include "base/secret.h"
#include "base/utf8.h"
#include "calls/chunked_file.h"
#include "files/dirfd.h"
#include "files/source_tree.h"
#include "plan/chunks.h"
#include "plan/names.h"
#include "queue/retry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
	PATH_SIZE_MAX = 64 << 20,
	AHEAD = 5, /* directories whose listings are asked for, the next one among them */
};

/* A directory that is on both sides and still to be compared. */
struct pending {
	char *path; /* local names joined by "/" */
	struct cap cap;
};

struct comparison {
	const struct compare_options *options;
	int root;
	struct pending *pending; /* the last one comes next */
	size_t count, capacity;
	struct names *names; /* of the local directory */
	struct bytes nfc;    /* of one name */
	struct bytes below;  /* path of one sub-directory */
	bool *seen;          /* children of the directory on the grid that have a local one */
	const char *path;    /* of the directory at hand */
	int fd;              /* of it */
};

/* ---- telling ---- */

static const char *kind_of_mode(mode_t mode)
{
	return S_ISREG(mode)   ? "file"
	       : S_ISDIR(mode) ? "directory"
	       : S_ISLNK(mode) ? "symlink"
			       : "other";
}

static const char *kind_of_child(const struct remote_child *child)
{
	return child->cap_kind == CAP_NONE      ? "other"
	       : child->kind == STORE_DIRECTORY ? "directory"
	       : remote_is_link(child)          ? "symlink"
						: "file";
}

static void compare_tell(const struct comparison *comparison, enum compare_result result,
			 const char *name, const char *kind, const struct err *err)
{
	const struct compare_finding finding = {
		.result = result,
		.directory = comparison->path,
		.name = name,
		.name_size = strlen(name),
		.kind = kind,
		.err = err,
	};
	comparison->options->found(comparison->options->context, &finding);
}

/* Tells of an entry that could not be compared; goes on unless all others would fail as well. */
static enum fault compare_give_up(const struct comparison *comparison, const char *name,
				  const char *kind, const struct err *err)
{
	if (fault_is_general(err->fault))
		return err->fault;
	compare_tell(comparison, COMPARE_FAILED, name, kind, err);
	return FAULT_NONE;
}

/* ---- files ---- */

static enum compare_result result_of(enum content_answer answer)
{
	switch (answer) {
	case CONTENT_SAME:
		return COMPARE_SAME;
	case CONTENT_SIZE:
		return COMPARE_SIZE;
	case CONTENT_OTHER:
		return COMPARE_CONTENT;
	case CONTENT_UNKNOWN:
		break;
	}
	return COMPARE_UNKNOWN;
}

static enum fault compare_content(const struct comparison *comparison,
				  const struct content_local *local, const char *name,
				  const struct remote_child *child, struct err *err)
{
	struct cap cap;
	struct chunked chunked = { 0 };
	enum content_answer answer;
	const struct content_options *content = &comparison->options->content;
	const char *kind = kind_of_mode(local->status.st_mode);
	enum fault fault = FAULT_NONE;
	if (!cap_unpack(child->cap, child->cap_size, child->cap_kind, &cap)) {
		err_set(err, FAULT_CORRUPT, "its cap makes no sense");
		return compare_give_up(comparison, name, kind, err);
	}
	if (cap.kind == CAP_DIR2_CHK) /* of a file: in chunks */
		fault = chunked_file_find(&content->tries, &cap, child->bytes, &chunked, err);
	if (!fault && cap.kind == CAP_DIR2_CHK && chunked.count == 0)
		fault = err_set(err, FAULT_CORRUPT, "its chunks are not all there any more");
	const struct content_remote remote = {
		.cap = &cap,
		.chunked = chunked.count > 0 ? &chunked : NULL,
		.size = child->bytes,
	};
	if (!fault)
		fault = content_compare(content, local, &remote, &answer, err);
	chunked_fini(&chunked);
	cap_wipe(&cap);
	if (fault)
		return compare_give_up(comparison, name, kind, err);
	compare_tell(comparison, result_of(answer), name, kind, NULL);
	return FAULT_NONE;
}

/* Opens what lstat said is a regular file, whatever it is by now, without waiting for a FIFO. */
static enum fault open_file(const struct comparison *comparison, const char *name,
			    struct content_local *local, struct err *err)
{
	local->fd = openat(comparison->fd, name,
			   O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (local->fd < 0)
		return err_os(err, FAULT_IO, errno, "cannot open it");
	enum fault fault = FAULT_NONE;
	if (fstat(local->fd, &local->status) != 0)
		fault = err_os(err, FAULT_IO, errno, "cannot look at it");
	else if (!S_ISREG(local->status.st_mode))
		fault = err_set(err, FAULT_CHANGED, "it is no regular file any more");
	if (fault)
		close(local->fd);
	return fault;
}

static enum fault compare_file(const struct comparison *comparison, const char *name,
			       const struct remote_child *child, struct err *err)
{
	struct content_local local = { .fd = -1 };
	if (open_file(comparison, name, &local, err))
		return compare_give_up(comparison, name, "file", err);
	enum fault fault = compare_content(comparison, &local, name, child, err);
	close(local.fd);
	return fault;
}

static enum fault compare_link(const struct comparison *comparison, const char *name,
			       const struct remote_child *child, struct err *err)
{
	char target[SYMLINK_TARGET_MAX + 1];
	struct content_local local = { .fd = -1, .target = target };
	ssize_t size = readlinkat(comparison->fd, name, target, sizeof target);
	if (size < 0) {
		err_os(err, FAULT_IO, errno, "cannot read the symlink");
		return compare_give_up(comparison, name, "symlink", err);
	}
	local.status.st_mode = S_IFLNK;
	local.status.st_size = size;
	return compare_content(comparison, &local, name, child, err);
}

enum fault compare_files(const struct compare_options *options, int fd, const char *name,
			 const struct remote_child *child, struct err *err)
{
	const struct comparison comparison = { .options = options, .path = "" };
	struct content_local local = { .fd = fd };
	if (fstat(fd, &local.status) != 0)
		return err_os(err, FAULT_IO, errno, "cannot look at a file");
	const char *kind = kind_of_mode(local.status.st_mode);
	if (strcmp(kind, kind_of_child(child)) != 0)
		compare_tell(&comparison, COMPARE_KIND, name, kind, NULL);
	else if (S_ISREG(local.status.st_mode))
		return compare_content(&comparison, &local, name, child, err);
	else
		compare_tell(&comparison, COMPARE_SAME, name, kind, NULL);
	return FAULT_NONE;
}

/* ---- directories ---- */

/* Copies the path. */
static enum fault push(struct comparison *comparison, const char *path, const struct cap *cap,
		       struct err *err)
{
	char *copy = strdup(path);
	if (!copy)
		return err_set(err, FAULT_NOMEM, "no memory for a path");
	if (comparison->count == comparison->capacity) {
		size_t capacity = comparison->capacity ? 2 * comparison->capacity : 64;
		struct pending *grown = calloc(capacity, sizeof *grown);
		if (!grown) {
			free(copy);
			return err_set(err, FAULT_NOMEM, "no memory for a directory");
		}
		if (comparison->pending) {
			size_t size = comparison->count * sizeof *grown;
			memcpy(grown, comparison->pending, size);
			secret_wipe(comparison->pending, size);
		}
		free(comparison->pending);
		comparison->pending = grown;
		comparison->capacity = capacity;
	}
	comparison->pending[comparison->count++] = (struct pending){ copy, *cap };
	return FAULT_NONE;
}

/* Puts a directory that is on both sides on the stack. */
static enum fault push_child(struct comparison *comparison, const char *name,
			     const struct remote_child *child, struct err *err)
{
	struct cap cap;
	if (!cap_unpack(child->cap, child->cap_size, child->cap_kind, &cap)) {
		err_set(err, FAULT_CORRUPT, "its cap makes no sense");
		return compare_give_up(comparison, name, "directory", err);
	}
	struct bytes *path = &comparison->below;
	bytes_clear(path);
	enum fault fault =
		bytes_printf(path, "%s%s%s", comparison->path, *comparison->path ? "/" : "", name);
	fault = fault ? bytes_err(fault, err, "a path")
		      : push(comparison, bytes_text(path), &cap, err);
	cap_wipe(&cap);
	return fault;
}

/* Stores the child of that local name that has no local one yet, or NULL. */
static enum fault find_child(struct comparison *comparison, const struct name *name,
			     const struct remote_child **found, struct err *err)
{
	struct remote *remote = comparison->options->remote;
	*found = NULL;
	if (name->flags & NAME_NOT_UTF8)
		return FAULT_NONE;
	bytes_clear(&comparison->nfc);
	enum fault fault = name_to_nfc(&comparison->nfc, name->bytes, name->size);
	if (fault)
		return bytes_err(fault, err, "a name");
	const struct remote_child *child =
		remote_find(remote, bytes_text(&comparison->nfc), comparison->nfc.size);
	if (!child)
		return FAULT_NONE;
	bool *seen = &comparison->seen[child - remote_child(remote, 0)];
	if (*seen)
		return FAULT_NONE; /* two local names that are one on a grid */
	*seen = true;
	*found = child;
	return chunks_judge(remote, child, err);
}

/* Compares one local name with what the grid's directory has under it. */
static enum fault compare_entry(struct comparison *comparison, const struct name *name,
				struct err *err)
{
	struct stat st;
	if (fstatat(comparison->fd, name->bytes, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		if (errno == ENOENT)
			return FAULT_NONE;
		err_os(err, FAULT_IO, errno, "cannot look at it");
		return compare_give_up(comparison, name->bytes, "other", err);
	}
	const char *kind = kind_of_mode(st.st_mode);
	const struct remote_child *child;
	if (find_child(comparison, name, &child, err))
		return err->fault;
	if (!child)
		compare_tell(comparison,
			     S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) ? COMPARE_ONLY_LOCAL
									: COMPARE_LEFT_OUT,
			     name->bytes, kind, NULL);
	else if (S_ISREG(st.st_mode) && strcmp(kind_of_child(child), kind) == 0)
		return compare_file(comparison, name->bytes, child, err);
	else if (S_ISLNK(st.st_mode) && remote_is_link(child))
		return compare_link(comparison, name->bytes, child, err);
	else if (S_ISDIR(st.st_mode) && strcmp(kind_of_child(child), kind) == 0)
		return push_child(comparison, name->bytes, child, err);
	else
		compare_tell(comparison, COMPARE_KIND, name->bytes, kind, NULL);
	return FAULT_NONE;
}

/* What the local names have not met is on the grid only. */
static enum fault tell_unseen(const struct comparison *comparison, struct err *err)
{
	struct remote *remote = comparison->options->remote;
	size_t count = comparison->seen ? remote_count(remote) : 0;
	for (size_t i = 0; i < count; i++) {
		const struct remote_child *child = remote_child(remote, i);
		if (!comparison->seen[i] && chunks_judge(remote, child, err))
			return err->fault;
		const struct compare_finding finding = {
			.result = COMPARE_ONLY_GRID,
			.directory = comparison->path,
			.name = remote_name(remote, child),
			.name_size = child->name_size,
			.kind = kind_of_child(child),
		};
		if (!comparison->seen[i])
			comparison->options->found(comparison->options->context, &finding);
	}
	return FAULT_NONE;
}

static enum fault add_name(struct comparison *comparison, const char *text, struct err *err)
{
	struct name name = { .bytes = text, .size = strlen(text) };
	if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return FAULT_NONE;
	name.flags = name_is_utf8(name.bytes, name.size) ? 0 : NAME_NOT_UTF8;
	return names_add(comparison->names, &name, err);
}

static enum fault read_names(struct comparison *comparison, struct err *err)
{
	names_clear(comparison->names);
	int copy = openat(comparison->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir) {
		int os_error = errno;
		if (copy >= 0)
			close(copy);
		return err_os(err, FAULT_IO, os_error, "cannot read the directory");
	}
	enum fault fault = FAULT_NONE;
	while (!fault) {
		errno = 0;
		const struct dirent *entry = readdir(dir);
		if (!entry && errno)
			fault = err_os(err, FAULT_IO, errno, "cannot read the directory");
		if (!entry)
			break;
		fault = add_name(comparison, entry->d_name, err);
	}
	closedir(dir);
	return fault ? fault : names_sort(comparison->names, err);
}

static bool compare_is_stopped(const struct comparison *comparison)
{
	const struct store_wait *wait = comparison->options->content.tries.wait;
	return wait->stop && wait->stop(wait->context);
}

static enum fault compare_entries(struct comparison *comparison, struct err *err)
{
	for (;;) {
		struct name name;
		if (compare_is_stopped(comparison))
			return err_set(err, FAULT_CANCELLED, "asked to stop");
		if (names_next(comparison->names, &name, err))
			return err->fault;
		if (!name.bytes)
			break;
		if (compare_entry(comparison, &name, err))
			return err->fault;
	}
	return tell_unseen(comparison, err);
}

/* Opens and lists both sides, and compares what is in them. */
static enum fault compare_both(struct comparison *comparison, const struct cap *cap,
			       struct err *err)
{
	struct remote *remote = comparison->options->remote;
	if (dirfd_open(comparison->root, comparison->path, &comparison->fd, err))
		return err->fault;
	enum fault fault = read_names(comparison, err);
	if (!fault)
		fault = remote_open(remote, cap, err);
	if (!fault) {
		comparison->seen = calloc(remote_count(remote) + 1, sizeof *comparison->seen);
		fault = comparison->seen ? FAULT_NONE
					 : err_set(err, FAULT_NOMEM, "no memory for a directory");
	}
	if (!fault) {
		compare_tell(comparison, COMPARE_SAME, "", "directory", NULL);
		fault = compare_entries(comparison, err);
	}
	free(comparison->seen);
	comparison->seen = NULL;
	close(comparison->fd);
	return fault;
}

/* What was pushed in the order of names is taken from the end. */
static void reverse(struct comparison *comparison, size_t from)
{
	for (size_t to = comparison->count; from + 1 < to; from++) {
		to--;
		struct pending kept = comparison->pending[from];
		comparison->pending[from] = comparison->pending[to];
		comparison->pending[to] = kept;
		secret_wipe(&kept, sizeof kept);
	}
}

/* Has the listings of the next directories asked for, so that none is waited for alone. */
static void look_ahead(const struct comparison *comparison)
{
	size_t count = comparison->count < AHEAD ? comparison->count : AHEAD;
	for (size_t i = 1; i <= count; i++)
		remote_ahead(comparison->options->remote,
			     &comparison->pending[comparison->count - i].cap);
}

/* Compares the topmost pair of directories.  Its sub-directories come to lie on the stack in the
 * order of their names, so they are turned around: the first is to be taken first. */
static enum fault compare_next(struct comparison *comparison, struct err *err)
{
	look_ahead(comparison);
	struct pending at = comparison->pending[--comparison->count];
	size_t count = comparison->count;
	secret_wipe(&comparison->pending[count].cap, sizeof at.cap);
	comparison->path = at.path;
	enum fault fault = compare_both(comparison, &at.cap, err);
	if (fault)
		fault = compare_give_up(comparison, "", "directory", err);
	reverse(comparison, count);
	cap_wipe(&at.cap);
	free(at.path);
	return fault;
}

enum fault compare_trees(const struct compare_options *options, int root, const struct cap *cap,
			 struct err *err)
{
	struct comparison comparison = { .options = options, .root = root, .path = "" };
	bytes_init(&comparison.nfc, 4 * MANIFEST_NAME_MAX);
	bytes_init(&comparison.below, PATH_SIZE_MAX);
	comparison.names = names_new(options->folder);
	enum fault fault = FAULT_NONE;
	if (!comparison.names)
		fault = err_set(err, FAULT_NOMEM, "no memory to compare trees");
	if (!fault)
		fault = push(&comparison, "", cap, err);
	while (!fault && comparison.count > 0)
		fault = compare_next(&comparison, err);
	for (size_t i = 0; i < comparison.count; i++)
		free(comparison.pending[i].path);
	if (comparison.pending)
		secret_wipe(comparison.pending, comparison.capacity * sizeof *comparison.pending);
	free(comparison.pending);
	names_free(comparison.names);
	bytes_fini(&comparison.nfc);
	bytes_fini(&comparison.below);
	return fault;
}
