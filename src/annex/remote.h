/*
 * The special remote of git-annex on a grid: one root directory, its keys and its exported trees.
 *
 *   remote.c         the root's cap, and the key store in it
 *   remote_setup.c   INITIALIZE and PREPARE: what the user configured -> a struct remote; AVAILABLE
 *   remote_keys.c    STORE, RETRIEVE, PRESENT, REMOVE of keys
 *   remote_words.c   INFO, WHEREIS: what is told of the remote and of a key; the last session
 *   remote_measure.c what requests wait for
 *   remote_exports.c the same of files in exported trees, RENAME, REMOVE_DIRECTORY
 *
 * Before the first request that needs the grid nothing is sent to anybody.
 *
 * Place      annex.h's table of operations -> [remote] -> keys, place/tree.h.
 * Ownership  a struct annex_remote owns everything until remote_fini.
 * Threads    operations run concurrently; PREPARE comes before the others.
 */
#pragma once

#include "annex/annex.h"
#include "annex/remote_measure.h"
#include "base/digest.h"
#include "keys/operation.h"

struct annex_remote {
	struct output *output;
	/* of PREPARE or INITIALIZE */
	bool prepared;
	bool keeps_caps; /* state=annex: git-annex keeps each key's cap, there is no directory */
	struct chunk_config parts; /* how contents are cut that are kept below the root */
	char *gateway, *node_directory, *root_word;
	char *git_directory; /* of the repository; NULL: not known */
	struct cap root;
	/* of the first request */
	struct mutex mutex;
	bool loaded GUARDED; /* the setup */
	struct setup setup;
	struct grid_path path; /* the root, as keys want it */
	struct keys *keys GUARDED;
	const atomic_bool *stop; /* nobody waits for any request any more */
	struct remote_measure measure;
};

void remote_init(struct annex_remote *remote, struct output *output);
void remote_fini(struct annex_remote *remote);

/* The operations, ANNEX_OPERATIONS of them, each with the struct annex_remote as its context. */
extern annex_function *const remote_operations[];
extern const struct annex_setting remote_settings[];

/* Hear of requests, for what is told of their times (annex_options.began, .ended). */
void remote_began(void *remote);
void remote_ended(void *remote, struct annex_job *job);

/* ---- between the files of remote ---- */

/* Loads what is known of the way to the grid, once.  Faults: those of setup_load. */
MUST_USE enum fault remote_load(struct annex_remote *remote, struct err *err);

/* Stores the key store in the root, which is the remote's, after PREPARE.  Faults: USAGE (PREPARE
 * has not gone well), those of setup_load and keys_open. */
MUST_USE enum fault remote_keys_open(struct annex_remote *remote,
				     const struct annex_request *request, struct keys **keys,
				     struct err *err);

/* Returns the options of the way to the grid; they borrow from the remote. */
struct connection_options remote_connection(struct annex_remote *remote);

/* What becomes of a request about a file of an exported tree. */
annex_function export_store, export_retrieve, export_present, export_remove;

annex_function remote_initialize, remote_prepare, remote_store, remote_retrieve, remote_present,
	remote_remove, remote_rename, remote_remove_directory, remote_info, remote_whereis,
	remote_available;

/* What tells one root from another, and nobody its cap. */
enum { REMOTE_ID_SIZE = 2 * DIGEST_SIZE + 1 };
void remote_identify(const struct cap *root, char id[REMOTE_ID_SIZE]);

/* Returns the path of the file that says how the last session spent its time, from malloc; NULL: it
 * has none. */
char *remote_session_path(const struct annex_remote *remote);

/* Tells git-annex how far a file is (a keys_progress.moved); the context is the job. */
void remote_moved(void *job, uint64_t bytes);

/* What PRESENT answers.  FAULT_NOT_FOUND: it is certain that it is not there. */
MUST_USE enum fault remote_presence(enum key_presence presence, struct err *err);
