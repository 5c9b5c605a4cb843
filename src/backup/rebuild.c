#include "backup/rebuild.h"

#include "base/digest.h"
#include "base/secret.h"
#include "known/age.h"
#include "plan/chunks.h"
#include "queue/core/array.h"
#include "tahoe/dirnode.h"

enum {
	AHEAD = 8,
	PATH_MAX_SIZE = 64 << 10,
	FORM_MAX = 512 << 20,
	METADATA_MAX = 8192,
};

/* A directory of the snapshot that is still to be read. */
struct unread {
	struct cap cap;
	char *path; /* here; NULL: of the snapshot, above the sources */
};

struct rebuilding {
	const struct backup_rebuild *wanted;
	struct remote *remote;
	struct unread *pending;
	size_t count, capacity;
	const struct remote_child **sorted; /* the children at hand */
	struct dirnode form;
	struct bytes metadata;
};

static enum fault rebuild_no_memory(struct err *err)
{
	return err_set(err, FAULT_NOMEM, "no memory to read the newest snapshot");
}

/* Takes over `path`. */
static enum fault push(struct rebuilding *rebuilding, const struct cap *cap, char *path,
		       struct err *err)
{
	if (!array_reserve(&rebuilding->pending, rebuilding->count, &rebuilding->capacity,
			   sizeof *rebuilding->pending)) {
		free(path);
		return rebuild_no_memory(err);
	}
	rebuilding->pending[rebuilding->count++] = (struct unread){ *cap, path };
	return FAULT_NONE;
}

/* ---- one child ---- */

/* Returns where the child called `name` lies here, allocated, or NULL: nowhere. */
static char *path_of_child(const struct backup_rebuild *wanted, const char *above, const char *name,
			   size_t size)
{
	char *path = NULL;
	if (above)
		return strlen(above) + size + 2 <= PATH_MAX_SIZE &&
				       asprintf(&path, "%s/%.*s", above, (int)size, name) >= 0
			       ? path
			       : NULL;
	for (size_t i = 0; i < wanted->count; i++)
		if (strlen(wanted->name[i]) == size && memcmp(wanted->name[i], name, size) == 0)
			return strdup(wanted->path[i]);
	return NULL;
}

/* Whether a child that was judged is a file in chunks. */
static bool is_in_chunks(const struct remote_child *child)
{
	return child->kind == STORE_FILE && child->cap_kind == CAP_DIR2_CHK;
}

static void keep_file(const struct rebuilding *rebuilding, const char *above,
		      const struct remote_child *child, const char *name)
{
	const struct backup_rebuild *wanted = rebuilding->wanted;
	const struct meta *meta = &child->meta;
	const struct known_file file = {
		.directory = above,
		.name = name,
		.name_size = child->name_size,
		.bytes = remote_is_link(child) ? 0 : child->bytes,
		.meta = *meta,
		.precision = KNOWN_FLOAT,
	};
	struct known_cap cap = {
		.kind = child->cap_kind,
		.size = child->cap_size,
		.uploaded = wanted->stored_s,
		.checked = wanted->stored_s,
	};
	/* A run that was gone on with may have read it days after its snapshot's name. */
	const struct known_reading reading = { wanted->stored_s * 1000000000, INT64_MAX };
	const bool immutable =
		child->cap_kind == CAP_CHK || child->cap_kind == CAP_LIT || is_in_chunks(child);
	if (!above || !immutable || !meta_is_time(meta->mtime_ns) ||
	    !meta_is_time(meta->ctime_ns) ||
	    !known_is_settled(meta->mtime_ns, meta->ctime_ns, &reading))
		return;
	memcpy(cap.cap, child->cap, sizeof cap.cap);
	known_add_file(wanted->known, &file, &cap);
	secret_wipe(&cap, sizeof cap);
}

/* Adds the child to the form, with the metadata that a backup would write. */
static bool add_to_form(struct rebuilding *rebuilding, const struct remote_child *child,
			const char *name, const struct cap *cap)
{
	const struct meta *meta = &child->meta;
	const struct edge_metadata metadata = {
		.ctime_ns = meta->ctime_ns,
		.mtime_ns = meta->mtime_ns,
		.mode = meta->mode,
		.uid = meta->uid,
		.gid = meta->gid,
		.numbered = true,
		.ino = meta->ino,
		.dev = meta->dev,
		.nlink = meta->nlink,
		.chunked = is_in_chunks(child) ? child->bytes : 0,
		.attributes = remote_attributes(rebuilding->remote, child),
		.attributes_size = child->attributes_size,
	};
	struct err err;
	bytes_clear(&rebuilding->metadata);
	if (edge_metadata_json(&rebuilding->metadata, &metadata))
		return false;
	const struct dirnode_child link = {
		.name = name,
		.name_size = child->name_size,
		.cap = cap,
		.metadata = bytes_text(&rebuilding->metadata),
		.metadata_size = rebuilding->metadata.size,
	};
	return !dirnode_add(&rebuilding->form, &link, &err);
}

/* Takes in one child.  `formed` stays true while the form is whole. */
static enum fault take_child(struct rebuilding *rebuilding, const char *above,
			     const struct remote_child *child, bool *formed, struct err *err)
{
	const char *name = remote_name(rebuilding->remote, child);
	struct cap cap;
	if (chunks_judge(rebuilding->remote, child, err))
		return err->fault;
	const bool kept =
		!child->cut && cap_unpack(child->cap, child->cap_size, child->cap_kind, &cap);
	*formed = *formed && kept && add_to_form(rebuilding, child, name, &cap);
	if (!kept || memchr(name, '\0', child->name_size))
		return FAULT_NONE;
	enum fault fault = FAULT_NONE;
	if (cap_is_directory(&cap) && !is_in_chunks(child)) {
		char *path = path_of_child(rebuilding->wanted, above, name, child->name_size);
		if (path)
			fault = push(rebuilding, &cap, path, err);
	} else {
		keep_file(rebuilding, above, child, name);
	}
	cap_wipe(&cap);
	return fault;
}

/* ---- one directory ---- */

static int compare_children(const void *a, const void *b, void *remote)
{
	const struct remote_child *const *one = a, *const *two = b;
	return bytes_compare(remote_name(remote, *one), (*one)->name_size,
			     remote_name(remote, *two), (*two)->name_size);
}

/* Puts the children at hand in the order of a form. */
static enum fault sort_children(struct rebuilding *rebuilding, struct err *err)
{
	const size_t count = remote_count(rebuilding->remote);
	const struct remote_child **grown =
		reallocarray(rebuilding->sorted, count + 1, sizeof *grown);
	if (!grown)
		return rebuild_no_memory(err);
	rebuilding->sorted = grown;
	for (size_t i = 0; i < count; i++)
		grown[i] = remote_child(rebuilding->remote, i);
	qsort_r(grown, count, sizeof *grown, compare_children, rebuilding->remote);
	return FAULT_NONE;
}

/* Keeps the directory, if the form makes its cap. */
static void keep_directory(const struct rebuilding *rebuilding, const struct cap *cap)
{
	const struct backup_rebuild *wanted = rebuilding->wanted;
	const struct bytes *body = &rebuilding->form.body;
	unsigned char hash[DIGEST_SIZE];
	struct known_cap kept = { .uploaded = wanted->stored_s, .checked = wanted->stored_s };
	struct cap made;
	struct err err;
	if (!wanted->params || dirnode_cap(&rebuilding->form, wanted->params, &made, &err))
		return;
	digest_of(body->data, body->size, hash);
	if (cap_equal(&made, cap) && cap_pack(cap, kept.cap, &kept.size, &kept.kind))
		known_add_directory(wanted->known, hash, &kept);
	cap_wipe(&made);
	secret_wipe(&kept, sizeof kept);
}

/* Asks for the directories that will be read next. */
static void look_ahead(const struct rebuilding *rebuilding)
{
	for (size_t i = 0; i < AHEAD && i < rebuilding->count; i++)
		remote_ahead(rebuilding->remote,
			     &rebuilding->pending[rebuilding->count - 1 - i].cap);
}

static enum fault read_directory(struct rebuilding *rebuilding, const struct unread *directory,
				 struct err *err)
{
	bool formed = true;
	enum fault fault = remote_open(rebuilding->remote, &directory->cap, err);
	if (!fault)
		fault = sort_children(rebuilding, err);
	const size_t count = fault ? 0 : remote_count(rebuilding->remote);
	dirnode_clear(&rebuilding->form);
	for (size_t i = 0; i < count && !fault; i++)
		fault = take_child(rebuilding, directory->path, rebuilding->sorted[i], &formed,
				   err);
	if (!fault && formed)
		keep_directory(rebuilding, &directory->cap);
	return fault;
}

/* What ends it all; anything else is one directory's. */
static bool is_general(enum fault fault)
{
	return fault == FAULT_CANCELLED || fault == FAULT_UNAVAILABLE || fault == FAULT_NOMEM;
}

static enum fault read_all(struct rebuilding *rebuilding, uint64_t *directories, struct err *err)
{
	enum fault fault = FAULT_NONE;
	while (rebuilding->count > 0 && !fault) {
		look_ahead(rebuilding);
		struct unread directory = rebuilding->pending[--rebuilding->count];
		fault = read_directory(rebuilding, &directory, err);
		*directories += !fault;
		if (fault && !is_general(fault))
			fault = FAULT_NONE;
		free(directory.path);
		cap_wipe(&directory.cap);
	}
	return fault;
}

enum fault backup_rebuild(const struct backup_rebuild *rebuild, uint64_t *directories,
			  struct err *err)
{
	struct rebuilding rebuilding = { .wanted = rebuild };
	*directories = 0;
	dirnode_init(&rebuilding.form, FORM_MAX);
	bytes_init(&rebuilding.metadata, METADATA_MAX);
	rebuilding.remote = remote_new(&rebuild->ask, REMOTE_SOURCE);
	char *path = rebuild->name ? NULL : strdup(rebuild->path[0]);
	enum fault fault;
	if (rebuilding.remote && (rebuild->name || path)) {
		fault = push(&rebuilding, rebuild->root, path, err);
	} else {
		free(path);
		fault = rebuild_no_memory(err);
	}
	if (!fault)
		fault = read_all(&rebuilding, directories, err);
	known_commit(rebuild->known);
	while (rebuilding.count > 0)
		free(rebuilding.pending[--rebuilding.count].path);
	free(rebuilding.pending);
	free(rebuilding.sorted);
	remote_free(rebuilding.remote);
	dirnode_fini(&rebuilding.form);
	bytes_fini(&rebuilding.metadata);
	return fault;
}
