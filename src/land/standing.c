#include "land/standing.h"

#include "files/dirfd.h"
#include "queue/file/outcomes.h"
#include "tahoe/edge.h"

#include <fcntl.h>
#include <sys/stat.h>

/* Times on a grid are floats of 0.2 us. */
static bool same_time(const struct meta *meta, int64_t mtime_ns)
{
	if (!(meta->flags & META_GRID))
		return meta->mtime_ns == mtime_ns;
	return meta->flags & META_HAS_MTIME &&
	       edge_seconds(meta->mtime_ns) == edge_seconds(mtime_ns);
}

static bool is_unchanged(const struct standing_file *file, const struct stat *st)
{
	const struct meta found = meta_from_stat(st);
	bool sized = file->is_symlink || (uint64_t)st->st_size == file->bytes;
	return sized && same_time(file->meta, found.mtime_ns);
}

enum fault standing_look(int directory, const struct standing_file *file, enum arrival_there there,
			 struct standing *standing, struct err *err)
{
	struct stat st;
	if (file->is_symlink ? dirfd_may_replace_link(directory, file->name, err)
			     : dirfd_may_replace(directory, file->name, err))
		return err->fault;
	*standing = (struct standing){ .reason = REASON_NONE };
	if (fstatat(directory, file->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return FAULT_NONE;
	standing->is_there = true;
	standing->changed_s = st.st_ctim.tv_sec;
	if (there == ARRIVAL_KEEP)
		standing->reason = REASON_PRESENT;
	else if (there == ARRIVAL_UPDATE && is_unchanged(file, &st))
		standing->reason = REASON_UNCHANGED;
	return FAULT_NONE;
}
