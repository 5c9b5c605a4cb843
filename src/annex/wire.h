/*
 * Lines to git-annex: one lock, whole lines, each with the tag of its job.
 *
 * Place      everything in src/annex that answers or asks -> [wire] -> standard output.
 * Ownership  the descriptor is borrowed.
 * Threads    all functions may run concurrently, but wire_init and wire_fini.
 */
#pragma once

#include "base/bytes.h"
#include "queue/core/thread.h"

#include <stdatomic.h>

struct wire {
	int fd;
	atomic_bool tags;   /* lines have tags (ASYNC) */
	atomic_bool failed; /* nobody reads any more: lines are dropped */
	struct mutex mutex; /* of the descriptor */
};

void wire_init(struct wire *wire, int fd);
void wire_fini(struct wire *wire);

/* Writes a line, tagged where lines have tags.  Sleeps while the reader is slow. */
void wire_send(struct wire *wire, uint64_t job, const char *format, ...) PRINTF_LIKE(3, 4);

/* Writes a line that never has a tag: VERSION, EXTENSIONS, ERROR. */
void wire_send_plain(struct wire *wire, const char *format, ...) PRINTF_LIKE(2, 3);

/* Returns `text` fit for the end of a line, in `buffer`: without caps, with what is hidden escaped.
 * Never empty. */
enum { WIRE_TEXT_SIZE = 1024 };
const char *wire_text(const char *text, char buffer[WIRE_TEXT_SIZE]);
