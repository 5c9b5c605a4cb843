/*
 * git-annex's external special remote protocol, over a table of operations.
 *
 *   stdin -> annex_run: one reader -> line -> kind -> at once: LISTCONFIGS, GETCOST, ...
 *                                               -> jobs: one request each, run by threads
 *   operation(request) -> its questions (annex_ask_...) and PROGRESS -> reply -> stdout
 *
 * Inside: line.c (cutting), kinds.c (the table of requests), jobs.c (who runs what), reply.c (what
 * became of it, as a line), ask.c (questions in the middle of a request), wire.c (lines out).
 * config.c is what the user configures; remote.c and what begins so are the operations on a grid.
 *
 * Place      git-annex-remote-barge -> [annex] -> operations.
 * Threads    annex_run owns the thread that calls it; operations run in threads of its own, several
 *            at a time.
 */
#pragma once

#include "base/bytes.h"

#include <stdatomic.h>

struct annex_job;

/* What an operation is asked for.  Texts live until it returns. */
struct annex_request {
	struct annex_job *job;   /* whom to ask: the functions below */
	const char *key;         /* of all but INITIALIZE, PREPARE, INFO, REMOVE_DIRECTORY */
	const char *file;        /* of STORE and RETRIEVE: its local path */
	const char *name;        /* of an export: where it is in the tree; NULL: a key is meant */
	const char *to;          /* of RENAME: its new name */
	struct bytes *answer;    /* of INFO and WHEREIS: to be filled in */
	const atomic_bool *stop; /* nobody waits for the reply any more: end soon */
};

enum annex_operation {
	ANNEX_INITIALIZE,
	ANNEX_PREPARE,
	ANNEX_STORE,
	ANNEX_RETRIEVE,
	ANNEX_PRESENT, /* FAULT_NOT_FOUND: it is certain that it is not there; others: unknown */
	ANNEX_REMOVE,  /* what is not there is removed */
	ANNEX_RENAME,
	ANNEX_REMOVE_DIRECTORY,
	ANNEX_INFO, /* lines NAME TAB VALUE */
	ANNEX_WHEREIS,
	ANNEX_AVAILABLE, /* whether the remote can be reached, answered within seconds */
	ANNEX_OPERATIONS,
};

/* A fault with `err` filled is a failure that git-annex is told of, without caps. */
typedef enum fault annex_function(void *context, const struct annex_request *request,
				  struct err *err);

struct annex_setting {
	const char *name, *description;
};

struct annex_options {
	int in, out;                      /* descriptors */
	annex_function *const *operation; /* ANNEX_OPERATIONS of them */
	void *context;
	/* Told of each operation, in its thread, the second before its reply; NULL: nothing. */
	void (*began)(void *context);
	void (*ended)(void *context, struct annex_job *job);
	const struct annex_setting *setting; /* that a user can configure; the last has no name */
	unsigned threads;                    /* operations at a time, at most */
};

/*
 * Speaks with git-annex until it closes `in`, and ends what is running.  Sleeps.  Faults: CORRUPT
 * (what came is not the protocol, or git-annex said ERROR; the other side was told), IO, NOMEM.
 */
MUST_USE enum fault annex_run(const struct annex_options *options, struct err *err);

/* ---- for operations: questions, and words in the middle of a request ---- */

/* Each asks and sleeps until the answer is there, which it stores.  CANCELLED: the other side went
 * away. */
MUST_USE enum fault annex_ask_setting(struct annex_job *job, const char *name, struct bytes *value,
				      struct err *err);
MUST_USE enum fault annex_ask_state(struct annex_job *job, const char *key, struct bytes *value,
				    struct err *err);
/* The password of the credentials `name`; empty: there are none. */
MUST_USE enum fault annex_ask_secret(struct annex_job *job, const char *name, struct bytes *value,
				     struct err *err);

/* The directory of git, where this repository has one; relative ones are so to where we are. */
MUST_USE enum fault annex_ask_git_directory(struct annex_job *job, struct bytes *value,
					    struct err *err);

/* Keep something; there is no answer.  Settings only while INITIALIZE runs, states never then. */
void annex_keep_setting(struct annex_job *job, const char *name, const char *value);
void annex_keep_state(struct annex_job *job, const char *key, const char *value);
void annex_keep_secret(struct annex_job *job, const char *name, const char *value);

/* Tells how many bytes of the file are through; at most five times a second it goes out. */
void annex_progress(struct annex_job *job, uint64_t bytes);

/* Says something that is shown with --debug, without caps. */
void annex_debug(struct annex_job *job, const char *text);

/* Says something that the user sees, where git-annex has a way to show it. */
void annex_info(struct annex_job *job, const char *text);
