/*
 * Words that somebody gives a snapshot, to find it by.
 *
 * Place      options -> [tags] -> the edge of the snapshot (tahoe/edge.h) -> archive.
 * Ownership  plain text.
 * Threads    all functions may run concurrently.
 *
 * A tag is 1 to 64 of the letters and digits of ASCII and ". _ - + = : @ /", so that it stands in
 * JSON, in a job and in a line as it is.  The tags of a snapshot are one text: sorted, no one
 * twice, with a comma between them.
 */
#pragma once

#include "base/bytes.h"
#include "base/text_list.h"

enum { TAGS_SIZE = 512 }; /* bytes of all tags of a snapshot, with the NUL */

/* Makes one text of tags as people give them, each "a" or "a,b"; empty where there is none.
 * FAULT_USAGE: one is no tag, or they are too many. */
MUST_USE enum fault tags_join(const struct text_list *given, char tags[TAGS_SIZE], struct err *err);

/* Returns whether a text, which may be anybody's, is such a one. */
bool tags_are_valid(const char *tags);

/*
 * Takes the next tag from `*rest`, which then begins behind it.  Returns its size; 0: there is none
 * left.
 */
size_t tags_next(const char **rest, const char **tag);

/* Returns whether a snapshot with `tags` is one of those asked for: it has all tags of any of
 * `wanted`, each "a" or "a,b". */
bool tags_match(const char *tags, const struct text_list *wanted);

/* Appends ,"tags":["a","b"].  Results are those of bytes_append. */
MUST_USE enum fault tags_json(struct bytes *out, const char *tags);
