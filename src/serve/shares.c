#include "serve/shares.h"

#include "base/digest.h"
#include "queue/core/file_io.h"
#include "serve/shares_index.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FILE_HEADER_SIZE = 16,
	RECORD_HEADER_SIZE = 64,
	RECORD_CHECKED_SIZE = 48,      /* of the header: what its own hash covers */
	RECORD_MAGIC = 0x31536742,     /* "BgS1" in the file */
	WRITE_BUFFER_SIZE = 256 * 1024 /* small shares leave in one write */
};

static const unsigned char file_header[FILE_HEADER_SIZE] = "barge shares 1\n";

struct shares {
	int fd;
	uint64_t end; /* of the last complete record */
	struct shares_index index;
	uint64_t counts[SHARE_SLOT + 1];
	bool broken; /* a torn record could not be cut: no more appending */
	bool appending;
	struct share next;     /* the record being written */
	uint64_t left;         /* bytes of its data still to come */
	uint64_t written;      /* file offset behind what has left the buffer */
	size_t buffered;       /* bytes in `buffer` */
	unsigned char *buffer; /* WRITE_BUFFER_SIZE */
	struct content_hash hash;
};

static void header_pack(const struct share *share, unsigned char out[RECORD_HEADER_SIZE])
{
	memset(out, 0, RECORD_HEADER_SIZE);
	store_le32(out, RECORD_MAGIC);
	out[4] = (unsigned char)share->kind;
	memcpy(out + 8, share->index, CAP_KEY_SIZE);
	store_le64(out + 24, share->size);
	store_le64(out + 32, share->sequence);
	content_hash_of(out, RECORD_CHECKED_SIZE, out + RECORD_CHECKED_SIZE);
}

static bool header_unpack(const unsigned char in[RECORD_HEADER_SIZE], struct share *share)
{
	unsigned char check[CONTENT_HASH_SIZE];
	content_hash_of(in, RECORD_CHECKED_SIZE, check);
	if (memcmp(check, in + RECORD_CHECKED_SIZE, sizeof check) != 0)
		return false;
	if (load_le32(in) != RECORD_MAGIC || in[4] < SHARE_IMMUTABLE || in[4] > SHARE_SLOT)
		return false;
	share->kind = (enum share_kind)in[4];
	memcpy(share->index, in + 8, CAP_KEY_SIZE);
	share->size = load_le64(in + 24);
	share->sequence = load_le64(in + 32);
	return true;
}

static enum fault shares_count_in(struct shares *shares, const struct share *share, struct err *err)
{
	const bool known = shares_index_find(&shares->index, share->index) != NULL;
	const enum fault fault = shares_index_put(&shares->index, share, err);
	if (!fault && !known)
		shares->counts[share->kind]++;
	return fault;
}

/*
 * Takes in the record at shares->end of a log of `size` bytes.  FAULT_NOT_FOUND: what is there is
 * the beginning of a record only.
 */
static enum fault scan_record(struct shares *shares, uint64_t size, struct err *err)
{
	unsigned char header[RECORD_HEADER_SIZE];
	const uint64_t there = size - shares->end;
	if (there < sizeof header)
		return FAULT_NOT_FOUND;
	const enum fault fault = file_read_at(shares->fd, shares->end, header, sizeof header, err);
	if (fault)
		return fault;
	struct share share;
	if (!header_unpack(header, &share))
		return err_set(err, FAULT_CORRUPT, "the record at byte %ju is damaged",
			       (uintmax_t)shares->end);
	const uint64_t room = there - sizeof header;
	if (room < CONTENT_HASH_SIZE || share.size > room - CONTENT_HASH_SIZE)
		return FAULT_NOT_FOUND;
	share.offset = shares->end + sizeof header;
	shares->end = share.offset + share.size + CONTENT_HASH_SIZE;
	return shares_count_in(shares, &share, err);
}

/* Reads the log into the index and cuts the record that a kill left torn at its end. */
static enum fault shares_scan(struct shares *shares, struct err *err)
{
	struct stat st;
	if (fstat(shares->fd, &st) < 0)
		return err_os(err, FAULT_IO, errno, "look at the log");
	const uint64_t size = (uint64_t)st.st_size;
	if (size < FILE_HEADER_SIZE) {
		shares->end = FILE_HEADER_SIZE;
		return file_write_at(shares->fd, 0, file_header, FILE_HEADER_SIZE, err);
	}
	unsigned char header[FILE_HEADER_SIZE];
	enum fault fault = file_read_at(shares->fd, 0, header, sizeof header, err);
	if (fault)
		return fault;
	if (memcmp(header, file_header, sizeof header) != 0)
		return err_set(err, FAULT_CORRUPT, "not a log of shares");
	shares->end = FILE_HEADER_SIZE;
	while (!fault && shares->end < size)
		fault = scan_record(shares, size, err);
	if (fault != FAULT_NOT_FOUND)
		return fault;
	if (ftruncate(shares->fd, (off_t)shares->end) < 0)
		return err_os(err, FAULT_IO, errno, "cut a torn record");
	return FAULT_NONE;
}

enum fault shares_open(const char *path, struct shares **out, struct err *err)
{
	enum fault fault = FAULT_NONE;
	struct shares *shares = calloc(1, sizeof *shares);
	if (!shares)
		return err_set(err, FAULT_NOMEM, "out of memory for shares");
	shares->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (shares->fd < 0) {
		fault = err_os(err, FAULT_IO, errno, "open");
		goto out;
	}
	shares->buffer = malloc(WRITE_BUFFER_SIZE);
	if (!shares->buffer) {
		fault = err_set(err, FAULT_NOMEM, "out of memory for shares");
		goto out;
	}
	fault = content_hash_init(&shares->hash, err);
	if (!fault)
		fault = shares_scan(shares, err);
out:
	if (fault) {
		err_wrap(err, "%.100s", path);
		shares_close(shares);
		return fault;
	}
	*out = shares;
	return FAULT_NONE;
}

void shares_close(struct shares *shares)
{
	if (!shares)
		return;
	shares_abort(shares);
	if (shares->fd >= 0)
		close(shares->fd);
	content_hash_fini(&shares->hash);
	shares_index_fini(&shares->index);
	free(shares->buffer);
	free(shares);
}

bool shares_find(const struct shares *shares, const unsigned char index[CAP_KEY_SIZE],
		 struct share *share)
{
	const struct share *found = shares_index_find(&shares->index, index);
	if (found)
		*share = *found;
	return found != NULL;
}

static enum fault shares_flush(struct shares *shares, struct err *err)
{
	const enum fault fault =
		file_write_at(shares->fd, shares->written, shares->buffer, shares->buffered, err);
	shares->written += shares->buffered;
	shares->buffered = 0;
	return fault;
}

static enum fault shares_buffer(struct shares *shares, const void *data, size_t size,
				struct err *err)
{
	const unsigned char *from = data;
	while (size > 0) {
		if (shares->buffered == WRITE_BUFFER_SIZE) {
			const enum fault fault = shares_flush(shares, err);
			if (fault)
				return fault;
		}
		const size_t room = WRITE_BUFFER_SIZE - shares->buffered;
		const size_t part = size < room ? size : room;
		memcpy(shares->buffer + shares->buffered, from, part);
		shares->buffered += part;
		from += part;
		size -= part;
	}
	return FAULT_NONE;
}

enum fault shares_begin(struct shares *shares, const struct share *share, struct err *err)
{
	unsigned char header[RECORD_HEADER_SIZE];
	shares_abort(shares);
	if (shares->broken)
		return err_set(err, FAULT_IO, "the log of shares ends in a torn record");
	shares->appending = true;
	shares->next = *share;
	shares->next.offset = shares->end + RECORD_HEADER_SIZE;
	shares->left = share->size;
	shares->written = shares->end;
	shares->buffered = 0;
	content_hash_start(&shares->hash);
	header_pack(share, header);
	return shares_buffer(shares, header, sizeof header, err);
}

enum fault shares_write(struct shares *shares, const void *data, size_t size, struct err *err)
{
	if (!shares->appending || size > shares->left)
		return err_set(err, FAULT_CHANGED, "a share is longer than announced");
	content_hash_update(&shares->hash, data, size);
	shares->left -= size;
	return shares_buffer(shares, data, size, err);
}

enum fault shares_commit(struct shares *shares, struct err *err)
{
	unsigned char check[CONTENT_HASH_SIZE];
	if (!shares->appending || shares->left > 0)
		return err_set(err, FAULT_CHANGED, "a share is shorter than announced");
	content_hash_final(&shares->hash, check);
	enum fault fault = shares_buffer(shares, check, sizeof check, err);
	if (!fault)
		fault = shares_flush(shares, err);
	if (!fault)
		fault = shares_count_in(shares, &shares->next, err);
	if (fault) {
		shares_abort(shares);
		return fault;
	}
	shares->end = shares->written;
	shares->appending = false;
	return FAULT_NONE;
}

void shares_abort(struct shares *shares)
{
	/* A rest that stays would lie behind a shorter next record, so nothing may follow it. */
	if (shares->appending && shares->written > shares->end)
		shares->broken = ftruncate(shares->fd, (off_t)shares->end) < 0;
	shares->appending = false;
}

enum fault shares_read(const struct shares *shares, uint64_t offset, void *data, size_t size,
		       struct err *err)
{
	return file_read_at(shares->fd, offset, data, size, err);
}

enum fault shares_check(const struct shares *shares, const struct share *share, const void *data,
			struct err *err)
{
	unsigned char stored[CONTENT_HASH_SIZE], check[CONTENT_HASH_SIZE];
	const enum fault fault =
		shares_read(shares, share->offset + share->size, stored, sizeof stored, err);
	if (fault)
		return fault;
	content_hash_of(data, (size_t)share->size, check);
	if (memcmp(stored, check, sizeof check) != 0)
		return err_set(err, FAULT_CORRUPT, "a record of the log is damaged");
	return FAULT_NONE;
}

uint64_t shares_count(const struct shares *shares, enum share_kind kind)
{
	return shares->counts[kind];
}

uint64_t shares_log_size(const struct shares *shares) { return shares->end; }
