#include "bench/bench_parts.h"
#include "files/pipe.h"
#include "tahoe/chk.h"
#include "tahoe/edge.h"
#include "upload/upload.h"
#include "verify/single.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PIECE_SIZE = 64 << 10, JSON_MAX = 64 << 20 };

/* ---- bytes made up ---- */

/* Source: SplitMix64, Steele, Lea and Flood 2014. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void make_up(struct bench_worker *worker, void *data, size_t size)
{
	unsigned char *at = data;
	for (size_t used = 0; used < size; used += 8) {
		uint64_t word = next_random(&worker->random);
		memcpy(at + used, &word, (size_t)min_u64(size - used, 8));
	}
}

/* A large body lies in a file that is on no disk, as upload reads it more than once. */
static enum fault make_up_large(struct bench_worker *worker, struct spool *spool, uint64_t size,
				struct err *err)
{
	unsigned char piece[PIECE_SIZE];
	if (worker->memory < 0)
		worker->memory = memfd_create("barge-bench", MFD_CLOEXEC);
	if (worker->memory < 0 || ftruncate(worker->memory, (off_t)size) != 0)
		return err_os(err, FAULT_NOMEM, errno, "no memory for a body");
	for (uint64_t at = 0; at < size; at += sizeof piece) {
		size_t part = (size_t)min_u64(size - at, sizeof piece);
		make_up(worker, piece, part);
		if (pwrite(worker->memory, piece, part, (off_t)at) != (ssize_t)part)
			return err_os(err, FAULT_NOMEM, errno, "no memory for a body");
	}
	int own = fcntl(worker->memory, F_DUPFD_CLOEXEC, 0);
	if (own < 0)
		return err_os(err, FAULT_NOMEM, errno, "no descriptor for a body");
	spool_adopt(spool, own, size);
	return FAULT_NONE;
}

static enum fault make_up_body(struct bench_worker *worker, struct spool *spool, uint64_t size,
			       struct err *err)
{
	unsigned char piece[PIPE_MEMORY_MAX];
	if (size > sizeof piece)
		return make_up_large(worker, spool, size, err);
	make_up(worker, piece, (size_t)size);
	return spool_append(spool, piece, (size_t)size, err);
}

/* ---- what was stored ---- */

static void keep(struct bench *bench, struct cap *cap, uint64_t bytes)
{
	mutex_lock(&bench->lock);
	bench->stored[bench->stored_count++ % BENCH_STORED_MAX] = *cap;
	if (cap_is_directory(cap))
		bench->totals->directories++;
	else
		bench->totals->objects++;
	bench->totals->bytes += bytes;
	mutex_unlock(&bench->lock);
	cap_wipe(cap);
}

/* Takes one after the other.  False: there is none. */
static bool take(struct bench *bench, struct cap *cap)
{
	mutex_lock(&bench->lock);
	uint64_t count = min_u64(bench->stored_count, BENCH_STORED_MAX);
	if (count > 0)
		*cap = bench->stored[bench->asked++ % count];
	mutex_unlock(&bench->lock);
	return count > 0;
}

/* ---- requests ---- */

static void count_retry(void *context, const struct err *err)
{
	struct bench_worker *worker = context;
	(void)err;
	mutex_lock(&worker->bench->lock);
	worker->bench->counts.retries++;
	mutex_unlock(&worker->bench->lock);
}

static struct tries tries_of(struct bench_worker *worker)
{
	struct tries tries = setup_tries(worker->bench->request->setup, &worker->wait);
	tries.again = count_retry;
	tries.context = worker;
	return tries;
}

/* What is made up is ready before the clock starts. */
static void begin(struct bench_worker *worker)
{
	worker->begun_us = http_clock_us();
	worker->started_us = worker->got = 0;
	memset(worker->busy_us, 0, sizeof worker->busy_us);
}

static enum fault put(struct bench_worker *worker, uint64_t *bytes, struct err *err)
{
	struct bench *bench = worker->bench;
	struct spool spool;
	struct cap cap = { 0 };
	struct upload_options options = {
		.tries = tries_of(worker),
		.policy = bench->request->policy,
		.encodes = bench->request->setup->encodes,
	};
	spool_init(&spool, pipe_directory(), PIPE_MEMORY_MAX);
	enum fault fault = make_up_body(worker, &spool, bench->size, err);
	worker->storing = true;
	begin(worker);
	if (!fault)
		fault = upload_put(&options, &spool, &cap, err);
	spool_fini(&spool);
	*bytes = bench->size;
	if (!fault)
		keep(bench, &cap, bench->size);
	return fault;
}

static enum fault forget(void *context, struct err *err)
{
	struct bench_worker *worker = context;
	(void)err;
	worker->got = 0;
	return FAULT_NONE;
}

static enum fault drop(void *context, const void *data, size_t size, struct err *err)
{
	struct bench_worker *worker = context;
	(void)data;
	(void)err;
	worker->got += size;
	return FAULT_NONE;
}

static enum fault get(struct bench_worker *worker, uint64_t *bytes, struct err *err)
{
	struct bench *bench = worker->bench;
	struct cap cap;
	struct single single = {
		.tries = tries_of(worker),
		.secret = bench->request->setup->params,
		.begin = forget,
		.write = drop,
		.context = worker,
	};
	worker->storing = false;
	begin(worker);
	if (!take(bench, &cap))
		return err_set(err, FAULT_RETRY, "nothing of this size was stored to be read");
	enum fault fault = single_read(&single, &cap, err);
	cap_wipe(&cap);
	*bytes = bench->size;
	if (!fault && worker->got != bench->size)
		fault = err_set(err, FAULT_CORRUPT, "a file came back with another size");
	return fault;
}

/* Children whose contents are in their caps, so that the directory alone is stored.  One of them
 * is new, and so is the directory. */
static enum fault make_up_children(struct bench_worker *worker, uint64_t count, struct err *err)
{
	struct bytes *json = &worker->json;
	enum fault fault = edge_json_open(json);
	for (uint64_t i = 0; i < count && !fault; i++) {
		uint64_t content = i ? i : next_random(&worker->random);
		char name[24];
		struct cap cap;
		chk_literal(&content, sizeof content, &cap);
		const struct edge_child child = {
			.name = name,
			.name_size =
				(size_t)snprintf(name, sizeof name, "%llu", (unsigned long long)i),
			.cap = &cap,
		};
		fault = edge_json_child(json, &child);
	}
	if (!fault)
		fault = edge_json_close(json);
	return bytes_err(fault, err, "a directory");
}

static enum fault make(struct bench_worker *worker, uint64_t *bytes, struct err *err)
{
	struct bench *bench = worker->bench;
	struct tries tries = tries_of(worker);
	const struct store_directory directory = { .children = bench->size };
	struct cap cap = { 0 };
	bytes_init(&worker->json, JSON_MAX);
	enum fault fault = make_up_children(worker, bench->size, err);
	worker->storing = true;
	begin(worker);
	if (!fault)
		while ((fault = store_wait_make_directory(&worker->wait, &directory, &worker->json,
							  &cap, err)) &&
		       tries_again(&tries, err)) {
		}
	*bytes = worker->json.size;
	bytes_fini(&worker->json);
	if (fault)
		return err->fault;
	tries_over(&tries);
	keep(bench, &cap, *bytes);
	return FAULT_NONE;
}

static bool count_child(void *context, const struct store_child *child)
{
	struct bench_worker *worker = context;
	(void)child;
	worker->got++;
	return true;
}

static enum fault list(struct bench_worker *worker, uint64_t *bytes, struct err *err)
{
	struct bench *bench = worker->bench;
	struct tries tries = tries_of(worker);
	struct cap cap;
	const struct store_list what = { .cap = &cap, .child = count_child, .context = worker };
	enum fault fault;
	worker->storing = false;
	begin(worker);
	if (!take(bench, &cap))
		return err_set(err, FAULT_RETRY, "no directory of this size was made to be listed");
	do
		worker->got = 0;
	while ((fault = store_wait_list(&worker->wait, &what, NULL, err)) &&
	       tries_again(&tries, err));
	cap_wipe(&cap);
	*bytes = 0;
	if (fault)
		return err->fault;
	tries_over(&tries);
	return worker->got == bench->size
		       ? FAULT_NONE
		       : err_set(err, FAULT_CORRUPT, "a directory came back with other children");
}

enum fault work_do(struct bench_worker *worker, uint64_t number, uint64_t *bytes, struct err *err)
{
	switch (worker->bench->op) {
	case BENCH_PUT:
		return put(worker, bytes, err);
	case BENCH_GET:
		return get(worker, bytes, err);
	case BENCH_MIXED:
		return number % 2 ? get(worker, bytes, err) : put(worker, bytes, err);
	case BENCH_MAKE:
		return make(worker, bytes, err);
	case BENCH_LIST:
		return list(worker, bytes, err);
	case BENCH_OPS:
		break;
	}
	return err_set(err, FAULT_USAGE, "no such kind of request");
}
