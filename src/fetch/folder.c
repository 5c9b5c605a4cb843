#include "fetch/folder.h"

#include "base/secret.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_TEXT_MAX = FOLDER_DEPTH_MAX * (BENEATH_NAME_MAX + 1) };

/* ---- leaves ---- */

struct leaf *leaf_new(const char *name, size_t name_size, const struct store_node *node)
{
	char cap[CAP_TEXT_SIZE];
	size_t cap_size = cap_print(node->ro.kind ? &node->ro : &node->rw, cap);
	struct leaf *leaf = malloc(sizeof *leaf + name_size + cap_size + 2);
	if (leaf) {
		*leaf = (struct leaf){
			.kind = node->kind,
			.flags = node->metadata_flags,
			.mode = node->metadata.mode,
			.mtime_ns = node->metadata.mtime_ns,
			.name_size = name_size,
			.cap_size = cap_size,
		};
		if (name_size > 0)
			memcpy(leaf->text, name, name_size);
		leaf->text[name_size] = '\0';
		memcpy(leaf->text + name_size + 1, cap, cap_size + 1);
	}
	secret_wipe(cap, sizeof cap);
	return leaf;
}

enum fault leaf_cap(const struct leaf *leaf, struct cap *cap, struct err *err)
{
	return cap_parse(leaf->text + leaf->name_size + 1, leaf->cap_size, cap, err);
}

void leaf_free(struct leaf *leaf)
{
	if (!leaf)
		return;
	secret_wipe(leaf->text, leaf->name_size + leaf->cap_size + 2);
	free(leaf);
}

void leaves_free(struct leaf *leaf)
{
	while (leaf) {
		struct leaf *next = leaf->next;
		leaf_free(leaf);
		leaf = next;
	}
}

/* ---- folders ---- */

struct folder *folder_target(int fd)
{
	struct folder *folder = calloc(1, sizeof *folder);
	if (!folder)
		return NULL;
	folder->fd = fd;
	folder->users = 1; /* as long as it lives */
	folder->refs = 1;
	return folder;
}

struct folder *folder_new(struct folder *parent, struct leaf *self, const struct cap *cap)
{
	struct folder *folder = calloc(1, sizeof *folder);
	if (!folder)
		return NULL;
	folder->parent = folder_ref(parent);
	folder->self = self;
	folder->refs = 1;
	folder->depth = parent->depth + 1;
	folder->fd = -1;
	folder->has_index = cap_storage_index(cap, folder->index);
	return folder;
}

struct folder *folder_ref(struct folder *folder)
{
	folder->refs++;
	return folder;
}

/* Best effort: the entries are there, whatever becomes of the directory's own looks. */
static void restore(struct folder *folder)
{
	struct err err;
	const struct leaf *self = folder->self;
	if (!folder->made || !(self->flags & (STORE_HAS_MODE | STORE_HAS_MTIME)) ||
	    folder_open(folder, &err))
		return;
	if (self->flags & STORE_HAS_MTIME) {
		const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
						   timespec_of(self->mtime_ns) };
		(void)futimens(folder->fd, times);
	}
	if (self->flags & STORE_HAS_MODE)
		(void)fchmod(folder->fd, self->mode & 0777);
	folder_close(folder);
}

void folder_unref(struct folder *folder)
{
	while (folder && --folder->refs == 0) {
		struct folder *parent = folder->parent;
		if (folder->self)
			restore(folder);
		if (folder->fd >= 0)
			close(folder->fd);
		leaves_free(folder->files);
		leaf_free(folder->self);
		free(folder);
		folder = parent;
	}
}

bool folder_loops(const struct folder *folder)
{
	if (!folder->has_index)
		return false;
	for (const struct folder *above = folder->parent; above; above = above->parent)
		if (above->has_index && memcmp(above->index, folder->index, CAP_KEY_SIZE) == 0)
			return true;
	return false;
}

/* ---- paths ---- */

static size_t name_size(const struct folder *folder)
{
	return folder->self ? folder->self->name_size : 0;
}

enum fault folder_path(const struct folder *folder, const struct leaf *leaf, struct bytes *out)
{
	size_t size = leaf ? leaf->name_size : 0;
	for (const struct folder *at = folder; at; at = at->parent)
		size += name_size(at) ? name_size(at) + 1 : 0;
	size_t start = out->size, end = start + size;
	enum fault fault = bytes_reserve(out, size);
	if (fault)
		return fault;
	if (leaf) {
		end -= leaf->name_size;
		memcpy(out->data + end, leaf->text, leaf->name_size);
	}
	for (const struct folder *at = folder; at; at = at->parent) {
		if (!name_size(at))
			continue;
		out->data[--end] = '/';
		end -= name_size(at);
		memcpy(out->data + end, at->self->text, name_size(at));
	}
	out->size = start + size;
	if (!leaf && size > 0)
		out->size--; /* no slash at the end */
	out->data[out->size] = '\0';
	return FAULT_NONE;
}

static const struct folder *target_of(const struct folder *folder)
{
	while (folder->parent)
		folder = folder->parent;
	return folder;
}

static enum fault open_path(const struct folder *folder, int *fd, struct err *err)
{
	struct bytes path;
	bytes_init(&path, PATH_TEXT_MAX);
	enum fault fault = bytes_err(folder_path(folder, NULL, &path), err, "a path");
	if (!fault)
		fault = beneath_open(target_of(folder)->fd, bytes_text(&path), fd, err);
	bytes_fini(&path);
	return fault;
}

enum fault folder_make(struct folder *folder, struct err *err)
{
	if (!name_size(folder))
		return FAULT_NONE;
	if (folder_open(folder->parent, err))
		return err->fault;
	enum fault fault = beneath_make(folder->parent->fd, folder->self->text, &folder->made, err);
	folder_close(folder->parent);
	return fault;
}

enum fault folder_open(struct folder *folder, struct err *err)
{
	if (folder->fd < 0 && open_path(folder, &folder->fd, err))
		return err->fault;
	folder->users++;
	return FAULT_NONE;
}

void folder_close(struct folder *folder)
{
	if (--folder->users > 0)
		return;
	close(folder->fd);
	folder->fd = -1;
}
