#include "tests/unit/shelf.h"

#include "tests/unit/facts.h"
#include "tests/unit/scratch.h"

#include <unistd.h>

const unsigned char shelf_job[16] = "job of a shelf.";

struct cap shelf_cap(const char *text)
{
	struct cap cap;
	struct err err;
	assert_int_equal(cap_parse(text, strlen(text), &cap, &err), FAULT_NONE);
	return cap;
}

struct outcome shelf_done(uint64_t id, const struct cap *cap)
{
	struct outcome outcome = { .id = id, .state = OUTCOME_DONE };
	assert_true(cap_pack(cap, outcome.cap, &outcome.cap_size, &outcome.cap_kind));
	return outcome;
}

void shelf_put(struct shelf *shelf, const struct outcome *outcome)
{
	struct err err;
	assert_int_equal(outcomes_write(shelf->outcomes, outcome, &err), FAULT_NONE);
}

static void fill_slot(struct shelf *shelf, uint64_t id, const struct shelf_item *item)
{
	struct outcome outcome = { .id = id, .state = (uint8_t)item->state };
	if (item->cap) {
		const struct cap cap = shelf_cap(item->cap);
		outcome = shelf_done(id, &cap);
		outcome.level = item->existed ? OUTCOME_EXISTED : 0;
		meta_pack_outcome(&item->meta, outcome.meta);
	}
	shelf_put(shelf, &outcome);
}

void shelf_init(struct shelf *shelf, const struct shelf_item *item, size_t count)
{
	struct manifest_writer *writer;
	struct err err;
	uint64_t durable;
	*shelf = (struct shelf){ .manifest = scratch_path("shelf-manifest") };
	const char *slots = scratch_path("shelf-outcomes");
	(void)!unlink(shelf->manifest), (void)!unlink(slots);
	assert_int_equal(outcomes_create(slots, shelf_job, "", 0, &shelf->outcomes, &err), 0);
	assert_int_equal(manifest_create(shelf->manifest, shelf_job, NULL, 0, &writer, &err), 0);
	assert_int_equal(manifest_begin(writer, 0, 0, 0, "", 0, &shelf->listing, &err), 0);
	for (size_t i = 0; i < count; i++) {
		struct manifest_entry entry = {
			.kind = item[i].is_directory ? MANIFEST_DIRECTORY : MANIFEST_FILE,
			.name = item[i].name,
			.name_size = strlen(item[i].name),
		};
		assert_int_equal(manifest_add(writer, &entry, &err), FAULT_NONE);
		fill_slot(shelf, entry.id, &item[i]);
	}
	assert_int_equal(manifest_end(writer, &err), FAULT_NONE);
	assert_int_equal(manifest_sync(writer, &durable, &err), FAULT_NONE);
	manifest_writer_close(writer);
	assert_int_equal(manifest_open(shelf->manifest, &shelf->reader, &err), FAULT_NONE);
}

void shelf_fini(struct shelf *shelf)
{
	manifest_close(shelf->reader);
	outcomes_close(shelf->outcomes);
}
