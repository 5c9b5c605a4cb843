/*
 * The children a directory is meant to have, from its listing in the plan and their slots.
 *
 * Place      catalog -> [children] -> a childset, matched with what the grid lists.
 * Threads    one owner of the reader at a time.
 */
#pragma once

#include "queue/catalog.h"
#include "verify/childset.h"

/*
 * Fills `set`, all zeros before, with every child of the directory of `listing` whose slot
 * says done, and seals it.  Faults: CORRUPT (a slot without a cap), IO, NOMEM; then `set` is empty.
 */
MUST_USE enum fault children_gather(struct catalog_reader *reader, struct listing_id listing,
				    struct childset *set, struct err *err);
