#include "options/options.h"

#include "base/escape.h"
#include "base/redact.h"
#include "base/secret.h"
#include "net/url.h"
#include "options/elsewhere.h"
#include "options/nearest.h"
#include "options/options_value.h"
#include "options/selection.h"

#include <assert.h>
#include <errno.h>
#include <sys/stat.h>

enum {
	SHOWN_SIZE = 96,
	HINT_SIZE = 128,
	OPTIONS_MAX = 128,
	CONFIG_SIZE_MAX = 65536,
	NAME_SIZE = 64
};

/* One parse: the words still to come, and which options are set already. */
struct parse {
	struct options *options;
	struct text_list arg; /* copies of argv, which has been overwritten where it held caps */
	size_t next;
	bool set[OPTIONS_MAX]; /* by a source that wins over those still to come */
	bool in_argv[OPTIONS_MAX];
	bool help, version, has_command;
};

#define DAY_MS UINT64_C(86400000)

static void set_defaults(struct options *options)
{
	*options = (struct options){
		.planning.max_dir_entries = PLAN_DIR_ENTRIES_DEFAULT,
		.planning.range_size = PLANNING_RANGE_SIZE,
		.older_ms = UINT64_MAX,
		.bench_duration_ms = 2000,
		.transfer.readers = 8,
		.transfer.memory = 64 << 20,
		.connection.gateway_wait_ms = 300000,
		.connection.grid_wait_ms = 300000,
		.backup.check_after_ms = 30 * DAY_MS,
		.backup.check_always_ms = 60 * DAY_MS,
	};
}

/* Makes a word fit to stand in a message: no caps, no control bytes, not too long. */
static const char *show(const char *word, char shown[SHOWN_SIZE])
{
	struct bytes plain, text;
	bytes_init(&plain, 1 << 20);
	bytes_init(&text, 1 << 20);
	enum fault fault = redact_text(&plain, word, strlen(word));
	if (!fault)
		fault = escape_name(&text, plain.data, plain.size);
	snprintf(shown, SHOWN_SIZE, "%.90s", fault ? "(a long word)" : bytes_text(&text));
	bytes_fini(&plain);
	bytes_fini(&text);
	return shown;
}

static bool holds_cap(const char *word)
{
	static const char *const start[] = { "URI:", "ro.URI:", "imm.URI:" };
	const char *value = *word == '-' ? strchr(word, '=') : NULL;
	word = value ? value + 1 : word;
	word += strspn(word, " ");
	for (size_t i = 0; i < ARRAY_COUNT(start); i++)
		if (strncmp(word, start[i], strlen(start[i])) == 0)
			return true;
	return false;
}

/* Copies argv and overwrites caps and passwords in it, so that process lists show them no longer.
 */
static enum fault take_argv(struct parse *parse, int argc, char **argv, struct err *err)
{
	for (int i = 1; i < argc; i++) {
		enum fault fault = text_list_add(&parse->arg, argv[i], err);
		if (fault)
			return fault;
		bool cap = holds_cap(argv[i]);
		if (!cap && !(strstr(argv[i], "://") && url_names_user(argv[i])))
			continue;
		parse->options->cap_in_argv |= cap;
		memset(argv[i], 'x', strlen(argv[i]));
	}
	return FAULT_NONE;
}

static enum fault apply(struct parse *parse, const struct option_row *row, const char *value,
			const char *where, struct err *err)
{
	size_t number = (size_t)(row - option_table);
	parse->in_argv[number] = true;
	parse->options->typed[number / 64] |= UINT64_C(1) << number % 64;
	parse->help |= row->type == OPTION_HELP;
	parse->version |= row->type == OPTION_VERSION;
	if (row->type == OPTION_HELP || row->type == OPTION_VERSION)
		return FAULT_NONE;
	return option_store(parse->options, row, value, where, err);
}

/* Whether the next word is one of those that the option takes: --progress may stand alone. */
static bool next_is_choice(const struct parse *parse, const struct option_row *row)
{
	if (parse->next == parse->arg.count)
		return false;
	struct options tried = { 0 };
	struct err err;
	return !option_store(&tried, row, parse->arg.text[parse->next], "", &err);
}

/* Applies an option found in argv; `value` is what was glued to it, or NULL. */
static enum fault take_option(struct parse *parse, const struct option_row *row, const char *value,
			      const char *where, struct err *err)
{
	if (!row->argument && value)
		return err_set(err, FAULT_USAGE, "%s takes no value", where);
	if (row->type == OPTION_PROGRESS && !value && !next_is_choice(parse, row))
		value = "always";
	if (row->argument && !value) {
		if (parse->next == parse->arg.count)
			return err_set(err, FAULT_USAGE, "%s wants %s behind it", where,
				       row->argument);
		value = parse->arg.text[parse->next++];
	}
	return apply(parse, row, value, where, err);
}

/* What is said of a word that is not known: what there is in its place, or which one is near to it,
 * which may be NULL, too. */
static const char *put_hint(const char *here, const char *dashes, const char *nearest,
			    char text[HINT_SIZE])
{
	text[0] = '\0';
	if (here)
		snprintf(text, HINT_SIZE, ": %s", here);
	else if (nearest)
		snprintf(text, HINT_SIZE, ", is it %s%s", dashes, nearest);
	return text;
}

/* What other programs have a word for when they copy; NULL with a command that copies nothing. */
static const char *copying_hint(enum command command, const char *word)
{
	return command <= COMMAND_RESUME ? elsewhere_option(word) : NULL;
}

/* Names an option that there is not, the one that may have been meant, and what lists them. */
static enum fault no_option(const struct parse *parse, const char *word, const char *nearest,
			    struct err *err)
{
	char shown[SHOWN_SIZE], hint[HINT_SIZE];
	const enum command command = parse->options->command;
	const bool known = command != COMMAND_NONE;
	return err_set(err, FAULT_USAGE, "there is no option %s%s; barge %s%s lists them",
		       show(word, shown),
		       put_hint(copying_hint(command, word), "--", nearest, hint),
		       known ? command_table[command].name : "", known ? " --help" : "help");
}

static enum fault take_long(struct parse *parse, const char *word, struct err *err)
{
	char where[NAME_SIZE];
	const char *equals = strchrnul(word, '=');
	const struct option_row *row =
		option_by_name(word + 2, (size_t)(equals - word - 2), parse->options->command);
	if (!row) {
		row = nearest_option(word + 2, (size_t)(equals - word - 2),
				     parse->options->command);
		return no_option(parse, word, row ? row->name : NULL, err);
	}
	snprintf(where, sizeof where, "--%s", row->name);
	return take_option(parse, row, *equals ? equals + 1 : NULL, where, err);
}

/* Whether the option is one of the command, as far as that is known yet. */
static bool goes_with(const struct option_row *row, const struct options *options)
{
	return options->command == COMMAND_NONE || row->commands & 1u << options->command;
}

/* Takes "-rv", "-j4" or "-j" "4". */
static enum fault take_short(struct parse *parse, const char *word, struct err *err)
{
	enum fault fault = FAULT_NONE;
	for (const char *at = word + 1; *at && !fault; at++) {
		char where[] = { '-', *at, '\0' };
		const struct option_row *row = option_by_letter(*at, parse->options->command);
		if (!row || (!goes_with(row, parse->options) &&
			     copying_hint(parse->options->command, where)))
			return no_option(parse, where, NULL, err);
		if (row->argument)
			return take_option(parse, row, at[1] ? at + 1 : NULL, where, err);
		fault = apply(parse, row, NULL, where, err);
	}
	return fault;
}

static enum fault no_command(const char *word, struct err *err)
{
	char shown[SHOWN_SIZE], hint[HINT_SIZE];
	const enum command nearest = nearest_command(word);
	const char *name = nearest ? command_table[nearest].name : NULL;
	return err_set(err, FAULT_USAGE, "there is no command '%s'%s; barge help lists them",
		       show(word, shown), put_hint(elsewhere_command(word), "", name, hint));
}

static enum fault take_word(struct parse *parse, const char *word, struct err *err)
{
	if (parse->has_command)
		return text_list_add(&parse->options->words, word, err);
	parse->has_command = true;
	parse->options->command = command_by_name(word);
	if (parse->options->command == COMMAND_NONE)
		return no_command(word, err);
	return FAULT_NONE;
}

static enum fault parse_argv(struct parse *parse, struct err *err)
{
	enum fault fault = FAULT_NONE;
	bool only_words = false;
	while (!fault && parse->next < parse->arg.count) {
		const char *word = parse->arg.text[parse->next++];
		if (only_words || word[0] != '-' || word[1] == '\0')
			fault = take_word(parse, word, err);
		else if (strcmp(word, "--") == 0)
			only_words = true;
		else if (word[1] == '-')
			fault = take_long(parse, word, err);
		else
			fault = take_short(parse, word, err);
	}
	memcpy(parse->set, parse->in_argv, sizeof parse->set);
	return fault;
}

static enum fault parse_environment(struct parse *parse, struct err *err)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_table[i];
		char name[NAME_SIZE] = "BARGE_";
		size_t size = strlen(name);
		for (const char *at = row->name; *at && size < sizeof name - 1; at++)
			name[size++] = *at == '-' ? '_' : (char)(*at & ~0x20);
		const char *value = row->argv_only || parse->set[i] ? NULL : getenv(name);
		if (!value || !*value)
			continue;
		parse->set[i] = true;
		enum fault fault = option_store(parse->options, row, value, name, err);
		if (fault)
			return fault;
	}
	return FAULT_NONE;
}

/* Cuts blanks off both ends, in place. */
static char *trim(char *text)
{
	static const char blank[] = " \t\r";
	text += strspn(text, blank);
	size_t size = strlen(text);
	while (size > 0 && strchr(blank, text[size - 1]))
		text[--size] = '\0';
	return text;
}

/* A value between double quotes is taken as it stands, blanks included. */
static char *unquote(char *value)
{
	size_t size = strlen(value);
	if (size < 2 || value[0] != '"' || value[size - 1] != '"')
		return value;
	value[size - 1] = '\0';
	return value + 1;
}

/* Applies a line unless argv or the environment has said otherwise (`before`). */
static enum fault config_line(struct parse *parse, char *line, unsigned number, const bool *before,
			      struct err *err)
{
	char shown[SHOWN_SIZE], where[2 * NAME_SIZE];
	line = trim(line);
	if (*line == '\0' || *line == '#')
		return FAULT_NONE;
	char *equals = strchr(line, '=');
	if (!equals)
		return err_set(err, FAULT_USAGE, "line %u: '%s' is not NAME = VALUE", number,
			       show(line, shown));
	*equals = '\0';
	const char *name = trim(line);
	const struct option_row *row = option_by_name(name, strlen(name), parse->options->command);
	if (!row || row->argv_only)
		return err_set(err, FAULT_USAGE, "line %u: '%s' is not an option for a file",
			       number, show(name, shown));
	size_t at = (size_t)(row - option_table);
	if (before[at])
		return FAULT_NONE;
	parse->set[at] = true;
	snprintf(where, sizeof where, "line %u: %s", number, row->name);
	return option_store(parse->options, row, unquote(trim(equals + 1)), where, err);
}

static bool config_path(char *path, size_t size)
{
	const char *base = getenv("XDG_CONFIG_HOME");
	int length = 0;
	if (base && *base == '/')
		length = snprintf(path, size, "%s/barge/config", base);
	else if (getenv("HOME"))
		length = snprintf(path, size, "%s/.config/barge/config", getenv("HOME"));
	return length > 0 && (size_t)length < size;
}

/* Whether nobody can tell us if there is such a file: the home of somebody else, say. */
static bool is_out_of_sight(const char *path)
{
	struct stat st;
	return stat(path, &st) != 0 && (errno == EACCES || errno == EPERM || errno == ENOTDIR ||
					errno == ELOOP || errno == ENAMETOOLONG);
}

/* A config file need not be there.  Nobody has asked for it by name. */
static enum fault parse_config(struct parse *parse, struct err *err)
{
	char path[4096];
	if (!config_path(path, sizeof path))
		return FAULT_NONE;
	struct bytes text;
	bytes_init(&text, CONFIG_SIZE_MAX);
	enum fault fault = secret_file_read(path, SECRET_FILE_TAHOE, &text, err);
	bool before[OPTIONS_MAX];
	memcpy(before, parse->set, sizeof before);
	char *rest = (char *)text.data;
	for (unsigned number = 1; !fault && rest; number++) {
		char *line = strsep(&rest, "\n");
		if (config_line(parse, line, number, before, err))
			fault = err_wrap(err, "'%.200s'", path);
	}
	bytes_fini(&text);
	if (fault == FAULT_NOT_FOUND || (fault && is_out_of_sight(path)))
		return FAULT_NONE;
	return fault;
}

static enum fault check_words(const struct options *options, struct err *err)
{
	const struct command_row *row = &command_table[options->command];
	if (options->words.count >= row->min && options->words.count <= row->max)
		return FAULT_NONE;
	return err_set(err, FAULT_USAGE, "%s: usage: barge %s [OPTION...] %s",
		       options->words.count < row->min ? "too few words" : "too many words",
		       row->name, row->operands);
}

/* A gateway wants no password, and one that is not taken is never shown. */
static enum fault check_gateways(const struct options *options, struct err *err)
{
	const struct text_list *gateway = &options->connection.gateway;
	char shown[SHOWN_SIZE];
	for (size_t i = 0; i < gateway->count; i++) {
		if (url_names_user(gateway->text[i]))
			return err_set(err, FAULT_USAGE,
				       "--gateway: a gateway URL holds no user name or password");
		if (!strchr(gateway->text[i], ':'))
			return err_set(
				err, FAULT_USAGE,
				"-u wants the URL of a gateway, and '%s' is none; --update keeps "
				"what is there with the same size and time",
				show(gateway->text[i], shown));
	}
	return FAULT_NONE;
}

/* Sees to --help and --version, and that each option goes with the command. */
static enum fault options_settle(struct parse *parse, struct err *err)
{
	struct options *options = parse->options;
	if (parse->version)
		options->command = COMMAND_VERSION;
	if (parse->help) {
		options->help = options->command == COMMAND_HELP ? COMMAND_NONE : options->command;
		options->command = COMMAND_HELP;
		return FAULT_NONE;
	}
	if (options->command == COMMAND_NONE)
		return err_set(err, FAULT_USAGE,
			       "a command is wanted, such as barge cp; barge help lists them");
	for (size_t i = 0; i < option_count && !parse->version; i++)
		if (parse->in_argv[i] && !goes_with(&option_table[i], options))
			return err_set(err, FAULT_USAGE, "--%s does not go with barge %s",
				       option_table[i].name, command_table[options->command].name);
	if (options->command == COMMAND_HELP && options->words.count == 1) {
		options->help = command_by_name(options->words.text[0]);
		if (options->help == COMMAND_NONE)
			return no_command(options->words.text[0], err);
	}
	return parse->version ? FAULT_NONE : check_words(options, err);
}

enum fault options_parse(struct options *options, int argc, char **argv, struct err *err)
{
	struct parse parse = { .options = options };
	set_defaults(options);
	assert(option_count <= OPTIONS_MAX);
	enum fault fault = take_argv(&parse, argc, argv, err);
	if (!fault)
		fault = parse_argv(&parse, err);
	if (!fault)
		fault = options_settle(&parse, err);
	/* Help must come even where the environment is broken. */
	if (!fault && options->command != COMMAND_HELP && options->command != COMMAND_VERSION) {
		fault = parse_environment(&parse, err);
		if (!fault)
			fault = parse_config(&parse, err);
		if (!fault)
			fault = check_gateways(options, err);
	}
	options->selection.globs = options->command == COMMAND_BACKUP;
	options->selection.named_by_time =
		options->command == COMMAND_BACKUP && options->words.count == 2;
	if (!fault && (options->command == COMMAND_CP || options->command == COMMAND_PLAN ||
		       options->command == COMMAND_BACKUP))
		fault = selection_make(&options->selection, &options->planning.select, err);
	text_list_fini(&parse.arg);
	if (fault)
		options_fini(options);
	return fault;
}

void options_fini(struct options *options)
{
	if (!options)
		return;
	for (size_t i = 0; i < option_count; i++) {
		void *member = (char *)options + option_table[i].offset;
		if (option_table[i].type == OPTION_LIST || option_table[i].type == OPTION_RULE)
			text_list_fini(member);
		else if (option_table[i].type == OPTION_TEXT)
			free(*(char **)member);
	}
	text_list_fini(&options->words);
	select_free(options->planning.select);
	*options = (struct options){ 0 };
}

bool options_typed(const struct options *options, const char *name)
{
	const struct option_row *row = option_by_name(name, strlen(name), options->command);
	assert(row);
	const size_t number = (size_t)(row - option_table);
	return options->typed[number / 64] & UINT64_C(1) << number % 64;
}

const char *options_command_name(enum command command) { return command_table[command].name; }
