/*
 * What the kernel counts of the bytes that threads of this process have read and written through
 * files; sockets do not count.
 */
#pragma once

#include "queue/core/base.h"

struct thread_io {
	uint64_t read, written; /* bytes */
};

/* Sums up over all threads that live and have this name.  Fails the test where nobody counts. */
struct thread_io thread_io_of(const char *name);
