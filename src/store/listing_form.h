/*
 * Reads a directory as it is stored, and tells of it what a gateway would say.
 *
 * Place      direct/direct_list -> [listing_form] -> listing_parser -> whoever asked for the list.
 * Ownership  the form is borrowed for the call.
 * Threads    may run concurrently.
 *
 * Each child is written as JSON and given to the reader of a gateway's replies, so that names,
 * numbers and everything made up are judged in one place.  What a gateway would judge by rules of
 * its own (caps of no known kind, children that must not be there) is FAULT_CORRUPT here: it is to
 * be asked then.
 *
 * Source: tahoe-lafs 1.20.0 allmydata/dirnode.py _unpack_contents; tahoe/dirnode.h has the form.
 */
#pragma once

#include "store/store.h"

struct listing_form {
	const struct cap *cap;  /* of the directory; a write cap shows its children's */
	struct bytes_view data; /* the bytes that the directory is stored as */
	uint64_t listing_max;   /* bytes of the listing, as JSON */
};

/*
 * Tells list->child (NULL: nobody) of all children, in their order, and stores the node and how
 * many there are.  Faults: CORRUPT, TOO_LARGE, CANCELLED (by the child), NOMEM; children may have
 * been told of by then, so where that matters it is called with NULL first.
 */
MUST_USE enum fault listing_form_read(const struct listing_form *form,
				      const struct store_list *list, struct store_node *node,
				      uint64_t *children, struct err *err);
