/*
 * Directories of a grid that say they are files in chunks, as the planner and other walks over
 * listings meet them.
 *
 * Place      an entry found on a grid, a child of a listing -> [chunks] -> calls/chunked_file.h,
 *            which says whether they are.
 * Threads    the remote's.
 */
#pragma once

#include "plan/remote.h"
#include "tahoe/chunked.h"

/*
 * Stores the chunks of the directory `cap`, which says that it is a file of `bytes` bytes; none
 * where it is a directory, which is counted as a lie, or cannot be listed, which is left to whoever
 * lists it as one.  Sleeps.  Faults: those that would end a walk.
 */
MUST_USE enum fault chunks_find(struct remote *remote, const struct cap *cap, uint64_t bytes,
				struct chunked *chunked, struct err *err);

/*
 * Judges a child of the directory turned to: one that is a file in chunks has the kind and the size
 * of a file afterwards, by the cap of the directory.  Sleeps only for one with the mark that was
 * not judged lately.
 * Faults as above.
 */
MUST_USE enum fault chunks_judge(struct remote *remote, const struct remote_child *child,
				 struct err *err);
