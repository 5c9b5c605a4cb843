/*
 * The same uploads as bench/bare_loop.c through the store and its gateway backend, in one thread:
 * what src/net and src/store cost on top of libcurl.  Prints one JSON object.
 *
 *   bench_http_loop URL COUNT SIZE PARALLEL
 */
#include "net/http.h"
#include "store/gateway.h"

#include <sys/random.h>
#include <sys/resource.h>

struct loop {
	struct store *store;
	size_t count, size, begun, stored, failed;
	uint64_t nonce;
	struct err first;
};

struct slot {
	struct loop *loop;
	unsigned char *body;
};

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu(void)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void begin(struct slot *slot);

static void on_done(void *context, const struct store_reply *reply)
{
	struct slot *slot = context;
	if (reply->fault == FAULT_NONE)
		slot->loop->stored++;
	else if (slot->loop->failed++ == 0)
		slot->loop->first = reply->err;
	begin(slot);
}

static void begin(struct slot *slot)
{
	struct loop *loop = slot->loop;
	if (loop->begun == loop->count)
		return;
	uint64_t stamp[2] = { loop->nonce, loop->begun++ };
	memcpy(slot->body, stamp, min_u64(sizeof stamp, loop->size));
	struct store_body body = { .data = slot->body, .size = loop->size };
	struct store_then then = { .done = on_done, .context = slot };
	if (!store_put(loop->store, &body, then, &loop->first))
		loop->failed++;
}

int main(int argc, char **argv)
{
	if (argc != 5) {
		fprintf(stderr, "usage: %s URL COUNT SIZE PARALLEL\n", argv[0]);
		return 2;
	}
	struct loop loop = { .count = strtoul(argv[2], NULL, 10),
			     .size = strtoul(argv[3], NULL, 10) };
	size_t parallel = max_u64(1, strtoul(argv[4], NULL, 10));
	struct slot *slot = calloc(parallel, sizeof *slot);
	struct gateway_options options = { .url = argv[1] };
	if (!slot || http_global_init(&loop.first) != FAULT_NONE ||
	    getrandom(&loop.nonce, sizeof loop.nonce, 0) != sizeof loop.nonce ||
	    gateway_open(&options, &loop.store, &loop.first) != FAULT_NONE) {
		fprintf(stderr, "%s\n", loop.first.text);
		return 1;
	}
	double begun = now(), cpu_before = cpu();
	for (size_t i = 0; i < parallel; i++) {
		slot[i] = (struct slot){ .loop = &loop, .body = calloc(1, loop.size + 1) };
		if (!slot[i].body)
			return 1;
		begin(&slot[i]);
	}
	while (loop.stored + loop.failed < loop.begun)
		store_poll(loop.store, 1000);
	double took = now() - begun, used = cpu() - cpu_before;
	printf("{\"tool\": \"store_put\", \"count\": %zu, \"size\": %zu, \"parallel\": %zu, "
	       "\"stored\": %zu, \"failed\": %zu, \"seconds\": %.6f, \"per_second\": %.1f, "
	       "\"cpu_us_each\": %.2f}\n",
	       loop.count, loop.size, parallel, loop.stored, loop.failed, took,
	       (double)loop.stored / took, 1e6 * used / (double)max_u64(1, loop.count));
	if (loop.failed)
		fprintf(stderr, "%s\n", loop.first.text);
	store_close(loop.store);
	for (size_t i = 0; i < parallel; i++)
		free(slot[i].body);
	free(slot);
	return loop.failed ? 1 : 0;
}
