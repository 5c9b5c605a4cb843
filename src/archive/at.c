#include "archive/at.h"

#include "base/secret.h"
#include "node/aliases.h"

/* Returns how many bytes of a word lead to its component `depth`, that one included. */
static size_t lead_size(const char *word, size_t depth)
{
	const char *at = argument_path(word);
	for (; depth > 0; depth--) {
		at += strspn(at, "/");
		at += strcspn(at, "/");
	}
	return (size_t)(at - word);
}

/* Lists the snapshots of what a word's beginning names. */
static enum fault open_lead(const struct at_moment *moment, const char *word, size_t size,
			    struct archive *archive, struct err *err)
{
	struct grid_path path;
	char *lead = strndup(word, size);
	if (!lead)
		return err_set(err, FAULT_NOMEM, "no memory for a path");
	enum fault fault = grid_path_resolve(moment->connection, lead, &path, err);
	if (!fault) {
		fault = archive_open(&path, &moment->session->tries, archive, err);
		grid_path_fini(&path);
	}
	secret_wipe(lead, size);
	free(lead);
	return fault;
}

/* Finds the innermost directory on the way that has snapshots; stores how many bytes lead there. */
static enum fault find_archive(const struct at_moment *moment, const char *word, size_t components,
			       struct archive *archive, size_t *lead, struct err *err)
{
	for (size_t depth = components + 1; depth-- > 0;) {
		*lead = lead_size(word, depth);
		enum fault fault = open_lead(moment, word, *lead, archive, err);
		if (!fault && archive->known > 0)
			return FAULT_NONE;
		/* That there is no backup in it, or that it is a file, is no trouble of the grid's.
		 */
		if (fault && fault != FAULT_NOT_FOUND && fault != FAULT_USAGE)
			return fault;
		archive_fini(archive);
	}
	return err_set(err, FAULT_NOT_FOUND,
		       "no backup is there, nor on the way: no directory '" ARCHIVE_DIRECTORY
		       "' with snapshots in it");
}

static enum fault put_word(const char *word, size_t lead, const struct stamp *stamp,
			   struct bytes *out, struct err *err)
{
	const char *below = word + lead;
	bool parted = lead == 0 || word[lead - 1] == ':' || word[lead - 1] == '/';
	enum fault fault = bytes_append(out, word, lead);
	if (!fault && !parted)
		fault = bytes_append_text(out, "/");
	if (!fault)
		fault = bytes_append_text(out, ARCHIVE_DIRECTORY "/");
	if (!fault)
		fault = bytes_append(out, stamp->name, stamp->size);
	if (!fault && *below && *below != '/')
		fault = bytes_append_text(out, "/");
	if (!fault)
		fault = bytes_append_text(out, below);
	return bytes_err(fault, err, "a path");
}

enum fault at_word(const struct at_moment *moment, const char *word, struct bytes *out,
		   char stamp[STAMP_SIZE], struct err *err)
{
	struct grid_path path;
	struct archive archive = { 0 };
	const struct archive_snapshot *found;
	size_t lead = 0;
	if (grid_path_resolve(moment->connection, word, &path, err))
		return err->fault;
	enum fault fault = find_archive(moment, word, path.count, &archive, &lead, err);
	if (fault == FAULT_NOT_FOUND)
		err_wrap(err, "'%.100s'", path.typed);
	if (!fault)
		fault = archive_find(&archive, moment->text, moment->now, &found, err);
	if (!fault) {
		snprintf(stamp, STAMP_SIZE, "%s", found->stamp.name);
		fault = put_word(word, lead, &found->stamp, out, err);
	}
	archive_fini(&archive);
	grid_path_fini(&path);
	return fault;
}
