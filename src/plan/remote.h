/*
 * Directories of a grid as the planner reads them: whole listings, a few of them kept.
 *
 * Place      ask.h -> remote -> lister.h, entry.h.
 * Ownership  a listing belongs to the remote; what remote_child and remote_find return lives until
 *            the next remote_open or remote_close.
 * Threads    the planner's.
 *
 * A directory that is reached by several paths is listed once, as long as its listing is kept: 64
 * listings or 32 MiB, the one used longest ago goes first.  Listings can be asked for ahead; they
 * come whenever the store is polled, and stay until they are used, another 32 MiB of them.
 */
#pragma once

#include "base/meta.h"
#include "plan/ask.h"
#include "queue/outcome.h"

struct remote_child {
	size_t name; /* offset in the listing's names */
	uint16_t name_size;
	bool fixed;  /* a directory that nobody may write to by the cap that is known */
	bool hollow; /* a directory that a backup could not read: an empty one in its place */
	bool cut;    /* the name is longer than a plan can hold: this is its beginning and a hash */
	uint8_t kind;                       /* enum store_kind */
	uint8_t cap_size, cap_kind;         /* as cap_pack; kind 0: none that can be kept */
	unsigned char cap[CAP_PACKED_SIZE]; /* what reads it, or writes it: enum remote_use */
	uint64_t bytes;                     /* of a file, 0 when unknown */
	uint64_t chunked; /* a directory that says it is a file of so many bytes, in chunks, which
			     chunks.h is to judge; 0: it says nothing, or was judged */
	uint16_t attributes_size; /* of its extended attributes */
	size_t attributes;        /* offset in the listing's names */
	struct meta meta;         /* of the edge; META_GRID is set */
};

/* Fills all but the name from a node, as REMOTE_SOURCE does. */
void remote_describe(const struct store_node *node, struct remote_child *child);

/* Makes a directory the file in chunks that it is, of `bytes` bytes. */
void remote_be_file(struct remote_child *child, uint64_t bytes);

/* Returns whether it is a file that says it is a symlink; one that can change is none. */
bool remote_is_link(const struct remote_child *child);

struct remote;

enum remote_use {
	REMOTE_SOURCE, /* children have caps for reading; a listing may serve twice */
	REMOTE_TARGET, /* children have caps for writing, or for reading where there is none: of
			  files, and of directories that are fixed; a listing serves once */
};

/* Copies `ask`.  NULL: out of memory. */
struct remote *remote_new(const struct ask *ask, enum remote_use use);

/* Wipes and frees.  NULL is allowed. */
void remote_free(struct remote *remote);

/* Turns to the directory `cap`.  Sleeps unless its listing is kept or has come ahead.  Faults:
 * those of ask_finish. */
MUST_USE enum fault remote_open(struct remote *remote, const struct cap *cap, struct err *err);

/* Says that the directory `cap` will soon be turned to: its listing is asked for if fewer than four
 * are on their way.  Never sleeps; a failure shows when it is turned to. */
void remote_ahead(struct remote *remote, const struct cap *cap);

/* Returns how many children there were, in the listings turned to, with more metadata than is read.
 */
uint64_t remote_unread(const struct remote *remote);

/* The same of children whose time is none that we can tell. */
uint64_t remote_untimed(const struct remote *remote);

/* Returns whether a child's directory, which says that it is a file in chunks, was judged lately
 * under the same mark, at whatever place, storing how. */
bool remote_was_judged(struct remote *remote, const struct remote_child *child, bool *is_file);

/* Makes a child of the directory turned to, which says that it is a file in chunks, that file, or
 * leaves it a directory without a mark. */
void remote_judge(struct remote *remote, const struct remote_child *child, bool is_file);

/* Counts a directory that says it is a file in chunks, and is not. */
void remote_note_lie(struct remote *remote);

/* Returns how its store is asked for anything else. */
struct tries remote_tries(const struct remote *remote);

/* Returns how many there were. */
uint64_t remote_lies(const struct remote *remote);

/* Turns to nothing, which has no children. */
void remote_close(struct remote *remote);

/* Returns how many children the directory turned to has, and one of them, in no order to rely on.
 */
size_t remote_count(const struct remote *remote);
const struct remote_child *remote_child(const struct remote *remote, size_t number);

/* Returns a child's name, which is hostile (NUL may be inside), of `child->name_size` bytes. */
const char *remote_name(const struct remote *remote, const struct remote_child *child);

/* Returns a child's extended attributes, as somebody has packed them. */
const unsigned char *remote_attributes(const struct remote *remote,
				       const struct remote_child *child);

/* Returns the child of that name, or NULL. */
const struct remote_child *remote_find(const struct remote *remote, const char *name, size_t size);
