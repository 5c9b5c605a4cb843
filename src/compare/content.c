#include "compare/content.h"

#include "verify/proof.h"
#include "verify/single.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

enum { BLOCK_SIZE = 1 << 18 };

static uint64_t size_of(const struct content_local *local)
{
	return (uint64_t)local->status.st_size;
}

static bool content_is_stopped(const struct content_options *options)
{
	const struct store_wait *wait = options->tries.wait;
	return wait->stop && wait->stop(wait->context);
}

/* Reads exactly `size` bytes at `offset`. */
static enum fault read_local(const struct content_local *local, uint64_t offset,
			     unsigned char *data, size_t size, struct err *err)
{
	if (local->target) {
		memcpy(data, local->target + offset, size);
		return FAULT_NONE;
	}
	for (size_t done = 0; done < size;) {
		ssize_t got = pread(local->fd, data + done, size - done, (off_t)(offset + done));
		if (got == 0)
			return err_set(err, FAULT_CHANGED, "it became shorter while it was read");
		if (got > 0)
			done += (size_t)got;
		else if (errno != EINTR)
			return err_os(err, FAULT_IO, errno, "cannot read it at offset %" PRIu64,
				      offset + done);
	}
	return FAULT_NONE;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Whether the file is as it was before it was read. */
static enum fault check_unchanged(const struct content_local *local, struct err *err)
{
	struct stat now;
	if (local->target)
		return FAULT_NONE;
	if (fstat(local->fd, &now) != 0)
		return err_os(err, FAULT_IO, errno, "cannot look at it");
	if (now.st_size != local->status.st_size ||
	    !same_time(&now.st_mtim, &local->status.st_mtim) ||
	    !same_time(&now.st_ctim, &local->status.st_ctim))
		return err_set(err, FAULT_CHANGED, "it changed while it was read");
	return FAULT_NONE;
}

static enum fault compare_literal(const struct content_local *local, const struct cap *cap,
				  enum content_answer *answer, struct err *err)
{
	unsigned char data[LITERAL_SIZE_MAX + 1];
	if (read_local(local, 0, data, (size_t)cap->size, err) || check_unchanged(local, err))
		return err->fault;
	*answer = memcmp(data, cap->content, (size_t)cap->size) == 0 ? CONTENT_SAME : CONTENT_OTHER;
	return FAULT_NONE;
}

/* ---- by the key ---- */

/* Runs the local bytes through the key of the cap; nothing is fetched. */
static enum fault hash_local(const struct content_options *options,
			     const struct content_local *local, unsigned char *block,
			     struct proof *proof, struct err *err)
{
	for (uint64_t offset = 0; offset < size_of(local); offset += BLOCK_SIZE) {
		size_t size = (size_t)min_u64(size_of(local) - offset, BLOCK_SIZE);
		if (content_is_stopped(options))
			return err_set(err, FAULT_CANCELLED, "asked to stop");
		if (read_local(local, offset, block, size, err) ||
		    proof_update(proof, block, size, err))
			return err->fault;
	}
	return check_unchanged(local, err);
}

/* The local bytes are proven as if they had come from the gateway. */
static enum fault compare_key(const struct content_options *options,
			      const struct content_local *local, const struct cap *cap,
			      enum content_answer *answer, struct err *err)
{
	struct proof proof = { 0 };
	bool proven = false;
	unsigned char *block = malloc(BLOCK_SIZE);
	if (!block)
		return err_set(err, FAULT_NOMEM, "no memory for a file");
	enum fault fault = proof_start(&proof, cap, options->secret, err);
	if (!fault)
		fault = hash_local(options, local, block, &proof, err);
	if (!fault)
		fault = proof_end(&proof, cap, &proven, err);
	proof_fini(&proof);
	free(block);
	if (!fault)
		*answer = proven ? CONTENT_SAME : CONTENT_OTHER;
	return fault;
}

/* ---- by reading ---- */

struct content_reading {
	const struct content_local *local;
	uint64_t size; /* seen so far */
	bool differs;
	unsigned char *block;
};

static enum fault content_begin(void *context, struct err *err)
{
	struct content_reading *reading = context;
	(void)err;
	reading->size = 0;
	reading->differs = false;
	return FAULT_NONE;
}

/* What differs counts only once the bytes are proven, so that the rest is read nevertheless. */
static enum fault compare_next(void *context, const void *data, size_t size, struct err *err)
{
	struct content_reading *reading = context;
	const unsigned char *at = data;
	uint64_t left = size_of(reading->local) - min_u64(size_of(reading->local), reading->size);
	reading->differs |= size > left;
	for (size_t done = 0; done < size && !reading->differs;) {
		size_t next = (size_t)min_u64(size - done, BLOCK_SIZE);
		if (read_local(reading->local, reading->size + done, reading->block, next, err))
			return err->fault;
		reading->differs = memcmp(at + done, reading->block, next) != 0;
		done += next;
	}
	reading->size += size;
	return FAULT_NONE;
}

static enum fault compare_read(const struct content_options *options,
			       const struct content_local *local, const struct cap *cap,
			       enum content_answer *answer, struct err *err)
{
	struct content_reading reading = { .local = local, .block = malloc(BLOCK_SIZE) };
	struct single single = {
		.tries = options->tries,
		.secret = options->secret,
		.begin = content_begin,
		.write = compare_next,
		.context = &reading,
	};
	if (!reading.block)
		return err_set(err, FAULT_NOMEM, "no memory for a file");
	enum fault fault = single_read(&single, cap, err);
	free(reading.block);
	if (!fault)
		fault = check_unchanged(local, err);
	if (!fault)
		*answer = reading.size != size_of(local) ? CONTENT_SIZE
			  : reading.differs              ? CONTENT_OTHER
							 : CONTENT_SAME;
	return fault;
}

enum fault content_compare(const struct content_options *options, const struct content_local *local,
			   const struct cap *cap, uint64_t size, enum content_answer *answer,
			   struct err *err)
{
	bool sure = cap_is_literal(cap) || cap_is_chk(cap);
	uint64_t there = sure ? cap->size : size;
	*answer = CONTENT_UNKNOWN;
	if ((sure || there > 0) && there != size_of(local)) {
		*answer = CONTENT_SIZE;
		return FAULT_NONE;
	}
	if (cap_is_literal(cap))
		return compare_literal(local, cap, answer, err);
	if (cap_is_chk(cap) && options->secret && compare_key(options, local, cap, answer, err))
		return err->fault;
	if (*answer == CONTENT_SAME || !options->read)
		return FAULT_NONE;
	return compare_read(options, local, cap, answer, err);
}
