#include "queue/file/manifest_format.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

struct manifest_reader {
	int fd;
	struct manifest_start start;
	struct manifest_property property[MANIFEST_PROPERTIES_MAX];
	size_t key_size[MANIFEST_PROPERTIES_MAX];
	size_t property_count;
	struct manifest_totals totals; /* of the trailer read last */
	unsigned char *header;         /* its properties borrow from it */
	unsigned char payload[FRAME_PAYLOAD_MAX];
	unsigned char
		above[FRAME_PAYLOAD_MAX]; /* of a path's listings, which leave a block alone */
	struct manifest_entry entry[MANIFEST_BLOCK_ENTRIES_MAX];
};

static bool same_key(const struct manifest_reader *reader, size_t i, const char *key, size_t size)
{
	return reader->key_size[i] == size && memcmp(reader->property[i].key, key, size) == 0;
}

/* Reads what the header says of the job; a key comes once. */
static enum fault read_properties(struct manifest_reader *reader, struct err *err)
{
	struct pack_in in = { .data = reader->header, .size = reader->start.size };
	enum fault fault = FAULT_NONE;
	/* manifest_start_read has seen that there are not more of them. */
	for (;;) {
		size_t n = reader->property_count, size = 0;
		struct manifest_property property;
		fault = manifest_property_next(&in, &property, &size, err);
		if (fault != FAULT_NONE)
			break;
		for (size_t i = 0; i < n && fault == FAULT_NONE; i++)
			if (same_key(reader, i, property.key, size))
				fault = err_set(err, FAULT_CORRUPT,
						"the manifest names a property twice");
		if (fault != FAULT_NONE)
			break;
		reader->property[n] = property;
		reader->key_size[n] = size;
		reader->property_count++;
	}
	pack_in_fini(&in);
	return fault == FAULT_NOT_FOUND ? FAULT_NONE : fault;
}

enum fault manifest_open(const char *path, struct manifest_reader **reader, struct err *err)
{
	/* Not cleared: most of a reader is buffers that few manifests fill. */
	struct manifest_reader *opened = malloc(sizeof *opened);
	if (!opened)
		return err_set(err, FAULT_NOMEM, "no memory for the manifest");
	opened->property_count = 0;
	opened->header = NULL;
	enum fault fault = FAULT_NONE;
	opened->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (opened->fd < 0)
		fault = err_os(err, errno == ENOENT ? FAULT_NOT_FOUND : FAULT_IO, errno,
			       "cannot open the manifest '%.120s'", path);
	if (fault == FAULT_NONE)
		fault = manifest_start_read(opened->fd, &opened->start, &opened->header, err);
	if (fault == FAULT_NONE)
		fault = read_properties(opened, err);
	if (fault == FAULT_NONE) {
		*reader = opened;
		opened = NULL;
	}
	manifest_close(opened);
	return fault;
}

void manifest_close(struct manifest_reader *reader)
{
	if (!reader)
		return;
	if (reader->fd >= 0)
		close(reader->fd);
	free(reader->header);
	free(reader);
}

const unsigned char *manifest_job_id(const struct manifest_reader *reader)
{
	return reader->start.job_id;
}

const char *manifest_property(const struct manifest_reader *reader, const char *key, size_t *size)
{
	for (size_t i = 0; i < reader->property_count; i++) {
		if (!same_key(reader, i, key, strlen(key)))
			continue;
		*size = reader->property[i].value_size;
		return reader->property[i].value;
	}
	return NULL;
}

bool manifest_is_complete(struct manifest_reader *reader)
{
	uint64_t trailer = 0;
	if (manifest_mark_read(reader->fd, reader->start.seed, &trailer, NULL) != FAULT_NONE)
		return false;
	return trailer != 0;
}

uint64_t manifest_first(const struct manifest_reader *reader) { return reader->start.first; }

/* Decodes one block.  Names and metas stay where they are, in the payload. */
static enum fault read_listing(struct manifest_reader *reader, const struct frame *frame,
			       struct manifest_block *block, struct err *err)
{
	struct pack_in in = { .data = reader->payload, .size = frame->size };
	struct manifest_head head;
	enum fault fault = manifest_head_get(&in, frame, &head, err);
	if (fault != FAULT_NONE)
		goto out;
	uint64_t next_id = head.first_id;
	for (size_t i = 0; i < head.count; i++) {
		fault = manifest_entry_get(&in, &reader->entry[i], &next_id, err);
		if (fault != FAULT_NONE)
			goto out;
	}
	if (in.at != in.size) {
		fault = err_set(err, FAULT_CORRUPT, "bytes follow the last entry");
		goto out;
	}
	*block = (struct manifest_block){ .offset = frame->offset,
					  .next = frame->next,
					  .listing = head.listing,
					  .id = head.id,
					  .parent_id = head.parent_id,
					  .parent_listing = head.parent_listing,
					  .name = head.name,
					  .name_size = head.name_size,
					  .first = head.first,
					  .last = head.last,
					  .entry = reader->entry,
					  .count = head.count };
out:
	pack_in_fini(&in);
	return fault;
}

enum fault manifest_read(struct manifest_reader *reader, uint64_t offset,
			 struct manifest_block *block, struct err *err)
{
	struct frame frame;
	uint64_t hash = 0;
	enum fault fault =
		frame_read(reader->fd, reader->start.seed, offset, &frame, reader->payload, err);
	if (fault != FAULT_NONE)
		return fault;
	if (frame.type == MANIFEST_LISTING)
		return read_listing(reader, &frame, block, err);
	if (frame.type != MANIFEST_TRAILER)
		return err_set(err, FAULT_CORRUPT, "the block at offset %" PRIu64 " is no listing",
			       offset);
	fault = manifest_trailer_get(reader->payload, frame.size, &reader->totals, &hash, err);
	if (fault == FAULT_NONE)
		*block = (struct manifest_block){ .is_trailer = true,
						  .offset = offset,
						  .next = frame.next,
						  .totals = &reader->totals };
	return fault;
}

/* ---- paths ---- */

/* Reads the head of the listing at `offset`; its name borrows until the next call. */
static enum fault read_head(struct manifest_reader *reader, uint64_t offset,
			    struct manifest_head *head, struct err *err)
{
	struct frame frame;
	enum fault fault =
		frame_read(reader->fd, reader->start.seed, offset, &frame, reader->above, err);
	if (fault == FAULT_NOT_FOUND || (fault == FAULT_NONE && frame.type != MANIFEST_LISTING))
		return err_set(err, FAULT_CORRUPT, "no listing is at offset %" PRIu64, offset);
	if (fault != FAULT_NONE)
		return fault;
	struct pack_in in = { .data = reader->above, .size = frame.size };
	fault = manifest_head_get(&in, &frame, head, err);
	pack_in_fini(&in);
	if (fault == FAULT_NONE && !head->first)
		return err_set(err, FAULT_CORRUPT, "no listing begins at offset %" PRIu64, offset);
	return fault;
}

/* Puts as many of the last bytes of `name` as there is room for before `*at`.  Returns false when
 * that is not all of it. */
static bool put_before(char *path, size_t *at, const char *name, size_t name_size)
{
	size_t size = name_size < *at ? name_size : *at;
	*at -= size;
	memcpy(path + *at, name + name_size - size, size);
	return size == name_size;
}

enum fault manifest_path(struct manifest_reader *reader, uint64_t listing, char *path,
			 size_t capacity, struct err *err)
{
	static const char cut[] = "...";
	assert(capacity >= sizeof cut);
	struct manifest_head head = { 0 };
	enum fault fault = read_head(reader, listing, &head, err);
	size_t at = capacity - 1;
	path[at] = '\0';
	bool whole = true;
	/* Each parent's listing lies before its child's, so this ends. */
	while (fault == FAULT_NONE && head.id != 0 && whole) {
		if (at != capacity - 1)
			whole = put_before(path, &at, "/", 1);
		whole = whole && put_before(path, &at, head.name, head.name_size);
		uint64_t parent_id = head.parent_id;
		fault = read_head(reader, head.parent_listing, &head, err);
		if (fault == FAULT_NONE && head.id != parent_id)
			fault = err_set(err, FAULT_CORRUPT,
					"a listing's parent is another directory");
	}
	if (fault != FAULT_NONE)
		return fault;
	memmove(path, path + at, capacity - at);
	if (!whole)
		memcpy(path, cut, sizeof cut - 1);
	return FAULT_NONE;
}
