#include "verify/children.h"

#include "base/utf8.h"

struct gathering {
	struct childset *set;
	struct bytes name; /* NFC */
};

/* Adds a child that is done. */
static enum fault add(void *context, const struct manifest_entry *entry, const struct outcome *slot,
		      struct err *err)
{
	struct gathering *gathering = context;
	struct cap cap;
	if (slot->state != OUTCOME_DONE)
		return FAULT_NONE;
	if (!cap_unpack(slot->cap, slot->cap_size, slot->cap_kind, &cap))
		return err_set(err, FAULT_CORRUPT, "a child's slot holds no cap");
	bytes_clear(&gathering->name);
	enum fault fault = bytes_err(name_to_nfc(&gathering->name, entry->name, entry->name_size),
				     err, "a child's name");
	if (!fault &&
	    !childset_add(gathering->set, bytes_text(&gathering->name), gathering->name.size, &cap))
		fault = err_set(err, FAULT_NOMEM, "no memory for a directory");
	cap_wipe(&cap);
	return fault;
}

enum fault children_gather(struct catalog_reader *reader, struct listing_id listing,
			   struct childset *set, struct err *err)
{
	struct gathering gathering = { .set = set };
	const struct catalog_visitor visitor = { add, &gathering };
	bytes_init(&gathering.name, 4 * MANIFEST_NAME_MAX);
	enum fault fault = catalog_children(reader, listing, &visitor, err);
	childset_seal(set);
	if (fault)
		childset_fini(set);
	bytes_fini(&gathering.name);
	return fault;
}
