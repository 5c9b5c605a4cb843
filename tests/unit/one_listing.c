#include "tests/unit/one_listing.h"

#include "queue/file/manifest.h"
#include "queue/file/outcomes.h"
#include "tests/unit/catalog_case.h"
#include "tests/unit/facts.h"
#include "tests/unit/scratch.h"

#include <unistd.h>

const unsigned char one_listing_job[16] = "job of a listing";

struct cap one_listing_cap(const char *text)
{
	struct cap cap;
	struct err err;
	assert_int_equal(cap_parse(text, strlen(text), &cap, &err), FAULT_NONE);
	return cap;
}

struct outcome one_listing_done(uint64_t id, const struct cap *cap)
{
	struct outcome outcome = { .id = id, .state = OUTCOME_DONE };
	assert_true(cap_pack(cap, outcome.cap, &outcome.cap_size, &outcome.cap_kind));
	return outcome;
}

void one_listing_put(struct one_listing *one_listing, const struct outcome *outcome)
{
	struct err err;
	assert_int_equal(outcomes_write(one_listing->outcomes, outcome, 1, &err), FAULT_NONE);
}

static void fill_slot(struct one_listing *one_listing, uint64_t id,
		      const struct one_listing_item *item)
{
	struct outcome outcome = { .id = id,
				   .state = (uint8_t)item->state,
				   .reason = (uint8_t)item->reason };
	if (item->cap) {
		const struct cap cap = one_listing_cap(item->cap);
		outcome = one_listing_done(id, &cap);
		outcome.level = (uint8_t)((item->existed ? OUTCOME_EXISTED : 0) |
					  (item->own ? OUTCOME_OWN : 0));
		meta_pack_outcome(&item->meta, outcome.meta);
	}
	one_listing_put(one_listing, &outcome);
}

void one_listing_init(struct one_listing *one_listing, const struct one_listing_item *item,
		      size_t count)
{
	struct manifest_writer *writer;
	struct err err;
	struct listing_id durable;
	const char *manifest = scratch_path("one_listing-manifest");
	*one_listing = (struct one_listing){ 0 };
	const char *slots = scratch_path("one_listing-outcomes");
	(void)!unlink(manifest), (void)!unlink(slots);
	assert_int_equal(
		outcomes_create(slots, one_listing_job, "", 0, &one_listing->outcomes, &err), 0);
	assert_int_equal(manifest_create(manifest, one_listing_job, NULL, 0, &writer, &err), 0);
	assert_int_equal(
		manifest_begin(writer, 0, 0, LISTING_NONE, "", 0, &one_listing->listing, &err), 0);
	for (size_t i = 0; i < count; i++) {
		struct manifest_entry entry = {
			.kind = item[i].is_directory ? MANIFEST_DIRECTORY : MANIFEST_FILE,
			.name = item[i].name,
			.name_size = strlen(item[i].name),
		};
		assert_int_equal(manifest_add(writer, &entry, &err), FAULT_NONE);
		fill_slot(one_listing, entry.id, &item[i]);
	}
	assert_int_equal(manifest_end(writer, &err), FAULT_NONE);
	assert_int_equal(manifest_sync(writer, &durable, &err), FAULT_NONE);
	manifest_writer_close(writer);
	one_listing->catalog = catalog_case_open(manifest, slots);
	assert_int_equal(catalog_reader_new(one_listing->catalog, &one_listing->reader, &err),
			 FAULT_NONE);
}

void one_listing_fini(struct one_listing *one_listing)
{
	catalog_reader_free(one_listing->reader);
	catalog_close(one_listing->catalog);
	outcomes_close(one_listing->outcomes);
}
