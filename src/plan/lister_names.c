#include "base/utf8.h"
#include "plan/lister_state.h"
#include "queue/retry.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static bool is_ascii(const char *text, size_t size)
{
	unsigned char all = 0;
	for (size_t i = 0; i < size; i++)
		all |= (unsigned char)text[i];
	return all < 0x80;
}

enum fault lister_normalize(struct lister *lister, const char **text, size_t *size, struct err *err)
{
	if (is_ascii(*text, *size) || name_is_nfc(*text, *size))
		return FAULT_NONE;
	bytes_clear(&lister->nfc);
	enum fault fault = name_to_nfc(&lister->nfc, *text, *size);
	if (fault)
		return bytes_err(fault, err, "a name in NFC");
	*text = bytes_text(&lister->nfc);
	*size = lister->nfc.size;
	return FAULT_NONE;
}

/* Adds a name with what is wrong about it. */
static enum fault add_name(struct lister *lister, const char *text, size_t size, struct err *err)
{
	struct name name = { .bytes = text, .size = size };
	if (!is_ascii(text, name.size) && !name_is_nfc(text, name.size))
		name.flags = name_is_utf8(text, name.size) ? NAME_NOT_NFC : NAME_NOT_UTF8;
	lister->respelled |= name.flags & NAME_NOT_NFC;
	return names_add(lister->names, &name, err);
}

/* Adds the NFC of the sorted names that are in another form to the clashes: once, as parts may have
 * the same name. */
static enum fault add_forms(struct lister *lister, struct err *err)
{
	struct name name;
	enum fault fault = names_next(lister->names, &name, err);
	for (; !fault && name.bytes; fault = names_next(lister->names, &name, err)) {
		if (name.repeated || !(name.flags & NAME_NOT_NFC))
			continue;
		struct name form = { .bytes = name.bytes, .size = name.size, .flags = name.flags };
		fault = lister_normalize(lister, &form.bytes, &form.size, err);
		if (!fault)
			fault = clashes_add(lister->clashes, &form, err);
		if (fault)
			return fault;
	}
	return fault ? fault : names_rewind(lister->names, err);
}

/* Sorts the names, and finds those that are equal in NFC. */
static enum fault sort_names(struct lister *lister, struct err *err)
{
	enum fault fault = names_sort(lister->names, err);
	if (!fault && lister->respelled)
		fault = add_forms(lister, err);
	return fault ? fault : clashes_find(lister->clashes, lister->names, err);
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* Adds the names in the open directory that the selection may take. */
static enum fault add_local(struct lister *lister, int fd, enum outcome_reason *refused,
			    struct err *err)
{
	for (;;) {
		ssize_t size = getdents64(fd, lister->buffer, sizeof lister->buffer);
		if (size <= 0) {
			*refused = size < 0 ? walk_refusal(errno) : REASON_NONE;
			return FAULT_NONE;
		}
		for (ssize_t at = 0; at < size;) {
			const struct dirent64 *entry = (const void *)(lister->buffer + at);
			at += entry->d_reclen;
			if (is_dots(entry->d_name) ||
			    !chooser_may_take(&lister->chooser, entry->d_name, entry->d_type))
				continue;
			if (names_count(lister->names) == lister->names_max) {
				*refused = REASON_TOO_MANY;
				return FAULT_NONE;
			}
			enum fault fault =
				add_name(lister, entry->d_name, strlen(entry->d_name), err);
			if (fault)
				return fault;
		}
	}
}

/* Adds the names on the list of files instead of those in the directory. */
static enum fault add_listed(struct lister *lister, enum outcome_reason *refused, struct err *err)
{
	enum fault fault = FAULT_NONE;
	const char *name;
	while (!fault && (name = chooser_next(&lister->chooser))) {
		if (names_count(lister->names) == lister->names_max) {
			*refused = REASON_TOO_MANY;
			return FAULT_NONE;
		}
		fault = add_name(lister, name, strlen(name), err);
	}
	return fault;
}

/* Adds the names on the list that a directory taken whole lacks, so that they are missed. */
static enum fault add_missing(struct lister *lister, int fd, struct err *err)
{
	enum fault fault = FAULT_NONE;
	const char *name;
	while (!fault && (name = chooser_next(&lister->chooser))) {
		size_t size = strlen(name);
		bool there = fd < 0 ? remote_find(lister->request->remote, name, size) != NULL
				    : faccessat(fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
		if (!there)
			fault = add_name(lister, name, size, err);
	}
	return fault;
}

/* Adds the names that a directory of a grid has.  What a listing comes to that cannot be had is the
 * directory's verdict, unless it ends the whole plan. */
static enum fault add_remote(struct lister *lister, const struct cap *cap,
			     enum outcome_reason *refused, struct err *err)
{
	struct remote *remote = lister->request->remote;
	enum fault fault = remote_open(remote, cap, err);
	if (fault_is_general(fault))
		return fault;
	if (fault) {
		*refused = REASON_GATEWAY;
		return FAULT_NONE;
	}
	chooser_look_remote(&lister->chooser, remote);
	if (lister->chooser.listed)
		return add_listed(lister, refused, err);
	size_t count = remote_count(remote);
	if (!lister->request->options.to_local &&
	    names_count(lister->names) + count > lister->names_max)
		*refused = REASON_TOO_MANY;
	for (size_t i = 0; i < count && !*refused && !fault; i++) {
		const struct remote_child *child = remote_child(remote, i);
		fault = add_name(lister, remote_name(remote, child), child->name_size, err);
	}
	return fault || *refused ? fault : add_missing(lister, -1, err);
}

/* Adds the names in the directory `fd`, or those of them that are listed. */
static enum fault add_directory(struct lister *lister, int fd, enum outcome_reason *refused,
				struct err *err)
{
	chooser_look(&lister->chooser, fd);
	if (lister->chooser.listed)
		return add_listed(lister, refused, err);
	enum fault fault = add_local(lister, fd, refused, err);
	return fault || *refused ? fault : add_missing(lister, fd, err);
}

/* Adds the names of one part, unless it is refused. */
static enum fault add_part(struct lister *lister, struct walk_directory *part, struct err *err)
{
	enum outcome_reason refused = part->refused;
	enum fault fault = FAULT_NONE;
	lister->chooser.marked = false;
	lister->chooser.dev = part->dev;
	if (!refused && part->fd >= 0)
		fault = add_directory(lister, part->fd, &refused, err);
	else if (!refused)
		fault = add_remote(lister, &part->cap, &refused, err);
	part->marked = lister->chooser.marked;
	part->refused = (uint8_t)refused;
	return fault;
}

/* Adds the names of all parts.  Where one cannot be listed, an entry of its own says so. */
static enum fault add_parts(struct lister *lister, enum outcome_reason *refused, struct err *err)
{
	enum fault fault = FAULT_NONE;
	bool any = false;
	for (size_t i = 0; i < lister->part_count && !fault && !*refused; i++) {
		fault = add_part(lister, &lister->part[i], err);
		lister->missed = lister->part[i].refused ? lister->part[i].refused : lister->missed;
		any |= !lister->part[i].refused;
		*refused = lister->missed == REASON_TOO_MANY ? REASON_TOO_MANY : REASON_NONE;
	}
	if (fault || *refused || !lister->missed)
		return fault;
	if (!any)
		*refused = lister->missed;
	return any ? add_name(lister, ".", 1, err) : FAULT_NONE;
}

/* Has the sources without a name be parts, whose children become entries beside the others. */
static enum fault turn_to_sources(struct lister *lister, struct err *err)
{
	struct walk_directory *sources = &lister->sources;
	walk_directory_close(sources);
	sources->part = calloc(lister->request->source_count + 1, sizeof *sources->part);
	if (!sources->part)
		return err_set(err, FAULT_NOMEM, "no memory for sources");
	const struct plan_source *source;
	while ((source = walk_unnamed(lister->walk, sources->part_count)))
		sources->part[sources->part_count++] = walk_unnamed_directory(source);
	lister->part = sources->part;
	lister->part_count = sources->part_count;
	return FAULT_NONE;
}

/* Adds the names that the sources have at the target.  One without a name was named on the command
 * line, so the plan fails where it cannot be listed. */
static enum fault add_sources(struct lister *lister, struct err *err)
{
	enum outcome_reason refused = REASON_NONE;
	enum fault fault = turn_to_sources(lister, err);
	for (size_t i = 0; i < lister->request->source_count && !fault; i++) {
		const char *name = lister->request->source[i].name;
		if (name[0])
			fault = add_name(lister, name, strlen(name), err);
	}
	if (!fault)
		fault = add_parts(lister, &refused, err);
	return fault || !lister->missed ? fault
					: err_set(err, FAULT_RETRY, "a source cannot be listed");
}

/* Goes to a directory of which nothing is known yet. */
static void lister_turn(struct lister *lister, const struct walk_directory *directory)
{
	lister->origin.directory = *directory;
	lister->origin.made = walk_depth(lister->walk) < lister->request->made_count;
	lister->part = directory->part;
	lister->part_count = directory->part_count;
	lister->at_sources = !lister->origin.made && directory->fd < 0 && !directory->part &&
			     directory->cap.kind == CAP_NONE;
	lister->has_last = lister->respelled = false;
	lister->missed = REASON_NONE;
	names_clear(lister->names);
	names_clear(lister->known);
	clashes_clear(lister->clashes);
}

enum fault lister_read(struct lister *lister, const struct walk_directory *directory,
		       enum outcome_reason *refused, struct err *err)
{
	const struct plan_request *request = lister->request;
	size_t level = walk_depth(lister->walk);
	lister_turn(lister, directory);
	*refused = REASON_NONE;
	enum fault fault =
		chooser_enter(&lister->chooser, lister->walk, request->made_count, directory, err);
	if (fault)
		return fault;
	if (lister->origin.made)
		fault = add_name(lister, request->made[level], strlen(request->made[level]), err);
	else if (directory->cap.kind)
		fault = add_remote(lister, &directory->cap, refused, err);
	else if (lister->at_sources)
		fault = add_sources(lister, err);
	else if (directory->part)
		fault = add_parts(lister, refused, err);
	else
		fault = add_directory(lister, directory->fd, refused, err);
	return fault || *refused ? fault : sort_names(lister, err);
}
