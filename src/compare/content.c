#include "compare/content.h"

#include "files/unchanged.h"
#include "verify/likeness.h"
#include "verify/single.h"

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
	if (!local->target)
		return unchanged_read(local->fd, offset, data, size, err);
	memcpy(data, local->target + offset, size);
	return FAULT_NONE;
}

/* Whether the file is as it was before it was read. */
static enum fault check_unchanged(const struct content_local *local, struct err *err)
{
	return local->target ? FAULT_NONE : unchanged_check(local->fd, &local->status, err);
}

/* ---- by the cap ---- */

struct content_hashing {
	const struct content_options *options;
	const struct content_local *local;
};

static enum fault read_for_key(void *context, uint64_t offset, unsigned char *data, size_t size,
			       struct err *err)
{
	const struct content_hashing *hashing = context;
	if (content_is_stopped(hashing->options))
		return err_set(err, FAULT_CANCELLED, "asked to stop");
	return read_local(hashing->local, offset, data, size, err);
}

/* Compares with caps that tell: a literal, or by keys.  Nothing is fetched. */
static enum fault compare_cap(const struct content_options *options,
			      const struct content_local *local,
			      const struct content_remote *remote, enum content_answer *answer,
			      struct err *err)
{
	struct content_hashing hashing = { options, local };
	const struct likeness likeness = {
		.cap = remote->cap,
		.chunked = remote->chunked,
		.secret = options->secret,
		.size = size_of(local),
		.read = read_for_key,
		.context = &hashing,
	};
	bool alike;
	if (likeness_find(&likeness, &alike, err) || check_unchanged(local, err))
		return err->fault;
	*answer = alike ? CONTENT_SAME : CONTENT_OTHER;
	return FAULT_NONE;
}

/* ---- by reading ---- */

struct content_reading {
	const struct content_local *local;
	uint64_t size; /* seen so far */
	bool differs;
	bool differed; /* in the chunks that are proven */
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

/* Goes back to the beginning of a chunk. */
static enum fault content_back(void *context, uint64_t kept, struct err *err)
{
	struct content_reading *reading = context;
	(void)err;
	if (kept == reading->size) /* the chunk before has ended well */
		reading->differed = reading->differs;
	reading->differs = reading->differed;
	reading->size = kept;
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
			       const struct content_local *local,
			       const struct content_remote *remote, enum content_answer *answer,
			       struct err *err)
{
	struct content_reading reading = { .local = local, .block = malloc(BLOCK_SIZE) };
	struct single single = {
		.tries = options->tries,
		.secret = options->secret,
		.begin = content_begin,
		.back = content_back,
		.write = compare_next,
		.context = &reading,
	};
	if (!reading.block)
		return err_set(err, FAULT_NOMEM, "no memory for a file");
	enum fault fault = remote->chunked ? single_read_chunks(&single, remote->chunked, err)
					   : single_read(&single, remote->cap, err);
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
			   const struct content_remote *remote, enum content_answer *answer,
			   struct err *err)
{
	const struct cap *cap = remote->cap;
	const bool sized = cap_is_literal(cap) || cap_is_chk(cap);
	const bool sure = remote->chunked || sized;
	const uint64_t there = remote->chunked ? remote->chunked->bytes
			       : sized         ? cap->size
					       : remote->size;
	*answer = CONTENT_UNKNOWN;
	if ((sure || there > 0) && there != size_of(local)) {
		*answer = CONTENT_SIZE;
		return FAULT_NONE;
	}
	if (cap_is_literal(cap))
		return compare_cap(options, local, remote, answer, err);
	if (sure && options->secret && compare_cap(options, local, remote, answer, err))
		return err->fault;
	if (*answer == CONTENT_SAME || !options->read)
		return FAULT_NONE;
	return compare_read(options, local, remote, answer, err);
}
