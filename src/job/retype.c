#include "job/retype.h"

#include "report/recount.h"

/* Whether a shell takes the word as it is. */
static bool is_plain(const char *word, size_t size)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_./:=@%+,-";
	for (size_t i = 0; i < size; i++)
		if (!memchr(plain, word[i], sizeof plain - 1))
			return false;
	return size > 0;
}

static enum fault add_quoted(struct bytes *out, const char *word, size_t size)
{
	enum fault fault = bytes_append_text(out, "'");
	for (size_t i = 0; i < size && !fault; i++)
		fault = word[i] == '\'' ? bytes_append_text(out, "'\\''")
					: bytes_append(out, word + i, 1);
	return fault ? fault : bytes_append_text(out, "'");
}

/* Of a cap nothing is kept but what was typed below it. */
static enum fault add_word(struct bytes *out, const char *word, size_t size)
{
	static const char scheme[] = "URI:";
	const bool is_cap =
		size >= sizeof scheme - 1 && memcmp(word, scheme, sizeof scheme - 1) == 0;
	enum fault fault = bytes_append_text(out, is_cap ? " URI:..." : " ");
	if (!fault && is_cap) {
		const char *below = memchr(word, '/', size);
		size = below ? size - (size_t)(below - word) : 0;
		word = below;
	}
	if (fault || (is_cap && size == 0))
		return fault;
	return is_plain(word, size) ? bytes_append(out, word, size) : add_quoted(out, word, size);
}

/* Appends the options that planning_text has words for, where they are not the usual ones. */
static enum fault add_options(struct bytes *out, const struct planning_options *planning,
			      unsigned asked)
{
	const struct {
		bool given;
		const char *text;
	} flag[] = {
		{ planning->immutable, " --immutable" },
		{ planning->caps_only, " --caps-only" },
		{ planning->no_target_directory, " -T" },
		{ planning->xattrs, " -X" },
		{ planning->acls, " -A" },
		{ asked & RECOUNT_ASKED_SPECIALS && planning->specials == PLAN_SPECIALS_SKIP,
		  " --specials=skip" },
		{ planning->specials == PLAN_SPECIALS_FAIL, " --specials=fail" },
	};
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < ARRAY_COUNT(flag) && !fault; i++)
		fault = flag[i].given ? bytes_append_text(out, flag[i].text) : FAULT_NONE;
	if (!fault && asked & RECOUNT_ASKED_SYMLINKS)
		fault = bytes_printf(out, " --symlinks=%s",
				     planning_symlinks_word(planning->symlinks));
	if (!fault && planning->max_dir_entries != PLAN_DIR_ENTRIES_DEFAULT)
		fault = bytes_printf(out, " --max-dir-entries=%llu",
				     (unsigned long long)planning->max_dir_entries);
	if (!fault && planning->range_size != PLANNING_RANGE_SIZE)
		fault = bytes_printf(out, " --range-size=%llu",
				     (unsigned long long)planning->range_size);
	if (!fault && planning->chunk_size > 0)
		fault = bytes_printf(out, " --chunk=%llu",
				     (unsigned long long)planning->chunk_size);
	return fault;
}

enum fault retype(const struct migration *migration, struct bytes *out, struct err *err)
{
	struct planning_options planning = { .recursive = true };
	size_t command_size, options_size, size;
	const char *command = catalog_property(migration->catalog, JOB_COMMAND, &command_size);
	const char *options = catalog_property(migration->catalog, JOB_OPTIONS, &options_size);
	const char *typed = catalog_property(migration->catalog, JOB_TYPED, &size);
	if (!typed || !command || command_size != 2 || memcmp(command, "cp", 2) != 0)
		return err_set(err, FAULT_NOT_FOUND, "its command line is not known");
	if (planning_read(&planning, options, options_size, err))
		return err->fault;
	enum fault fault = bytes_append_text(out, "barge cp -r");
	if (!fault)
		fault = add_options(out, &planning, migration->asked);
	for (const char *end = typed + size; typed < end && !fault;) {
		const size_t length = strnlen(typed, (size_t)(end - typed));
		fault = add_word(out, typed, length);
		typed += length + 1;
	}
	if (!fault)
		fault = add_word(out, migration->target, strlen(migration->target));
	return bytes_err(fault, err, "a command line");
}
