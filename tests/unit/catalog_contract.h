/*
 * What every backend of the catalog must do, as tests that each backend's test program runs.
 *
 * A backend gives a struct catalog_contract; catalog_contract_run runs the facts on it.
 */
#pragma once

#include "queue/catalog.h"

/* A listing of a plan to be made.  Listings come in the order of the plan, the root's first. */
struct sample_listing {
	const char *name;
	size_t parent, entry; /* index of the listing its entry stands in, and of the entry there */
	const struct manifest_entry *item; /* ids are not filled in */
	size_t count;
};

struct sample_plan {
	const unsigned char *job_id;
	const struct manifest_property *property;
	size_t properties;
	const struct sample_listing *listing;
	size_t listings;
	bool complete;
	bool outcomes, sources; /* there are such slots, all empty */
};

/* One backend. */
struct catalog_contract {
	/* Makes the plan where there is none, and opens it. */
	struct catalog *(*make)(const struct sample_plan *plan);
};

/* Runs all facts on the backend and returns how many failed. */
int catalog_contract_run(const struct catalog_contract *contract);
