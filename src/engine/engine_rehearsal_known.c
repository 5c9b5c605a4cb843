#include "base/secret.h"
#include "commit/assembly.h"
#include "engine/engine_parts.h"
#include "queue/core/array.h"

/*
 * What a backup would reuse, before anything is told of it: slots of the rehearsal's own job are
 * settled as a run would.
 *
 *   files         those that are known: done, with the caps they have
 *   directories   the last of the plan first, so that children go before their parents: one of
 *                 which all is done, and whose form is known, is done with the cap it has
 */
struct foreseeing {
	struct engine *engine;
	struct catalog *catalog;
	struct catalog_reader *reader;
	struct foreseen_directory *directory; /* in the order of the plan */
	size_t count, capacity;
	struct listing_id listing; /* at hand */
	uint64_t open; /* children of the directory at hand that would be done by the run */
	struct cap cap;
};

struct foreseen_directory {
	struct listing_id listing;
	uint64_t id;
};

static enum fault foresee_no_memory(struct err *err)
{
	return err_set(err, FAULT_NOMEM, "no memory for what would be reused");
}

/* Writes a slot of no more than its entry's metadata and maybe a cap. */
static enum fault put(const struct foreseeing *foreseeing, struct outcome *slot,
		      const struct known_cap *cap, struct err *err)
{
	if (cap) {
		slot->state = OUTCOME_DONE;
		slot->level = OUTCOME_LINKED;
		slot->cap_kind = cap->kind;
		slot->cap_size = cap->size;
		memcpy(slot->cap, cap->cap, sizeof slot->cap);
	}
	enum fault fault = outcomes_write(foreseeing->catalog->outcomes, slot, 1, err);
	secret_wipe(slot, sizeof *slot);
	return fault;
}

/* ---- files ---- */

static enum fault foresee_file(const struct foreseeing *foreseeing,
			       const struct manifest_entry *entry, struct err *err)
{
	struct engine *engine = foreseeing->engine;
	const struct task task = {
		.id = entry->id,
		.listing = foreseeing->listing,
		.bytes = entry->bytes,
		.kind = entry->kind,
		.name = entry->name,
		.name_size = entry->name_size,
		.meta = entry->meta,
		.meta_size = entry->meta_size,
	};
	struct outcome slot = { .id = entry->id, .length = entry->bytes };
	struct known_file file;
	struct known_cap cap;
	if (reuse_find_file(engine->reuse, engine->asker, &task, &file, &cap) == DECIDE_NOT_STORED)
		return FAULT_NONE;
	meta_pack_outcome(&file.meta, slot.meta);
	enum fault fault = put(foreseeing, &slot, &cap, err);
	secret_wipe(&cap, sizeof cap);
	return fault;
}

/* A directory's slot keeps its metadata until it is its turn. */
static enum fault prepare_directory(const struct foreseeing *foreseeing,
				    const struct manifest_entry *entry, struct err *err)
{
	struct outcome slot = { .id = entry->id, .state = OUTCOME_PLANNED };
	struct meta meta;
	if (!meta_unpack(entry->meta, entry->meta_size, &meta))
		return FAULT_NONE;
	meta_pack_outcome(&meta, slot.meta);
	return put(foreseeing, &slot, NULL, err);
}

static enum fault foresee_entry(void *context, const struct manifest_entry *entry,
				const struct outcome *outcome, struct err *err)
{
	const struct foreseeing *foreseeing = context;
	if (entry->verdict || outcome->state != OUTCOME_NONE)
		return FAULT_NONE;
	if (entry->kind == MANIFEST_FILE || entry->kind == MANIFEST_SYMLINK)
		return foresee_file(foreseeing, entry, err);
	return entry->kind == MANIFEST_DIRECTORY ? prepare_directory(foreseeing, entry, err)
						 : FAULT_NONE;
}

static enum fault add_directory(struct foreseeing *foreseeing, const struct catalog_page *page,
				struct err *err)
{
	if (!array_reserve(&foreseeing->directory, foreseeing->count, &foreseeing->capacity,
			   sizeof *foreseeing->directory))
		return foresee_no_memory(err);
	foreseeing->directory[foreseeing->count++] =
		(struct foreseen_directory){ page->listing, page->id };
	return FAULT_NONE;
}

static enum fault foresee_files(struct foreseeing *foreseeing, struct err *err)
{
	const struct catalog_visitor visitor = { foresee_entry, foreseeing };
	struct catalog_page page;
	for (;;) {
		if (catalog_next(foreseeing->reader, &page, err))
			return err->fault;
		if (page.is_end)
			return FAULT_NONE;
		foreseeing->listing = page.listing;
		if (page.first && page.id != 0 && add_directory(foreseeing, &page, err))
			return err->fault;
		if (catalog_visit(foreseeing->reader, &page, &visitor, err))
			return err->fault;
	}
}

/* ---- directories ---- */

static enum fault count_open(void *context, const struct manifest_entry *entry,
			     const struct outcome *outcome, struct err *err)
{
	struct foreseeing *foreseeing = context;
	(void)err;
	const bool ended = entry->verdict || outcome_is_settled(outcome) ||
			   (outcome->state == OUTCOME_PLANNED && outcome->reason);
	foreseeing->open += !ended;
	return FAULT_NONE;
}

static void hear_nothing(void *context, const struct manifest_entry *entry,
			 const struct outcome *outcome)
{
	(void)context;
	(void)entry;
	(void)outcome;
}

static bool is_known(void *context, const unsigned char hash[DIGEST_SIZE])
{
	struct foreseeing *foreseeing = context;
	return reuse_find_directory(foreseeing->engine->reuse, hash, &foreseeing->cap) !=
	       DECIDE_NOT_STORED;
}

/* Stores whether the directory would be reused, and then its cap. */
static enum fault ask_directory(struct foreseeing *foreseeing,
				const struct foreseen_directory *directory, bool *reused,
				struct known_cap *cap, struct err *err)
{
	const struct catalog_visitor visitor = { count_open, foreseeing };
	const struct assembly_reuse reuse = { hear_nothing, is_known, foreseeing };
	const struct assembly_source source = {
		.reader = foreseeing->reader,
		.listing = directory->listing,
		.reuse = &reuse,
	};
	struct assembly assembly;
	*reused = false;
	foreseeing->open = 0;
	if (catalog_children(foreseeing->reader, directory->listing, &visitor, err))
		return err->fault;
	if (foreseeing->open > 0)
		return FAULT_NONE;
	if (assembly_build(&source, &assembly, err))
		return err->fault;
	*reused = assembly.reused && cap_pack(&foreseeing->cap, cap->cap, &cap->size, &cap->kind);
	assembly_fini(&assembly);
	return FAULT_NONE;
}

/* Settles one directory that would be reused, and leaves nothing in the slot of another. */
static enum fault foresee_directory(struct foreseeing *foreseeing,
				    const struct foreseen_directory *directory, struct err *err)
{
	struct outcome slot;
	struct known_cap cap;
	bool reused;
	if (ask_directory(foreseeing, directory, &reused, &cap, err) ||
	    outcomes_read(foreseeing->catalog->outcomes, directory->id, 1, &slot, err))
		return err->fault;
	if (slot.state != OUTCOME_PLANNED || slot.reason)
		return FAULT_NONE;
	if (!reused)
		slot = (struct outcome){ .id = directory->id };
	enum fault fault = put(foreseeing, &slot, reused ? &cap : NULL, err);
	secret_wipe(&cap, sizeof cap);
	return fault;
}

enum fault engine_foresee(struct engine *engine, struct err *err)
{
	struct catalog *catalog = engine->migration->catalog;
	struct foreseeing foreseeing = { .engine = engine, .catalog = catalog };
	if (catalog_reader_new(catalog, &foreseeing.reader, err))
		return err->fault;
	enum fault fault = foresee_files(&foreseeing, err);
	for (size_t i = foreseeing.count; i > 0 && !fault; i--)
		fault = foresee_directory(&foreseeing, &foreseeing.directory[i - 1], err);
	free(foreseeing.directory);
	catalog_reader_free(foreseeing.reader);
	cap_wipe(&foreseeing.cap);
	return fault;
}
