#include "queue/file/frame.h"

#include <xxhash.h>

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <sys/uio.h>

/* Layout of a header; docs/formats.md tells the meaning. */
enum {
	AT_TYPE = 4,
	AT_RESERVED = 5,
	AT_SIZE = 8,
	AT_CHECK = 12,
	AT_HASH = 16,
};

static const unsigned char magic[AT_TYPE] = { 'B', 'G', 'F', 'R' };
static const unsigned char reserved[AT_SIZE - AT_RESERVED];

uint64_t frame_seed(const unsigned char job_id[16]) { return XXH3_64bits(job_id, 16); }

/*
 * Everything about a frame but its payload: who, where, what, how long.  Its low half is the
 * header's check, and the whole of it seeds the payload's hash.
 */
static uint64_t place_hash(const unsigned char *header, uint64_t offset, uint64_t seed)
{
	unsigned char place[AT_CHECK + sizeof offset];
	memcpy(place, header, AT_CHECK);
	store_le64(place + AT_CHECK, offset);
	return XXH3_64bits_withSeed(place, sizeof place, seed);
}

/* Writes a header and its payload, in one call when the system takes it whole. */
static enum fault write_both(int fd, uint64_t offset, unsigned char *header, struct iovec payload,
			     struct err *err)
{
	struct iovec both[2] = { { header, FRAME_HEADER_SIZE }, payload };
	if (offset > INT64_MAX - FRAME_HEADER_SIZE - FRAME_PAYLOAD_MAX)
		return err_os(err, FAULT_IO, EFBIG, "cannot write at offset %" PRIu64, offset);
	ssize_t n = pwritev(fd, both, 2, (off_t)offset);
	if (n == (ssize_t)(FRAME_HEADER_SIZE + payload.iov_len))
		return FAULT_NONE;
	/* Short or refused: the plain way goes on, or finds out why not. */
	enum fault fault = file_write_at(fd, offset, header, FRAME_HEADER_SIZE, err);
	if (fault == FAULT_NONE)
		fault = file_write_at(fd, offset + FRAME_HEADER_SIZE, payload.iov_base,
				      payload.iov_len, err);
	return fault;
}

enum fault frame_write(int fd, uint64_t seed, struct frame *frame, const void *payload,
		       struct err *err)
{
	assert(frame->size <= FRAME_PAYLOAD_MAX);
	unsigned char header[FRAME_HEADER_SIZE] = { 0 };
	memcpy(header, magic, sizeof magic);
	header[AT_TYPE] = frame->type;
	store_le32(header + AT_SIZE, (uint32_t)frame->size);
	uint64_t place = place_hash(header, frame->offset, seed);
	uint64_t hash = XXH3_64bits_withSeed(payload, frame->size, place);
	store_le32(header + AT_CHECK, (uint32_t)place);
	store_le64(header + AT_HASH, hash);
	/* iovec has no const form; pwritev only reads. */
	struct iovec body = { .iov_len = frame->size };
	memcpy(&body.iov_base, &payload, sizeof payload);
	enum fault fault = write_both(fd, frame->offset, header, body, err);
	if (fault != FAULT_NONE)
		return fault;
	frame->next = frame->offset + FRAME_HEADER_SIZE + frame->size;
	frame->hash = hash;
	return FAULT_NONE;
}

/* Reads and checks a header, and stores what its payload's hash is seeded with. */
static enum fault read_header(int fd, uint64_t seed, struct frame *frame, uint64_t *place,
			      struct err *err)
{
	unsigned char header[FRAME_HEADER_SIZE];
	size_t got = 0;
	enum fault fault = file_read_up_to(fd, frame->offset, header, sizeof header, &got, err);
	if (fault != FAULT_NONE)
		return fault;
	if (got == 0)
		return err_set(err, FAULT_NOT_FOUND, "the file ends at offset %" PRIu64,
			       frame->offset);
	if (got < sizeof header)
		return err_set(err, FAULT_CORRUPT,
			       "the file ends inside the block at offset %" PRIu64, frame->offset);
	*place = place_hash(header, frame->offset, seed);
	frame->type = header[AT_TYPE];
	frame->size = load_le32(header + AT_SIZE);
	frame->hash = load_le64(header + AT_HASH);
	frame->next = frame->offset + FRAME_HEADER_SIZE + frame->size;
	bool good = memcmp(header, magic, sizeof magic) == 0 &&
		    memcmp(header + AT_RESERVED, reserved, sizeof reserved) == 0 &&
		    load_le32(header + AT_CHECK) == (uint32_t)*place &&
		    frame->size <= FRAME_PAYLOAD_MAX;
	return good ? FAULT_NONE
		    : err_set(err, FAULT_CORRUPT, "no good block begins at offset %" PRIu64,
			      frame->offset);
}

enum fault frame_peek(int fd, uint64_t seed, uint64_t offset, struct frame *frame, struct err *err)
{
	struct frame found = { .offset = offset };
	uint64_t place = 0;
	enum fault fault = read_header(fd, seed, &found, &place, err);
	if (fault == FAULT_NONE)
		*frame = found;
	return fault;
}

enum fault frame_read(int fd, uint64_t seed, uint64_t offset, struct frame *frame,
		      unsigned char *payload, struct err *err)
{
	struct frame found = { .offset = offset };
	uint64_t place = 0;
	enum fault fault = read_header(fd, seed, &found, &place, err);
	if (fault == FAULT_NONE)
		fault = file_read_at(fd, offset + FRAME_HEADER_SIZE, payload, found.size, err);
	if (fault != FAULT_NONE)
		return fault;
	if (XXH3_64bits_withSeed(payload, found.size, place) != found.hash)
		return err_set(err, FAULT_CORRUPT,
			       "the block at offset %" PRIu64 " is not what was written", offset);
	*frame = found;
	return FAULT_NONE;
}
