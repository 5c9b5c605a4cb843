/*
 * The path of a URL, and the header Range.
 *
 * Place      http splits each request's URL with it before anything else.
 * Ownership  a struct path owns its memory until path_fini.
 * Threads    one owner at a time.
 *
 * Source: tahoe-lafs 1.20.0 docs/frontends/webapi.rst; RFC 9110 14.
 */
#pragma once

#include "base/bytes.h"

struct path_part {
	size_t offset, size; /* in `text` */
};

struct path {
	struct bytes text; /* all parts, decoded, each with a NUL behind it */
	struct path_part *parts;
	size_t count;
	bool trailing; /* a "/" behind the last part */
};

/*
 * Splits `url`, NUL-terminated, at "/" and then decodes each part.  FAULT_USAGE as a problem 400:
 * an empty part, a bad "%"; FAULT_CORRUPT: a part is not UTF-8, which Tahoe answers by closing the
 * connection without a status line.  On failure `path` is empty.
 */
MUST_USE enum fault path_parse(struct path *path, const char *url, struct err *err);

/* Wipes and frees.  All zeros are allowed. */
void path_fini(struct path *path);

/* Returns part `index` with a NUL behind it; "" beyond the last. */
const char *path_part(const struct path *path, size_t index);

enum range_answer {
	RANGE_WHOLE,         /* no range, or none that makes sense */
	RANGE_PART,          /* `start` and `size` say which */
	RANGE_UNSATISFIABLE, /* it starts behind the end */
};

struct range {
	uint64_t start, size;
};

/*
 * Reads the value of a Range header, NULL for none, for a body of `total` bytes: a-b, a-, -n; of
 * several the first.  Stores the range, the whole body too.
 */
enum range_answer range_parse(const char *value, uint64_t total, struct range *range);
