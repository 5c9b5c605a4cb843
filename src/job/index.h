/*
 * What is known of each job without opening it: by which command line it was made, and whether it
 * is over.
 *
 * Place      job_find and prune ask it and note what they have seen; whoever changes a job has it
 *            forgotten first.
 * Ownership  a struct job_index owns its lines; the file is everybody's.
 * Threads    any, in any process: lines are only added, and the last one about a job counts.
 *
 * The file STATE/index (docs/formats.md) may be lost at any time: what is not in it, or damaged
 * there, is looked at in the job itself and noted anew.
 */
#pragma once

#include "job/job.h"

/* Which values some properties have; `keys` tells which properties. */
struct job_identity {
	unsigned char keys[4], values[16];
};

enum job_index_state {
	JOB_INDEX_PENDING,  /* it may go on; or nobody has run it since, and it may be damaged */
	JOB_INDEX_FINISHED, /* when it was seen last */
	JOB_INDEX_KEPT,     /* finished, and nothing that is pruned */
};

struct job_index_entry {
	char name[JOB_NAME_SIZE];
	struct job_identity identity;
	enum job_index_state state;
};

struct job_index {
	struct job_index_entry *entry; /* by name, each once */
	size_t count;
};

/* Returns the identity of a job with exactly these properties. */
struct job_identity job_identity_of(const struct manifest_property *property, size_t count);

/* Returns the identity of the job by the same properties. */
struct job_identity job_identity_read(const struct catalog *catalog,
				      const struct manifest_property *property, size_t count);

/* Reads what can be read; nothing, when memory runs out. */
void job_index_read(const char *state, struct job_index *index);
void job_index_fini(struct job_index *index);

/* Returns what is known of the job, or NULL. */
const struct job_index_entry *job_index_find(const struct job_index *index,
					     const char name[JOB_NAME_SIZE]);

/* Notes it for others.  A finished job is held and looked at once more for that, so that nobody can
 * take it up unseen; one that somebody holds is not noted.  What cannot be written is not. */
void job_index_note(struct job *job, const struct job_index_entry *entry);

/* Has the job looked at by whoever asks next.  Before anything of it is changed.  Faults: IO. */
MUST_USE enum fault job_index_forget(const struct job *job, struct err *err);
