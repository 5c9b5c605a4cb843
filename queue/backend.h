/*
 * What a backend of the queue gives: one function for each of queue.h.
 *
 * Place      queue.c -> [backend] -> queue_file.c, and later PostgreSQL.
 */
#pragma once

#include "queue/queue.h"

/* Each does what the function of queue.h with its name says. */
struct queue_backend {
	enum fault (*lease)(struct queue *queue, enum segment_kind kind, struct segment **segment,
			    struct err *err);
	enum fault (*record)(struct queue *queue, const struct segment *segment,
			     const struct outcome *outcome, size_t count, struct err *err);
	enum fault (*release)(struct queue *queue, struct segment *segment,
			      const struct task_return *rest, size_t count, struct err *err);
	enum fault (*extend)(struct queue *queue, const struct segment *segment, struct err *err);
	void (*stop)(struct queue *queue);
	enum fault (*close)(struct queue *queue, struct err *err);
};

/* The first member of a backend's own struct. */
struct queue {
	const struct queue_backend *backend;
	uint32_t lease_ms; /* 0: leases last for ever */
};
