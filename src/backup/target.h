/*
 * Where a backup goes: TO, TO/Archives with a snapshot a name, and TO/Latest.
 *
 *   TO/Archives/STAMP   one immutable tree a run; linked by the committer, replacing nothing
 *   TO/Latest           the same cap as the newest of them, linked behind it
 *
 * Place      barge backup -> [target] -> arrangement, engine.
 * Ownership  a struct backup_target holds caps until backup_target_wipe.
 * Threads    the main thread; asks the gateway and sleeps.
 */
#pragma once

#include "calls/tries.h"
#include "place/places.h"
#include "snapshot/stamp.h"

struct backup_target {
	struct cap directory; /* TO; kind none: it is not there */
	struct cap archives;  /* kind none: it is not there */
	struct cap latest;    /* what Latest leads to; kind none: nothing */
	/* The newest snapshot, by its name: */
	bool any;
	int64_t newest_s;
	char newest_name[STAMP_SIZE];
	struct cap newest;
	/* What has the name asked for: */
	bool stamped;
	struct cap stamp_cap;
};

struct backup_look {
	const struct place *place;
	const struct tries *tries;
	const char *stamp; /* a name to be looked for below Archives, or NULL */
	bool makes;        /* TO and Archives, where they are missing */
};

/*
 * Looks at the target.  Faults: USAGE (TO is a file or read-only; Archives or Latest is something
 * that no backup has made), those of listing and linking.
 */
MUST_USE enum fault backup_target_look(const struct backup_look *look, struct backup_target *target,
				       struct err *err);

/*
 * Stores the name of a new snapshot: the time now, and where the newest one is not older, a second
 * more than that.  Returns how many seconds the clock is behind the newest one; 0: it is not.
 */
int64_t backup_target_stamp(const struct backup_target *target, int64_t now_s,
			    char stamp[STAMP_SIZE]);

/* Links Latest to `cap` with the edge's metadata.  Faults: those of link_make. */
MUST_USE enum fault backup_target_move_latest(const struct backup_target *target,
					      const struct cap *cap, const struct bytes *metadata,
					      const struct tries *tries, struct err *err);

/* Writes the name of the database of what is known of the target: 64 hex digits, which tell nobody
 * its cap. */
enum { BACKUP_IDENTITY_SIZE = 65 };
void backup_target_identity(const struct backup_target *target,
			    char identity[BACKUP_IDENTITY_SIZE]);

void backup_target_wipe(struct backup_target *target);
