/*
 * Checksummed blocks in a file: the one framing under the manifest and the keys file.
 *
 * A frame is 24 bytes of header and a payload of at most 64 KiB.  Its hashes are seeded with the
 * job and cover the frame's own offset, so a block that was dropped, repeated, moved or taken from
 * another job does not check. docs/formats.md gives it byte by byte.
 *
 * Place      under queue/file/manifest.h and queue/record.h.
 * Threads    one writer a file; any number of readers below the offset the writer has finished.
 */
#pragma once

#include "queue/core/file_io.h"

enum {
	FRAME_HEADER_SIZE = 24,
	FRAME_PAYLOAD_MAX = 65536,
};

struct frame {
	uint64_t offset; /* of its header in the file */
	uint64_t next;   /* offset just behind it */
	uint8_t type;    /* as the writer said */
	size_t size;     /* of the payload */
	uint64_t hash;   /* XXH3-64 of the payload as stored in the header */
};

/*
 * Writes one frame with `size` bytes of `payload`, at most FRAME_PAYLOAD_MAX, at `offset`, and
 * stores where it lies in `frame`.  Not synced.  Sleeps in the file system.  Faults: FULL, IO.
 */
MUST_USE enum fault frame_write(int fd, uint64_t seed, struct frame *frame, const void *payload,
				struct err *err);

/*
 * Reads and checks the frame at `offset` into `payload`, a buffer of FRAME_PAYLOAD_MAX bytes.
 * Faults: NOT_FOUND when the file ends exactly at `offset`, CORRUPT for anything that does not
 * check, IO.
 */
MUST_USE enum fault frame_read(int fd, uint64_t seed, uint64_t offset, struct frame *frame,
			       unsigned char *payload, struct err *err);

/*
 * Reads and checks the header alone of the frame at `offset`: its place, type, size and hash are as
 * written, the payload may be bad or missing.  Faults: as frame_read.
 */
MUST_USE enum fault frame_peek(int fd, uint64_t seed, uint64_t offset, struct frame *frame,
			       struct err *err);

/* Derives the seed of a job's frames and slots from its 16-byte id. */
uint64_t frame_seed(const unsigned char job_id[16]);
