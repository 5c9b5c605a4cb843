#include "queue/queue.h"

#include "queue/backend.h"

enum fault queue_lease(struct queue *queue, enum segment_kind kind, struct segment **segment,
		       struct err *err)
{
	return queue->backend->lease(queue, kind, segment, err);
}

enum fault queue_record(struct queue *queue, const struct segment *segment,
			const struct outcome *outcome, size_t count, struct err *err)
{
	return queue->backend->record(queue, segment, outcome, count, err);
}

enum fault queue_release(struct queue *queue, struct segment *segment,
			 const struct task_return *rest, size_t count, struct err *err)
{
	return queue->backend->release(queue, segment, rest, count, err);
}

uint32_t queue_lease_ms(const struct queue *queue) { return queue->lease_ms; }

enum fault queue_extend(struct queue *queue, const struct segment *segment, struct err *err)
{
	return queue->backend->extend(queue, segment, err);
}

void queue_stop(struct queue *queue) { queue->backend->stop(queue); }

enum fault queue_close(struct queue *queue, struct err *err)
{
	return queue ? queue->backend->close(queue, err) : FAULT_NONE;
}
