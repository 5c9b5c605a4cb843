/*
 * Keys cut into numbered chunks, as git-annex cuts them: what is stored, in which order it is
 * looked for, and when it counts as there.
 *
 * The room computes only: what is to be done with a grid is done by operations that are passed in.
 * size.c reads sizes as git-annex writes them, key.c keys, log.c the log of what was stored in
 * chunks; lists.c says which chunks a key may consist of; chunk_store.c, chunk_retrieve.c and
 * chunk_presence.c, which removes too, go through them; each.c does it side by side.  In
 * tests/unit/test_chunk.c and test_chunk_text.c each rule has a fact of its name.
 *
 *   store      [which are there?] -> store the others -> all there: the log
 *   retrieve   a list of chunks -> what is missing of the file, front to back -> else the next list
 *   present    any list whole: present; else any unknown: unknown; else absent
 *   remove     every chunk of every list -> the log
 *
 * Source: git-annex Remote/Helper/Chunked.hs and Logs/Chunk.hs, of 2015 and of 10.20261026.  What
 * is different here on purpose: whoever cannot be asked is never taken for absent (rule C54),
 * unknown methods in a log are no chunks (C33), a file is cut to its length (C42), what has come of
 * one list counts for the next (C44), sizes with junk behind or that overflow are refused (C5).
 *
 * Place      the key store (a grid's directory) -> [chunk] -> its operations.
 * Ownership  everything is borrowed for a call.
 * Threads    a machine sleeps until it is done.  With `width` above 1 `present`, `store` and
 *            `retrieve` are called by several threads at once; the others by one at a time.
 */
#pragma once

#include "chunk/lists.h"

/* What asking for an object came to. */
enum chunk_presence {
	CHUNK_ABSENT,
	CHUNK_PRESENT,
	CHUNK_UNKNOWN, /* nobody can tell now; `err` says why */
};

/* A part of the file that a key stands for. */
struct chunk_part {
	struct chunk_key key; /* the chunk's, or the key itself: all of the file */
	uint64_t offset;      /* in the file */
	uint64_t size;        /* bytes; UINT64_MAX: whatever the object has */
};

/* Takes bytes of a part in their order, from its offset on.  A fault ends the part. */
struct chunk_sink {
	/* Forgets what came: the next byte stands at `offset` of the file.  Of a chunk that is its
	 * own; of the key itself an earlier one than the part's, where what is there is wrong. */
	enum fault (*begin)(void *context, uint64_t offset, struct err *err);
	enum fault (*write)(void *context, const void *data, size_t size, struct err *err);
	void *context;
};

struct chunk_operations {
	enum chunk_presence (*present)(void *context, const struct chunk_key *key, struct err *err);
	/* Stores the part of the source file, over what may be there.  It must not be seen before
	 * it is whole. */
	enum fault (*store)(void *context, const struct chunk_part *part, struct err *err);
	/* Reads and proves the object of the part.  NOT_FOUND: it is not there; nothing was written
	 * then. */
	enum fault (*retrieve)(void *context, const struct chunk_part *part,
			       const struct chunk_sink *sink, struct err *err);
	/* FAULT_NONE also where it is not there. */
	enum fault (*remove)(void *context, const struct chunk_key *key, struct err *err);
	/* Reads the key's log into an empty one; none is FAULT_NONE. */
	enum fault (*read_log)(void *context, struct chunk_log *log, struct err *err);
	enum fault (*write_log)(void *context, const struct chunk_log *log, struct err *err);
	/* Stores how much of the file that is retrieved into is there and right, as far as the list
	 * can tell; of the key itself (size 0) `retrieve` looks at it. */
	enum fault (*have)(void *context, const struct chunk_list *list, uint64_t *size,
			   struct err *err);
	/* Writes at `offset`, up to which all is there, over what may stand behind it. */
	enum fault (*write)(void *context, uint64_t offset, const void *data, size_t size,
			    struct err *err);
	/* Ends the file behind `size`. */
	enum fault (*cut)(void *context, uint64_t size, struct err *err);
	/* Hears how many bytes of the file are through, from its beginning.  May be NULL. */
	void (*progress)(void *context, uint64_t bytes);
	void *context; /* of all */
};

struct chunk_run {
	const struct chunk_operations *operations;
	struct chunk_config config;
	struct chunk_key key;
	const char *owner; /* whose lines of the log count: a UUID */
	int64_t now_ns;    /* the time, for the log */
	unsigned width;    /* parts under way at once, 1..CHUNK_WIDTH_MAX */
	bool serial;       /* store: ask for chunk 1, 2, ... and begin with the first that is
			       missing, as git-annex does */
	uint64_t memory;   /* retrieve: bytes that may wait for their turn */
};

enum { CHUNK_WIDTH_MAX = 64 };

/*
 * Stores a file of `size` bytes.  Faults: those of the operations; what was stored stays, and is
 * found by the next run.
 */
MUST_USE enum fault chunk_store(const struct chunk_run *run, uint64_t size, struct err *err);

/*
 * Retrieves the file.  What is there of it is kept and gone on with.  FAULT_NOT_FOUND: no list has
 * its first missing part; else the fault of the most likely list.
 */
MUST_USE enum fault chunk_retrieve(const struct chunk_run *run, struct err *err);

/* Returns whether the key is there; `err` says why nobody can tell. */
enum chunk_presence chunk_present(const struct chunk_run *run, struct err *err);

/* Removes what any list names.  Where one part cannot be removed, the log stays. */
MUST_USE enum fault chunk_remove(const struct chunk_run *run, struct err *err);
