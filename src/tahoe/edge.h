/*
 * The edge from a directory to a child as JSON: metadata, and children for the gateway's mkdir
 * and set_children calls.
 *
 * Place      the committer (request bodies, predicted directories).
 * Ownership  everything appends to the caller's bytes.
 * Threads    all functions may run concurrently.
 *
 * The gateway reads JSON and prints it again with Python's json.dumps; that text is hashed into an
 * immutable directory's cap.  So metadata is printed here exactly as Python would.  Keys follow
 * `tahoe backup`: ctime, mtime, st_mode, st_uid, st_gid; its st_ino and st_dev, which change the
 * cap of an unchanged directory after a move, in backups alone.
 * Source: tahoe-lafs 1.20.0 allmydata/scripts/tahoe_backup.py; CPython 3.11 float_repr_style short.
 */
#pragma once

#include "base/bytes.h"
#include "base/digest.h"
#include "tahoe/caps.h"

enum { EDGE_FLOAT_SIZE = 32 }; /* bytes for any double as text with its NUL */

/* What lstat said at the transfer. */
struct edge_metadata {
	int64_t ctime_ns; /* since the epoch; may be negative */
	int64_t mtime_ns;
	uint32_t mode; /* st_mode with the file type */
	uint32_t uid, gid;
	/* Of backups: */
	bool numbered;          /* has the next three */
	uint64_t ino, dev;      /* 0 where a listing does not say them */
	uint64_t nlink;         /* is said where it is more than 1; 0: not known */
	const char *unreadable; /* why this directory is empty here: plain ASCII; else NULL */
	uint64_t chunked;       /* the size of a file that is a directory of chunks; else 0 */
	const unsigned char *attributes; /* extended ones, as files/attributes.h packs them */
	uint16_t attributes_size;
	const char *tags; /* of a snapshot, as snapshot/tags.h has them: need no escapes */
	uint16_t tags_size;
	/* Of the chunks of a key: */
	bool hashed;                                   /* has the next one */
	unsigned char content_hash[CONTENT_HASH_SIZE]; /* of the child's bytes, XXH3-128 */
};

struct edge_child {
	const char *name; /* UTF-8 */
	size_t name_size;
	const struct cap *cap;
	const char *metadata; /* JSON object; NULL: none is sent */
	size_t metadata_size;
};

/* Seconds as Python's os.stat has them: sec + 1e-9 * nsec in double arithmetic. */
double edge_seconds(int64_t ns);

/* Writes `value` as Python's repr(float): the shortest text that reads back.  Returns its length.
 */
size_t edge_float(double value, char out[EDGE_FLOAT_SIZE]);

/*
 * Appends {"ctime": 2.25, "mtime": 1.5, "st_mode": 33188, "st_uid": 0, "st_gid": 0}, without a time
 * that meta_is_time says is none, and without the last three where the mode is 0.  Where it is
 * numbered, "st_ino": 7, "st_dev": 65024 stand before the owner, "st_nlink": 2 behind the group,
 * and at the end "barge": {"unreadable": "...", "chunked": {"size": 5000000, "version": 1},
 * "attributes": "BASE64", "tags": "a,b", "xxh3-128": "HEX"} with what of that there is; of a file
 * in chunks with or without a mode.
 */
MUST_USE enum fault edge_metadata_json(struct bytes *out, const struct edge_metadata *metadata);

/* Appends "{"; then come the children, in any order, then edge_json_close. */
MUST_USE enum fault edge_json_open(struct bytes *out);

/*
 * Appends a comma if need be and "NAME": ["filenode"|"dirnode", {"ro_uri"|"rw_uri": CAP,
 * "metadata": {...}}].  A writable cap goes into rw_uri, any other into ro_uri; an unknown cap
 * becomes an "unknown" with ro_uri.  FAULT_USAGE: the name is not UTF-8.  On failure `out` is as
 * before.
 */
MUST_USE enum fault edge_json_child(struct bytes *out, const struct edge_child *child);

/* Appends "}". */
MUST_USE enum fault edge_json_close(struct bytes *out);
