/*
 * The tables behind the command line: every option once, every command once.
 *
 * Place      options.c parses by them, options_help.c prints them.
 * Threads    constant data.
 */
#pragma once

#include "options/options.h"

enum option_type {
	OPTION_FLAG,     /* bool */
	OPTION_TEXT,     /* char * */
	OPTION_LIST,     /* struct text_list; may be given several times */
	OPTION_RULE,     /* struct text_list; `min` is the enum option_rule in front of each */
	OPTION_COUNT,    /* uint64_t */
	OPTION_SIZE,     /* uint64_t, bytes; k, M, G, T in any case are powers of 1024 */
	OPTION_RATE,     /* uint64_t, bytes a second as a size; or 0, whatever `min` is */
	OPTION_SECONDS,  /* uint64_t, milliseconds; typed in seconds, up to three decimals,
			    or with s, m, h or d behind */
	OPTION_SYMLINKS, /* enum plan_symlinks */
	OPTION_SPECIALS, /* enum plan_specials */
	OPTION_PROGRESS, /* enum report_progress */
	OPTION_LEVELS,   /* unsigned, enum verify_level */
	OPTION_HELP,
	OPTION_VERSION,
};

struct option_row {
	const char *name; /* without dashes; in upper case behind BARGE_ in the environment */
	char letter;      /* 0: none */
	enum option_type type;
	const char *argument; /* what it takes, for people; NULL: nothing */
	const char *help;
	unsigned commands; /* 1u << enum command, joined */
	bool argv_only;    /* makes sense for one call only: not in environment or config */
	size_t offset;     /* in struct options */
	uint64_t min, max; /* of a number as stored; `min` of a rule is its kind */
};

extern const struct option_row option_table[];
extern const size_t option_count;

struct command_row {
	const char *name;
	const char *operands;
	const char *help; /* one line */
	const char *more; /* paragraphs for `barge CMD --help` */
	size_t min, max;  /* words */
};

extern const struct command_row command_table[COMMAND_COUNT];

/* Return the row, one that goes with the command where there is one, or NULL. */
const struct option_row *option_by_name(const char *name, size_t size, enum command command);
const struct option_row *option_by_letter(char letter, enum command command);

/* Returns the command called `word`, or COMMAND_NONE. */
enum command command_by_name(const char *word);
