/*
 * The special remote of git-annex on a grid: one root directory, its keys and its exported trees.
 *
 *   remote.c         the root's cap, the way to the grid, a store for each thread
 *   remote_setup.c   INITIALIZE and PREPARE: what the user configured -> a struct remote; AVAILABLE
 *   remote_files.c   STORE, RETRIEVE, PRESENT, REMOVE, RENAME, REMOVE_DIRECTORY
 *
 * Before the first request that needs the grid nothing is sent to anybody.
 *
 * Place      annex.h's table of operations -> [remote] -> tree, upload, verify/single.
 * Ownership  a struct annex_remote owns everything until remote_fini.
 * Threads    operations run concurrently; PREPARE comes before the others.
 */
#pragma once

#include "annex/annex.h"
#include "annex/key.h"
#include "annex/tree.h"
#include "place/setup.h"
#include "queue/core/thread.h"
#include "verify/policy.h"

/* A store and who may end its calls, for one request at a time. */
struct remote_hand {
	struct store_wait wait;
	struct tries tries;
	const atomic_bool
		*stop; /* nobody waits for the request any more; NULL: somebody always does */
	struct remote_hand *next;
};

struct annex_remote {
	struct output *output;
	/* of PREPARE or INITIALIZE */
	bool prepared;
	bool keeps_caps; /* state=annex: git-annex keeps each key's cap, there is no directory */
	char *gateway, *node_directory, *root_word;
	struct cap root;
	/* of the first request */
	struct mutex mutex;
	bool connected GUARDED;
	struct setup setup;
	struct policy *policy;
	struct remote_hand *idle GUARDED;
	struct cap *leaf[KEY_LEAVES] GUARDED; /* directories of keys that were met; NULL: not yet */
};

void remote_init(struct annex_remote *remote, struct output *output);
void remote_fini(struct annex_remote *remote);

/* The operations, ANNEX_OPERATIONS of them, each with the struct annex_remote as its context. */
extern annex_function *const remote_operations[];
extern const struct annex_setting remote_settings[];

/* ---- between the files of remote ---- */

/* Takes a store; connects if nobody has.  Faults: those of setup_load and setup_connect. */
MUST_USE enum fault remote_take(struct annex_remote *remote, const atomic_bool *stop,
				struct remote_hand **hand, struct err *err);

/* Gives it back. */
void remote_give(struct annex_remote *remote, struct remote_hand *hand);

/* Stores the directory of a leaf where it is known.  Returns whether it is. */
bool remote_leaf(struct annex_remote *remote, unsigned leaf, struct cap *cap);

/* Remembers it. */
void remote_keep_leaf(struct annex_remote *remote, unsigned leaf, const struct cap *cap);

/* Returns the options of the way to the grid; they borrow from the remote. */
struct connection_options remote_connection(struct annex_remote *remote);

annex_function remote_initialize, remote_prepare, remote_store, remote_retrieve, remote_present,
	remote_remove, remote_rename, remote_remove_directory, remote_info, remote_whereis,
	remote_available;
