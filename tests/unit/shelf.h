/* A manifest with one listing, and the outcomes of what stands in it, for tests of the commit. */
#pragma once

#include "base/meta.h"
#include "queue/file/manifest.h"
#include "queue/file/outcomes.h"
#include "tahoe/caps.h"

struct shelf_item {
	const char *name; /* sorted by bytes */
	const char *cap;  /* text; NULL: the item has `state` and no cap */
	enum outcome_state state;
	bool is_directory;
	bool existed;
	struct meta meta; /* of the slot */
};

struct shelf {
	struct manifest_reader *reader;
	struct outcomes *outcomes;
	uint64_t listing;     /* of directory 0; its items have ids from 1 on */
	const char *manifest; /* path */
};

extern const unsigned char shelf_job[16];

/* Makes the files in the scratch directory, replacing those of an earlier shelf. */
void shelf_init(struct shelf *shelf, const struct shelf_item *item, size_t count);
void shelf_fini(struct shelf *shelf);

/* Writes a slot. */
void shelf_put(struct shelf *shelf, const struct outcome *outcome);

/* Makes a slot that is done with the cap. */
struct outcome shelf_done(uint64_t id, const struct cap *cap);

struct cap shelf_cap(const char *text);
