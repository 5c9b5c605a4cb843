/*
 * Words of the command line made into places: local paths, or paths below a cap.
 *
 * The room: setup.c knows the gateways and how stores are opened, session.c opens one for commands
 * in one thread.  places.c makes words into places; for barge cp arrange.c says what they come to,
 * by what arrange_look.c has seen, and fresh.c makes a new target.  For barge ls, get and put
 * grid_path.c finds what one word names, link.c the name to be made.
 *
 * Place      options -> [places] -> planner, stores, committer; job properties.
 * Ownership  a struct places owns everything it points to until places_fini; caps are secrets.
 * Threads    read by anyone once resolved.
 *
 * Source: tahoe-lafs 1.20.0 allmydata/scripts/common.py get_alias, scripts/tahoe_cp.py.
 */
#pragma once

#include "base/bytes.h"
#include "node/aliases.h"
#include "options/connection.h"

/* The alias that the cap of --cap-file answers to. */
#define PLACE_CAP_FILE_ALIAS "cap"

/* Begins the identity of a fresh target. */
#define PLACE_FRESH "new:"

struct place {
	bool local;
	bool ends_in_slash; /* as typed */
	char *typed;     /* without outer spaces, a typed cap redacted: safe to show and to keep */
	char *path;      /* local: absolute, by the text alone; of a source that is there, without
			    symlinks; grid: below `root` */
	char *name;      /* last component of the absolute path; empty when there is none ("/",
			    "alias:") */
	struct cap root; /* grid */
	bool fresh; /* a target: a directory on the grid that is to be made, linked nowhere; its cap
		       goes into the file `path` */
};

struct places {
	struct place *source;
	size_t count;
	struct place target;
};

/*
 * Resolves the words of cp or plan, the last one the target, which is first in finding faults.
 * With `cap_out` (of --cap-out, else NULL) all words are sources and the target is fresh.
 * Reads the node directory's aliases and --cap-file; what is at a place is not looked at (see
 * arrange.h).  FAULT_USAGE: fewer than two words, unknown alias (Tahoe's words), a cap that is
 * malformed or lets nobody read, an empty word; INSECURE; IO; NOMEM.
 */
MUST_USE enum fault places_resolve(const struct connection_options *connection,
				   const struct text_list *words, const char *cap_out,
				   struct places *places, struct err *err);

/* Resolves one word as a target, as places_resolve does with the last one. */
MUST_USE enum fault places_target(const struct connection_options *connection, const char *word,
				  struct place *place, struct err *err);

/* Returns whether any of the places is on a grid. */
bool places_on_grid(const struct places *places);

struct place_words {
	const char *const *word;
	size_t count;
	const char *default_alias; /* what a word without an alias stands below, or NULL */
};

/*
 * Loads the node directory's aliases where one of the words asks for them, and that of --cap-file.
 * Faults: USAGE, INSECURE, IO, NOMEM.
 */
MUST_USE enum fault places_aliases(const struct connection_options *connection,
				   const struct place_words *words, struct aliases *aliases,
				   struct err *err);

/* Refuses a word on a grid, `typed` as it is shown, whose cap lets nobody read, or whose path no
 * grid can have. */
MUST_USE enum fault places_check_grid(const struct argument *argument, const char *typed,
				      struct err *err);

/* Refuses a local word that is no path here, but the name of an alias: its colon may be missing. */
MUST_USE enum fault places_check_colon(const struct connection_options *connection,
				       const char *word, struct err *err);

/* Adds to an error about something else that was not found the question whether an alias is meant,
 * where the word is the name of one, or near to it. */
void places_ask_alias(const struct connection_options *connection, const char *word,
		      struct err *err);

/* Wipes and frees.  NULL and all zeros are allowed. */
void place_fini(struct place *place);
void places_fini(struct places *places);

/*
 * Writes what the place is, without secrets and the same each time: "file:" and the absolute path,
 * or "grid:", 64 hex digits of SHA-256 over the cap, ":" and the path; of a fresh one PLACE_FRESH
 * and the absolute path of the file.
 */
MUST_USE enum fault place_identity(const struct place *place, struct bytes *out, struct err *err);

/* Writes the identities of all sources, each followed by a NUL: the property JOB_SOURCES. */
MUST_USE enum fault places_sources(const struct places *places, struct bytes *out, struct err *err);
