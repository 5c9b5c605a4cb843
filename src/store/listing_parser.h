/*
 * Reads what a gateway says about a node (GET ?t=json) as it arrives, child by child.
 *
 * Place      net/http -> store/gateway -> listing -> whoever asked for the list.
 * Ownership  a struct listing_parser owns its parser until listing_parser_free, which wipes what
 *            held caps.
 * Threads    one owner at a time.
 *
 * The text is hostile: its size and depth are bounded, and a name, or any other key that counts,
 * that comes twice is FAULT_CORRUPT.  Strings and numbers are bounded too (json_tokens.h): a longer
 * name ends in a hash of all of it, and one with half of a surrogate pair is no UTF-8.  So the work
 * grows with the text and not with its square, however it is cut into pieces.  Memory: 8 to 22
 * bytes a child.
 *
 *   ["dirnode", {"children": {NAME: [TYPE, {PROPERTIES}], ...}, PROPERTIES}]
 *   ["filenode", {PROPERTIES}]      PROPERTIES: mutable, size, ro_uri, rw_uri, metadata, and others
 *
 * Source: tahoe-lafs 1.20.0 allmydata/web/directory.py, filenode.py.
 */
#pragma once

#include "store/store.h"

enum {
	LISTING_DEPTH_MAX = 64,          /* brackets and braces inside each other */
	LISTING_METADATA_MAX = 64 << 10, /* bytes of a node's metadata; of more, nothing is kept */
};

struct listing_parser;

/* Makes a reader of at most `size_max` bytes.  `child` may be NULL.  Returns NULL: out of memory.
 */
struct listing_parser *listing_parser_new(uint64_t size_max, store_child_found *child,
					  void *context);

/* Takes more of the text.  FAULT_CORRUPT, FAULT_TOO_LARGE, FAULT_CANCELLED (by `child`),
 * FAULT_NOMEM; the first fault is repeated by later calls. */
MUST_USE enum fault listing_parser_feed(struct listing_parser *listing, const void *data,
					size_t size, struct err *err);

/* Says that the text is whole, and stores the node and how many children it has.  Faults as
 * above. */
MUST_USE enum fault listing_parser_end(struct listing_parser *listing, struct store_node *node,
				       uint64_t *children, struct err *err);

/* Frees it.  NULL is allowed. */
void listing_parser_free(struct listing_parser *listing);
