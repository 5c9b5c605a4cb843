/*
 * One word of the command line that names something on the grid, and asking what it is.
 *
 * Place      barge ls, get, put: word -> [grid_path] -> store calls.
 * Ownership  a struct grid_path owns everything it points to until grid_path_fini; its cap is a
 *            secret.
 * Threads    one owner at a time.
 */
#pragma once

#include "calls/tries.h"
#include "options/connection.h"
#include "tahoe/chunked.h"

struct grid_path {
	char *typed; /* a typed cap redacted, escaped: safe to show */
	char *plain; /* the same, not escaped: for JSON */
	char *text;  /* what `component` points into */
	struct cap root;
	struct store_name *component; /* below `root`, none of them empty */
	size_t count;
	bool ends_in_slash; /* as typed */
	bool is_alias;      /* the word is an alias whose colon is missing, it seems */
};

/*
 * Resolves `word`; without an alias it lies below "tahoe:".  Reads the node directory's aliases and
 * --cap-file.  FAULT_USAGE: unknown alias (Tahoe's words), a malformed cap, or one that does not
 * let anybody read; INSECURE; IO; NOMEM.  On failure `path` is empty.
 */
MUST_USE enum fault grid_path_resolve(const struct connection_options *connection, const char *word,
				      struct grid_path *path, struct err *err);

/* Refuses a path that something is to be made at where the word is an alias without its colon. */
MUST_USE enum fault grid_path_check_colon(const struct grid_path *path, struct err *err);

enum { GRID_PATH_QUESTION_SIZE = 96 };

/* Returns what is to be asked where nothing is at the path: "; is the alias 'X:' meant?", or "". */
const char *grid_path_question(const struct grid_path *path, char text[GRID_PATH_QUESTION_SIZE]);

/* Wipes and frees.  All zeros are allowed. */
void grid_path_fini(struct grid_path *path);

/* Returns the last component, "" when there is none.  NUL-terminated. */
const char *grid_path_name(const struct grid_path *path);

struct grid_look {
	struct tries tries;
	size_t count;             /* components that count; SIZE_MAX: all */
	store_child_found *child; /* NULL: only the node is wanted */
	/* Forgets children: another try begins.  NULL with `child` NULL. */
	void (*begin)(void *context);
	void *context; /* of both */
};

/*
 * Asks what is at the path, trying again what may go well.  Sleeps.  `node` holds caps: to be
 * wiped.  Faults: NOT_FOUND ("No such file or directory"), and those of store_list with RETRY
 * after the last try.
 */
MUST_USE enum fault grid_path_look(const struct grid_path *path, const struct grid_look *look,
				   struct store_node *node, struct err *err);

/*
 * Finds out whether `node`, as grid_path_look has found it at the whole path, is a file in chunks,
 * and stores these, to be freed; none where it is not.  The edge that leads to a directory that
 * cannot change goes into `node`.  Sleeps.  Faults as above.
 */
MUST_USE enum fault grid_path_chunks(const struct grid_path *path, const struct tries *tries,
				     struct store_node *node, struct chunked *chunked,
				     struct err *err);
