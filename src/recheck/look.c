#include "recheck/look.h"

#include "base/meta.h"
#include "files/regular.h"
#include "files/symlink.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum fault look_init(struct look *look, const struct source_tree_options *sources, bool to_local,
		     int root, struct err *err)
{
	*look = (struct look){ .to_local = to_local };
	enum fault fault = FAULT_NONE;
	if (sources->source_count > 0)
		fault = source_tree_new(sources, &look->sources, err);
	if (!fault && root >= 0)
		fault = target_tree_new_looking(sources->catalog, root, sources->opened,
						&look->target, err);
	if (fault)
		look_fini(look);
	return fault;
}

void look_fini(struct look *look)
{
	source_tree_free(look->sources);
	tree_free(look->target);
	*look = (struct look){ 0 };
}

/* ---- sources ---- */

/* What a source was when it was copied, or when it was planned and left out. */
struct was {
	uint64_t size;
	struct meta meta;
};

static struct was was_of(const struct manifest_entry *entry, const struct outcome *slot,
			 const struct meta *planned)
{
	if (slot->state == OUTCOME_DONE)
		return (struct was){ slot->length, meta_unpack_outcome(slot->meta) };
	return (struct was){ entry->bytes, *planned };
}

/* A slot that was found in a listing may lack the times. */
static bool is_same(const struct manifest_entry *entry, const struct was *was,
		    const struct stat *status)
{
	const struct meta now = meta_from_stat(status);
	bool link = entry->kind == MANIFEST_SYMLINK;
	if ((status->st_mode & S_IFMT) != (link ? S_IFLNK : S_IFREG))
		return false;
	if (!link && (uint64_t)status->st_size != was->size)
		return false;
	return was->meta.mode == 0 ||
	       (now.mtime_ns == was->meta.mtime_ns && now.ctime_ns == was->meta.ctime_ns);
}

/* Directories are made of their entries, and a source on a grid does not change. */
static void look_source(struct look *look, const struct manifest_entry *entry,
			struct listing_id listing, const struct outcome *slot,
			struct look_found *found)
{
	struct meta planned;
	struct stat status;
	struct err err;
	if (!look->sources || (entry->kind != MANIFEST_FILE && entry->kind != MANIFEST_SYMLINK) ||
	    !meta_unpack(entry->meta, entry->meta_size, &planned) || planned.flags & META_GRID)
		return;
	const struct was was = was_of(entry, slot, &planned);
	switch (source_tree_stat(look->sources, listing, entry, &status, &err)) {
	case FAULT_NONE:
		found->source = is_same(entry, &was, &status) ? DECIDE_AS_IT_WAS : DECIDE_CHANGED;
		break;
	case FAULT_NOT_FOUND:
	case FAULT_CHANGED:
		found->source = DECIDE_GONE;
		break;
	default:
		found->unseen = true;
	}
}

/* ---- the target ---- */

static bool is_kind(const struct manifest_entry *entry, const struct stat *status)
{
	switch (decide_kind_of(entry->kind)) {
	case DECIDE_FILE:
		return S_ISREG(status->st_mode);
	case DECIDE_SYMLINK:
		return S_ISLNK(status->st_mode);
	default:
		return S_ISDIR(status->st_mode);
	}
}

/* Whether what has the name holds the bytes that were written. */
static bool has_content(int at, const char *name, const struct outcome *slot,
			const struct stat *status)
{
	static const unsigned char none[sizeof slot->content];
	if (memcmp(slot->content, none, sizeof none) == 0)
		return false;
	return S_ISLNK(status->st_mode) ? symlink_is(at, name, slot->length, slot->content)
					: regular_is(at, name, slot->length, slot->content);
}

/* A change time that is another one may come of a new mode, or of a server that was slow to tell:
 * the bytes decide then.  Slots of earlier versions have none. */
static bool is_as_written(int at, const char *name, const struct outcome *slot,
			  const struct stat *status)
{
	const struct meta now = meta_from_stat(status), was = meta_unpack_outcome(slot->meta);
	if (S_ISDIR(status->st_mode) || slot->state != OUTCOME_DONE)
		return true;
	bool sized = S_ISLNK(status->st_mode) || (uint64_t)status->st_size == slot->length;
	if (slot->level & OUTCOME_OWN ? now.ctime_ns == meta_written(slot->meta)
				      : sized && now.mtime_ns == was.mtime_ns)
		return true;
	return sized && has_content(at, name, slot, status);
}

static void look_name(int at, const char *name, const struct manifest_entry *entry,
		      const struct outcome *slot, struct look_found *found)
{
	struct stat status;
	if (fstatat(at, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
		found->written = errno == ENOENT ? DECIDE_GONE : DECIDE_UNSEEN;
		found->unseen |= errno != ENOENT;
		return;
	}
	found->written_ns = meta_from_stat(&status).ctime_ns;
	found->written = is_kind(entry, &status) && is_as_written(at, name, slot, &status)
				 ? DECIDE_AS_IT_WAS
				 : DECIDE_CHANGED;
}

static void look_written(struct look *look, const struct manifest_entry *entry,
			 struct listing_id listing, const struct outcome *slot,
			 struct look_found *found)
{
	char name[DIRFD_NAME_MAX + 1];
	struct tree_dir *dir;
	struct err err;
	size_t size = min_u64(entry->name_size, DIRFD_NAME_MAX);
	memcpy(name, entry->name, size);
	name[size] = '\0';
	switch (look->target ? tree_open(look->target, listing, &dir, &err) : FAULT_NOT_FOUND) {
	case FAULT_NONE:
		look_name(dir->fd, name, entry, slot, found);
		tree_dir_unref(dir);
		break;
	case FAULT_NOT_FOUND:
		found->written = DECIDE_GONE;
		break;
	case FAULT_EXISTS:
		found->written = DECIDE_CHANGED;
		break;
	default:
		found->unseen = true;
	}
}

struct look_found look_at(struct look *look, const struct manifest_entry *entry,
			  struct listing_id listing, const struct outcome *slot)
{
	struct look_found found = { .source = DECIDE_UNSEEN, .written = DECIDE_UNSEEN };
	look_source(look, entry, listing, slot, &found);
	if (look->to_local)
		look_written(look, entry, listing, slot, &found);
	return found;
}
