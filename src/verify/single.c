#include "verify/single.h"

#include "verify/proof.h"

struct single_reading {
	const struct single *single;
	const struct cap *cap;
	struct proof proof;
	bool again;       /* this is the second read */
	struct err local; /* what ended a read from our side */
};

struct tail {
	unsigned char data[PROOF_TAIL_MAX];
	size_t size, read;
};

static bool single_take(void *context, const void *data, size_t size)
{
	struct single_reading *reading = context;
	const struct single *single = reading->single;
	enum fault fault = proof_update(&reading->proof, data, size, &reading->local);
	if (!fault && cap_is_chk(reading->cap) && reading->proof.size > reading->cap->size)
		fault = err_set(&reading->local, FAULT_CORRUPT,
				"the gateway sent more bytes than the file has");
	if (!fault && !reading->again)
		fault = single->write(single->context, data, size, &reading->local);
	return !fault;
}

/* Reads the whole, and stores whether its key or the store proves it. */
static enum fault read_whole(struct single_reading *reading, bool *proven, struct err *err)
{
	const struct single *single = reading->single;
	const struct store_get get = {
		.cap = reading->cap,
		.length = UINT64_MAX,
		.sink = single_take,
		.context = reading,
	};
	reading->local = (struct err){ 0 };
	if (proof_start(&reading->proof, reading->cap, single->secret, err))
		return err->fault;
	bool by_store, by_key;
	enum fault fault = store_wait_read(single->tries.wait, &get, &by_store, err);
	if (reading->local.fault) {
		*err = reading->local;
		return err->fault;
	}
	if (fault || proof_end(&reading->proof, reading->cap, &by_key, err))
		return err->fault;
	*proven = by_store || by_key;
	return FAULT_NONE;
}

/* Takes the bytes of the range that is asked for alone. */
static bool take_tail(void *context, const void *data, size_t size)
{
	struct tail *tail = context;
	if (size > tail->size - tail->read)
		return false;
	memcpy(tail->data + tail->read, data, size);
	tail->read += size;
	return true;
}

/* What ends as an error's words begin is asked for alone: that fails where it is one. */
static enum fault check_tail(struct single_reading *reading, struct err *err)
{
	const struct proof *proof = &reading->proof;
	struct tail tail = { .size = proof_doubtful_tail(proof) };
	if (tail.size == 0)
		return FAULT_NONE;
	const struct store_get get = {
		.cap = reading->cap,
		.offset = proof->size - tail.size,
		.length = tail.size,
		.sink = take_tail,
		.context = &tail,
	};
	enum fault fault = store_wait_read(reading->single->tries.wait, &get, NULL, err);
	if (!fault &&
	    (tail.read != tail.size ||
	     memcmp(tail.data, proof->tail + proof->tail_size - tail.size, tail.size) != 0))
		fault = err_set(err, FAULT_CORRUPT, "its end is not what the gateway said before");
	return fault ? err_wrap(err, "reading its end again") : FAULT_NONE;
}

/* One pass through the drawing in single.h. */
static enum fault single_attempt(struct single_reading *reading, struct err *err)
{
	const struct single *single = reading->single;
	bool proven = false;
	reading->again = false;
	if (single->begin(single->context, err) || read_whole(reading, &proven, err))
		return err->fault;
	if (proven)
		return FAULT_NONE;
	proof_keep(&reading->proof);
	reading->again = true;
	if (read_whole(reading, &proven, err))
		return err->fault;
	/* Whichever is right, it may be the first that was written. */
	if (!proof_repeats(&reading->proof))
		return err_set(err, FAULT_CORRUPT, "read twice, the bytes are not the same");
	return proven ? FAULT_NONE : check_tail(reading, err);
}

enum fault single_read(struct single *single, const struct cap *cap, struct err *err)
{
	struct single_reading reading = { .single = single, .cap = cap };
	if (!cap_is_file(cap) || cap_is_verifier(cap))
		return err_set(err, FAULT_USAGE, "its cap is not one of a file to be read");
	if (cap_is_literal(cap)) /* the cap holds the bytes */
		return single->begin(single->context, err)
			       ? err->fault
			       : single->write(single->context, cap->content, (size_t)cap->size,
					       err);
	enum fault fault;
	while ((fault = single_attempt(&reading, err)) && tries_again(&single->tries, err)) {
	}
	proof_fini(&reading.proof);
	return fault ? err->fault : FAULT_NONE;
}
