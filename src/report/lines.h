/*
 * A line for each entry: JSON on stdout, reasons in errors.jsonl, failures on stderr.
 *
 * Place      the commit thread of the queue -> [ring] -> a thread that finds paths and writes.
 * Ownership  owns its thread, a reader of the catalog and errors.jsonl.
 * Threads    lines_put may run concurrently, and sleeps while the ring is full; the results of the
 *            output belong to the thread until lines_drain.
 */
#pragma once

#include "queue/catalog.h"
#include "report/details.h"
#include "report/output.h"

struct lines;

struct lines_options {
	struct catalog *catalog; /* borrowed */
	const char *errors;      /* path, or NULL */
	const char *target;      /* the local directory that is written to, or NULL */
	struct output *output;
};

/* One entry that is settled.  Pointers borrow for the call. */
struct line {
	uint64_t id;
	struct listing_id listing; /* the one it stands in, or for a directory possibly its own;
				      0: unknown */
	uint8_t kind;              /* enum manifest_kind */
	uint8_t state, reason;
	bool is_remark; /* `detail` is told of an entry that is done: it has another line */
	uint64_t bytes;
	const char *name;
	size_t name_size;
	char detail[DETAIL_SIZE];
};

/* Copies the strings, opens errors.jsonl for appending and starts the thread. */
MUST_USE enum fault lines_open(const struct lines_options *options, struct lines **lines,
			       struct err *err);

/* Hands a line over, where it is shown somewhere: all with JSON, else remarks and what is not done.
 */
void lines_put(struct lines *lines, const struct line *line);

/* Writes all lines handed over and ends the thread; afterwards lines_put writes at once. */
void lines_drain(struct lines *lines);

/* Drains and frees.  Returns how many lines could not be written in full.  NULL is allowed. */
uint64_t lines_close(struct lines *lines);
