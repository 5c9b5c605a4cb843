/*
 * One file on its way to the target: a temporary file, a GET, the proof, its name.
 *
 *   first read -> key equals the cap's: proven
 *              -> else second read, equal -> doubtful tail? that range alone, equal -> proven
 *
 * Place      src/fetch submits it to its crew; everything in a file runs in its lane.
 * Ownership  a file owns its leaf and its temporary file; the folder is open for it.
 * Threads    the owner's before crew_submit and after crew_take, its lane's in between.
 */
#pragma once

#include "fetch/folder.h"
#include "fetch/proof.h"
#include "store/crew.h"

struct file {
	struct crew_task task; /* first */
	struct folder *folder;
	struct leaf *leaf;
	const struct chk_params *secret; /* NULL: unknown */
	/* Hears in the lane of bytes that arrived.  May be NULL. */
	void (*moved)(void *context, uint64_t bytes);
	void *context;

	struct cap cap;
	struct proof proof;
	char temporary[BENEATH_TEMPORARY_SIZE];
	int fd;                             /* of the temporary file, or -1 */
	bool again;                         /* this is the second read */
	unsigned char tail[PROOF_TAIL_MAX]; /* read as a range of its own */
	size_t tail_size, tail_read;
	struct err local; /* what ended a read from our side */
	/* out */
	uint64_t size;
	bool keyed; /* proven by its key alone */
};

/* Makes a file of `leaf`, which it takes if it succeeds.  NULL: out of memory. */
struct file *file_new(struct folder *folder, struct leaf *leaf);

/* Wipes and frees; the folder is the caller's business. */
void file_free(struct file *file);
