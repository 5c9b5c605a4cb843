/*
 * The children a directory is meant to have, from its listing in the manifest and their slots.
 *
 * Place      manifest and outcomes -> [children] -> a childset, matched with what the grid lists.
 * Threads    one owner of the reader at a time.
 */
#pragma once

#include "queue/file/manifest.h"
#include "queue/file/outcomes.h"
#include "verify/childset.h"

/*
 * Fills `set`, all zeros before, with every child of the listing at offset `listing` whose slot
 * says done, and seals it.  Faults: CORRUPT (a slot without a cap), IO, NOMEM; then `set` is empty.
 */
MUST_USE enum fault children_gather(struct manifest_reader *reader, struct outcomes *outcomes,
				    uint64_t listing, struct childset *set, struct err *err);
