/*
 * Aliases, and the splitting of a command-line argument into a root and a path.
 *
 * Place      the command line -> [aliases] -> planner and committer.
 * Ownership  a struct aliases owns names and caps (secrets) until aliases_fini.  An argument's
 *            pointers lie in the text it was split from.
 * Threads    read by anyone once loaded.
 *
 * Source: tahoe-lafs 1.20.0 allmydata/scripts/common.py get_aliases, get_alias; scripts/cli.py.
 */
#pragma once

#include "tahoe/caps.h"

#define ALIAS_DEFAULT "tahoe"

struct alias {
	char *name;
	char *cap; /* text as in the file; checked when it is used */
};

struct aliases {
	struct alias *list; /* in the order they were told; the last of a name counts */
	size_t count, capacity;
};

/*
 * Reads DIRECTORY/private/root_dir.cap (as "tahoe") and then DIRECTORY/private/aliases; later
 * lines win.  NULL means ~/.tahoe, as in node_load.  Files that are not there or cannot be read
 * are no aliases; a line without ":" is passed over.  FAULT_INSECURE: everybody may write the
 * file; FAULT_TOO_LARGE; FAULT_NOMEM.  On failure `aliases` is empty.
 */
MUST_USE enum fault aliases_load(struct aliases *aliases, const char *directory, struct err *err);

/* Wipes and frees.  NULL and all zeros are allowed. */
void aliases_fini(struct aliases *aliases);

/* Adds an alias or gives one another cap (--dir-cap: ALIAS_DEFAULT).  FAULT_NOMEM. */
MUST_USE enum fault aliases_set(struct aliases *aliases, const char *name, const char *cap,
				struct err *err);

/* Returns the cap text of the alias `name`, or NULL. */
const char *aliases_find(const struct aliases *aliases, const char *name, size_t size);

/* Returns the name of the alias that is nearest to `name`, or NULL where none is near. */
const char *aliases_nearest(const struct aliases *aliases, const char *name, size_t size);

enum argument_kind {
	ARGUMENT_LOCAL, /* `path` is a local path, as typed */
	ARGUMENT_ALIAS, /* `root` is the alias's cap */
	ARGUMENT_CAP,   /* `root` was typed */
};

struct argument {
	enum argument_kind kind;
	struct cap root; /* CAP_NONE for a local path; a secret */
	const char *alias;
	size_t alias_size; /* 0 when there is none */
	const char *path;  /* below the root, "/" between components; may be empty */
	size_t path_size;
};

/* Returns the alias that `text` stands below, `default_alias` where it names none, and its `size`;
 * NULL: it is a cap, or local. */
const char *argument_alias(const char *text, const char *default_alias, size_t *size);

/* Returns where in `text` the path begins, behind a cap or an alias; at its end: there is none. */
const char *argument_path(const char *text);

/*
 * Splits `text`, NUL-terminated; a blank anywhere is part of a name.  What begins with URI:,
 * ro.URI: or imm.URI: is a cap, its path after ":./" or the first "/"; with no ":" or a "/" before
 * it, it is local, or, where `default_alias` is not NULL, a path below that alias; else the part
 * before ":" is an alias.
 * FAULT_USAGE with Tahoe's words for an unknown alias, and which one may be meant; also for a
 * malformed cap, and an alias whose value is not a directory's.  The text of `err` never shows a
 * cap.
 */
MUST_USE enum fault argument_split(const struct aliases *aliases, const char *text,
				   const char *default_alias, struct argument *argument,
				   struct err *err);

/* Wipes the cap.  NULL is allowed. */
void argument_wipe(struct argument *argument);
