#include "tests/unit/target_case.h"

#include "base/digest.h"
#include "queue/file/manifest.h"
#include "queue/file/outcomes.h"
#include "tests/unit/catalog_case.h"
#include "tests/unit/facts.h"
#include "tests/unit/tree.h"

#include <sys/stat.h>

static const unsigned char job_id[16] = "job of a target";

static struct {
	struct manifest_writer *writer;
	struct outcomes *slots;
	struct listing_id root;
} plan;

int target_case_setup(void **state)
{
	struct err err;
	plan.root = LISTING_NONE;
	return tree_setup(state) || mkdir(tree_path("out"), 0755) ||
	       manifest_create(tree_path("manifest"), job_id, NULL, 0, &plan.writer, &err) ||
	       outcomes_create(tree_path("slots"), job_id, NULL, 0, &plan.slots, &err);
}

int target_case_teardown(void **state)
{
	manifest_writer_close(plan.writer);
	outcomes_close(plan.slots);
	return tree_teardown(state);
}

void target_case_begin(uint64_t id, const char *name)
{
	struct listing_id listing;
	struct err err;
	if (id > 0)
		assert_int_equal(manifest_end(plan.writer, &err), 0);
	assert_int_equal(
		manifest_begin(plan.writer, id, 0, plan.root, name, strlen(name), &listing, &err),
		0);
	if (id == 0)
		plan.root = listing;
}

void target_case_settle(const struct outcome *outcome)
{
	struct err err;
	assert_int_equal(outcomes_write(plan.slots, outcome, 1, &err), 0);
}

uint64_t target_case_add(uint8_t kind, const char *name, const struct meta *meta,
			 const struct outcome *outcome)
{
	unsigned char packed[META_PACKED_MAX];
	struct manifest_entry entry = { .kind = kind,
					.name = name,
					.name_size = strlen(name),
					.meta = packed,
					.meta_size = meta ? meta_pack(meta, packed) : 0 };
	struct outcome slot = *outcome;
	struct err err;
	assert_int_equal(manifest_add(plan.writer, &entry, &err), 0);
	slot.id = entry.id;
	target_case_settle(&slot);
	return entry.id;
}

struct outcome target_case_done(const char *text)
{
	struct outcome outcome = { .state = OUTCOME_DONE, .attempts = 1, .length = strlen(text) };
	content_hash_of(text, strlen(text), outcome.content);
	return outcome;
}

uint64_t target_case_file(const char *path, const struct meta *meta, const char *text)
{
	char whole[TARGET_CASE_PATH];
	const char *slash = strrchr(path, '/');
	const struct outcome outcome = target_case_done(text);
	snprintf(whole, sizeof whole, "out/%s", path);
	tree_store(whole, text);
	return target_case_add(MANIFEST_FILE, slash ? slash + 1 : path, meta, &outcome);
}

uint64_t target_case_directory(const char *name, const struct meta *meta)
{
	char whole[TARGET_CASE_PATH];
	const struct outcome outcome = { .state = OUTCOME_DONE, .attempts = 1 };
	snprintf(whole, sizeof whole, "out/%s", name);
	assert_int_equal(mkdir(tree_path(whole), 0755), 0);
	return target_case_add(MANIFEST_DIRECTORY, name, meta, &outcome);
}

struct catalog *target_case_finish(void)
{
	struct err err;
	assert_int_equal(manifest_end(plan.writer, &err), 0);
	assert_int_equal(manifest_finish(plan.writer, &err), 0);
	return catalog_case_open(tree_path("manifest"), tree_path("slots"));
}
