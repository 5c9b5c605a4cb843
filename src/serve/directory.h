/*
 * A directory in memory: children sorted by name, from a share, from a request, and into both.
 *
 * Place      grid reads and writes directories; http_directory merges requests into them.
 * Ownership  a struct stored_directory owns its children until directory_fini.
 * Threads    one owner at a time.
 *
 * Serialized form: N( N(name) N(ro_uri) N(rwdata) N(metadata) ) for each child, rwdata encrypted
 * with a key that only the write key gives (empty in immutable directories), see TAHOE section 6.
 * Source: tahoe-lafs 1.20.0 allmydata/dirnode.py, allmydata/web/directory.py, web/common.py.
 */
#pragma once

#include "base/bytes.h"
#include "tahoe/caps.h"

enum { DIRECTORY_BODY_MAX = 1024 * 1024 * 1024 }; /* bytes of a serialized form or a listing */

struct child {
	char *name; /* NFC, with a NUL behind it */
	size_t name_size;
	char *ro;       /* read cap, or "" */
	char *rw;       /* write cap, or "" */
	char *metadata; /* canonical JSON object; NULL: a request gave none */
	size_t order;   /* directory_sort's own */
};

struct stored_directory {
	struct child *list; /* sorted by name, no name twice */
	size_t count, capacity;
};

enum replace_rule {
	REPLACE_ALWAYS,
	REPLACE_NEVER,
	REPLACE_FILES, /* only-files */
};

/* Frees and wipes.  All zeros are allowed and are an empty directory. */
void directory_fini(struct stored_directory *directory);

/* Returns the child, or NULL.  `name` need not be in NFC. */
struct child *directory_find(const struct stored_directory *directory, const char *name,
			     size_t size);

/* Takes a child out.  False when there is none.  `name` as above. */
bool directory_remove(struct stored_directory *directory, const char *name, size_t size);

/*
 * Appends a copy of `child` under the name of `size` bytes at `name`, brought into NFC; what
 * `child` itself has for a name is not looked at.  directory_sort has to follow.  500 when the
 * name is not UTF-8.
 */
MUST_USE enum fault directory_add(struct stored_directory *directory, const char *name, size_t size,
				  const struct child *child, struct err *err);

/* Sorts children; of equal names the last one stays. */
void directory_sort(struct stored_directory *directory);

/*
 * Reads the children of a request.  A problem of status 500 or 400, in Tahoe's words; with
 * `immutable`, 400 MustBeDeepImmutableError for a mutable child.  Metadata that were not given
 * are NULL.
 */
MUST_USE enum fault directory_from_json(const char *text, size_t size, bool immutable,
					struct stored_directory *directory, struct err *err);

/*
 * Links one cap as Tahoe's `t=uri` does: `cap` goes into ro or rw of `child`, whose strings it
 * allocates.  400 MustNotBeUnknownRWError for an unknown one.
 */
MUST_USE enum fault child_set_cap(struct child *child, const char *cap, size_t size,
				  struct err *err);

/*
 * Puts the children of `from`, which is empty afterwards, into `into`: 409 ExistingChildError, and
 * nothing done, where `rule` forbids it.  Metadata as Tahoe's: none given keeps the old, else all
 * but the key "tahoe" is replaced; "tahoe" gets linkcrtime and linkmotime from `now` (seconds).
 */
MUST_USE enum fault directory_merge(struct stored_directory *into, struct stored_directory *from,
				    enum replace_rule rule, double now, struct err *err);

/* Gives "{}" to the children without metadata (mkdir-with-children). */
MUST_USE enum fault directory_complete(struct stored_directory *directory, struct err *err);

/* Appends the serialized form; `writekey` is NULL for an immutable one. */
MUST_USE enum fault directory_pack(const struct stored_directory *directory,
				   const unsigned char *writekey, struct bytes *out,
				   struct err *err);

/*
 * Reads a serialized form.  With a `writekey` the write caps too.  410 UnrecoverableFileError when
 * it is not one.
 */
MUST_USE enum fault directory_unpack(const void *data, size_t size, const unsigned char *writekey,
				     struct stored_directory *directory, struct err *err);
