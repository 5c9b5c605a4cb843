/*
 * What the file system says about an entry, and its two packed forms.
 *
 * The manifest keeps everything as an entry's opaque `meta`; an outcome's slot keeps what lstat
 * said when the entry was transferred.
 *
 * Place      src/plan packs, src/read and src/commit unpack.
 * Ownership  plain data.
 * Threads    all functions may run concurrently.
 */
#pragma once

#include "queue/core/base.h"

struct stat;

enum meta_flags {
	META_FOLLOWED = 1u << 0, /* the source is a symlink; all the rest describes what it leads
				    to */
	META_MADE = 1u << 1,     /* a directory made at the target for which there is no source: all
				    the rest is 0 */
	META_GRID = 1u << 2,     /* the source is on a grid, and the rest is its edge's metadata */
	META_HAS_MTIME = 1u << 3, /* META_GRID: the edge has an mtime, */
	META_HAS_MODE = 1u << 4,  /* and a mode */
	META_RANKED = 1u << 5,    /* the rank is not 0, and kept */
	META_MERGED = 1u << 6, /* a directory that several sources have: the rest is the first's */
};

/* Times that are not known, or beyond what nanoseconds can tell: before 1678, after 2261. */
#define META_NO_TIME   INT64_MIN
#define META_LATE_TIME INT64_MAX

struct meta {
	uint32_t mode, uid, gid;
	int64_t mtime_ns, ctime_ns; /* since 1970; saturated where a file system goes beyond */
	uint64_t dev, ino, nlink;
	uint32_t rank; /* which of the local sources of one name it is below, from 0, in the order
			  of the command line */
	uint8_t flags; /* enum meta_flags */
};

enum {
	META_PACKED_MAX = 70,
	META_ATTRIBUTES_MAX = 3840, /* bytes of an entry's extended attributes, packed */
	META_SIZE_MAX = META_PACKED_MAX + META_ATTRIBUTES_MAX,
	META_OUTCOME_SIZE = 28,
};

/* Return whether the source's mode or modification time is known. */
static inline bool meta_has_mode(const struct meta *meta)
{
	return !(meta->flags & META_GRID) || meta->flags & META_HAS_MODE;
}

static inline bool meta_is_time(int64_t ns) { return ns != META_NO_TIME && ns != META_LATE_TIME; }

static inline bool meta_has_mtime(const struct meta *meta)
{
	return !(meta->flags & META_GRID) || meta->flags & META_HAS_MTIME;
}

/* Returns what `st` says, with no flags. */
struct meta meta_from_stat(const struct stat *st);

/*
 * Writes the manifest's form to `out` and returns its size.  Byte 0: version, 1; byte 1: flags;
 * bytes 2..9: mtime, little-endian; then unsigned numbers in LEB128 (seven bits a byte, the lowest
 * first, the top bit says that more follow): mode, uid, gid, ctime - mtime modulo 2^64 with the
 * sign moved to bit 0 (zigzag), dev, ino, nlink, and with META_RANKED, which follows from it, the
 * rank.
 */
size_t meta_pack(const struct meta *meta, unsigned char out[META_PACKED_MAX]);

/* Adds META_MERGED to a packed form. */
void meta_set_merged(unsigned char packed[META_SIZE_MAX]);

/*
 * Appends extended attributes, as files/attributes.h packs them, to a packed form of `size` bytes,
 * which becomes version 2.  Returns the size of all.
 */
size_t meta_append_attributes(unsigned char packed[META_SIZE_MAX], size_t size,
			      const unsigned char *attributes, size_t attributes_size);

/* Stores where the attributes are in a packed form, and returns their size; 0: there are none. */
size_t meta_attributes(const unsigned char *packed, size_t size, const unsigned char **attributes);

/* Reads that form but for its attributes.  Returns false, storing nothing, for another version or
 * anything malformed. */
MUST_USE bool meta_unpack(const unsigned char *packed, size_t size, struct meta *meta);

/* Writes the slot's form: mtime, ctime (8 bytes each), mode, uid, gid (4 each), little-endian. */
void meta_pack_outcome(const struct meta *meta, unsigned char out[META_OUTCOME_SIZE]);

/* Puts the change time of what was written at a local target in place of owner and group. */
void meta_keep_written(unsigned char packed[META_OUTCOME_SIZE], int64_t ctime_ns);

/* Reads it. */
int64_t meta_written(const unsigned char packed[META_OUTCOME_SIZE]);

/* Reads that form; what it does not hold is 0. */
struct meta meta_unpack_outcome(const unsigned char packed[META_OUTCOME_SIZE]);
