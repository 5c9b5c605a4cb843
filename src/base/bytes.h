/*
 * Bytes that grow up to a maximum they are born with.
 *
 * Place      whatever is built piece by piece: request bodies, names, caps, serialized directories.
 * Ownership  a struct bytes owns its memory until bytes_fini or bytes_take.  Memory that is given
 *            back or outgrown is wiped first, so secrets may lie in it.
 * Threads    none of its own; one owner at a time.
 *
 * A byte of zero, not counted in `size`, follows the contents as soon as there is memory.
 */
#pragma once

#include "queue/core/fault.h"

enum { DECIMAL_MAX = 20 }; /* digits of a uint64_t */

struct bytes {
	unsigned char *data; /* NULL until the first byte or reservation */
	size_t size;         /* bytes held */
	size_t capacity;     /* bytes that fit without growing, the final zero not counted */
	size_t max;          /* `size` never passes it */
};

/* Bytes of somebody else. */
struct bytes_view {
	const void *data;
	size_t size;
};

/* Makes `b` empty, able to grow to `max` bytes.  Allocates nothing. */
void bytes_init(struct bytes *b, size_t max);

/* Wipes and frees the contents and leaves `b` empty and usable.  NULL and all zeros are allowed. */
void bytes_fini(struct bytes *b);

/* Empties `b`, wiping what it held and keeping the memory. */
void bytes_clear(struct bytes *b);

/*
 * The four below return FAULT_NONE, FAULT_TOO_LARGE when `max` would be passed, or FAULT_NOMEM;
 * on failure `b` is as before.  bytes_err turns such a fault into a sentence.
 */

/* Makes room for `more` bytes behind the contents; they may then be written at data + size. */
MUST_USE enum fault bytes_reserve(struct bytes *b, size_t more);

/* Appends `size` bytes from `data`, which must not lie inside `b`; NULL with 0 is allowed. */
MUST_USE enum fault bytes_append(struct bytes *b, const void *data, size_t size);

/* Appends the NUL-terminated `text` without its NUL. */
MUST_USE enum fault bytes_append_text(struct bytes *b, const char *text);

/* Appends formatted text. */
MUST_USE enum fault bytes_printf(struct bytes *b, const char *format, ...) PRINTF_LIKE(2, 3);

/*
 * Gives the contents to the caller, who frees them with free() (and wipes them where they are
 * secret), and leaves `b` empty.  Stores their size.  Returns NULL when nothing was ever held.
 */
unsigned char *bytes_take(struct bytes *b, size_t *size);

/* Returns the contents as text, "" when empty; valid until the next change of `b`. */
const char *bytes_text(const struct bytes *b);

/*
 * Passes `fault`, a result of the functions above, through; when it is one, fills `err` with it and
 * a sentence about `what` ("the request body").
 */
enum fault bytes_err(enum fault fault, struct err *err, const char *what);

/* Writes `value` in decimal, without a NUL.  Returns where its digits end.  For what is written for
 * each file: printf costs ten times as much. */
char *decimal_put(char out[DECIMAL_MAX], uint64_t value);

/* Compares `a` and `b` as memcmp does, and puts what the other one begins with before it. */
int bytes_compare(const void *a, size_t a_size, const void *b, size_t b_size);
