/*
 * The calls that open a file, for a library for LD_PRELOAD: all of them come to one function.
 *
 * Place      included once, behind `static int open_at(int at, const char *path, int flags,
 *            mode_t mode)`, which stands in for them.
 */
#pragma once

#include <fcntl.h>
#include <stdarg.h>

#define MODE_OF(flags)                                                                             \
	va_list list;                                                                              \
	va_start(list, flags);                                                                     \
	mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;                    \
	va_end(list)
#define OPEN(name)                                                                                 \
	int name(const char *path, int flags, ...)                                                 \
	{                                                                                          \
		MODE_OF(flags);                                                                    \
		return open_at(AT_FDCWD, path, flags, mode);                                       \
	}
#define OPENAT(name)                                                                               \
	int name(int at, const char *path, int flags, ...)                                         \
	{                                                                                          \
		MODE_OF(flags);                                                                    \
		return open_at(at, path, flags, mode);                                             \
	}

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
