#include "options/selection.h"

#include "options/selection_input.h"

/* What Tahoe's backup leaves out under this name.
 * Source: tahoe-lafs 1.20.0 allmydata/scripts/cli.py, BackupOptions. */
static const char *const vcs_pattern[] = {
	"CVS",  "RCS",        "SCCS",     ".git",        ".gitignore",   ".cvsignore",
	".svn", ".arch-ids",  "{arch}",   "=RELEASE-ID", "=meta-update", "=update",
	".bzr", ".bzrignore", ".bzrtags", ".hg",         ".hgignore",    "_darcs",
};

/* A selection being made. */
struct making {
	const struct selection_options *given;
	struct select *select;
	struct listed *listed; /* being filled */
	bool stdin_taken;
};

/* Adds a rule.  In a snapshot of one source all paths begin with its name, a time that nobody can
 * write into a pattern: a slash in front begins behind that. */
static enum fault add_rule(const struct making *making, bool include, const char *pattern,
			   size_t size, struct err *err)
{
	if (!making->given->named_by_time || size < 2 || pattern[0] != '/')
		return select_add(making->select, include, pattern, size, err);
	const bool wild = memchr(pattern, '*', size) || memchr(pattern, '?', size) ||
			  memchr(pattern, '[', size);
	struct bytes longer;
	bytes_init(&longer, SELECTION_RULES_MAX);
	enum fault fault = bytes_append_text(&longer, "/*");
	for (size_t i = 0; i < size && !fault; i++) {
		/* In a pattern without wildcards a backslash was one; now there is a wildcard. */
		if (!wild && pattern[i] == '\\')
			fault = bytes_append_text(&longer, "\\");
		if (!fault)
			fault = bytes_append(&longer, pattern + i, 1);
	}
	if (!bytes_err(fault, err, "a pattern"))
		fault = select_add(making->select, include, bytes_text(&longer), longer.size, err);
	bytes_fini(&longer);
	return fault;
}

/* Adds a rule as --exclude and files have it: "+ " and "- " in front say what it does, "!" alone
 * forgets the rules before it. */
static enum fault add_plain(const struct making *making, bool include, const char *text,
			    size_t size, struct err *err)
{
	if (size == 1 && text[0] == '!') {
		select_clear(making->select);
		return FAULT_NONE;
	}
	if (size >= 2 && (text[0] == '+' || text[0] == '-') && text[1] == ' ') {
		include = text[0] == '+';
		text += 2;
		size -= 2;
	}
	return add_rule(making, include, text, size, err);
}

/* Returns the pattern behind `word` and a blank, or NULL. */
static const char *behind(const char *text, const char *word)
{
	size_t size = strlen(word);
	return strncmp(text, word, size) == 0 && text[size] == ' ' ? text + size + 1 : NULL;
}

static enum fault add_filter(const struct making *making, const char *text, struct err *err)
{
	static const char *const word[] = { "-", "+", "exclude", "include" };
	if (strcmp(text, "!") == 0 || strcmp(text, "clear") == 0) {
		select_clear(making->select);
		return FAULT_NONE;
	}
	for (size_t i = 0; i < ARRAY_COUNT(word); i++) {
		const char *pattern = behind(text, word[i]);
		if (pattern)
			return add_rule(making, i % 2 == 1, pattern, strlen(pattern), err);
	}
	return err_set(err, FAULT_USAGE,
		       "a rule is \"+ PATTERN\", \"- PATTERN\" or \"!\", not \"%.60s\"", text);
}

/* Reads a file that an option names; standard input only once. */
static enum fault read_input(struct making *making, const char *path, struct bytes *text,
			     struct err *err)
{
	bool is_stdin = strcmp(path, "-") == 0;
	if (is_stdin && making->stdin_taken)
		return err_set(err, FAULT_USAGE, "standard input was read already");
	making->stdin_taken |= is_stdin;
	return selection_input(path, text, err);
}

/* One line of a file of rules, or of the list. */
typedef enum fault add_line(struct making *making, const char *line, size_t size, bool include,
			    struct err *err);

static enum fault add_rule_line(struct making *making, const char *line, size_t size, bool include,
				struct err *err)
{
	if (line[0] == '#' || line[0] == ';')
		return FAULT_NONE;
	return add_plain(making, include, line, size, err);
}

/* Whether every line ends in CR LF: then the CR is no part of a name on a list. */
static bool has_dos_lines(const struct bytes *text)
{
	const char *at = bytes_text(text), *end = at + text->size;
	size_t lines = 0;
	for (const char *stop; at < end && (stop = memchr(at, '\n', (size_t)(end - at))); lines++) {
		if (stop == at || stop[-1] != '\r')
			return false;
		at = stop + 1;
	}
	return lines > 0 && at == end;
}

static enum fault add_lines(struct making *making, const struct bytes *text, add_line *add,
			    bool include, struct err *err)
{
	bool null = making->given->null_separated;
	bool cut = !null && (add == add_rule_line || has_dos_lines(text));
	const char *line = bytes_text(text), *end = line + text->size;
	for (size_t number = 1; line < end; number++) {
		const char *stop = memchr(line, null ? '\0' : '\n', (size_t)(end - line));
		size_t size = (size_t)((stop ? stop : end) - line);
		const char *next = line + size + 1;
		if (cut && size > 0 && line[size - 1] == '\r')
			size--;
		if (memchr(line, '\0', size))
			return err_set(err, FAULT_USAGE,
				       "line %zu holds a NUL; -0 is for such files", number);
		if (size > 0 && add(making, line, size, include, err))
			return err_wrap(err, "line %zu", number);
		line = next;
	}
	return FAULT_NONE;
}

static enum fault add_file(struct making *making, const char *path, bool include, struct err *err)
{
	struct bytes text;
	bytes_init(&text, SELECTION_RULES_MAX);
	enum fault fault = read_input(making, path, &text, err);
	if (!fault)
		fault = add_lines(making, &text, add_rule_line, include, err);
	bytes_fini(&text);
	return fault;
}

/* Adds a glob, blanks at its ends cut off; one that is empty then says nothing. */
static enum fault add_glob(struct making *making, const char *glob, size_t size, struct err *err)
{
	static const char blank[] = " \t\n\r\v\f";
	while (size > 0 && strchr(blank, glob[size - 1]))
		size--;
	for (; size > 0 && strchr(blank, *glob); size--)
		glob++;
	return size > 0 ? select_add_glob(making->select, glob, size, err) : FAULT_NONE;
}

static enum fault add_glob_line(struct making *making, const char *line, size_t size, bool include,
				struct err *err)
{
	(void)include;
	return add_glob(making, line, size, err);
}

static enum fault add_globs(struct making *making, const char *path, struct err *err)
{
	struct bytes text;
	bytes_init(&text, SELECTION_RULES_MAX);
	enum fault fault = read_input(making, path, &text, err);
	if (!fault)
		fault = add_lines(making, &text, add_glob_line, false, err);
	bytes_fini(&text);
	return fault;
}

static enum fault add_vcs(struct select *select, struct err *err)
{
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < ARRAY_COUNT(vcs_pattern) && !fault; i++)
		fault = select_add(select, false, vcs_pattern[i], strlen(vcs_pattern[i]), err);
	return fault;
}

/* Adds one rule of the command line: its letter, then what was given. */
static enum fault add_given(struct making *making, const char *given, struct err *err)
{
	const char *value = given + 1;
	switch ((enum option_rule)given[0]) {
	case RULE_EXCLUDE:
		return (making->given->globs && !strchr(value, '/')
				? add_glob(making, value, strlen(value), err)
				: add_plain(making, false, value, strlen(value), err))
			       ? err_wrap(err, "--exclude")
			       : FAULT_NONE;
	case RULE_INCLUDE:
		return add_plain(making, true, value, strlen(value), err)
			       ? err_wrap(err, "--include")
			       : FAULT_NONE;
	case RULE_FILTER:
		return add_filter(making, value, err) ? err_wrap(err, "--filter") : FAULT_NONE;
	case RULE_EXCLUDE_FROM:
		return add_file(making, value, false, err)
			       ? err_wrap(err, "--exclude-from=%.60s", value)
			       : FAULT_NONE;
	case RULE_INCLUDE_FROM:
		return add_file(making, value, true, err)
			       ? err_wrap(err, "--include-from=%.60s", value)
			       : FAULT_NONE;
	case RULE_EXCLUDE_VCS:
		return add_vcs(making->select, err);
	case RULE_EXCLUDE_GLOBS_FROM:
		return add_globs(making, value, err)
			       ? err_wrap(err, "--exclude-from-utf-8=%.60s", value)
			       : FAULT_NONE;
	}
	return FAULT_NONE;
}

static enum fault set_limits(struct making *making, struct err *err)
{
	const struct selection_options *given = making->given;
	struct select_limits limits = {
		.min_bytes = given->min_size,
		.max_bytes = given->max_size,
		.has_newer = given->newer != NULL,
		.one_file_system = given->one_file_system,
		.caches = given->exclude_caches,
	};
	for (size_t i = 0; i < given->exclude_if_present.count; i++)
		if (select_mark(making->select, given->exclude_if_present.text[i], err))
			return err_wrap(err, "--exclude-if-present");
	if (given->newer && selection_date(given->newer, &limits.newer_ns, err))
		return err_wrap(err, "--newer");
	if (limits.max_bytes && limits.min_bytes > limits.max_bytes)
		return err_set(err, FAULT_USAGE, "--min-size is above --max-size");
	select_limit(making->select, &limits);
	return FAULT_NONE;
}

static enum fault add_listed_line(struct making *making, const char *line, size_t size,
				  bool include, struct err *err)
{
	(void)include;
	bool is_comment = !making->given->null_separated && (line[0] == '#' || line[0] == ';');
	return is_comment ? FAULT_NONE : listed_add(making->listed, line, size, err);
}

static enum fault set_list(struct making *making, struct err *err)
{
	const char *path = making->given->files_from;
	struct bytes text;
	if (!path)
		return FAULT_NONE;
	making->listed = listed_new();
	if (!making->listed)
		return err_set(err, FAULT_NOMEM, "no memory for the list");
	bytes_init(&text, LISTED_TEXT_MAX);
	enum fault fault = read_input(making, path, &text, err);
	if (!fault)
		fault = add_lines(making, &text, add_listed_line, false, err);
	bytes_fini(&text);
	if (fault) {
		listed_free(making->listed);
		return err_wrap(err, "--files-from=%.60s", path);
	}
	listed_sort(making->listed);
	return select_list(making->select, making->listed, err);
}

enum fault selection_make(const struct selection_options *given, struct select **select,
			  struct err *err)
{
	struct making making = { .given = given, .select = select_new() };
	enum fault fault = FAULT_NONE;
	if (!making.select)
		return err_set(err, FAULT_NOMEM, "no memory for the selection");
	for (size_t i = 0; i < given->rules.count && !fault; i++)
		fault = add_given(&making, given->rules.text[i], err);
	if (!fault)
		fault = set_limits(&making, err);
	if (!fault)
		fault = set_list(&making, err);
	if (!fault) {
		*select = making.select;
		return FAULT_NONE;
	}
	select_free(making.select);
	if (fault == FAULT_TOO_LARGE || fault == FAULT_NOT_FOUND || fault == FAULT_IO)
		err->fault = FAULT_USAGE;
	return err->fault;
}
