/*
 * A queue that lives in memory: the second implementation of queue/backend.h, for tests.
 *
 * It shares no code with the file backend.  Everything is a scan over all entries, under one lock,
 * and what is recorded counts as durable at once.
 *
 * Ownership  slots belong to the caller and survive the queue, as a disk would.
 * Threads    all functions from any; the callbacks run under the queue's lock.
 */
#pragma once

#include "queue/queue_file.h"

struct queue_memory_options {
	struct outcome *slot; /* of each task, by id */
	size_t slots;
	queue_settled *settled; /* these three as in struct queue_file_options */
	queue_before *before;
	void *context;
	uint32_t lease_ms; /* with a clock: leases run out by it */
	uint64_t (*clock_ms)(void);
};

/* Makes a queue that knows the root alone. */
struct queue *queue_memory_open(const struct queue_memory_options *options);

/* Begins the listing of directory `id`, whose tasks are to name it `listing`. */
void queue_memory_begin(struct queue *queue, uint64_t id, struct listing_id listing);

/* Adds an entry of directory `id`, its id above all before it. */
void queue_memory_add(struct queue *queue, uint64_t id, const struct manifest_entry *entry);

/* Ends the listing of directory `id`. */
void queue_memory_end(struct queue *queue, uint64_t id);

/* Says that nothing more will be added. */
void queue_memory_complete(struct queue *queue);
