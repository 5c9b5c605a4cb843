#include "queue/core/kill.h"
#include "queue/file/manifest_format.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { PROPERTY_OVERHEAD = 10 /* bytes at most that msgpack puts around a key and a value */ };

/* Remembers the first fault of a write or sync: nothing is known about the file after it. */
static enum fault manifest_write_fail(struct manifest_writer *writer, const struct err *cause,
				      struct err *err)
{
	if (writer->failed.fault == FAULT_NONE)
		writer->failed = *cause;
	if (err)
		*err = writer->failed;
	return writer->failed.fault;
}

/* Appends a frame.  The first failure stays: behind half a frame nothing more may be written. */
static enum fault write_frame(struct manifest_writer *writer, enum manifest_frame type,
			      const unsigned char *payload, size_t size, struct err *err)
{
	struct frame frame = { .offset = writer->end, .type = (uint8_t)type, .size = size };
	struct err cause = { 0 };
	if (writer->failed.fault != FAULT_NONE)
		return manifest_write_fail(writer, &writer->failed, err);
	if (frame_write(writer->fd, writer->seed, &frame, payload, &cause) != FAULT_NONE)
		return manifest_write_fail(writer, &cause, err);
	writer->end = frame.next;
	writer->hash = manifest_hash_next(writer->hash, frame.hash);
	return FAULT_NONE;
}

static enum fault sync_file(struct manifest_writer *writer, struct err *err)
{
	struct err cause = { 0 };
	if (writer->failed.fault != FAULT_NONE)
		return manifest_write_fail(writer, &writer->failed, err);
	if (file_sync(writer->fd, &cause) != FAULT_NONE)
		return manifest_write_fail(writer, &cause, err);
	writer->durable = writer->end;
	return FAULT_NONE;
}

/* ---- creation ---- */

static enum fault put_properties(const struct manifest_property *property, size_t count,
				 struct pack_out *out, struct err *err)
{
	if (count > MANIFEST_PROPERTIES_MAX)
		return err_set(err, FAULT_TOO_LARGE, "more than %d properties of the plan",
			       MANIFEST_PROPERTIES_MAX);
	for (size_t i = 0; i < count; i++) {
		size_t key_size = strlen(property[i].key);
		assert(key_size >= 1 && key_size <= MANIFEST_PROPERTY_KEY_MAX);
		for (size_t j = 0; j < i; j++)
			assert(strcmp(property[i].key, property[j].key) != 0);
		pack_put_text(out, property[i].key, key_size);
		pack_put_bytes(out, property[i].value, property[i].value_size);
	}
	if (out->full || out->size > MANIFEST_HEADER_MAX)
		return err_set(err, FAULT_TOO_LARGE,
			       "the options and sources of the plan exceed %d bytes",
			       MANIFEST_HEADER_MAX);
	return FAULT_NONE;
}

/* Bytes that the properties take at most, packed. */
static size_t header_capacity(const struct manifest_property *property, size_t count)
{
	size_t size = 0;
	for (size_t i = 0; i < count && size <= MANIFEST_HEADER_MAX; i++)
		size += strlen(property[i].key) + property[i].value_size + PROPERTY_OVERHEAD;
	return (size_t)min_u64(size, MANIFEST_HEADER_MAX) + 1;
}

/* Writes and syncs preamble and header. */
static enum fault write_start(struct manifest_writer *writer, const unsigned char job_id[16],
			      const struct pack_out *header, struct err *err)
{
	unsigned char preamble[MANIFEST_PREAMBLE_SIZE];
	manifest_preamble_encode(job_id, header->size, preamble);
	writer->seed = frame_seed(job_id);
	writer->hash = writer->seed;
	writer->end = sizeof preamble;
	enum fault fault = file_write_at(writer->fd, 0, preamble, sizeof preamble, err);
	size_t done = 0;
	do {
		size_t part = (size_t)min_u64(header->size - done, FRAME_PAYLOAD_MAX);
		if (fault == FAULT_NONE)
			fault = write_frame(writer, MANIFEST_HEADER, header->data + done, part,
					    err);
		done += part;
	} while (done < header->size && fault == FAULT_NONE);
	return fault ? fault : sync_file(writer, err);
}

enum fault manifest_create(const char *path, const unsigned char job_id[16],
			   const struct manifest_property *property, size_t count,
			   struct manifest_writer **writer, struct err *err)
{
	struct manifest_writer *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for the manifest");
	made->fd = -1;
	made->totals.next_id = 1;
	struct pack_out header = { .capacity = header_capacity(property, count) };
	header.data = malloc(header.capacity);
	enum fault fault = header.data ? put_properties(property, count, &header, err)
				       : err_set(err, FAULT_NOMEM, "no memory for the manifest");
	if (fault != FAULT_NONE)
		goto out;
	made->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (made->fd < 0) {
		fault = err_os(err, errno == EEXIST ? FAULT_EXISTS : FAULT_IO, errno,
			       "cannot create '%.120s'", path);
		goto out;
	}
	fault = write_start(made, job_id, &header, err);
	if (fault != FAULT_NONE)
		goto out;
	*writer = made;
	made = NULL;
out:
	free(header.data);
	manifest_writer_close(made);
	return fault;
}

void manifest_writer_close(struct manifest_writer *writer)
{
	if (!writer)
		return;
	if (writer->fd >= 0)
		close(writer->fd);
	free(writer);
}

const struct manifest_totals *manifest_writer_totals(const struct manifest_writer *writer)
{
	return &writer->totals;
}

/* ---- listings ---- */

void manifest_writer_rewind(struct manifest_writer *writer)
{
	/* Entries begin where the largest head would end, so that the real one fits before them. */
	size_t room = MANIFEST_HEAD_MAX + writer->head.name_size;
	writer->entries = (struct pack_out){ .data = writer->buffer + room,
					     .capacity = sizeof writer->buffer - room };
	writer->head.first_id = writer->totals.next_id;
	writer->head.count = 0;
}

/* Writes the block being filled, and makes room for the next one of its listing. */
static enum fault write_block(struct manifest_writer *writer, bool last, struct err *err)
{
	unsigned char bytes[MANIFEST_HEAD_MAX + MANIFEST_NAME_MAX];
	struct pack_out head = { .data = bytes, .capacity = sizeof bytes };
	writer->head.last = last;
	manifest_head_put(&head, &writer->head);
	assert(!head.full && head.size <= MANIFEST_HEAD_MAX + writer->head.name_size);
	unsigned char *payload = writer->entries.data - head.size;
	memcpy(payload, bytes, head.size);
	enum fault fault = write_frame(writer, MANIFEST_LISTING, payload,
				       head.size + writer->entries.size, err);
	if (fault != FAULT_NONE)
		return fault;
	KILL_POINT("manifest-block");
	writer->head.first = false;
	manifest_writer_rewind(writer);
	return FAULT_NONE;
}

enum fault manifest_begin(struct manifest_writer *writer, uint64_t id, uint64_t parent_id,
			  struct listing_id parent_listing, const char *name, size_t name_size,
			  struct listing_id *listing, struct err *err)
{
	assert(!writer->inside && !writer->finished);
	assert((id == 0) == (writer->head.listing == 0));
	if (writer->failed.fault != FAULT_NONE)
		return manifest_write_fail(writer, &writer->failed, err);
	struct manifest_head head = { .id = id,
				      .parent_id = parent_id,
				      .listing = writer->end,
				      .parent_listing = parent_listing.value,
				      .first_id = writer->totals.next_id,
				      .first = true,
				      .last = true,
				      .name = name,
				      .name_size = name_size };
	const char *flaw = manifest_head_flaw(&head, writer->end);
	if (flaw)
		return err_set(err, FAULT_USAGE, "a listing cannot be begun: %s", flaw);
	if (name_size > 0)
		memcpy(writer->name, name, name_size);
	writer->head = head;
	writer->head.name = writer->name;
	writer->inside = true;
	manifest_writer_rewind(writer);
	listing->value = head.listing;
	return FAULT_NONE;
}

/* Packs the entry into the block being filled; leaves the block as it was when it does not fit. */
static bool fits_block(struct manifest_writer *writer, const struct manifest_entry *entry)
{
	size_t before = writer->entries.size;
	manifest_entry_put(&writer->entries, entry);
	if (!writer->entries.full)
		return true;
	writer->entries.size = before;
	writer->entries.full = false;
	return false;
}

enum fault manifest_add(struct manifest_writer *writer, struct manifest_entry *entry,
			struct err *err)
{
	assert(writer->inside);
	if (writer->failed.fault != FAULT_NONE)
		return manifest_write_fail(writer, &writer->failed, err);
	const char *flaw = manifest_entry_flaw(entry);
	if (flaw)
		return err_set(err, FAULT_USAGE, "an entry cannot be planned: %s", flaw);
	struct manifest_totals totals = writer->totals;
	if (!manifest_totals_count(&totals, entry))
		return err_set(err, FAULT_TOO_LARGE, "the plan has too many tasks");
	if (!fits_block(writer, entry)) {
		enum fault fault = write_block(writer, false, err);
		if (fault != FAULT_NONE)
			return fault;
		bool fits = fits_block(writer, entry);
		assert(fits);
	}
	entry->id = writer->totals.next_id;
	writer->totals = totals;
	writer->head.count++;
	return FAULT_NONE;
}

enum fault manifest_end(struct manifest_writer *writer, struct err *err)
{
	assert(writer->inside);
	enum fault fault = write_block(writer, true, err);
	if (fault == FAULT_NONE)
		writer->inside = false;
	return fault;
}

/* ---- durability ---- */

enum fault manifest_sync(struct manifest_writer *writer, struct listing_id *durable,
			 struct err *err)
{
	enum fault fault = FAULT_NONE;
	if (writer->inside && writer->head.count > 0)
		fault = write_block(writer, false, err);
	if (fault == FAULT_NONE &&
	    (writer->durable != writer->end || writer->failed.fault != FAULT_NONE))
		fault = sync_file(writer, err);
	if (fault != FAULT_NONE)
		return fault;
	KILL_POINT("manifest-synced");
	durable->value = writer->durable;
	return FAULT_NONE;
}

enum fault manifest_finish(struct manifest_writer *writer, struct err *err)
{
	assert(!writer->inside && !writer->finished);
	unsigned char bytes[128];
	struct pack_out out = { .data = bytes, .capacity = sizeof bytes };
	manifest_trailer_put(&out, &writer->totals, writer->hash);
	assert(!out.full);
	uint64_t trailer = writer->end;
	enum fault fault = write_frame(writer, MANIFEST_TRAILER, bytes, out.size, err);
	if (fault == FAULT_NONE)
		fault = sync_file(writer, err);
	if (fault != FAULT_NONE)
		return fault;
	KILL_POINT("manifest-trailer");
	unsigned char mark[MANIFEST_MARK_SIZE];
	struct err cause = { 0 };
	manifest_mark_encode(writer->seed, trailer, mark);
	if (file_write_at(writer->fd, MANIFEST_MARK_OFFSET, mark, sizeof mark, &cause) !=
	    FAULT_NONE)
		return manifest_write_fail(writer, &cause, err);
	fault = sync_file(writer, err);
	if (fault != FAULT_NONE)
		return fault;
	KILL_POINT("manifest-complete");
	writer->finished = true;
	return FAULT_NONE;
}
