#include "tests/unit/queue_memory.h"

#include "tests/unit/facts.h"
#include "tests/unit/queue_contract.h"

/* The contract on the queue in memory: what the file backend does is what the interface says. */

enum { SLOTS = 8 * PLAN_NODES_MAX };

static struct outcome slot[SLOTS];
static const struct plan *plan; /* of the queue that is open */
static size_t published;        /* listings */

static void begin(const unsigned char job_id[16])
{
	(void)job_id;
	memset(slot, 0, sizeof slot);
}

static void put(const struct outcome *outcome) { slot[outcome->id] = *outcome; }

static struct outcome get(uint64_t id) { return slot[id]; }

static void publish_entry(struct queue *queue, size_t index)
{
	const struct plan_node *node = &plan->node[index];
	char name[32];
	unsigned char meta[8];
	store_le64(meta, index);
	const struct manifest_entry entry = {
		.id = node->id,
		.kind = node->kind,
		.verdict = node->verdict,
		.reason = node->verdict ? REASON_SPECIAL : REASON_NONE,
		.bytes = node->kind == MANIFEST_FILE ? 1000 : 0,
		.chunk_size = node->chunks ? (1000 + node->chunks - 1) / node->chunks : 0,
		.name = name,
		.name_size = (size_t)snprintf(name, sizeof name, "n%06zu", index),
		.meta = meta,
		.meta_size = sizeof meta,
	};
	queue_memory_add(queue, plan->node[node->parent].id, &entry);
}

static void publish_listing(struct queue *queue, size_t turn)
{
	size_t index = 0;
	while (plan->node[index].turn != turn)
		index++;
	queue_memory_begin(queue, plan->node[index].id,
			   (struct listing_id){ plan->node[index].listing });
	for (size_t i = 1; i < plan->count; i++)
		if (plan->node[i].parent == index)
			publish_entry(queue, i);
	queue_memory_end(queue, plan->node[index].id);
}

static void publish(struct queue *queue, size_t listings, bool complete)
{
	for (; published < plan->listings && published < listings; published++)
		publish_listing(queue, published);
	if (complete)
		queue_memory_complete(queue);
}

static struct queue *open_memory(const struct contract_options *options)
{
	const struct queue_memory_options with = {
		.slot = slot,
		.slots = SLOTS,
		.settled = options->settled,
		.before = options->before,
		.context = options->context,
		.lease_ms = options->lease_ms,
		.clock_ms = options->clock_ms,
	};
	struct queue *queue = queue_memory_open(&with);
	plan = options->plan;
	published = 0;
	publish(queue, options->listings, options->complete);
	return queue;
}

int main(void)
{
	static const struct contract memory_backend = {
		.begin = begin, .put = put, .get = get, .open = open_memory, .publish = publish
	};
	return queue_contract_run(&memory_backend);
}
