#include "verify/children.h"

#include "base/utf8.h"

enum { SLOTS = 256 /* read at once */ };

struct gathering {
	struct outcomes *outcomes;
	struct childset *set;
	struct bytes name; /* NFC */
	struct outcome slot[SLOTS];
};

/* Adds one child to the set. */
static enum fault add(struct gathering *gathering, const struct manifest_entry *entry,
		      const struct outcome *slot, struct err *err)
{
	struct cap cap;
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

/* Takes in the entries first..first+count-1 of a block, whose ids lie within SLOTS numbers. */
static enum fault add_run(struct gathering *gathering, const struct manifest_entry *entry,
			  size_t count, struct err *err)
{
	uint64_t first = entry[0].id;
	size_t span = (size_t)(entry[count - 1].id - first + 1);
	enum fault fault = outcomes_read(gathering->outcomes, first, span, gathering->slot, err);
	for (size_t i = 0; i < count && !fault; i++) {
		const struct outcome *slot = &gathering->slot[entry[i].id - first];
		if (slot->state == OUTCOME_DONE)
			fault = add(gathering, &entry[i], slot, err);
	}
	return fault;
}

static enum fault add_block(struct gathering *gathering, const struct manifest_block *block,
			    struct err *err)
{
	for (size_t from = 0; from < block->count;) {
		size_t to = from + 1;
		while (to < block->count && block->entry[to].id - block->entry[from].id < SLOTS)
			to++;
		if (add_run(gathering, &block->entry[from], to - from, err))
			return err->fault;
		from = to;
	}
	return FAULT_NONE;
}

enum fault children_gather(struct manifest_reader *reader, struct outcomes *outcomes,
			   uint64_t listing, struct childset *set, struct err *err)
{
	struct gathering gathering = { .outcomes = outcomes, .set = set };
	struct manifest_block block = { .next = listing };
	enum fault fault = FAULT_NONE;
	bytes_init(&gathering.name, 4 * MANIFEST_NAME_MAX);
	do {
		fault = manifest_read(reader, block.next, &block, err);
		if (!fault)
			fault = add_block(&gathering, &block, err);
	} while (!fault && !block.last);
	childset_seal(set);
	if (fault)
		childset_fini(set);
	bytes_fini(&gathering.name);
	explicit_bzero(gathering.slot, sizeof gathering.slot);
	return fault;
}
