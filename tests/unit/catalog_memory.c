#include "tests/unit/catalog_memory.h"

#include "queue/core/thread.h"

static void *must_have(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

/* ---- slots ---- */

struct slots {
	struct outcomes outcomes;
	struct mutex lock;
	struct outcome *slot;
	uint64_t count; /* there is room for */
};

static void write_locked(struct slots *slots, const struct outcome *outcome) REQUIRES(slots->lock)
{
	if (outcome->id >= slots->count) {
		uint64_t count = 2 * outcome->id + 1;
		slots->slot = must_have(realloc(slots->slot, count * sizeof slots->slot[0]));
		memset(slots->slot + slots->count, 0,
		       (count - slots->count) * sizeof slots->slot[0]);
		slots->count = count;
	}
	if (outcome->state == OUTCOME_NONE)
		memset(&slots->slot[outcome->id], 0, sizeof slots->slot[0]);
	else
		slots->slot[outcome->id] = *outcome;
}

static enum fault write_slots(struct outcomes *outcomes, const struct outcome *outcome,
			      size_t count, struct err *err)
{
	struct slots *slots = (struct slots *)outcomes;
	(void)err;
	mutex_lock(&slots->lock);
	for (size_t i = 0; i < count; i++)
		write_locked(slots, &outcome[i]);
	mutex_unlock(&slots->lock);
	return FAULT_NONE;
}

static enum fault read_slots(struct outcomes *outcomes, uint64_t first, size_t count,
			     struct outcome *outcome, struct err *err)
{
	struct slots *slots = (struct slots *)outcomes;
	(void)err;
	mutex_lock(&slots->lock);
	for (size_t i = 0; i < count; i++) {
		memset(&outcome[i], 0, sizeof outcome[i]);
		if (first + i < slots->count)
			outcome[i] = slots->slot[first + i];
		outcome[i].id = first + i;
	}
	mutex_unlock(&slots->lock);
	return FAULT_NONE;
}

static enum fault sync_slots(struct outcomes *outcomes, struct err *err)
{
	(void)outcomes;
	(void)err;
	return FAULT_NONE;
}

static enum fault end_of_slots(struct outcomes *outcomes, uint64_t *end, struct err *err)
{
	struct slots *slots = (struct slots *)outcomes;
	(void)err;
	mutex_lock(&slots->lock);
	*end = slots->count;
	while (*end > 0 && slots->slot[*end - 1].state == OUTCOME_NONE)
		--*end;
	mutex_unlock(&slots->lock);
	return FAULT_NONE;
}

static void close_slots(struct outcomes *outcomes)
{
	struct slots *slots = (struct slots *)outcomes;
	mutex_fini(&slots->lock);
	free(slots->slot);
	free(slots);
}

static struct outcomes *new_slots(void)
{
	static const struct outcomes_backend backend = { .write = write_slots,
							 .read = read_slots,
							 .sync = sync_slots,
							 .end = end_of_slots,
							 .close = close_slots };
	struct slots *slots = must_have(calloc(1, sizeof *slots));
	slots->outcomes.backend = &backend;
	mutex_init(&slots->lock);
	return &slots->outcomes;
}

/* ---- the plan ---- */

enum { PAGE_ENTRIES = 128 };

/* Pages are numbered through the whole plan from 1 on: that is what a listing_id is here. */
struct listing {
	const struct sample_listing *sample;
	struct manifest_entry *entry; /* with their ids */
	uint64_t id, parent_id;       /* of directories */
	uint64_t first_page, parent_page;
	uint64_t pages;
};

struct memory {
	struct catalog catalog;
	struct sample_plan plan;
	struct listing *listing;
	uint64_t pages;
	struct manifest_totals totals;
};

struct memory_reader {
	struct catalog_reader reader;
	uint64_t page; /* the next */
};

static const struct memory *memory_of(const struct catalog *catalog)
{
	return (const struct memory *)catalog;
}

static void count_entry(struct manifest_totals *totals, const struct manifest_entry *entry)
{
	totals->files += entry->kind == MANIFEST_FILE;
	totals->directories += entry->kind == MANIFEST_DIRECTORY || entry->kind == MANIFEST_LINKED;
	totals->symlinks += entry->kind == MANIFEST_SYMLINK;
	totals->others += entry->kind == MANIFEST_OTHER;
	totals->skipped += entry->verdict == OUTCOME_SKIPPED;
	totals->failed += entry->verdict == OUTCOME_FAILED;
	totals->bytes += entry->verdict ? 0 : entry->bytes;
	totals->next_id = entry->id + manifest_entry_ids(entry);
}

/* Numbers entries and pages of a listing; those above it are numbered already. */
static void number_listing(struct memory *memory, size_t index)
{
	struct listing *listing = &memory->listing[index];
	const struct sample_listing *sample = &memory->plan.listing[index];
	const struct listing *parent = &memory->listing[sample->parent];
	listing->sample = sample;
	listing->pages = 1 + (sample->count > 0 ? (sample->count - 1) / PAGE_ENTRIES : 0);
	listing->first_page = memory->pages + 1;
	memory->pages += listing->pages;
	if (index > 0) {
		listing->id = parent->entry[sample->entry].id;
		listing->parent_id = parent->id;
		listing->parent_page = parent->first_page;
	}
	listing->entry = must_have(calloc(sample->count + 1, sizeof listing->entry[0]));
	for (size_t i = 0; i < sample->count; i++) {
		listing->entry[i] = sample->item[i];
		listing->entry[i].id = memory->totals.next_id;
		count_entry(&memory->totals, &listing->entry[i]);
	}
}

/* Returns the listing that a page is of, or NULL behind the last. */
static const struct listing *find_listing(const struct memory *memory, uint64_t page)
{
	for (size_t i = 0; i < memory->plan.listings; i++)
		if (page >= memory->listing[i].first_page &&
		    page - memory->listing[i].first_page < memory->listing[i].pages)
			return &memory->listing[i];
	return NULL;
}

static const unsigned char *job_id(const struct catalog *catalog)
{
	return memory_of(catalog)->plan.job_id;
}

static const char *property(const struct catalog *catalog, const char *key, size_t *size)
{
	const struct sample_plan *plan = &memory_of(catalog)->plan;
	for (size_t i = 0; i < plan->properties; i++)
		if (strcmp(plan->property[i].key, key) == 0) {
			*size = plan->property[i].value_size;
			return plan->property[i].value;
		}
	return NULL;
}

static bool is_complete(struct catalog *catalog) { return memory_of(catalog)->plan.complete; }

static void close_memory(struct catalog *catalog)
{
	struct memory *memory = (struct memory *)catalog;
	outcomes_close(catalog->outcomes);
	outcomes_close(catalog->sources);
	for (size_t i = 0; i < memory->plan.listings; i++)
		free(memory->listing[i].entry);
	free(memory->listing);
	free(memory);
}

/* ---- reading ---- */

static enum fault new_reader(struct catalog *catalog, struct catalog_reader **reader,
			     struct err *err)
{
	struct memory_reader *made = must_have(calloc(1, sizeof *made));
	(void)err;
	made->reader.catalog = catalog;
	made->page = 1;
	*reader = &made->reader;
	return FAULT_NONE;
}

static void free_reader(struct catalog_reader *reader) { free(reader); }

static void seek(struct catalog_reader *reader, struct listing_id at)
{
	((struct memory_reader *)reader)->page = at.value ? at.value : 1;
}

static struct listing_id at(const struct catalog_reader *reader)
{
	return (struct listing_id){ ((const struct memory_reader *)reader)->page };
}

static enum fault read_page(struct catalog_reader *reader, struct catalog_page *page,
			    struct err *err)
{
	struct memory_reader *own = (struct memory_reader *)reader;
	const struct memory *memory = memory_of(reader->catalog);
	const struct listing *listing = find_listing(memory, own->page);
	if (!listing && !memory->plan.complete)
		return err_set(err, FAULT_NOT_FOUND, "the plan ends for now");
	if (!listing) {
		*page = (struct catalog_page){ .is_end = true, .totals = &memory->totals };
		return FAULT_NONE;
	}
	uint64_t number = own->page - listing->first_page;
	size_t from = number * PAGE_ENTRIES;
	*page = (struct catalog_page){
		.first = number == 0,
		.last = number + 1 == listing->pages,
		.here = { own->page },
		.listing = { listing->first_page },
		.id = listing->id,
		.parent_id = listing->parent_id,
		.parent = { listing->parent_page },
		.name = listing->sample->name,
		.name_size = strlen(listing->sample->name),
		.entry = listing->entry + from,
		.count = (size_t)min_u64(listing->sample->count - from, PAGE_ENTRIES),
	};
	own->page++;
	return FAULT_NONE;
}

/* Joins the names from the directory up; too long a path loses its beginning. */
static enum fault path_of(struct catalog_reader *reader, struct listing_id listing, char *path,
			  size_t capacity, struct err *err)
{
	const struct memory *memory = memory_of(reader->catalog);
	char whole[4096];
	char *at = whole + sizeof whole - 1;
	*at = '\0';
	for (uint64_t page = listing.value; page;) {
		const struct listing *one = find_listing(memory, page);
		size_t size = one ? strlen(one->sample->name) : 0;
		if (!one || size + 1 > (size_t)(at - whole))
			return err_set(err, FAULT_CORRUPT, "no path");
		if (*at && size > 0)
			*--at = '/';
		at -= size;
		memcpy(at, one->sample->name, size);
		page = one->parent_page;
	}
	size_t length = strlen(at);
	if (length < capacity)
		memcpy(path, at, length + 1);
	else
		snprintf(path, capacity, "...%s", at + length - (capacity - 1 - 3));
	return FAULT_NONE;
}

struct catalog *catalog_memory_new(const struct sample_plan *plan)
{
	static const struct catalog_backend backend = { .job_id = job_id,
							.property = property,
							.is_complete = is_complete,
							.close = close_memory,
							.reader_new = new_reader,
							.reader_free = free_reader,
							.seek = seek,
							.at = at,
							.read = read_page,
							.path = path_of };
	struct memory *memory = must_have(calloc(1, sizeof *memory));
	memory->catalog.backend = &backend;
	memory->plan = *plan;
	memory->totals.next_id = 1;
	memory->listing = must_have(calloc(plan->listings, sizeof memory->listing[0]));
	for (size_t i = 0; i < plan->listings; i++)
		number_listing(memory, i);
	memory->catalog.outcomes = plan->outcomes ? new_slots() : NULL;
	memory->catalog.sources = plan->sources ? new_slots() : NULL;
	return &memory->catalog;
}
