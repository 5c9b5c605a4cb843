#include "plan/names.h"

#include "base/bytes.h"
#include "queue/core/file_io.h"
#include "queue/entry.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
	IN_MEMORY_MAX = 65536,
	RECORD_HEAD = 3, /* size in 2 bytes, flags in 1 */
	RECORD_MAX = RECORD_HEAD + MANIFEST_NAME_MAX,
	/* Several records a read, and 150 runs (10^7 names) in 5 MiB. */
	RUN_BUFFER = 32768,
	WRITE_BUFFER = 65536,
};

/*
 * Adding                                       Reading
 *   names_add -> slots and text, in memory       few names: the sorted slots
 *     full: sorted, written as one more run      runs: the least of their current records
 *   names_sort: the rest likewise                (up to 150 runs, so a scan is enough)
 */

/* A name in memory.  The first eight bytes as a number decide most comparisons. */
struct slot {
	uint64_t prefix;
	uint32_t offset; /* in the text */
	uint16_t size;
	uint8_t flags;
};

/* A sorted run in the file, and the window of it that is in memory. */
struct run {
	uint64_t begin, end; /* in the file */
	uint64_t offset;     /* what of it is not read yet */
	unsigned char *buffer;
	size_t at, filled; /* in the buffer; `at` is at the current record */
};

struct names {
	const char *folder;
	uint64_t count;
	struct slot *slot;
	size_t slot_count, slot_capacity, position;
	char *text;
	size_t text_size, text_capacity;
	int fd; /* of the runs; -1: all names are in memory */
	uint64_t file_size;
	struct run *run;
	size_t run_count;
	struct run *current; /* whose record was given out last */
	char last[MANIFEST_NAME_MAX + 1];
	size_t last_size;
	bool begun; /* `last` is a name */
};

struct names *names_new(const char *folder)
{
	struct names *names = calloc(1, sizeof *names);
	if (!names)
		return NULL;
	names->folder = folder;
	names->fd = -1;
	return names;
}

static void drop_runs(struct names *names)
{
	for (size_t i = 0; i < names->run_count; i++)
		free(names->run[i].buffer);
	free(names->run);
	names->run = NULL;
	names->run_count = 0;
	names->current = NULL;
	if (names->fd >= 0)
		close(names->fd);
	names->fd = -1;
	names->file_size = 0;
}

void names_clear(struct names *names)
{
	drop_runs(names);
	names->count = 0;
	names->slot_count = names->position = names->text_size = 0;
	names->begun = false;
}

void names_free(struct names *names)
{
	if (!names)
		return;
	drop_runs(names);
	free(names->slot);
	free(names->text);
	free(names);
}

uint64_t names_count(const struct names *names) { return names->count; }

/* Returns the array with room for `wanted` items, doubled as often as that takes; NULL: no memory.
 */
static void *grown(void *items, size_t item_size, size_t *capacity, size_t wanted)
{
	if (wanted <= *capacity)
		return items;
	size_t more = *capacity ? *capacity : 1024;
	while (more < wanted)
		more *= 2;
	items = realloc(items, more * item_size);
	if (items)
		*capacity = more;
	return items;
}

/* Makes room for one more name of `size` bytes. */
static bool reserve(struct names *names, size_t size)
{
	struct slot *slot =
		grown(names->slot, sizeof *slot, &names->slot_capacity, names->slot_count + 1);
	if (!slot)
		return false;
	names->slot = slot;
	char *text = grown(names->text, 1, &names->text_capacity, names->text_size + size + 1);
	if (!text)
		return false;
	names->text = text;
	return true;
}

/* Slots of the same text in comparison order. */
static int compare_slots(const void *left, const void *right, void *text)
{
	const struct slot *a = left, *b = right;
	if (a->prefix != b->prefix)
		return a->prefix < b->prefix ? -1 : 1;
	return bytes_compare((const char *)text + a->offset, a->size,
			     (const char *)text + b->offset, b->size);
}

static uint64_t prefix_of(const char *bytes, size_t size)
{
	uint64_t prefix = 0;
	memcpy(&prefix, bytes, size < sizeof prefix ? size : sizeof prefix);
	return be64toh(prefix);
}

static void sort_slots(struct names *names)
{
	if (names->slot_count > 1)
		qsort_r(names->slot, names->slot_count, sizeof *names->slot, compare_slots,
			names->text);
}

/* Appends to the file of runs. */
static enum fault flush(struct names *names, const unsigned char *buffer, size_t size,
			struct err *err)
{
	enum fault fault = file_write_at(names->fd, names->file_size, buffer, size, err);
	if (!fault)
		names->file_size += size;
	return fault;
}

/* Writes the sorted slots behind the runs that are there. */
static enum fault write_run(struct names *names, struct err *err)
{
	unsigned char *buffer = malloc(WRITE_BUFFER);
	if (!buffer)
		return err_set(err, FAULT_NOMEM, "no memory for sorting a directory");
	enum fault fault = FAULT_NONE;
	size_t used = 0;
	for (size_t i = 0; i < names->slot_count && !fault; i++) {
		const struct slot *slot = &names->slot[i];
		if (used + RECORD_HEAD + slot->size > WRITE_BUFFER) {
			fault = flush(names, buffer, used, err);
			used = 0;
		}
		store_le16(buffer + used, slot->size);
		buffer[used + 2] = slot->flags;
		memcpy(buffer + used + RECORD_HEAD, names->text + slot->offset, slot->size);
		used += RECORD_HEAD + (size_t)slot->size;
	}
	if (!fault)
		fault = flush(names, buffer, used, err);
	free(buffer);
	return fault;
}

/* Moves what is in memory to the file, as one more run. */
static enum fault spill(struct names *names, struct err *err)
{
	enum fault fault =
		names->fd < 0 ? file_open_unnamed(names->folder, &names->fd, err) : FAULT_NONE;
	if (fault)
		return fault;
	struct run *run = realloc(names->run, (names->run_count + 1) * sizeof *run);
	if (!run)
		return err_set(err, FAULT_NOMEM, "no memory for sorting a directory");
	names->run = run;
	run += names->run_count;
	*run = (struct run){ .begin = names->file_size, .buffer = malloc(RUN_BUFFER) };
	if (!run->buffer)
		return err_set(err, FAULT_NOMEM, "no memory for sorting a directory");
	names->run_count++;
	sort_slots(names);
	fault = write_run(names, err);
	run->end = names->file_size;
	names->slot_count = names->text_size = 0;
	return fault;
}

enum fault names_add(struct names *names, const struct name *name, struct err *err)
{
	if (names->slot_count == IN_MEMORY_MAX) {
		enum fault fault = spill(names, err);
		if (fault)
			return fault;
	}
	if (!reserve(names, name->size))
		return err_set(err, FAULT_NOMEM, "no memory for the names of a directory");
	names->slot[names->slot_count++] = (struct slot){
		.prefix = prefix_of(name->bytes, name->size),
		.offset = (uint32_t)names->text_size,
		.size = (uint16_t)name->size,
		.flags = name->flags,
	};
	memcpy(names->text + names->text_size, name->bytes, name->size);
	names->text[names->text_size + name->size] = '\0';
	names->text_size += name->size + 1;
	names->count++;
	return FAULT_NONE;
}

enum fault names_sort(struct names *names, struct err *err)
{
	if (names->fd >= 0 && names->slot_count) {
		enum fault fault = spill(names, err);
		if (fault)
			return fault;
	}
	sort_slots(names);
	return names_rewind(names, err);
}

static bool run_is_over(const struct run *run) { return run->at == run->filled; }

static size_t record_size(const struct run *run)
{
	return RECORD_HEAD + (size_t)load_le16(run->buffer + run->at);
}

/* Has a whole record at `at`, unless the run is over. */
static enum fault refill(struct names *names, struct run *run, struct err *err)
{
	size_t held = run->filled - run->at;
	if (run->offset < run->end && held < RECORD_MAX) {
		memmove(run->buffer, run->buffer + run->at, held);
		size_t more = (size_t)min_u64(RUN_BUFFER - held, run->end - run->offset);
		enum fault fault =
			file_read_at(names->fd, run->offset, run->buffer + held, more, err);
		if (fault)
			return fault;
		run->offset += more;
		run->at = 0;
		run->filled = held += more;
	}
	if (held &&
	    (held < RECORD_HEAD || held < record_size(run) || record_size(run) > RECORD_MAX))
		return err_set(err, FAULT_CORRUPT, "the file for sorting a directory is damaged");
	return FAULT_NONE;
}

enum fault names_rewind(struct names *names, struct err *err)
{
	names->position = 0;
	names->begun = false;
	names->current = NULL;
	for (size_t i = 0; i < names->run_count; i++) {
		struct run *run = &names->run[i];
		run->offset = run->begin;
		run->at = run->filled = 0;
		enum fault fault = refill(names, run, err);
		if (fault)
			return fault;
	}
	return FAULT_NONE;
}

/* Returns the run whose record comes first, NULL when all are over. */
static struct run *first_run(struct names *names)
{
	struct run *first = NULL;
	for (size_t i = 0; i < names->run_count; i++) {
		struct run *run = &names->run[i];
		if (run_is_over(run))
			continue;
		if (!first || bytes_compare(run->buffer + run->at + RECORD_HEAD,
					    record_size(run) - RECORD_HEAD,
					    first->buffer + first->at + RECORD_HEAD,
					    record_size(first) - RECORD_HEAD) < 0)
			first = run;
	}
	return first;
}

/* Gives out the least record of all runs, copied out of its window, which moves on next time. */
static enum fault next_merged(struct names *names, struct name *name, struct err *err)
{
	struct run *run = names->current;
	if (run) {
		run->at += record_size(run);
		enum fault fault = refill(names, run, err);
		if (fault)
			return fault;
	}
	run = names->current = first_run(names);
	*name = (struct name){ .bytes = NULL };
	if (!run)
		return FAULT_NONE;
	size_t size = record_size(run) - RECORD_HEAD;
	const unsigned char *record = run->buffer + run->at;
	name->repeated = names->begun && names->last_size == size &&
			 memcmp(names->last, record + RECORD_HEAD, size) == 0;
	memcpy(names->last, record + RECORD_HEAD, size);
	names->last[size] = '\0';
	names->last_size = size;
	names->begun = true;
	name->bytes = names->last;
	name->size = size;
	name->flags = record[2];
	return FAULT_NONE;
}

enum fault names_next(struct names *names, struct name *name, struct err *err)
{
	if (names->fd >= 0)
		return next_merged(names, name, err);
	*name = (struct name){ .bytes = NULL };
	if (names->position == names->slot_count)
		return FAULT_NONE;
	const struct slot *slot = &names->slot[names->position];
	name->bytes = names->text + slot->offset;
	name->size = slot->size;
	name->flags = slot->flags;
	name->repeated = names->position > 0 && compare_slots(slot - 1, slot, names->text) == 0;
	names->position++;
	return FAULT_NONE;
}
