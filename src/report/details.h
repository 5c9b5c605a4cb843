/*
 * Sentences that wait for their entries to settle.
 *
 * Place      whoever fails a task -> [details] -> the line of its outcome.
 * Ownership  owns copies.
 * Threads    all functions may run concurrently; none sleeps.
 *
 * A fixed number of places, found by id: when two waiting entries share one, the later wins and the
 * earlier goes without detail.
 */
#pragma once

#include "queue/core/fault.h"

enum { DETAIL_SIZE = 256 };

struct details;

/* NULL: out of memory. */
struct details *details_new(void);
void details_free(struct details *details);

/* Keeps `text` for entry `id`, caps taken out. */
void details_keep(struct details *details, uint64_t id, const char *text);

/* Moves the text of entry `id` to `text`; "" when there is none. */
void details_take(struct details *details, uint64_t id, char text[DETAIL_SIZE]);
