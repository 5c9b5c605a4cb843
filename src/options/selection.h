/*
 * The selection of a command line: its rules, limits and list made into a struct select.
 *
 * Place      options -> [selection] -> migration -> planner.
 * Ownership  every struct select given is the caller's.
 * Threads    one.
 */
#pragma once

#include "base/text_list.h"
#include "select/select.h"

/* Rules: what they were given as, for they count in one order. */
enum option_rule {
	RULE_EXCLUDE = 'e',
	RULE_INCLUDE = 'i',
	RULE_FILTER = 'f',
	RULE_EXCLUDE_FROM = 'E',
	RULE_INCLUDE_FROM = 'I',
	RULE_EXCLUDE_VCS = 'v',
	RULE_EXCLUDE_GLOBS_FROM = 'G',
};

/* One part of struct options, which owns the texts. */
struct selection_options {
	struct text_list rules;   /* each begins with its enum option_rule */
	char *newer, *files_from; /* NULL: not given */
	bool null_separated;
	bool globs; /* an --exclude without a slash is a glob of names, as tahoe backup has it */
	bool named_by_time; /* the one source is called like its snapshot */
	bool one_file_system, exclude_caches;
	struct text_list exclude_if_present;
	uint64_t min_size, max_size; /* of files; max_size 0: no limit */
};

/*
 * Makes what the options come to.  Reads the files they name, and standard input for "-".  Faults:
 * USAGE (a rule, date or path that makes no sense; a file that cannot be read; too much of it),
 * NOMEM.
 */
MUST_USE enum fault selection_make(const struct selection_options *given, struct select **select,
				   struct err *err);
