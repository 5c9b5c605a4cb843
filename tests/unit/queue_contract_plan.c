#include "tests/unit/queue_contract.h"

#include "queue/file/manifest.h"
#include "tests/unit/facts.h"
#include "tests/unit/scratch.h"

#include <unistd.h>

const unsigned char contract_job[16] = "contract of jobs";

uint64_t contract_random(uint64_t *random, uint64_t below)
{
	*random = *random * 6364136223846793005u + 1442695040888963407u;
	return (*random >> 33) % below;
}

void plan_init(struct plan *plan)
{
	memset(plan, 0, sizeof *plan);
	plan->node[0].kind = MANIFEST_DIRECTORY;
	plan->count = 1;
	snprintf(plan->path, sizeof plan->path, "%s", scratch_path("manifest"));
}

size_t plan_add(struct plan *plan, size_t parent, uint8_t kind)
{
	assert_true(plan->count < PLAN_NODES_MAX);
	plan->node[plan->count] = (struct plan_node){ .parent = parent, .kind = kind };
	plan->node[parent].children++;
	return plan->count++;
}

static bool can_have_children(const struct plan_node *node)
{
	return node->kind == MANIFEST_DIRECTORY && node->verdict == 0;
}

void plan_add_random(struct plan *plan, size_t count, uint64_t *random)
{
	for (size_t i = 0; i < count; i++) {
		size_t parent = contract_random(random, plan->count);
		while (!can_have_children(&plan->node[parent]))
			parent = plan->node[parent].parent;
		uint64_t dice = contract_random(random, 100);
		uint8_t kind = dice < 25   ? MANIFEST_DIRECTORY
			       : dice < 30 ? MANIFEST_SYMLINK
			       : dice < 35 ? MANIFEST_OTHER
					   : MANIFEST_FILE;
		struct plan_node *node = &plan->node[plan_add(plan, parent, kind)];
		if (kind == MANIFEST_OTHER || contract_random(random, 12) == 0)
			node->verdict = dice % 2 ? OUTCOME_SKIPPED : OUTCOME_FAILED;
		if (kind == MANIFEST_FILE && contract_random(random, 10) == 0)
			node->chunks = 2 + contract_random(random, 4);
	}
}

static void add_entry(struct plan *plan, size_t index, struct manifest_writer *writer)
{
	struct plan_node *node = &plan->node[index];
	char name[32];
	unsigned char meta[8];
	store_le64(meta, index);
	struct manifest_entry entry = { .kind = node->kind,
					.verdict = node->verdict,
					.reason = node->verdict ? REASON_SPECIAL : REASON_NONE,
					.name = name,
					.name_size = (size_t)snprintf(name, sizeof name, "n%06zu",
								      index),
					.meta = meta,
					.meta_size = sizeof meta };
	if (node->kind == MANIFEST_FILE)
		entry.bytes = 1000;
	if (node->chunks)
		entry.chunk_size = (1000 + node->chunks - 1) / node->chunks;
	assert_int_equal(manifest_add(writer, &entry, NULL), FAULT_NONE);
	node->id = entry.id;
	node->chunks = manifest_entry_ids(&entry) - 1;
}

/* Writes the listings of `index` and all below it: depth first, in entry order. */
static void write_listings(struct plan *plan, size_t index, struct manifest_writer *writer,
			   bool piecewise)
{
	struct plan_node *node = &plan->node[index];
	const struct plan_node *parent = &plan->node[node->parent];
	char name[32];
	int size = index == 0 ? 0 : snprintf(name, sizeof name, "n%06zu", index);
	struct listing_id listing;
	assert_int_equal(manifest_begin(writer, node->id, parent->id,
					(struct listing_id){ index == 0 ? 0 : parent->listing },
					name, (size_t)size, &listing, NULL),
			 FAULT_NONE);
	node->listing = listing.value;
	for (size_t i = 1; i < plan->count; i++)
		if (plan->node[i].parent == index)
			add_entry(plan, i, writer);
	assert_int_equal(manifest_end(writer, NULL), FAULT_NONE);
	node->turn = plan->listings++;
	if (piecewise)
		assert_int_equal(manifest_sync(writer, &plan->durable[plan->listings], NULL),
				 FAULT_NONE);
	for (size_t i = 1; i < plan->count; i++)
		if (plan->node[i].parent == index && can_have_children(&plan->node[i]) &&
		    !plan->node[i].unlisted)
			write_listings(plan, i, writer, piecewise);
}

void plan_write(struct plan *plan, bool piecewise)
{
	struct manifest_writer *writer = NULL;
	unlink(plan->path);
	assert_int_equal(manifest_create(plan->path, contract_job, NULL, 0, &writer, NULL),
			 FAULT_NONE);
	plan->listings = 0;
	assert_int_equal(manifest_sync(writer, &plan->durable[0], NULL), FAULT_NONE);
	write_listings(plan, 0, writer, piecewise);
	assert_int_equal(manifest_finish(writer, NULL), FAULT_NONE);
	manifest_writer_close(writer);
}
