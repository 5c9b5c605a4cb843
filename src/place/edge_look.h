/*
 * The edge that leads to a node on a grid, which only the listing of the directory above tells.
 *
 * Place      a path, and the node that was found there -> [edge_look] -> store calls.
 * Ownership  plain data; everything is borrowed for the call.
 * Threads    the owner of the store.
 */
#pragma once

#include "calls/tries.h"
#include "tahoe/chunked.h"

/* How a node was reached. */
struct edge_path {
	const struct cap *root;
	const struct store_name *component; /* below the root */
	size_t count;
	const struct tries *tries;
	unsigned char *attributes; /* META_ATTRIBUTES_MAX bytes, where the edge's extended
				      attributes go; NULL: they are left out */
};

/* Stores what the edge to `node` says of time, mode and attributes, in `node`.  Where the listing
 * above is too large they are left out, as there are none of a root.  Sleeps.  Faults: those of
 * store_list. */
MUST_USE enum fault edge_look(const struct edge_path *path, struct store_node *node,
			      struct err *err);

/*
 * Finds out whether `node` is a file in chunks, and stores these, to be freed; none where it is
 * not.  Asks only for what an immutable directory is; its edge goes into `node` then.  Sleeps.
 * Faults as above, and those of chunked_file_find.
 */
MUST_USE enum fault edge_chunks(const struct edge_path *path, struct store_node *node,
				struct chunked *chunked, struct err *err);
