/*
 * What the machines of `chunk` do, done with one key on a grid.
 *
 * Place      keys.c: a key and a file -> [chunk_grid] -> chunk/chunk.h's machines, chunking, whole,
 *            source.
 * Ownership  a struct chunk_grid owns what it needs until chunk_grid_fini; it borrows the key's
 *            name, and the file is opened and closed by the caller.
 * Threads    as the machines say: each call takes a store of its own.
 */
#pragma once

#include "chunk/chunk.h"
#include "keys/chunk_set.h"
#include "keys/chunking.h"
#include "keys/source.h"
#include "keys/target.h"
#include "keys/twins.h"

struct chunk_grid {
	struct keys *keys;
	const struct key_name *name;
	const struct keys_progress *progress;
	const struct source *source; /* of a store */
	struct target *target;       /* of a retrieve */
	struct chunking chunking;
	struct twins twins;
	struct chunk_operations operations;
};

void chunk_grid_init(struct chunk_grid *grid, struct keys *keys, const struct key_name *name,
		     const struct keys_progress *progress);
void chunk_grid_fini(struct chunk_grid *grid);

/* Whether the key may be in chunks at all: equal keys mean equal bytes, and it is no chunk's. */
bool chunk_grid_cuts(const struct chunk_grid *grid);

/* Returns how the key is to be run through the machines. */
struct chunk_run chunk_grid_run(const struct chunk_grid *grid);

/* Stores the object of the key, or of a chunk of it; it is to be wiped.  NOT_FOUND. */
MUST_USE enum fault chunk_grid_find(struct chunk_grid *grid, struct operation *operation,
				    const struct chunk_key *key, struct chunk_object *object,
				    struct err *err);

/* Reads an object and drops it: whether its bytes are those that were noted.  Faults: those of
 * whole_read. */
MUST_USE enum fault chunk_grid_prove(struct operation *operation, const struct chunk_object *object,
				     struct err *err);

/* Links what was stored before a store ended early, whoever asked it to: the next one goes on with
 * it.  What cannot be linked now is not waited for. */
void chunk_grid_save(struct chunk_grid *grid);
