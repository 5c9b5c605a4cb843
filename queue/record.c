#include "queue/record.h"

#include "queue/core/kill.h"
#include "queue/file/preamble.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Every stored payload ends in this byte.  A whole record never ends in zero then, so zeros up to
 * the end of the file are a write that the disk did not see the end of, and never a record that
 * was damaged later.
 */
enum {
	END_MARK = 0xff,
	RECORD_SIZE_MAX = FRAME_HEADER_SIZE + FRAME_PAYLOAD_MAX,
	PAGE_SIZE = 4096, /* bytes that a disk gets at once, or not at all */
};

static const struct preamble_kind record_file = { "barge\r\nK", "keys file", 1 };

struct record_log {
	int fd;
	uint64_t seed;
	uint64_t end;      /* behind the last record */
	struct err failed; /* the first fault of append, which is final */
	unsigned char payload[FRAME_PAYLOAD_MAX];
};

static bool all_zeros(const unsigned char *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (data[i] != 0)
			return false;
	return true;
}

/* Writes the preamble of an empty log, which whoever opens it syncs, and makes its name durable. */
static enum fault record_start(struct record_log *log, const char *path,
			       const unsigned char job_id[16], struct err *err)
{
	unsigned char preamble[PREAMBLE_SIZE];
	preamble_encode(&record_file, job_id, preamble);
	enum fault fault = file_write_at(log->fd, 0, preamble, sizeof preamble, err);
	if (fault == FAULT_NONE)
		fault = file_sync_parent(path, err);
	return fault;
}

/* Checks the preamble of a file of `size` bytes, or makes it where it was never finished. */
static enum fault open_start(struct record_log *log, const char *path,
			     const unsigned char job_id[16], uint64_t size, struct err *err)
{
	unsigned char preamble[PREAMBLE_SIZE], found_id[16];
	if (size < sizeof preamble)
		return record_start(log, path, job_id, err);
	enum fault fault = file_read_at(log->fd, 0, preamble, sizeof preamble, err);
	if (fault != FAULT_NONE)
		return fault;
	if (size == sizeof preamble && all_zeros(preamble, sizeof preamble))
		return record_start(log, path, job_id, err);
	fault = preamble_decode(&record_file, preamble, found_id, err);
	if (fault == FAULT_NONE && memcmp(found_id, job_id, sizeof found_id) != 0)
		fault = err_set(err, FAULT_CORRUPT, "the keys file belongs to another job");
	return fault;
}

/* Answers whether the bad record at `offset` is the last of the file.  Where its header cannot be
 * read (NULL), no other may begin anywhere behind it. */
static enum fault find_last(const struct record_log *log, uint64_t offset, uint64_t size,
			    const struct frame *header, bool *is_last, struct err *err)
{
	*is_last = header ? header->next == size : size - offset <= RECORD_SIZE_MAX;
	for (uint64_t at = offset + 1; !header && *is_last && size - at >= FRAME_HEADER_SIZE;
	     at++) {
		struct frame frame;
		enum fault fault = frame_peek(log->fd, log->seed, at, &frame, err);
		if (fault && fault != FAULT_CORRUPT)
			return fault;
		*is_last = fault;
	}
	return FAULT_NONE;
}

/* Answers whether the bad record at `offset` is the last of the file, and there is nothing of it on
 * one of the pages that it lies on: others came to the disk, and that one did not. */
static enum fault lacks_page(struct record_log *log, uint64_t offset, uint64_t size,
			     const struct frame *header, bool *lacks, struct err *err)
{
	bool empty = false;
	for (uint64_t at = offset; at < size && !empty;) {
		const size_t part = (size_t)min_u64(size - at, PAGE_SIZE - at % PAGE_SIZE);
		if (file_read_at(log->fd, at, log->payload, part, err))
			return err->fault;
		empty = all_zeros(log->payload, part);
		at += part;
	}
	return empty ? find_last(log, offset, size, header, lacks, err) : FAULT_NONE;
}

/*
 * Answers in `torn` whether the bad record at `offset` was cut short while being written: the file
 * ends inside it, or from some byte of it on there are only zeros, or on one page of it while the
 * file ends with it.
 */
static enum fault examine_tail(struct record_log *log, uint64_t offset, uint64_t size, bool *torn,
			       struct err *err)
{
	struct frame frame;
	*torn = false;
	if (size - offset < FRAME_HEADER_SIZE) {
		*torn = true;
		return FAULT_NONE;
	}
	enum fault fault = frame_peek(log->fd, log->seed, offset, &frame, err);
	if (fault && fault != FAULT_CORRUPT)
		return fault;
	const struct frame *header = fault ? NULL : &frame;
	/* Without a good header the zeros have to begin in the header itself. */
	const uint64_t behind = header ? header->next : offset + FRAME_HEADER_SIZE;
	/* Where the file ends inside the record, there is nothing to read. */
	for (uint64_t at = behind - 1; at < size;) {
		size_t part = (size_t)min_u64(size - at, sizeof log->payload);
		fault = file_read_at(log->fd, at, log->payload, part, err);
		if (fault != FAULT_NONE)
			return fault;
		if (!all_zeros(log->payload, part))
			return lacks_page(log, offset, size, header, torn, err);
		at += part;
	}
	*torn = true;
	return FAULT_NONE;
}

/* Cuts the file behind the last good record when the rest is torn. */
static enum fault cut_tail(struct record_log *log, uint64_t size, struct err *err)
{
	bool torn = false;
	enum fault fault = examine_tail(log, log->end, size, &torn, err);
	if (fault != FAULT_NONE)
		return fault;
	if (!torn)
		return err_set(err, FAULT_CORRUPT,
			       "the record at offset %" PRIu64 " of the keys file is damaged",
			       log->end);
	if (ftruncate(log->fd, (off_t)log->end) != 0)
		return err_os(err, FAULT_IO, errno, "cannot cut the keys file");
	return FAULT_NONE;
}

/* Hands out the records in order.  The mark behind each payload tells a whole record from one whose
 * tail is zeros. */
static enum fault read_all(struct record_log *log, uint64_t size, record_found *found,
			   void *context, struct err *err)
{
	enum fault fault = FAULT_NONE;
	log->end = PREAMBLE_SIZE;
	while (log->end < size) {
		struct frame frame;
		fault = frame_read(log->fd, log->seed, log->end, &frame, log->payload, err);
		if (fault == FAULT_CORRUPT)
			return cut_tail(log, size, err);
		if (fault != FAULT_NONE)
			return fault;
		if (frame.size == 0 || log->payload[frame.size - 1] != END_MARK)
			return err_set(err, FAULT_CORRUPT,
				       "the record at offset %" PRIu64
				       " of the keys file has no end",
				       frame.offset);
		found(context, frame.type, log->payload, frame.size - 1);
		log->end = frame.next;
	}
	return fault;
}

enum fault record_log_open(const char *path, const unsigned char job_id[16], record_found *found,
			   void *context, struct record_log **log, struct err *err)
{
	struct record_log *opened = calloc(1, sizeof *opened);
	if (!opened)
		return err_set(err, FAULT_NOMEM, "no memory for the keys file");
	struct stat status;
	enum fault fault = FAULT_NONE;
	opened->seed = frame_seed(job_id);
	opened->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (opened->fd < 0 || fstat(opened->fd, &status) != 0) {
		fault = err_os(err, FAULT_IO, errno, "cannot open the keys file");
		goto out;
	}
	uint64_t size = (uint64_t)status.st_size;
	fault = open_start(opened, path, job_id, size, err);
	if (fault == FAULT_NONE)
		fault = read_all(opened, size, found, context, err);
	/* A new preamble, or what a writer killed before its sync left, is in memory only. */
	if (fault == FAULT_NONE)
		fault = file_sync(opened->fd, err);
	explicit_bzero(opened->payload, sizeof opened->payload);
	if (fault != FAULT_NONE)
		goto out;
	*log = opened;
	opened = NULL;
out:
	record_log_close(opened);
	return fault;
}

enum fault record_log_append(struct record_log *log, uint8_t type, const void *payload, size_t size,
			     struct err *err)
{
	assert(size <= RECORD_PAYLOAD_MAX);
	struct frame frame = { .offset = log->end, .type = type, .size = size + 1 };
	if (log->failed.fault != FAULT_NONE)
		goto out;
	if (size > 0)
		memcpy(log->payload, payload, size);
	log->payload[size] = END_MARK;
	enum fault fault = frame_write(log->fd, log->seed, &frame, log->payload, &log->failed);
	explicit_bzero(log->payload, frame.size);
	if (fault != FAULT_NONE)
		goto out;
	KILL_POINT("record-written");
	if (file_sync(log->fd, &log->failed) != FAULT_NONE)
		goto out;
	KILL_POINT("record-synced");
	log->end = frame.next;
	return FAULT_NONE;
out:
	if (err)
		*err = log->failed;
	return log->failed.fault;
}

void record_log_close(struct record_log *log)
{
	if (!log)
		return;
	if (log->fd >= 0)
		close(log->fd);
	free(log);
}
