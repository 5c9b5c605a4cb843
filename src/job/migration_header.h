/*
 * What a manifest's header says of a migration: written once, read back whenever the job goes on.
 *
 * Place      inside job/migration*.c.
 * Ownership  a header owns the texts behind its properties until migration_header_fini.
 * Threads    one.
 */
#pragma once

#include "job/migration.h"

enum {
	MIGRATION_PROPERTIES = 14,
	MIGRATION_TEXT_MAX = 32 << 20, /* bytes of one property */
	MIGRATION_NUMBER_SIZE = 24,
};

struct migration_header {
	struct manifest_property property[MIGRATION_PROPERTIES];
	size_t count;
	struct bytes sources, typed, names, made, target, select, roots;
	char plan_options[PLANNING_TEXT_SIZE];
	char depth[MIGRATION_NUMBER_SIZE], asked[MIGRATION_NUMBER_SIZE],
		created[MIGRATION_NUMBER_SIZE], planned[MIGRATION_NUMBER_SIZE];
};

/* Fills in what makes two command lines the same job; `header` is all zeros. */
MUST_USE enum fault migration_identify(const struct migration_request *request,
				       struct migration_header *header, struct err *err);

/* Adds the rest of what a new job says. */
MUST_USE enum fault migration_describe(const struct migration_request *request,
				       const struct arrangement *arrangement,
				       struct migration_header *header, struct err *err);

/* Fails with USAGE, before there is a job, when all that does not fit a header. */
MUST_USE enum fault migration_header_check(const struct migration_header *header, struct err *err);

/* Frees.  All zeros are allowed. */
void migration_header_fini(struct migration_header *header);

/* Reads the properties of `migration->catalog` into `migration`.  Faults: CORRUPT, IO, NOMEM. */
MUST_USE enum fault migration_load(struct migration *migration, struct err *err);
