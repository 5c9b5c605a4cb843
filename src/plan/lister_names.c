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

/* Adds a name with what is wrong about it; its NFC goes to the clashes where it is another one. */
static enum fault add_name(struct lister *lister, const char *text, size_t size, struct err *err)
{
	struct name name = { .bytes = text, .size = size };
	if (!is_ascii(text, name.size) && !name_is_nfc(text, name.size))
		name.flags = name_is_utf8(text, name.size) ? NAME_NOT_NFC : NAME_NOT_UTF8;
	enum fault fault = FAULT_NONE;
	if (name.flags & NAME_NOT_NFC) {
		struct name form = name;
		fault = lister_normalize(lister, &form.bytes, &form.size, err);
		if (!fault)
			fault = clashes_add(lister->clashes, &form, err);
	}
	return fault ? fault : names_add(lister->names, &name, err);
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
	if (!lister->request->options.to_local && count > lister->names_max)
		*refused = REASON_TOO_MANY;
	for (size_t i = 0; i < count && !*refused && !fault; i++) {
		const struct remote_child *child = remote_child(remote, i);
		fault = add_name(lister, remote_name(remote, child), child->name_size, err);
	}
	return fault || *refused ? fault : add_missing(lister, -1, err);
}

/* Adds the children of a source without a name, which become entries beside the other sources.  It
 * was named on the command line, so the plan fails where it cannot be listed. */
static enum fault add_unnamed(struct lister *lister, const struct plan_source *source,
			      struct err *err)
{
	const struct store_node *node = source->node;
	enum outcome_reason refused = REASON_NONE;
	enum fault fault = add_remote(lister, store_node_cap(node), &refused, err);
	if (!fault && refused)
		return err_set(err, FAULT_RETRY, "a source cannot be listed");
	return fault;
}

/* Adds the names that the sources have at the target. */
static enum fault add_sources(struct lister *lister, struct err *err)
{
	for (size_t i = 0; i < lister->request->source_count; i++) {
		const struct plan_source *source = &lister->request->source[i];
		bool unnamed = source->node && !source->name[0];
		enum fault fault =
			unnamed ? add_unnamed(lister, source, err)
				: add_name(lister, source->name, strlen(source->name), err);
		if (fault)
			return fault;
	}
	return FAULT_NONE;
}

enum fault lister_read(struct lister *lister, const struct walk_directory *directory,
		       enum outcome_reason *refused, struct err *err)
{
	const struct plan_request *request = lister->request;
	size_t level = walk_depth(lister->walk);
	lister->origin.directory = *directory;
	lister->origin.made = level < request->made_count;
	names_clear(lister->names);
	names_clear(lister->known);
	clashes_clear(lister->clashes);
	lister->has_last = false;
	*refused = REASON_NONE;
	enum fault fault =
		chooser_enter(&lister->chooser, lister->walk, request->made_count, directory, err);
	if (fault)
		return fault;
	if (directory->fd >= 0)
		chooser_look(&lister->chooser, directory->fd);
	if (lister->origin.made)
		fault = add_name(lister, request->made[level], strlen(request->made[level]), err);
	else if (directory->cap.kind)
		fault = add_remote(lister, &directory->cap, refused, err);
	else if (directory->fd < 0)
		fault = add_sources(lister, err);
	else if (lister->chooser.listed)
		fault = add_listed(lister, refused, err);
	else {
		fault = add_local(lister, directory->fd, refused, err);
		if (!fault && !*refused)
			fault = add_missing(lister, directory->fd, err);
	}
	if (fault || *refused)
		return fault;
	fault = names_sort(lister->names, err);
	return fault ? fault : clashes_find(lister->clashes, lister->names, err);
}
