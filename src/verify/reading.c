#include "verify/reading.h"

static void reading_end(const struct reading *reading, const struct err *err)
{
	reading->options.ended(reading->options.context, err->fault ? err : NULL);
}

/* Bytes to come; UINT64_MAX: as many as there are. */
static uint64_t expected(const struct reading *reading)
{
	const struct cap *cap = reading->options.cap;
	bool whole = reading->length == UINT64_MAX;
	return whole && cap_is_chk(cap) ? cap->size : reading->length;
}

static bool reading_take(void *context, const void *data, size_t size)
{
	struct reading *reading = context;
	const struct reading_options *options = &reading->options;
	if (size > expected(reading) - reading->received)
		return !err_wrong(&reading->local, "the gateway sent more bytes than the file has");
	if (options->take(options->context, data, size, &reading->local))
		return false;
	reading->received += size;
	return true;
}

static void got(void *context, const struct store_reply *reply)
{
	struct reading *reading = context;
	uint64_t wanted = expected(reading);
	struct err err = reply->err;
	reading->call = NULL;
	reading->proven = reply->proven;
	if (reading->local.fault)
		err = reading->local;
	else if (!err.fault && wanted != UINT64_MAX && reading->received != wanted)
		err_wrong(&err, "the gateway sent %llu bytes of %llu",
			  (unsigned long long)reading->received, (unsigned long long)wanted);
	reading_end(reading, &err);
}

void reading_start(struct reading *reading)
{
	struct err err;
	const struct store_get get = {
		.cap = reading->options.cap,
		.offset = reading->offset,
		.length = reading->length,
		.sink = reading_take,
		.context = reading,
		.hurried = reading->options.hurried,
		.written = reading->options.written,
	};
	reading->received = 0;
	reading->proven = false;
	reading->local = (struct err){ 0 };
	reading->call =
		store_get(reading->options.store, &get, (struct store_then){ got, reading }, &err);
	if (!reading->call)
		reading_end(reading, &err);
}

/* ---- its end again ---- */

static bool take_tail(void *context, const void *data, size_t size)
{
	struct reading *reading = context;
	if (size > reading->tail_size - reading->tail_read)
		return !err_wrong(&reading->local, "the gateway sent more bytes than that");
	memcpy(reading->tail + reading->tail_read, data, size);
	reading->tail_read += size;
	return true;
}

static void got_tail(void *context, const struct store_reply *reply)
{
	struct reading *reading = context;
	const struct proof *proof = reading->proof;
	struct err err = reply->err;
	reading->call = NULL;
	if (reading->local.fault)
		err = reading->local;
	else if (!err.fault &&
		 (reading->tail_read != reading->tail_size ||
		  memcmp(reading->tail, proof->tail + proof->tail_size - reading->tail_size,
			 reading->tail_size) != 0))
		err_wrong(&err, "its end is not what the gateway said before");
	if (err.fault)
		err_wrap(&err, "reading its end again");
	reading_end(reading, &err);
}

void reading_check_tail(struct reading *reading, const struct proof *proof)
{
	struct err err = { 0 };
	reading->proof = proof;
	reading->tail_size = proof_doubtful_tail(proof);
	reading->tail_read = 0;
	reading->local = err;
	if (reading->tail_size == 0) {
		reading_end(reading, &err);
		return;
	}
	const struct store_get get = {
		.cap = reading->options.cap,
		.offset = reading->offset + reading->received - reading->tail_size,
		.length = reading->tail_size,
		.sink = take_tail,
		.context = reading,
	};
	reading->call = store_get(reading->options.store, &get,
				  (struct store_then){ got_tail, reading }, &err);
	if (!reading->call)
		reading_end(reading, &err);
}

void reading_cancel(struct reading *reading)
{
	if (reading->call)
		store_cancel(reading->options.store, reading->call);
	reading->call = NULL;
}
