#include "tests/unit/manifest_sample.h"

#include "queue/file/outcomes.h"

#include "tests/unit/facts.h"

#include <unistd.h>

const unsigned char sample_job[16] = "sixteen bytes id";

struct row {
	const char *name;
	struct manifest_entry entry;
};

static const struct row root[] = {
	{ "a.txt", { .kind = MANIFEST_FILE, .bytes = 10 } },
	{ "big", { .kind = MANIFEST_FILE, .bytes = 1000, .chunk_size = 100 } },
	{ "dir", { .kind = MANIFEST_DIRECTORY } },
	{ "fifo",
	  { .kind = MANIFEST_OTHER, .verdict = OUTCOME_SKIPPED, .reason = REASON_SPECIAL } },
	{ "gone",
	  { .kind = MANIFEST_FILE, .verdict = OUTCOME_FAILED, .reason = REASON_IO, .bytes = 77 } },
	{ "link", { .kind = MANIFEST_SYMLINK } },
	{ "more", { .kind = MANIFEST_DIRECTORY } },
};

static const struct {
	const char *name;
	size_t parent, entry; /* where its entry stands; SIZE_MAX: behind the files */
} directory[SAMPLE_DIRECTORIES] = {
	{ "", 0, 0 },
	{ "dir", 0, 2 },
	{ "sub", 1, SIZE_MAX },
	{ "more", 0, 6 },
};

static size_t entry_count(const struct sample *sample, size_t d)
{
	const size_t counts[SAMPLE_DIRECTORIES] = { ARRAY_COUNT(root), sample->files + 1, 0, 1 };
	return counts[d];
}

/* Makes entry `i` of directory `d`; its name lives in `name`. */
static struct manifest_entry entry_of(const struct sample *sample, size_t d, size_t i, char *name)
{
	struct manifest_entry entry = { .kind = MANIFEST_FILE, .bytes = i };
	const char *text = "x\ny \xff";
	if (d == 0) {
		entry = root[i].entry;
		text = root[i].name;
	} else if (d == 1 && i == sample->files) {
		entry = (struct manifest_entry){ .kind = MANIFEST_DIRECTORY };
		text = "sub";
	}
	if (d == 1 && i < sample->files)
		snprintf(name, 256, "f%0*zu", (int)sample->name_size - 1, i);
	else
		snprintf(name, 256, "%s", text);
	entry.name = name;
	entry.name_size = strlen(name);
	entry.meta = (const unsigned char *)"opaque\0bytes";
	entry.meta_size = i % 13;
	return entry;
}

struct manifest_writer *sample_create(const char *path)
{
	static const struct manifest_property property[] = {
		{ "command", "cp -r", 5 },
		{ "source", "/a\0b", 4 },
	};
	struct manifest_writer *writer = NULL;
	unlink(path);
	assert_int_equal(
		manifest_create(path, sample_job, property, ARRAY_COUNT(property), &writer, NULL),
		FAULT_NONE);
	return writer;
}

static enum fault begin(struct sample *sample, struct manifest_writer *writer, size_t d,
			struct err *err)
{
	size_t parent = directory[d].parent;
	return manifest_begin(writer, sample->id[d], sample->id[parent],
			      d == 0 ? LISTING_NONE : sample->listing[parent], directory[d].name,
			      strlen(directory[d].name), &sample->listing[d], err);
}

/* Remembers the id of the directory whose entry this is. */
static void note_id(struct sample *sample, size_t d, size_t i, uint64_t id)
{
	for (size_t below = 1; below < SAMPLE_DIRECTORIES; below++) {
		size_t at =
			directory[below].entry == SIZE_MAX ? sample->files : directory[below].entry;
		if (directory[below].parent == d && at == i)
			sample->id[below] = id;
	}
}

static enum fault write_listing(struct sample *sample, struct manifest_writer *writer,
				struct sample_position position, struct err *err)
{
	size_t d = position.directory;
	enum fault fault = position.inside ? FAULT_NONE : begin(sample, writer, d, err);
	for (size_t i = position.entry; fault == FAULT_NONE && i < entry_count(sample, d); i++) {
		char name[256];
		struct listing_id durable;
		struct manifest_entry entry = entry_of(sample, d, i, name);
		fault = manifest_add(writer, &entry, err);
		note_id(sample, d, i, entry.id);
		if (fault == FAULT_NONE && sample->sync_every && (i + 1) % sample->sync_every == 0)
			fault = manifest_sync(writer, &durable, err);
	}
	return fault == FAULT_NONE ? manifest_end(writer, err) : fault;
}

enum fault sample_write(struct sample *sample, struct manifest_writer *writer,
			struct sample_position position, struct err *err)
{
	enum fault fault = FAULT_NONE;
	while (fault == FAULT_NONE && position.directory < SAMPLE_DIRECTORIES) {
		fault = write_listing(sample, writer, position, err);
		position = (struct sample_position){ .directory = position.directory + 1 };
	}
	return fault;
}

void sample_make(struct sample *sample, const char *path, bool complete)
{
	struct manifest_writer *writer = sample_create(path);
	struct sample_position start = { 0 };
	assert_int_equal(sample_write(sample, writer, start, NULL), FAULT_NONE);
	if (complete)
		assert_int_equal(manifest_finish(writer, NULL), FAULT_NONE);
	manifest_writer_close(writer);
}

static void check_totals(const struct sample *sample, const struct manifest_totals *totals)
{
	assert_int_equal(totals->files, 3 + sample->files + 1);
	assert_int_equal(totals->directories, 3);
	assert_int_equal(totals->symlinks, 1);
	assert_int_equal(totals->others, 1);
	assert_int_equal(totals->bytes, 1010 + sample->files * (sample->files - 1) / 2);
	assert_int_equal(totals->skipped, 1);
	assert_int_equal(totals->failed, 1);
	/* The root, seven entries and ten chunks, the files and "sub", the last file. */
	assert_int_equal(totals->next_id, 1 + 7 + 10 + sample->files + 1 + 1);
}

static void check_block(struct sample *sample, const struct manifest_block *block,
			struct sample_position *at, uint64_t *next_id)
{
	size_t d = at->directory;
	assert_in_range(d, 0, SAMPLE_DIRECTORIES - 1);
	assert_int_equal(block->first, !at->inside);
	if (block->first)
		sample->listing[d].value = block->offset;
	assert_int_equal(block->listing, sample->listing[d].value);
	assert_int_equal(block->id, sample->id[d]);
	assert_int_equal(block->parent_id, sample->id[directory[d].parent]);
	assert_int_equal(block->parent_listing,
			 d == 0 ? 0 : sample->listing[directory[d].parent].value);
	assert_int_equal(block->name_size, strlen(directory[d].name));
	assert_memory_equal(block->name, directory[d].name, block->name_size);
	for (size_t i = 0; i < block->count; i++, at->entry++) {
		char name[256];
		const struct manifest_entry *got = &block->entry[i];
		assert_true(at->entry < entry_count(sample, d));
		struct manifest_entry entry = entry_of(sample, d, at->entry, name);
		assert_int_equal(got->id, *next_id);
		*next_id += entry.chunk_size ? 11 : 1;
		assert_int_equal(got->kind, entry.kind);
		assert_int_equal(got->verdict, entry.verdict);
		assert_int_equal(got->reason, entry.reason);
		assert_int_equal(got->bytes, entry.bytes);
		assert_int_equal(got->chunk_size, entry.chunk_size);
		assert_int_equal(got->name_size, entry.name_size);
		assert_memory_equal(got->name, entry.name, entry.name_size);
		assert_int_equal(got->meta_size, entry.meta_size);
		assert_memory_equal(got->meta, entry.meta, entry.meta_size);
		note_id(sample, d, at->entry, got->id);
	}
	at->inside = !block->last;
	if (block->last) {
		assert_int_equal(at->entry, entry_count(sample, d));
		*at = (struct sample_position){ .directory = d + 1 };
	}
}

struct sample_position sample_check(struct sample *sample, const char *path, size_t *blocks)
{
	struct manifest_reader *reader = NULL;
	struct sample_position at = { 0 };
	struct manifest_block block = { 0 };
	uint64_t next_id = 1;
	size_t count = 0;
	assert_int_equal(manifest_open(path, &reader, NULL), FAULT_NONE);
	uint64_t offset = manifest_first(reader);
	enum fault fault = FAULT_NONE;
	for (;; offset = block.next, count++) {
		fault = manifest_read(reader, offset, &block, NULL);
		if (fault != FAULT_NONE || block.is_trailer)
			break;
		assert_int_equal(block.offset, offset);
		check_block(sample, &block, &at, &next_id);
	}
	if (manifest_is_complete(reader)) {
		assert_int_equal(fault, FAULT_NONE);
		assert_int_equal(at.directory, SAMPLE_DIRECTORIES);
		check_totals(sample, block.totals);
	} else if (fault != FAULT_NONE) {
		assert_int_equal(fault, FAULT_NOT_FOUND);
	}
	manifest_close(reader);
	if (blocks)
		*blocks = count;
	return at;
}

static void check_resume(const struct sample *sample, const struct manifest_resume *resume,
			 struct sample_position at)
{
	assert_int_equal(resume->inside, at.inside);
	if (at.directory == 0 && !at.inside) {
		assert_int_equal(resume->listing.value, 0);
		return;
	}
	size_t last = at.inside ? at.directory : at.directory - 1;
	assert_int_equal(resume->listing.value, sample->listing[last].value);
	if (!at.inside)
		return;
	char name[256];
	struct manifest_entry entry = entry_of(sample, last, at.entry - 1, name);
	assert_int_equal(resume->last_name_size, entry.name_size);
	assert_memory_equal(resume->last_name, entry.name, entry.name_size);
}

void sample_go_on(struct sample *sample, const char *path)
{
	struct manifest_writer *writer = NULL;
	struct manifest_resume resume;
	assert_int_equal(manifest_recover(path, &resume, &writer, NULL), FAULT_NONE);
	struct sample_position at = sample_check(sample, path, NULL);
	check_resume(sample, &resume, at);
	if (!resume.complete) {
		assert_non_null(writer);
		assert_int_equal(sample_write(sample, writer, at, NULL), FAULT_NONE);
		check_totals(sample, manifest_writer_totals(writer));
		assert_int_equal(manifest_finish(writer, NULL), FAULT_NONE);
		manifest_writer_close(writer);
	} else {
		assert_null(writer);
	}
	sample_check(sample, path, NULL);
	assert_int_equal(manifest_recover(path, &resume, &writer, NULL), FAULT_NONE);
	assert_true(resume.complete);
	assert_null(writer);
}
