/*
 * The yardstick: a bare libcurl loop that uploads COUNT different bodies of SIZE bytes to URL/uri,
 * PARALLEL at a time, and does nothing else.  Prints one JSON object.
 *
 *   bench_bare_loop URL COUNT SIZE PARALLEL
 */
#include "queue/core/base.h"

#include <curl/curl.h>
#include <sys/random.h>
#include <sys/resource.h>

struct slot {
	CURL *easy;
	unsigned char *body;
};

struct loop {
	CURLM *multi;
	char url[1024];
	struct curl_slist *headers;
	size_t count, size, begun, stored, failed;
	uint64_t nonce; /* so that no run repeats another's bodies */
};

static size_t drop(char *data, size_t item, size_t count, void *context)
{
	(void)data;
	(void)context;
	return item * count;
}

static double seconds_of(struct timeval t) { return (double)t.tv_sec + (double)t.tv_usec / 1e6; }

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
	return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

static void prepare(struct loop *loop, struct slot *slot)
{
	slot->easy = curl_easy_init();
	slot->body = calloc(1, loop->size + 1);
	if (!slot->easy || !slot->body)
		abort();
	curl_easy_setopt(slot->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(slot->easy, CURLOPT_PROXY, "");
	curl_easy_setopt(slot->easy, CURLOPT_URL, loop->url);
	curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, loop->headers);
	curl_easy_setopt(slot->easy, CURLOPT_WRITEFUNCTION, drop);
	curl_easy_setopt(slot->easy, CURLOPT_PRIVATE, slot);
	curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDS, slot->body);
	curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)loop->size);
	curl_easy_setopt(slot->easy, CURLOPT_CUSTOMREQUEST, "PUT");
}

static void begin(struct loop *loop, struct slot *slot)
{
	if (loop->begun == loop->count)
		return;
	uint64_t stamp[2] = { loop->nonce, loop->begun++ };
	memcpy(slot->body, stamp, min_u64(sizeof stamp, loop->size));
	if (curl_multi_add_handle(loop->multi, slot->easy) != CURLM_OK)
		abort();
}

/* Returns how many ended; what began in their place is to be sent before anybody sleeps. */
static size_t collect(struct loop *loop)
{
	size_t ended = 0;
	int left;
	for (CURLMsg *message; (message = curl_multi_info_read(loop->multi, &left));) {
		CURL *easy = message->easy_handle;
		CURLcode code = message->data.result;
		struct slot *slot = NULL;
		long status = 0;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&slot);
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		bool stored = code == CURLE_OK && (status == 200 || status == 201);
		*(stored ? &loop->stored : &loop->failed) += 1;
		curl_multi_remove_handle(loop->multi, easy);
		begin(loop, slot);
		ended++;
	}
	return ended;
}

static void run(struct loop *loop, struct slot *slot, size_t parallel)
{
	for (size_t i = 0; i < parallel; i++) {
		prepare(loop, &slot[i]);
		begin(loop, &slot[i]);
	}
	while (loop->stored + loop->failed < loop->count) {
		int running;
		curl_multi_perform(loop->multi, &running);
		if (collect(loop) == 0)
			curl_multi_poll(loop->multi, NULL, 0, 1000, NULL);
	}
	for (size_t i = 0; i < parallel; i++) {
		curl_easy_cleanup(slot[i].easy);
		free(slot[i].body);
	}
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
	snprintf(loop.url, sizeof loop.url, "%s%suri", argv[1],
		 argv[1][0] && argv[1][strlen(argv[1]) - 1] == '/' ? "" : "/");
	struct slot *slot = calloc(parallel, sizeof *slot);
	if (!slot || curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK ||
	    getrandom(&loop.nonce, sizeof loop.nonce, 0) != sizeof loop.nonce)
		return 1;
	loop.multi = curl_multi_init();
	loop.headers = curl_slist_append(NULL, "Expect:");
	loop.headers = curl_slist_append(loop.headers, "Content-Type: application/octet-stream");
	double begun = now(), cpu_before = cpu();
	run(&loop, slot, parallel);
	double took = now() - begun, used = cpu() - cpu_before;
	printf("{\"tool\": \"bare libcurl loop\", \"count\": %zu, \"size\": %zu, \"parallel\": "
	       "%zu, "
	       "\"stored\": %zu, \"failed\": %zu, \"seconds\": %.6f, \"per_second\": %.1f, "
	       "\"cpu_us_each\": %.2f}\n",
	       loop.count, loop.size, parallel, loop.stored, loop.failed, took,
	       (double)loop.stored / took, 1e6 * used / (double)max_u64(1, loop.count));
	curl_multi_cleanup(loop.multi);
	curl_slist_free_all(loop.headers);
	curl_global_cleanup();
	free(slot);
	return loop.failed ? 1 : 0;
}
