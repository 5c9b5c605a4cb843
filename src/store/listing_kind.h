/*
 * The kind of a node of a listing, as it is said and as its caps are.
 *
 * Place      inside store/listing_parser.
 * Threads    may run concurrently.
 */
#pragma once

#include "store/store.h"

/* Reads the first element of a node's array.  False: of no known type. */
bool listing_kind_of(const char *text, size_t size, enum store_kind *kind);

/* A child whose cap is of no known form, or not of the kind the listing says, is of kind unknown:
 * the listing is somebody's, and its other children are as good as before. */
void listing_settle_kind(struct store_node *found);
