/*
 * A job's plan and what became of each of its tasks, as everybody but the planner's writer sees
 * them.
 *
 * A plan is properties and the listings of directories, a directory's before those of its
 * sub-directories, read page by page.  An entry's id is its task 0, its chunks take the next
 * numbers, and id 0 is the root, which has a listing and no entry.  Each task has a slot of the
 * outcomes and one of the sources: the cap of what entry N is copied from, where that is on a grid.
 *
 * Place      [catalog_file] -> catalog -> planner, queue, readers, committer, reports, commands.
 * Ownership  whoever opened a catalog closes it, after its readers; what is in a page borrows from
 *            its reader until the next catalog_next or catalog_read, a property from the catalog.
 * Threads    functions of a catalog may run concurrently, but for catalog_close; a reader belongs
 *            to one thread at a time.
 * Backends   catalog_file.h; each passes tests/unit/catalog_contract.h, as does a second one, in
 *            memory, of the tests.
 */
#pragma once

#include "queue/entry.h"
#include "queue/outcomes.h"

struct catalog;
struct catalog_reader;

/* A part of a listing, in the order of the plan. */
struct catalog_page {
	bool is_end;               /* no listing follows, and only `totals` counts */
	bool first, last;          /* the listing's first, its last page */
	struct listing_id here;    /* this page */
	struct listing_id listing; /* the listing it is of, whose first page has the same name */
	uint64_t id;               /* the directory listed */
	uint64_t parent_id;
	struct listing_id parent; /* the listing its entry stands in */
	const char *name;         /* the directory's own name; empty for the root */
	size_t name_size;
	const struct manifest_entry *entry;
	size_t count;
	const struct manifest_totals *totals; /* of a complete plan; NULL: it is not finished */
};

/* Each does what the function below with its name says. */
struct catalog_backend {
	const unsigned char *(*job_id)(const struct catalog *catalog);
	const char *(*property)(const struct catalog *catalog, const char *key, size_t *size);
	bool (*is_complete)(struct catalog *catalog);
	void (*close)(struct catalog *catalog);
	enum fault (*reader_new)(struct catalog *catalog, struct catalog_reader **reader,
				 struct err *err);
	void (*reader_free)(struct catalog_reader *reader);
	void (*seek)(struct catalog_reader *reader, struct listing_id at);
	struct listing_id (*at)(const struct catalog_reader *reader);
	enum fault (*read)(struct catalog_reader *reader, struct catalog_page *page,
			   struct err *err);
	enum fault (*path)(struct catalog_reader *reader, struct listing_id listing, char *path,
			   size_t capacity, struct err *err);
};

/* The first member of a backend's own struct. */
struct catalog {
	const struct catalog_backend *backend;
	struct outcomes *outcomes; /* of the tasks; NULL: nothing was begun yet */
	struct outcomes *sources;  /* of what is copied; NULL: nothing of it is on a grid */
};

/* Likewise. */
struct catalog_reader {
	struct catalog *catalog;
};

/* Closes it.  NULL is allowed. */
void catalog_close(struct catalog *catalog);

/* Returns the 16 bytes that name the job. */
const unsigned char *catalog_job_id(const struct catalog *catalog);

/* Returns the plan's property `key` with its size, or NULL. */
const char *catalog_property(const struct catalog *catalog, const char *key, size_t *size);

/* Returns whether the plan is complete by now. */
bool catalog_is_complete(struct catalog *catalog);

/* Makes a reader that stands at the beginning of the plan.  Faults: IO, CORRUPT, NOMEM. */
MUST_USE enum fault catalog_reader_new(struct catalog *catalog, struct catalog_reader **reader,
				       struct err *err);

/* Frees.  NULL is allowed. */
void catalog_reader_free(struct catalog_reader *reader);

/* Has the next page be the one at `at`, or the plan's first for listing 0. */
void catalog_seek(struct catalog_reader *reader, struct listing_id at);

/* Returns the page that would be read next, whether it is written yet or not. */
struct listing_id catalog_at(const struct catalog_reader *reader);

/*
 * Reads the next page: for a plan that may still be written, whose end is where nothing more is
 * durable.  Faults: CORRUPT, IO, NOMEM.
 */
MUST_USE enum fault catalog_next(struct catalog_reader *reader, struct catalog_page *page,
				 struct err *err);

/*
 * The same for who knows how far the plan may be read.  NOT_FOUND where nothing is written yet; an
 * unfinished page is CORRUPT.  A page that failed is the next one still.
 */
MUST_USE enum fault catalog_read(struct catalog_reader *reader, struct catalog_page *page,
				 struct err *err);

/*
 * Writes the path from the root to the directory of `listing`, names joined by '/' without a
 * leading one and NUL-terminated, into `path` (truncated from the left with "..." when it does not
 * fit).  The page at hand stays valid.  Faults: CORRUPT, IO, NOMEM.
 */
MUST_USE enum fault catalog_path(struct catalog_reader *reader, struct listing_id listing,
				 char *path, size_t capacity, struct err *err);

/* Takes an entry with its slot of the outcomes, both borrowed.  A fault ends the visit. */
struct catalog_visitor {
	enum fault (*visit)(void *context, const struct manifest_entry *entry,
			    const struct outcome *outcome, struct err *err);
	void *context;
};

/* Visits the entries of a page.  Faults: IO, those of the visitor. */
MUST_USE enum fault catalog_visit(struct catalog_reader *reader, const struct catalog_page *page,
				  const struct catalog_visitor *visitor, struct err *err);

/* Visits the entries of the directory of `listing`, which has been listed to its end.  Faults:
 * CORRUPT, IO, NOMEM, those of the visitor. */
MUST_USE enum fault catalog_children(struct catalog_reader *reader, struct listing_id listing,
				     const struct catalog_visitor *visitor, struct err *err);
