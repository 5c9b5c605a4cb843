/*
 * One line of git-annex's protocol, cut into its words.
 *
 *   [J NUMBER ]WORD[ PARAMETER]...     one blank between them, the last parameter takes the rest
 *
 * Place      annex.c reads lines -> [line] -> kinds, jobs.
 * Ownership  everything points into the caller's text, which is changed.
 * Threads    may run concurrently.
 */
#pragma once

#include "queue/core/base.h"

struct annex_line {
	bool tagged;
	uint64_t job; /* 0: not tagged */
	char *word;   /* not empty */
	char *rest;   /* behind the blank after the word; NULL: there is no blank */
};

/*
 * Cuts a line of `size` bytes, without its newline; a NUL follows.  Where `tags` may be there, one
 * is taken off.  False: it is empty, has a NUL, begins with a blank, or its tag is none.
 */
MUST_USE bool annex_line_cut(char *text, size_t size, bool tags, struct annex_line *line);

enum { ANNEX_PARAMETERS_MAX = 3 };

/*
 * Cuts the rest into exactly `count` parameters, of which each may be empty and the last has the
 * blanks that are left.  False: there are fewer; or, for none, there is a rest.
 */
MUST_USE bool annex_line_parameters(const struct annex_line *line, size_t count,
				    char *parameter[ANNEX_PARAMETERS_MAX]);
