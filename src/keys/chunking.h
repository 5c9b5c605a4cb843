/*
 * The chunks of one key on a grid: what there is of them, what has come, and which count.
 *
 *   ROOT/chunks/X/FILE        immutable: `log`, and a directory of all chunks for each size
 *   ROOT/partial/X/FILE-SIZE  mutable: what there is so far of a store under way
 *
 *   a chunk is stored -> chunking_keep -> chunking_share: linked in `partial`, many in one request
 *   all are stored    -> chunking_commit: immutable directories, read back; one link in `chunks`;
 *                        the name in `partial` goes
 *
 * Nothing is asked before it is needed, and once only: what others do meanwhile is not seen.  Of
 * two who commit at once the last one's directory stays, and either has all of the key's bytes.
 *
 * Place      chunk's operations (chunk_grid.h) -> [chunking] -> layout, place/make.h.
 * Ownership  a struct chunking owns what it was told until chunking_fini; caps are secrets.  It
 *            borrows the layout and the name.
 * Threads    chunking_find, _keep and _share may run concurrently, with an operation each; the
 *            others alone.
 */
#pragma once

#include "chunk/log.h"
#include "keys/operation.h"

enum {
	CHUNKING_CHUNKS_MAX = 1 << 16, /* of one size, of a key: they stand in one directory */
	CHUNKING_SIZES_MAX = 64,
};

struct chunk_set;
struct chunk_object;

/* A directory of chunks that the key's has. */
struct chunk_size {
	uint64_t size;
	struct cap cap;
};

struct chunking {
	struct layout *layout;
	const struct key_name *name;
	struct mutex lock;   /* of what follows; held while the grid is asked what there is */
	bool looked GUARDED; /* at the key's directory */
	struct cap log GUARDED;
	struct chunk_size *size GUARDED;
	size_t sizes GUARDED;
	bool crowded GUARDED; /* there are more */
	struct chunk_set *set GUARDED;
};

void chunking_init(struct chunking *chunking, struct layout *layout, const struct key_name *name);
void chunking_fini(struct chunking *chunking);

/* Reads the key's log into an empty one; where there is none it stays empty.  CORRUPT: what has its
 * name is no log. */
MUST_USE enum fault chunking_log(struct chunking *chunking, struct operation *operation,
				 struct chunk_log *log, struct err *err);

/* Stores a chunk, from whichever directory.  NOT_FOUND: it is linked nowhere. */
MUST_USE enum fault chunking_find(struct chunking *chunking, struct operation *operation,
				  const struct chunk_key *chunk, struct chunk_object *object,
				  struct err *err);

/* Notes a chunk that is stored.  Faults: NOMEM, those of asking for what there is. */
MUST_USE enum fault chunking_keep(struct chunking *chunking, struct operation *operation,
				  const struct chunk_key *chunk, const struct chunk_object *object,
				  struct err *err);

/*
 * Links what was noted of that size where others find it: when there is enough for a request, and
 * nobody else does it just now; with `all`, everything.
 */
MUST_USE enum fault chunking_share(struct chunking *chunking, struct operation *operation,
				   uint64_t size, bool all, struct err *err);

/*
 * Makes what the log says the key's chunks: those of sizes that were noted or found here get a
 * directory, the others keep theirs, those that the log has no more go.  Faults: RETRY
 * (read back, it is something else), USAGE (more than CHUNKING_SIZES_MAX).
 */
MUST_USE enum fault chunking_commit(struct chunking *chunking, struct operation *operation,
				    const struct chunk_log *log, struct err *err);

/* Takes away what unfinished stores of the key have left, of whatever sizes. */
MUST_USE enum fault chunking_forget_partial(struct chunking *chunking, struct operation *operation,
					    struct err *err);
