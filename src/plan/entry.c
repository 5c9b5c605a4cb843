#include "plan/entry.h"

#include "base/secret.h"
#include "files/attributes.h"
#include "plan/refusal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum {
	CHUNKS_MAX = 1 << 16, /* of one file: 4 TiB with ranges of 64 MiB */
	CHUNKS_FEW = 16,      /* of one file, once many ids are taken */
};

/* Slots for so many take half a TiB of a sparse file; their chunks of 32 MiB hold 128 PiB. */
static const uint64_t IDS_AMPLE = UINT64_C(1) << 32;

/* What off_t counts to. */
static const uint64_t FILE_SIZE_MAX = INT64_MAX;

void entry_judge(struct manifest_entry *entry, enum outcome_state verdict,
		 enum outcome_reason reason)
{
	if (entry->verdict == OUTCOME_FAILED && entry->reason == REASON_NAME)
		return;
	entry->verdict = (uint8_t)verdict;
	entry->reason = (uint8_t)reason;
}

static enum manifest_kind kind_of(mode_t mode)
{
	if (S_ISREG(mode))
		return MANIFEST_FILE;
	if (S_ISDIR(mode))
		return MANIFEST_DIRECTORY;
	return S_ISLNK(mode) ? MANIFEST_SYMLINK : MANIFEST_OTHER;
}

/* Calls lstat, or stat where `follow`.  Returns errno, or 0. */
static int entry_look(const struct entry_origin *origin, const char *name, bool follow,
		      struct stat *st)
{
	int fd = origin->directory.fd;
	return fstatat(fd, name, st, follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0 ? errno : 0;
}

static bool leads_nowhere(int os_error)
{
	return os_error == ENOENT || os_error == ENOTDIR || os_error == ELOOP ||
	       os_error == ENAMETOOLONG;
}

static void judge_error(struct manifest_entry *entry, int os_error)
{
	bool denied = os_error == EACCES || os_error == EPERM;
	entry_judge(entry, OUTCOME_FAILED, denied ? REASON_PERMISSION : REASON_IO);
}

/* Returns the size of a file's chunks: larger than asked for where there would be too many, since
 * whoever can write a directory can make up sizes, and each chunk has a slot. */
static uint64_t chunk_size_of(uint64_t bytes, uint64_t range)
{
	return range * (bytes / range / CHUNKS_MAX + 1);
}

/* Adds the extended attributes that are wanted of a file or directory. */
static void add_attributes(const struct entry_origin *origin, const char *name,
			   struct entry_found *found)
{
	const unsigned wanted = origin->options->attributes;
	struct manifest_entry *entry = &found->entry;
	unsigned char packed[META_ATTRIBUTES_MAX];
	if (!wanted || (entry->kind != MANIFEST_FILE && entry->kind != MANIFEST_DIRECTORY))
		return;
	size_t size = attributes_read(origin->directory.fd, name, wanted, packed, &found->cut);
	entry->meta_size = meta_append_attributes(found->meta, entry->meta_size, packed, size);
}

/* Fills in what a stat says; `followed` when it is a symlink's target. */
static void fill(const struct entry_origin *origin, const struct stat *st, bool followed,
		 struct entry_found *found)
{
	struct manifest_entry *entry = &found->entry;
	struct meta meta = meta_from_stat(st);
	meta.flags = followed ? META_FOLLOWED : 0;
	meta.rank = origin->directory.rank;
	entry->kind = (uint8_t)kind_of(st->st_mode);
	entry->bytes = entry->kind == MANIFEST_FILE ? (uint64_t)st->st_size : 0;
	if (origin->options->chunk_size && entry->bytes > origin->options->chunk_size)
		entry->chunk_size = chunk_size_of(entry->bytes, origin->options->chunk_size);
	entry->meta_size = meta_pack(&meta, found->meta);
	found->untimed = !meta_is_time(meta.mtime_ns);
	if (entry->kind == MANIFEST_OTHER)
		entry_judge(entry,
			    origin->options->specials == PLAN_SPECIALS_FAIL ? OUTCOME_FAILED
									    : OUTCOME_SKIPPED,
			    REASON_SPECIAL);
}

/* Whether it is the directory being listed, or one above it. */
static bool is_above(const struct entry_origin *origin, const struct stat *st)
{
	return (st->st_dev == origin->directory.dev && st->st_ino == origin->directory.ino) ||
	       walk_is_above(origin->walk, st->st_dev, st->st_ino);
}

/* What becomes of a symlink below the sources: kept, followed, or its verdict. */
static void find_symlink(const struct entry_origin *origin, const struct name *name,
			 struct entry_found *found)
{
	struct manifest_entry *entry = &found->entry;
	if (origin->options->symlinks == PLAN_SYMLINKS_PRESERVE)
		return;
	if (origin->options->symlinks != PLAN_SYMLINKS_FOLLOW) {
		bool fails = origin->options->symlinks == PLAN_SYMLINKS_FAIL;
		entry_judge(entry, fails ? OUTCOME_FAILED : OUTCOME_SKIPPED, REASON_SYMLINK);
		return;
	}
	struct stat st;
	int os_error = entry_look(origin, name->bytes, true, &st);
	if (leads_nowhere(os_error))
		entry_judge(entry, OUTCOME_FAILED, REASON_DANGLING);
	else if (os_error)
		judge_error(entry, os_error);
	else if (S_ISDIR(st.st_mode) && is_above(origin, &st))
		entry_judge(entry, OUTCOME_FAILED, REASON_LOOP);
	else
		fill(origin, &st, true, found);
}

/* What lstat says of the name; one that has vanished since it was read is no entry. */
static void find_local(const struct entry_origin *origin, const struct name *name,
		       struct entry_found *found)
{
	struct stat st;
	int os_error = entry_look(origin, name->bytes, false, &st);
	found->present = os_error != ENOENT;
	if (os_error) {
		found->entry.kind = MANIFEST_OTHER;
		judge_error(&found->entry, os_error);
		return;
	}
	fill(origin, &st, false, found);
	add_attributes(origin, name->bytes, found);
	if (S_ISLNK(st.st_mode))
		find_symlink(origin, name, found);
	else if (S_ISDIR(st.st_mode) && origin->options->symlinks == PLAN_SYMLINKS_FOLLOW &&
		 is_above(origin, &st))
		entry_judge(&found->entry, OUTCOME_FAILED, REASON_LOOP);
}

/* ---- on a grid ---- */

/* A child without a cap that can be used is of no known kind. */
static enum manifest_kind kind_of_node(const struct entry_origin *origin,
				       const struct remote_child *child)
{
	if (child->cap_kind == CAP_NONE)
		return MANIFEST_OTHER;
	if (child->kind == STORE_DIRECTORY)
		return MANIFEST_DIRECTORY;
	bool kept = origin->options->symlinks == PLAN_SYMLINKS_PRESERVE && remote_is_link(child);
	return kept ? MANIFEST_SYMLINK : MANIFEST_FILE;
}

/* Keeps the cap and the attributes, and gives a large file its chunks.  Files that can change
 * come in one piece: only so all of it is of one version. */
static void fill_remote(const struct entry_origin *origin, const struct remote_child *child,
			const unsigned char *attributes, struct entry_found *found)
{
	struct manifest_entry *entry = &found->entry;
	uint64_t range = origin->options->range_size;
	entry->kind = (uint8_t)kind_of_node(origin, child);
	entry->meta_size = meta_pack(&child->meta, found->meta);
	if (child->attributes_size > 0)
		entry->meta_size = meta_append_attributes(found->meta, entry->meta_size, attributes,
							  child->attributes_size);
	if (entry->kind == MANIFEST_OTHER) {
		entry_judge(entry, OUTCOME_SKIPPED, REASON_UNKNOWN);
		return;
	}
	if (entry->kind == MANIFEST_FILE) {
		bool ranged = range && child->cap_kind == CAP_CHK && child->bytes > range;
		entry->bytes = child->bytes;
		entry->chunk_size = ranged ? chunk_size_of(child->bytes, range) : 0;
		if (origin->options->to_local && !origin->options->caps_only &&
		    child->bytes > FILE_SIZE_MAX) {
			entry_judge(entry, OUTCOME_FAILED, REASON_SIZE);
			entry->chunk_size = 0;
		}
	}
	found->source = (struct outcome){
		.state = OUTCOME_PLANNED,
		.cap_kind = child->cap_kind,
		.cap_size = child->cap_size,
	};
	memcpy(found->source.cap, child->cap, sizeof found->source.cap);
	found->mark = child->chunked;
	found->hollow = child->hollow;
}

void entry_bound_chunks(struct manifest_entry *entry, uint64_t next_id)
{
	if (next_id > IDS_AMPLE && entry->chunk_size > 0)
		entry->chunk_size = max_u64(entry->chunk_size, entry->bytes / CHUNKS_FEW + 1);
}

void entry_hold_cap(struct entry_found *found)
{
	const struct outcome *source = &found->source;
	char text[CAP_TEXT_SIZE];
	struct cap cap = { 0 };
	if (found->entry.kind != MANIFEST_FILE || source->state == OUTCOME_NONE ||
	    !cap_unpack(source->cap, source->cap_size, source->cap_kind, &cap))
		return;
	found->entry.bytes = cap_print_readonly(&cap, text);
	found->entry.chunk_size = 0;
	chunked_fini(&found->chunked);
	secret_wipe(text, sizeof text);
	cap_wipe(&cap);
}

/* Looks for `name` in the listing of the grid that is open. */
static void find_remote(const struct entry_origin *origin, const struct name *name,
			struct entry_found *found)
{
	const struct remote_child *child = remote_find(origin->remote, name->bytes, name->size);
	found->present = child;
	if (!child) {
		found->entry.kind = MANIFEST_OTHER;
		return;
	}
	bool refused =
		child->cut || (origin->options->to_local ? refusal_local(name->bytes, name->size)
							 : refusal_grid(name->bytes, name->size));
	if (refused)
		entry_judge(&found->entry, OUTCOME_FAILED, REASON_NAME);
	fill_remote(origin, child, remote_attributes(origin->remote, child), found);
}

/* ---- sources ---- */

/* A source is followed when it is a symlink: it was named on purpose. */
static enum fault find_source(const struct entry_origin *origin, struct entry_found *found,
			      struct err *err)
{
	const struct plan_source *source = origin->source;
	struct stat st;
	if (source->node) {
		struct remote_child child = { 0 };
		remote_describe(source->node, &child);
		child.attributes_size = source->node->metadata.attributes_size;
		fill_remote(origin, &child, source->node->metadata.attributes, found);
		secret_wipe(&child, sizeof child);
		return FAULT_NONE;
	}
	if (lstat(source->path, &st) < 0)
		return err_os(err, FAULT_NOT_FOUND, errno, "cannot read source %s", source->path);
	bool followed = S_ISLNK(st.st_mode);
	if (followed && stat(source->path, &st) < 0)
		return err_os(err, FAULT_NOT_FOUND, errno, "cannot follow source %s", source->path);
	fill(origin, &st, followed, found);
	if (!followed)
		add_attributes(origin, source->path, found);
	return FAULT_NONE;
}

/* An entry for a directory that is missing at the target and has no source. */
static void fill_made(struct entry_found *found)
{
	struct meta meta = { .flags = META_MADE };
	found->entry.kind = MANIFEST_DIRECTORY;
	found->entry.meta_size = meta_pack(&meta, found->meta);
}

bool entry_keeps_bytes(const struct entry_origin *origin)
{
	return origin->options->to_local && origin->directory.fd >= 0;
}

/* Makes a directory that says it is a file in chunks that file, if it is one. */
static enum fault find_chunks(const struct entry_origin *origin, struct entry_found *found,
			      struct err *err)
{
	const struct outcome *source = &found->source;
	struct manifest_entry *entry = &found->entry;
	struct cap cap = { 0 };
	if (entry->kind != MANIFEST_DIRECTORY || entry->verdict || found->mark == 0 ||
	    !origin->remote || !cap_unpack(source->cap, source->cap_size, source->cap_kind, &cap))
		return FAULT_NONE;
	enum fault fault = chunks_find(origin->remote, &cap, found->mark, &found->chunked, err);
	cap_wipe(&cap);
	if (!fault && found->chunked.count > 0) {
		entry->kind = MANIFEST_FILE;
		entry->bytes = found->chunked.bytes;
		entry->chunk_size = found->chunked.chunk_size;
	}
	return fault;
}

enum fault entry_find(const struct entry_origin *origin, const struct name *name,
		      struct entry_found *found, struct err *err)
{
	found->present = true;
	found->untimed = found->cut = found->hollow = false;
	found->entry = (struct manifest_entry){ .name = name->bytes,
						.name_size = name->size,
						.meta = found->meta };
	found->source = (struct outcome){ 0 };
	found->mark = 0;
	chunked_fini(&found->chunked);
	enum fault fault = FAULT_NONE;
	if (origin->made)
		fill_made(found);
	else if (origin->directory.cap.kind)
		find_remote(origin, name, found);
	else if (origin->directory.fd < 0)
		fault = find_source(origin, found, err);
	else
		find_local(origin, name, found);
	if (!fault && found->present)
		fault = find_chunks(origin, found, err);
	if (!fault && name->flags & NAME_NOT_UTF8 && !entry_keeps_bytes(origin))
		entry_judge(&found->entry, OUTCOME_FAILED, REASON_NAME);
	return fault;
}
