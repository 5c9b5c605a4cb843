/* A manifest with one listing, and the outcomes of what stands in it, for tests of the commit. */
#pragma once

#include "base/meta.h"
#include "queue/catalog.h"
#include "tahoe/caps.h"

struct one_listing_item {
	const char *name; /* sorted by bytes */
	const char *cap;  /* text; NULL: the item has `state` and no cap */
	enum outcome_state state;
	enum outcome_reason reason;
	bool is_directory;
	bool existed, own;
	struct meta meta; /* of the slot */
};

struct one_listing {
	struct catalog *catalog;
	struct catalog_reader *reader;
	struct outcomes *outcomes;
	struct listing_id listing; /* of directory 0; its items have ids from 1 on */
};

extern const unsigned char one_listing_job[16];

/* Makes the files in the scratch directory, replacing those of an earlier one_listing. */
void one_listing_init(struct one_listing *one_listing, const struct one_listing_item *item,
		      size_t count);
void one_listing_fini(struct one_listing *one_listing);

/* Writes a slot. */
void one_listing_put(struct one_listing *one_listing, const struct outcome *outcome);

/* Makes a slot that is done with the cap. */
struct outcome one_listing_done(uint64_t id, const struct cap *cap);

struct cap one_listing_cap(const char *text);
