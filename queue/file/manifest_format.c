#include "queue/file/manifest_format.h"

#include "queue/file/outcomes.h"
#include "queue/file/preamble.h"

#include <xxhash.h>

#include <inttypes.h>

static const struct preamble_kind manifest_file = { "barge\r\nM", "manifest", 1 };

enum {
	HEAD_ITEMS = 8,
	ENTRY_ITEMS = 7,
	TRAILER_ITEMS = 9,
	FLAG_FIRST = 1u << 0,
	FLAG_LAST = 1u << 1,
	FLAGS_MAX = FLAG_FIRST | FLAG_LAST,
};

uint64_t manifest_hash_next(uint64_t hash, uint64_t frame_hash)
{
	unsigned char bytes[8];
	store_le64(bytes, frame_hash);
	return XXH3_64bits_withSeed(bytes, sizeof bytes, hash);
}

/* ---- start of the file ---- */

void manifest_preamble_encode(const unsigned char job_id[16], size_t header_size,
			      unsigned char *bytes)
{
	memset(bytes, 0, MANIFEST_PREAMBLE_SIZE);
	preamble_encode(&manifest_file, job_id, bytes);
	if (header_size > FRAME_PAYLOAD_MAX)
		store_le64(bytes + MANIFEST_SIZE_OFFSET, header_size);
}

void manifest_mark_encode(uint64_t seed, uint64_t trailer, unsigned char *bytes)
{
	store_le64(bytes, trailer);
	store_le64(bytes + 8, XXH3_64bits_withSeed(bytes, 8, seed));
}

/* Where the trailer stands, once the plan is finished; zeros while it is not. */
static enum fault mark_decode(const unsigned char *bytes, uint64_t seed, uint64_t *trailer,
			      struct err *err)
{
	static const unsigned char planning[MANIFEST_MARK_SIZE];
	if (memcmp(bytes, planning, sizeof planning) == 0) {
		*trailer = 0;
		return FAULT_NONE;
	}
	uint64_t offset = load_le64(bytes);
	if (offset <= MANIFEST_PREAMBLE_SIZE ||
	    load_le64(bytes + 8) != XXH3_64bits_withSeed(bytes, 8, seed))
		return err_set(err, FAULT_CORRUPT, "the manifest's mark of completion is damaged");
	*trailer = offset;
	return FAULT_NONE;
}

enum fault manifest_mark_read(int fd, uint64_t seed, uint64_t *trailer, struct err *err)
{
	unsigned char bytes[MANIFEST_MARK_SIZE];
	enum fault fault = FAULT_NONE;
	/* A read beside the writer's pwrite may see half of it; a second one sees all. */
	for (int tries = 0; tries < 2; tries++) {
		fault = file_read_at(fd, MANIFEST_MARK_OFFSET, bytes, sizeof bytes, err);
		if (fault == FAULT_NONE)
			fault = mark_decode(bytes, seed, trailer, err);
		if (fault != FAULT_CORRUPT)
			break;
	}
	return fault;
}

/* Reads all properties once, so that those who ask later find no surprise. */
static enum fault check_properties(const unsigned char *payload, size_t size, struct err *err)
{
	struct pack_in in = { .data = payload, .size = size };
	struct manifest_property property;
	size_t key_size = 0, count = 0;
	enum fault fault = FAULT_NONE;
	while (fault == FAULT_NONE && count++ <= MANIFEST_PROPERTIES_MAX)
		fault = manifest_property_next(&in, &property, &key_size, err);
	pack_in_fini(&in);
	if (fault == FAULT_NONE)
		return err_set(err, FAULT_CORRUPT, "the manifest's header has too many properties");
	return fault == FAULT_NOT_FOUND ? FAULT_NONE : fault;
}

/* Reads the header's frames, which hold `size` bytes together; 0: as many as the one has. */
static enum fault read_header(int fd, size_t size, struct manifest_start *start,
			      unsigned char *header, struct err *err)
{
	uint64_t at = MANIFEST_PREAMBLE_SIZE;
	start->hash = start->seed;
	do {
		struct frame frame;
		size_t left = size > 0 ? size - start->size : FRAME_PAYLOAD_MAX;
		enum fault fault = frame_peek(fd, start->seed, at, &frame, err);
		if (fault == FAULT_NONE && (frame.type != MANIFEST_HEADER || frame.size > left))
			fault = FAULT_NOT_FOUND;
		if (fault == FAULT_NONE)
			fault = frame_read(fd, start->seed, at, &frame, header + start->size, err);
		if (fault == FAULT_NOT_FOUND)
			return err_set(err, FAULT_CORRUPT, "the manifest has no header");
		if (fault != FAULT_NONE)
			return fault;
		at = frame.next;
		start->size += frame.size;
		start->hash = manifest_hash_next(start->hash, frame.hash);
	} while (start->size < size);
	start->first = at;
	return FAULT_NONE;
}

enum fault manifest_start_read(int fd, struct manifest_start *start, unsigned char **header,
			       struct err *err)
{
	unsigned char bytes[MANIFEST_PREAMBLE_SIZE];
	struct manifest_start found = { 0 };
	enum fault fault = file_read_at(fd, 0, bytes, sizeof bytes, err);
	if (fault == FAULT_CORRUPT)
		err_set(err, fault, "too short for a %s file of barge", manifest_file.name);
	if (fault == FAULT_NONE)
		fault = preamble_decode(&manifest_file, bytes, found.job_id, err);
	if (fault != FAULT_NONE)
		return fault;
	uint64_t size = load_le64(bytes + MANIFEST_SIZE_OFFSET);
	if (size > MANIFEST_HEADER_MAX || (size > 0 && size <= FRAME_PAYLOAD_MAX))
		return err_set(err, FAULT_CORRUPT, "the first bytes of the manifest are damaged");
	unsigned char *payload = malloc((size_t)max_u64(size, FRAME_PAYLOAD_MAX));
	if (!payload)
		return err_set(err, FAULT_NOMEM, "no memory for the manifest's header");
	found.seed = frame_seed(found.job_id);
	fault = manifest_mark_read(fd, found.seed, &found.trailer, err);
	if (fault == FAULT_NONE)
		fault = read_header(fd, (size_t)size, &found, payload, err);
	if (fault == FAULT_NONE)
		fault = check_properties(payload, found.size, err);
	if (fault != FAULT_NONE) {
		free(payload);
		return fault;
	}
	*start = found;
	*header = payload;
	return FAULT_NONE;
}

enum fault manifest_property_next(struct pack_in *in, struct manifest_property *property,
				  size_t *key_size, struct err *err)
{
	const msgpack_object *item = NULL;
	const char *key = NULL;
	const unsigned char *value = NULL;
	size_t size = 0, value_size = 0;
	enum fault fault = pack_next(in, &item, err);
	if (fault != FAULT_NONE)
		return fault;
	bool good = pack_text(item, MANIFEST_PROPERTY_KEY_MAX, &key, &size) && size > 0 &&
		    !memchr(key, '\0', size);
	if (good) {
		fault = pack_next(in, &item, err);
		if (fault == FAULT_NOMEM)
			return fault;
		good = fault == FAULT_NONE &&
		       pack_bytes(item, MANIFEST_HEADER_MAX, &value, &value_size);
	}
	if (!good)
		return err_set(err, FAULT_CORRUPT, "a property of the manifest is malformed");
	*property = (struct manifest_property){ key, (const char *)value, value_size };
	*key_size = size;
	return FAULT_NONE;
}

/* ---- listings ---- */

const char *manifest_head_flaw(const struct manifest_head *head, uint64_t offset)
{
	if (head->id >= head->first_id || head->first_id > MANIFEST_IDS_END)
		return "its ids are out of order";
	if (head->first ? head->listing != offset : head->listing >= offset)
		return "it begins its listing elsewhere";
	if (head->count > MANIFEST_BLOCK_ENTRIES_MAX || (head->count == 0 && !head->last))
		return "its count of entries is wrong";
	if (head->id == 0) {
		bool root =
			head->parent_id == 0 && head->parent_listing == 0 && head->name_size == 0;
		return root ? NULL : "the root has no parent and no name";
	}
	if (head->parent_id >= head->id || head->parent_listing >= head->listing)
		return "its parent does not come before it";
	if (head->name_size < 1 || head->name_size > MANIFEST_NAME_MAX ||
	    memchr(head->name, '\0', head->name_size) || memchr(head->name, '/', head->name_size))
		return "its name cannot be one";
	return NULL;
}

static bool is_name(const struct manifest_entry *entry)
{
	return entry->name_size > 0 && !memchr(entry->name, '\0', entry->name_size) &&
	       !memchr(entry->name, '/', entry->name_size);
}

const char *manifest_entry_flaw(const struct manifest_entry *entry)
{
	if (entry->kind < MANIFEST_FILE || entry->kind > MANIFEST_LINKED)
		return "its kind is unknown";
	if (entry->verdict != OUTCOME_NONE && entry->verdict != OUTCOME_SKIPPED &&
	    entry->verdict != OUTCOME_FAILED)
		return "its verdict cannot be one";
	if (entry->verdict == OUTCOME_NONE && entry->reason != REASON_NONE)
		return "it has a reason and no verdict";
	if (entry->verdict == OUTCOME_NONE && entry->kind == MANIFEST_OTHER)
		return "its kind needs a verdict";
	if (entry->kind != MANIFEST_FILE && (entry->bytes != 0 || entry->chunk_size != 0))
		return "only a file has a size";
	bool refused = entry->verdict == OUTCOME_FAILED && entry->reason == REASON_NAME;
	if (entry->name_size > MANIFEST_NAME_MAX || (!refused && !is_name(entry)))
		return "its name cannot be one";
	return entry->meta_size > MANIFEST_META_MAX ? "its metadata is too long" : NULL;
}

void manifest_head_put(struct pack_out *out, const struct manifest_head *head)
{
	pack_put_array(out, HEAD_ITEMS);
	pack_put_uint(out, head->id);
	pack_put_uint(out, head->parent_id);
	pack_put_uint(out, head->listing);
	pack_put_uint(out, head->parent_listing);
	pack_put_uint(out, head->first_id);
	pack_put_uint(out, (head->first ? FLAG_FIRST : 0u) | (head->last ? FLAG_LAST : 0u));
	pack_put_uint(out, head->count);
	pack_put_bytes(out, head->name, head->name_size);
}

void manifest_entry_put(struct pack_out *out, const struct manifest_entry *entry)
{
	pack_put_array(out, ENTRY_ITEMS);
	pack_put_uint(out, entry->kind);
	pack_put_uint(out, entry->verdict);
	pack_put_uint(out, entry->reason);
	pack_put_uint(out, entry->bytes);
	pack_put_uint(out, entry->chunk_size);
	pack_put_bytes(out, entry->name, entry->name_size);
	pack_put_bytes(out, entry->meta, entry->meta_size);
}

/* Reads an item that must be there; what is missing is a fault of the block. */
static enum fault expect(struct pack_in *in, const msgpack_object **item, struct err *err)
{
	enum fault fault = pack_next(in, item, err);
	if (fault == FAULT_NOT_FOUND)
		return err_set(err, FAULT_CORRUPT, "an item is missing");
	return fault;
}

enum fault manifest_head_get(struct pack_in *in, const struct frame *frame,
			     struct manifest_head *head, struct err *err)
{
	const msgpack_object *item = NULL;
	enum fault fault = expect(in, &item, err);
	if (fault != FAULT_NONE)
		return fault;
	struct manifest_head got = { 0 };
	uint64_t flags = 0, count = 0;
	const unsigned char *name = NULL;
	const msgpack_object *part = pack_array(item, HEAD_ITEMS);
	bool good = part && pack_uint(&part[0], MANIFEST_IDS_END, &got.id) &&
		    pack_uint(&part[1], MANIFEST_IDS_END, &got.parent_id) &&
		    pack_uint(&part[2], INT64_MAX, &got.listing) &&
		    pack_uint(&part[3], INT64_MAX, &got.parent_listing) &&
		    pack_uint(&part[4], MANIFEST_IDS_END, &got.first_id) &&
		    pack_uint(&part[5], FLAGS_MAX, &flags) &&
		    pack_uint(&part[6], MANIFEST_BLOCK_ENTRIES_MAX, &count) &&
		    pack_bytes(&part[7], MANIFEST_NAME_MAX, &name, &got.name_size);
	got.first = (flags & FLAG_FIRST) != 0;
	got.last = (flags & FLAG_LAST) != 0;
	got.count = (size_t)count;
	got.name = (const char *)name;
	const char *flaw = good ? manifest_head_flaw(&got, frame->offset) : "its head is malformed";
	if (flaw)
		return err_set(err, FAULT_CORRUPT, "the block at offset %" PRIu64 ": %s",
			       frame->offset, flaw);
	*head = got;
	return FAULT_NONE;
}

enum fault manifest_entry_get(struct pack_in *in, struct manifest_entry *entry, uint64_t *next_id,
			      struct err *err)
{
	const msgpack_object *item = NULL;
	enum fault fault = expect(in, &item, err);
	if (fault != FAULT_NONE)
		return fault;
	struct manifest_entry got = { .id = *next_id };
	uint64_t kind = 0, verdict = 0, reason = 0;
	const unsigned char *name = NULL;
	const msgpack_object *part = pack_array(item, ENTRY_ITEMS);
	bool good = part && pack_uint(&part[0], UINT8_MAX, &kind) &&
		    pack_uint(&part[1], UINT8_MAX, &verdict) &&
		    pack_uint(&part[2], UINT8_MAX, &reason) &&
		    pack_uint(&part[3], UINT64_MAX, &got.bytes) &&
		    pack_uint(&part[4], UINT64_MAX, &got.chunk_size) &&
		    pack_bytes(&part[5], MANIFEST_NAME_MAX, &name, &got.name_size) &&
		    pack_bytes(&part[6], MANIFEST_META_MAX, &got.meta, &got.meta_size);
	got.kind = (uint8_t)kind;
	got.verdict = (uint8_t)verdict;
	got.reason = (uint8_t)reason;
	got.name = (const char *)name;
	const char *flaw = good ? manifest_entry_flaw(&got) : "it is malformed";
	if (!flaw && manifest_entry_ids(&got) > MANIFEST_IDS_END - *next_id)
		flaw = "it takes too many ids";
	if (flaw)
		return err_set(err, FAULT_CORRUPT, "entry %" PRIu64 ": %s", *next_id, flaw);
	*next_id += manifest_entry_ids(&got);
	*entry = got;
	return FAULT_NONE;
}

bool manifest_totals_count(struct manifest_totals *totals, const struct manifest_entry *entry)
{
	if (manifest_entry_ids(entry) > MANIFEST_IDS_END - totals->next_id)
		return false;
	if (entry->verdict == OUTCOME_NONE)
		totals->bytes = add_saturated(totals->bytes, entry->bytes);
	totals->next_id += manifest_entry_ids(entry);
	totals->files += entry->kind == MANIFEST_FILE;
	totals->directories += entry->kind == MANIFEST_DIRECTORY || entry->kind == MANIFEST_LINKED;
	totals->symlinks += entry->kind == MANIFEST_SYMLINK;
	totals->others += entry->kind == MANIFEST_OTHER;
	totals->skipped += entry->verdict == OUTCOME_SKIPPED;
	totals->failed += entry->verdict == OUTCOME_FAILED;
	return true;
}

/* ---- trailer ---- */

void manifest_trailer_put(struct pack_out *out, const struct manifest_totals *totals, uint64_t hash)
{
	pack_put_array(out, TRAILER_ITEMS);
	pack_put_uint(out, totals->files);
	pack_put_uint(out, totals->directories);
	pack_put_uint(out, totals->symlinks);
	pack_put_uint(out, totals->others);
	pack_put_uint(out, totals->bytes);
	pack_put_uint(out, totals->skipped);
	pack_put_uint(out, totals->failed);
	pack_put_uint(out, totals->next_id);
	pack_put_uint(out, hash);
}

enum fault manifest_trailer_get(const unsigned char *payload, size_t size,
				struct manifest_totals *totals, uint64_t *hash, struct err *err)
{
	struct pack_in in = { .data = payload, .size = size };
	const msgpack_object *item = NULL;
	enum fault fault = expect(&in, &item, err);
	if (fault != FAULT_NONE)
		goto out;
	uint64_t value[TRAILER_ITEMS] = { 0 };
	const msgpack_object *part = pack_array(item, TRAILER_ITEMS);
	bool good = part && in.at == in.size;
	for (size_t i = 0; good && i < TRAILER_ITEMS; i++)
		good = pack_uint(&part[i], UINT64_MAX, &value[i]);
	if (!good || value[7] > MANIFEST_IDS_END) {
		fault = err_set(err, FAULT_CORRUPT, "the manifest's trailer is malformed");
		goto out;
	}
	*totals = (struct manifest_totals){ .files = value[0],
					    .directories = value[1],
					    .symlinks = value[2],
					    .others = value[3],
					    .bytes = value[4],
					    .skipped = value[5],
					    .failed = value[6],
					    .next_id = value[7] };
	*hash = value[8];
out:
	pack_in_fini(&in);
	return fault;
}
