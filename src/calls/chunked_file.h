/*
 * Whether a directory of a grid that says it is a file in chunks is one, and which these are.
 *
 * Place      whoever meets an edge with the mark (store_node_chunked) -> [chunked_file] ->
 *            calls/tries.h.  There is no other place that believes a mark.
 * Threads    the owner of the store.
 */
#pragma once

#include "calls/tries.h"
#include "tahoe/chunked.h"

/*
 * Lists the directory `cap`, which says that it is a file of `bytes` bytes, and stores its chunks,
 * to be freed; none (`count` 0) where it is a directory after all.  Sleeps, trying again what may
 * go well.  Faults: those of store_list, RETRY after the last try; NOMEM.
 */
MUST_USE enum fault chunked_file_find(const struct tries *tries, const struct cap *cap,
				      uint64_t bytes, struct chunked *chunked, struct err *err);
