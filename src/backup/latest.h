/*
 * The snapshot that a job has linked, and the link of Latest to it.
 *
 * Place      a job's plan and slots -> [latest] -> target.h.
 * Ownership  a struct backup_snapshot holds a cap until it is wiped with secret_wipe.
 * Threads    the main thread; sleeps.
 */
#pragma once

#include "backup/target.h"
#include "job/migration.h"

struct backup_snapshot {
	struct cap cap;
	struct outcome slot; /* of the first entry of the plan, which it is */
	struct meta planned; /* of that entry */
	unsigned char attributes[META_ATTRIBUTES_MAX]; /* and its extended ones */
	size_t attributes_size;
};

/* Reads what the job says of its snapshot, which is done.  Faults: CORRUPT, NOT_FOUND, IO, NOMEM.
 */
MUST_USE enum fault backup_snapshot_read(const struct migration *migration,
					 struct backup_snapshot *snapshot, struct err *err);

struct backup_latest_link {
	const struct backup_target
		*target;   /* looked at after the snapshot was linked, and for it */
	const char *stamp; /* its name */
	const struct backup_snapshot *snapshot;
};

/*
 * Links Latest to the snapshot, and stores whether it did: Latest stays where a newer snapshot is
 * there.  FAULT_EXISTS: what is called like the snapshot is another one; and those of linking.
 */
MUST_USE enum fault backup_latest(const struct backup_latest_link *link, const struct tries *tries,
				  bool *moved, struct err *err);
