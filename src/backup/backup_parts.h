/*
 * What the files of one backup share.
 *
 * Place      inside src/backup/backup.c, backup_sources.c, backup_memory.c only.
 */
#pragma once

#include "backup/backup.h"
#include "backup/target.h"
#include "known/known.h"

struct backup {
	const struct backup_request *request;
	struct planning_options planning;
	const struct place *place; /* TO */
	const struct places *places;
	struct setup *setup;
	struct store_wait *wait;
	struct arrangement arrangement; /* of a new job */
	struct backup_target target;
	struct knowledge *known;
	struct migration migration;
	char stamp[STAMP_SIZE];
};

/* Returns how the grid is asked. */
struct tries backup_tries(const struct backup *backup);

/* ---- backup_sources.c ---- */

/* Looks at the sources, before anything is made: directories here.  Faults: USAGE, IO, NOMEM. */
MUST_USE enum fault backup_look_at_sources(struct backup *backup, struct err *err);

/* Says where things go: Archives is merged into, and STAMP is the source, or holds the sources. */
MUST_USE enum fault backup_arrange(struct backup *backup, struct err *err);

/* Names the new snapshot. */
void backup_choose_stamp(struct backup *backup);

/* ---- backup_memory.c ---- */

/* Opens the database of the target, which no other run has then, and asks whether the grid is the
 * one it knows.  Faults: LOCKED (two runs at once), those of known_open and of a listing. */
MUST_USE enum fault backup_open_known(struct backup *backup, struct err *err);

/* Reads the newest snapshot where no backup has left what it knew. */
MUST_USE enum fault backup_learn(struct backup *backup, struct err *err);

/* Takes over what `tahoe backup` knew, when asked to. */
MUST_USE enum fault backup_import(struct backup *backup, struct err *err);
