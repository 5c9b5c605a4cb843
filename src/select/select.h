/*
 * Which entries of a tree are taken: rules in order, limits, a list.
 *
 * Rules: the first whose pattern matches decides; without one the entry is taken.  An entry that is
 * left out is not looked into, so nothing below it is asked about.  Paths are counted from the
 * transfer root, the directory that the sources are put into: "photos/2024/a.jpg".  The sources
 * themselves are not asked about.  Of a directory that has a marker only the markers are taken.
 *
 * Inside: select.c (rules, limits, their text) -> pattern.c, glob.c (one pattern), listed.c (the
 * list), marked.c (markers).
 *
 * Place      src/options -> [select] -> plan/chooser.h; a job's manifest keeps its text.
 * Ownership  a struct select owns everything until select_free.
 * Threads    one owner while it is made, constant afterwards.
 */
#pragma once

#include "queue/entry.h"
#include "select/listed.h"

enum {
	SELECT_TEXT_MAX = 60000, /* bytes of select_text: a manifest's header has 64 KiB in all */
	SELECT_HASH_SIZE = 65,   /* SHA-256 in hex, with its NUL */
};

struct select;

/* Makes one that takes everything.  NULL: out of memory. */
struct select *select_new(void);

/* Frees it.  NULL is allowed. */
void select_free(struct select *select);

/* Adds a rule behind the others.  `pattern`: pattern.h.  Faults: USAGE (an empty one), TOO_LARGE
 * (all rules together), NOMEM. */
MUST_USE enum fault select_add(struct select *select, bool include, const char *pattern,
			       size_t size, struct err *err);

/* Adds a rule that leaves out what has a name that matches, as `tahoe backup` does (glob.h).
 * Faults as above. */
MUST_USE enum fault select_add_glob(struct select *select, const char *glob, size_t size,
				    struct err *err);

/* Forgets the rules, not the limits. */
void select_clear(struct select *select);

struct select_limits {
	uint64_t min_bytes, max_bytes; /* of files; max_bytes 0: no limit */
	bool has_newer;                /* what is no directory must be modified after `newer_ns` */
	int64_t newer_ns;              /* since 1970 */
	bool one_file_system;
	bool caches; /* the tag of a cache is a marker: marked.h */
};

void select_limit(struct select *select, const struct select_limits *limits);

/* Has the name `name` mark a directory.  Faults: USAGE (no name), TOO_LARGE, NOMEM. */
MUST_USE enum fault select_mark(struct select *select, const char *name, struct err *err);

/* Takes only what is on the list, and the directories that lead there.  Takes `listed`, also on
 * failure.  Faults: NOMEM. */
MUST_USE enum fault select_list(struct select *select, struct listed *listed, struct err *err);

/* Returns the list, or NULL.  Borrowed. */
const struct listed *select_listed(const struct select *select);

/* Returns the hash of the list (of its listed_text), or NULL where nothing is listed. */
const char *select_list_hash(const struct select *select);

/* Returns the number-th name that marks a directory; NULL behind the last. */
const char *select_marker(const struct select *select, size_t number);

/* Returns whether the tag of a cache marks a directory. */
bool select_leaves_caches(const struct select *select);

/* Returns whether it leaves nothing out. */
bool select_takes_all(const struct select *select);

/* ---- asking ---- */

struct select_item {
	const char *path; /* from the transfer root, with the source's name in front */
	size_t size;
	enum manifest_kind kind;
	uint64_t bytes;
	int64_t mtime_ns; /* INT64_MAX: not known */
	bool mounted;     /* on another file system than the directory it is in */
};

enum select_answer {
	SELECT_LEAVE,
	SELECT_TAKE,
	SELECT_ASTRAY, /* the list goes on below it, and it is no directory */
};

/* Says whether the item, whose directory is taken, is. */
enum select_answer select_ask(const struct select *select, const struct select_item *item);

/* Returns false when the path is left out whatever it turns out to be; a `kind` that is not known
 * yet is 0. */
bool select_may_take(const struct select *select, const char *path, size_t size,
		     enum manifest_kind kind);

/* Returns whether the list has the path, or goes on below it, and no rule leaves it out: then it is
 * missed where it is not there. */
bool select_misses(const struct select *select, const char *path, size_t size);

/* ---- as text ---- */

/*
 * Appends the rules that count, the limits, and the list's hash, each followed by a NUL:
 * "+PATTERN", "-PATTERN" or "=GLOB" in order, then those of min-size=, max-size=, newer= (ns),
 * one-file-system, exclude-caches, if-present= (a name), files-from= (SHA-256 in hex) that apply.
 * Nothing for one that takes everything; equal text means an equal selection.
 */
MUST_USE enum fault select_text(const struct select *select, struct bytes *out, struct err *err);

/* Makes one from such a text; where that names a list, select_list must follow, which fails with
 * CORRUPT for another list.  Faults: CORRUPT, NOMEM. */
MUST_USE enum fault select_read(const char *text, size_t size, struct select **select,
				struct err *err);
