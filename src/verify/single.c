#include "verify/single.h"

#include "verify/reading.h"

struct attempts {
	const struct single *single;
	const struct cap *cap;
	struct reading reading;
	struct proof proof;
	bool again;     /* this is the second reading */
	bool other;     /* the bytes are not those that were noted: no accident of one reply */
	struct err err; /* how the reading ended */
};

static enum fault single_take(void *context, const void *data, size_t size, struct err *err)
{
	struct attempts *attempts = context;
	const struct single *single = attempts->single;
	if (proof_update(&attempts->proof, data, size, err))
		return err->fault;
	return attempts->again ? FAULT_NONE : single->write(single->context, data, size, err);
}

static void ended(void *context, const struct err *err)
{
	struct attempts *attempts = context;
	attempts->err = err ? *err : (struct err){ 0 };
}

/* Polls until the reading has ended. */
static enum fault wait_for(struct attempts *attempts, struct err *err)
{
	if (store_wait_end(attempts->single->tries.wait, &attempts->reading.call, err))
		return err->fault;
	if (attempts->err.fault)
		*err = attempts->err;
	return attempts->err.fault;
}

/* Reads the whole, and stores whether its key or the store proves it. */
static enum fault read_whole(struct attempts *attempts, bool *proven, struct err *err)
{
	if (proof_start(&attempts->proof, attempts->cap, attempts->single->secret, err))
		return err->fault;
	reading_start(&attempts->reading);
	if (wait_for(attempts, err) || proof_end(&attempts->proof, attempts->cap, proven, err))
		return err->fault;
	*proven |= attempts->reading.proven;
	return FAULT_NONE;
}

static enum fault read_again(struct attempts *attempts, bool *proven, struct err *err)
{
	proof_keep(&attempts->proof);
	attempts->again = true;
	if (read_whole(attempts, proven, err))
		return err->fault;
	/* Whichever is right, it may be the first that was written. */
	if (!proof_repeats(&attempts->proof))
		return err_wrong(err, "read twice, the bytes are not the same");
	return FAULT_NONE;
}

static enum fault not_as_noted(struct err *err)
{
	return err_wrong(err,
			 "its bytes are not those whose XXH3-128 was noted when it was stored");
}

static enum fault read_literal(const struct single *single, const struct cap *cap, struct err *err)
{
	unsigned char hash[CONTENT_HASH_SIZE];
	const size_t size = (size_t)cap->size;
	content_hash_of(cap->content, size, hash);
	if (single->content && memcmp(single->content, hash, sizeof hash) != 0)
		return not_as_noted(err);
	enum fault fault = single->begin(single->context, err);
	return fault ? fault : single->write(single->context, cap->content, size, err);
}

static enum fault attempt(struct attempts *attempts, struct err *err)
{
	const struct single *single = attempts->single;
	bool proven = false;
	attempts->again = false;
	if (single->begin(single->context, err) || read_whole(attempts, &proven, err))
		return err->fault;
	if (single->content && proof_has(&attempts->proof, single->content))
		return FAULT_NONE;
	if (!proven && read_again(attempts, &proven, err))
		return err->fault;
	attempts->other = single->content != NULL;
	if (attempts->other)
		return not_as_noted(err);
	if (proven)
		return FAULT_NONE;
	reading_check_tail(&attempts->reading, &attempts->proof);
	return wait_for(attempts, err);
}

enum fault single_read(struct single *single, const struct cap *cap, struct err *err)
{
	struct attempts attempts = { .single = single, .cap = cap };
	if (!cap_is_file(cap) || cap_is_verifier(cap))
		return err_set(err, FAULT_USAGE, "its cap is not one of a file to be read");
	if (cap_is_literal(cap)) /* the cap holds the bytes */
		return read_literal(single, cap, err);
	attempts.reading = (struct reading){
		.options = { .store = single->tries.wait->store,
			     .cap = cap,
			     .take = single_take,
			     .ended = ended,
			     .context = &attempts },
		.length = UINT64_MAX,
	};
	enum fault fault;
	while ((fault = attempt(&attempts, err)) && !attempts.other &&
	       tries_again(&single->tries, err)) {
	}
	if (!fault)
		tries_over(&single->tries);
	proof_fini(&attempts.proof);
	return fault ? err->fault : FAULT_NONE;
}

/* One chunk, behind what is kept of the file. */
struct chunk_reading {
	const struct single *single;
	uint64_t kept;
};

static enum fault begin_chunk(void *context, struct err *err)
{
	const struct chunk_reading *chunk = context;
	const struct single *single = chunk->single;
	return single->back(single->context, chunk->kept, err);
}

static enum fault write_chunk(void *context, const void *data, size_t size, struct err *err)
{
	const struct chunk_reading *chunk = context;
	return chunk->single->write(chunk->single->context, data, size, err);
}

enum fault single_read_chunks(const struct single *single, const struct chunked *chunked,
			      struct err *err)
{
	struct chunk_reading reading = { .single = single };
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < chunked->count && !fault; i++) {
		struct single chunk = {
			.tries = single->tries,
			.secret = single->secret,
			.begin = begin_chunk,
			.write = write_chunk,
			.context = &reading,
		};
		fault = single_read(&chunk, &chunked->cap[i], err);
		reading.kept += chunked_size_of(chunked, i);
		if (fault && !fault_is_general(fault))
			err_wrap(err, "chunk %zu of %zu", i + 1, chunked->count);
	}
	return fault ? err->fault : FAULT_NONE;
}
