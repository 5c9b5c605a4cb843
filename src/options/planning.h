/*
 * Options of what is planned: they make a job what it is, and stay with it when it goes on.
 *
 * Place      one part of struct options; src/place, src/job and the planner's side of the engine.
 * Ownership  `select` belongs to the struct options that this is a part of.
 * Threads    read by anyone once parsed.
 */
#pragma once

#include "plan/plan.h"
#include "snapshot/tags.h"

struct planning_options {
	bool recursive, immutable, caps_only;
	bool xattrs, acls; /* extended attributes and access lists of local sources are kept */
	bool no_xattrs;    /* neither is, by a backup */
	bool no_target_directory;    /* the one source becomes the target, not something in it */
	enum plan_symlinks symlinks; /* UNSET: not given */
	enum plan_specials specials;
	uint64_t max_dir_entries; /* 100,000 */
	uint64_t range_size;      /* bytes; 32 MiB */
	uint64_t chunk_size;      /* bytes; 0: files are stored whole */
	char tags[TAGS_SIZE];     /* of the snapshot that a backup makes */
	struct select *select;    /* what cp and plan were told to choose; may be NULL */
};

/* A request for a range costs a gateway as much as a small file: 2 % of this many bytes. */
enum { PLANNING_RANGE_SIZE = 32 << 20 };

enum { PLANNING_TEXT_SIZE = 256 + TAGS_SIZE };

/*
 * Writes the options that decide what is planned, canonical and NUL-terminated ("immutable=0
 * symlinks=skip ..."), the selection apart: two jobs with different text here are different jobs.
 */
void planning_text(const struct planning_options *planning, char text[PLANNING_TEXT_SIZE]);

/* Returns what --symlinks calls a choice. */
const char *planning_symlinks_word(enum plan_symlinks symlinks);

/*
 * Takes the options back from such a text, as a job's manifest has it, so that a resumed job goes
 * on as it began.  FAULT_CORRUPT when it is not one.
 */
MUST_USE enum fault planning_read(struct planning_options *planning, const char *text, size_t size,
				  struct err *err);
