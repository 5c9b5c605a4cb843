/*
 * The file backend of the catalog: a manifest, an outcomes file, and one for the sources.
 *
 * Place      behind queue/catalog.h; the job room names the files.
 * Threads    as queue/catalog.h says; catalog_file_bind belongs to whoever opened it, before others
 *            use it.
 */
#pragma once

#include "queue/catalog.h"
#include "queue/writer.h"

enum {
	CATALOG_HEADER_MAX = 64 << 20, /* bytes of all properties, packed */
	CATALOG_BINDING_MAX = 1024,    /* bytes */
};

/* Paths, borrowed for the call.  What is NULL is not opened. */
struct catalog_files {
	const char *plan, *outcomes, *sources;
	bool read_only; /* only to look: nothing is synced or repaired, and nothing to be written */
};

/* A plan to be begun. */
struct catalog_plan {
	const unsigned char *job_id;              /* 16 random bytes */
	const struct manifest_property *property; /* with distinct keys */
	size_t count;
	const void *binding; /* of its outcomes: see catalog_file_bind */
	size_t binding_size;
	bool with_sources; /* something is on a grid */
};

/*
 * Makes the files (mode 0600), durably; the plan has its name last, and its properties then.
 * Faults: EXISTS, TOO_LARGE (the properties, the binding), FULL, IO, NOMEM.
 */
MUST_USE enum fault catalog_file_create(const struct catalog_files *files,
					const struct catalog_plan *plan, struct err *err);

/*
 * Opens the plan, and the outcomes and sources that are there.  `job_id` is that of all of them;
 * NULL: whatever the plan's is.  One bad copy of the header of outcomes or sources is repaired,
 * unless files->read_only.
 * Faults: NOT_FOUND (the plan), CORRUPT (also another job, or a newer version), IO, NOMEM.
 */
MUST_USE enum fault catalog_file_open(const struct catalog_files *files,
				      const unsigned char *job_id, struct catalog **catalog,
				      struct err *err);

/*
 * Opens the plan for going on, whose readers are none yet: checks every page, cuts the file behind
 * the last good one, and says where the walk stands.  When the plan is complete, *writer is NULL.
 * FAULT_CORRUPT, and nothing cut, where no crash can have torn it.  Faults: CORRUPT, FULL, IO,
 * NOMEM.
 */
MUST_USE enum fault catalog_file_recover(struct catalog *catalog, struct manifest_resume *resume,
					 struct manifest_writer **writer, struct err *err);

/*
 * Makes the outcomes of a plan that has none, bound to `binding`: up to CATALOG_BINDING_MAX bytes,
 * opaque here, that say what the job writes to.  Faults: EXISTS, FULL, IO, NOMEM.
 */
MUST_USE enum fault catalog_file_bind(struct catalog *catalog, const void *binding, size_t size,
				      struct err *err);

/* Returns what the outcomes are bound to; NULL: there are none. */
const char *catalog_file_binding(const struct catalog *catalog, size_t *size);

/* Returns how many copies of headers were repaired. */
unsigned catalog_file_repaired(const struct catalog *catalog);

/* Opens an outcomes file by itself, to look at it, and stores whose it is.  Faults: USAGE (it
 * is none), CORRUPT, IO, NOMEM. */
MUST_USE enum fault catalog_file_slots(const char *path, unsigned char job_id[16],
				       struct outcomes **outcomes, struct err *err);
