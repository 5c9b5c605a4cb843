#include "plan/entry.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

void entry_judge(struct manifest_entry *entry, enum outcome_state verdict,
		 enum outcome_reason reason)
{
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
static int look(const struct entry_origin *origin, const char *name, bool follow, struct stat *st)
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

/* Fills in what a stat says; `followed` when it is a symlink's target. */
static void fill(const struct entry_origin *origin, const struct stat *st, bool followed,
		 struct entry_found *found)
{
	struct manifest_entry *entry = &found->entry;
	struct meta meta = meta_from_stat(st);
	meta.flags = followed ? META_FOLLOWED : 0;
	entry->kind = (uint8_t)kind_of(st->st_mode);
	entry->bytes = entry->kind == MANIFEST_FILE ? (uint64_t)st->st_size : 0;
	entry->meta_size = meta_pack(&meta, found->meta);
	if (entry->kind == MANIFEST_OTHER)
		entry_judge(entry,
			    origin->options->specials == PLAN_SPECIALS_FAIL ? OUTCOME_FAILED
									    : OUTCOME_SKIPPED,
			    REASON_SPECIAL);
}

static bool is_above(const struct entry_origin *origin, const struct stat *st)
{
	return (st->st_dev == origin->directory.dev && st->st_ino == origin->directory.ino) ||
	       walk_is_above(origin->walk, st->st_dev, st->st_ino);
}

static void find_symlink(const struct entry_origin *origin, const struct name *name,
			 struct entry_found *found)
{
	struct manifest_entry *entry = &found->entry;
	if (origin->options->symlinks != PLAN_SYMLINKS_FOLLOW) {
		bool fails = origin->options->symlinks == PLAN_SYMLINKS_FAIL;
		entry_judge(entry, fails ? OUTCOME_FAILED : OUTCOME_SKIPPED, REASON_SYMLINK);
		return;
	}
	struct stat st;
	int os_error = look(origin, name->bytes, true, &st);
	if (leads_nowhere(os_error))
		entry_judge(entry, OUTCOME_FAILED, REASON_DANGLING);
	else if (os_error)
		judge_error(entry, os_error);
	else if (S_ISDIR(st.st_mode) && is_above(origin, &st))
		entry_judge(entry, OUTCOME_FAILED, REASON_LOOP);
	else
		fill(origin, &st, true, found);
}

static void find_local(const struct entry_origin *origin, const struct name *name,
		       struct entry_found *found)
{
	struct stat st;
	int os_error = look(origin, name->bytes, false, &st);
	found->present = os_error != ENOENT;
	if (os_error) {
		found->entry.kind = MANIFEST_OTHER;
		judge_error(&found->entry, os_error);
		return;
	}
	fill(origin, &st, false, found);
	if (S_ISLNK(st.st_mode))
		find_symlink(origin, name, found);
	else if (S_ISDIR(st.st_mode) && origin->options->symlinks == PLAN_SYMLINKS_FOLLOW &&
		 is_above(origin, &st))
		entry_judge(&found->entry, OUTCOME_FAILED, REASON_LOOP);
}

/* A source is followed when it is a symlink: it was named on purpose. */
static enum fault find_source(const struct entry_origin *origin, const struct name *name,
			      struct entry_found *found, struct err *err)
{
	const struct plan_source *source = walk_source(origin->walk, name->bytes, name->size);
	struct stat st;
	if (!source || lstat(source->path, &st) < 0)
		return err_os(err, FAULT_NOT_FOUND, source ? errno : ENOENT,
			      "cannot read source %s", source ? source->path : name->bytes);
	bool followed = S_ISLNK(st.st_mode);
	if (followed && stat(source->path, &st) < 0)
		return err_os(err, FAULT_NOT_FOUND, errno, "cannot follow source %s", source->path);
	fill(origin, &st, followed, found);
	return FAULT_NONE;
}

static void fill_made(struct entry_found *found)
{
	struct meta meta = { .flags = META_MADE };
	found->entry.kind = MANIFEST_DIRECTORY;
	found->entry.meta_size = meta_pack(&meta, found->meta);
}

enum fault entry_find(const struct entry_origin *origin, const struct name *name,
		      struct entry_found *found, struct err *err)
{
	found->present = true;
	found->entry = (struct manifest_entry){ .name = name->bytes,
						.name_size = name->size,
						.meta = found->meta };
	enum fault fault = FAULT_NONE;
	if (origin->made)
		fill_made(found);
	else if (origin->directory.fd < 0)
		fault = find_source(origin, name, found, err);
	else
		find_local(origin, name, found);
	if (!fault && name->flags & NAME_NOT_UTF8)
		entry_judge(&found->entry, OUTCOME_FAILED, REASON_NAME);
	return fault;
}
