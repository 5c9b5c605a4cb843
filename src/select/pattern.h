/*
 * One pattern of a selection rule, and whether a path matches it.
 *
 * `*` stands for any bytes but '/', `**` for any bytes, `?` for one byte but '/', `[...]` for one
 * of a class; a backslash takes the meaning from the next byte, if the pattern has any of these at
 * all.  A '/' in front ties the pattern to the transfer root, one behind to directories.  Without
 * another '/' and without `**` it is the last component that is matched, else whole components at
 * the end of the path; with `**` inside, what follows any '/'.  A `***` at the end matches the
 * directory itself too.
 *
 * Place      select.h.
 * Ownership  a struct pattern borrows its text.
 * Threads    constant once parsed.
 *
 * Source: rsync(1) 3.2, "PATTERN MATCHING RULES"; docs/filters.md.
 */
#pragma once

#include "queue/core/base.h"

struct pattern {
	const char *text; /* without the outer slashes */
	size_t size;
	size_t components; /* that it has by its slashes */
	bool anchored;
	bool directory; /* only directories match */
	bool wild;      /* there is a wildcard, and so a backslash means something */
	bool crosses;   /* there is a `**` */
	bool leads;     /* it begins with one, which also stands for nothing before a '/' */
	bool itself;    /* it ends in `***` */
};

/* Takes the `size` bytes of `text` apart. */
struct pattern pattern_parse(const char *text, size_t size);

/* Returns whether the path of `size` bytes, from the transfer root and without a slash at either
 * end, matches. */
bool pattern_matches(const struct pattern *pattern, const char *path, size_t size,
		     bool is_directory);
