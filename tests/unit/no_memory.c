#include "tests/unit/no_memory.h"

#include "queue/core/base.h"

#include <errno.h>
#include <string.h>

static _Thread_local unsigned left; /* calls until one is refused; 0: none is */

void no_memory_at(unsigned nth) { left = nth; }

/* The thread sanitizer has new threads call this before it knows them. */
#define UNWATCHED __attribute__((no_sanitize_thread))

UNWATCHED static bool is_refused(size_t count, size_t size)
{
	size_t bytes;
	if ((left > 0 && --left == 0) || __builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return true;
	}
	return false;
}

UNWATCHED void *reallocarray(void *old, size_t count, size_t size)
{
	return is_refused(count, size) ? NULL : realloc(old, count * size);
}

UNWATCHED void *calloc(size_t count, size_t size)
{
	void *made = is_refused(count, size) ? NULL : malloc(count * size);
	if (made)
		explicit_bzero(made, count * size); /* memset would be made calloc again */
	return made;
}
