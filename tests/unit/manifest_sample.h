/*
 * A small plan with every kind of entry, written, checked and gone on with by the manifest's tests.
 *
 * Directories in order: 0 the root (7 entries), 1 "dir" (`files` files and "sub"), 2 "dir/sub"
 * (empty), 3 "more" (one file).  Ids follow from that alone, so that any change of one is seen.
 */
#pragma once

#include "queue/file/manifest.h"

enum { SAMPLE_DIRECTORIES = 4 };

struct sample {
	size_t files;      /* in directory 1 */
	size_t name_size;  /* of each of them, 10..250 */
	size_t sync_every; /* entries; 0: never */
	uint64_t id[SAMPLE_DIRECTORIES];
	struct listing_id listing[SAMPLE_DIRECTORIES];
};

/* Where a walk stands: in listing `directory`, before `entry`. */
struct sample_position {
	size_t directory, entry;
	bool inside; /* the listing is begun */
};

extern const unsigned char sample_job[16];

/* Creates the file, which may be there already, with two properties. */
struct manifest_writer *sample_create(const char *path);

/* Writes the listings from `position` to the last. */
MUST_USE enum fault sample_write(struct sample *sample, struct manifest_writer *writer,
				 struct sample_position position, struct err *err);

/* Creates, writes and, if `complete`, finishes the sample. */
void sample_make(struct sample *sample, const char *path, bool complete);

/* Checks every block of the file against the sample, fills in its offsets and ids, and returns
 * where the walk stands.  `blocks` may be NULL. */
struct sample_position sample_check(struct sample *sample, const char *path, size_t *blocks);

/* Recovers the file, checks what is left, writes the rest, finishes, and checks all of it. */
void sample_go_on(struct sample *sample, const char *path);
