/*
 * What a run waits for: each moment gets one name, and the names are told with their shares.
 *
 * A moment has the time that all requests in flight have spent in each phase, the CPU used, the
 * bytes moved, and of a job what its threads and queues were like.  What decides, in this order:
 *
 *   --bwlimit is reached (90 %)                -> network
 *   this process could use no more CPU (85 %)  -> own CPU
 *   the gateway, or the grid, is away          -> gateway, servers
 *   threads for local files are full (75 %)    -> what most of them do: reading, hashing, disk
 *   requests in flight are as many as may be   -> where requests are
 *   else the planner is at work (50 %)         -> scanning
 *   else what there is most of: local files, requests, directories being made
 *
 * Where requests are, most of the time:
 *   held back on this side                     -> what most threads for local files do
 *   hashing, encoding                          -> hashing
 *   connecting, sending, receiving             -> network
 *   waiting for a first byte, proving          -> the gateway; of storage servers: one of them
 *                                                 that is three times slower than the rest, or all
 *
 * A moment in which requests were under way and none has ended tells nothing of them: it gets the
 * name of the next one that does.
 *
 * Place      bench, place/gauge: once a second -> [verdict] -> a sentence, JSON.
 * Ownership  plain data, all zeros at first.
 * Threads    one owner at a time.
 */
#pragma once

#include "base/bytes.h"
#include "measure/activity.h"

enum verdict_name {
	VERDICT_SCANNING,
	VERDICT_READING,
	VERDICT_HASHING,
	VERDICT_CPU,
	VERDICT_NETWORK,
	VERDICT_GATEWAY,
	VERDICT_SERVER,
	VERDICT_SERVERS,
	VERDICT_COMMITTING,
	VERDICT_DISK,
	VERDICT_NAMES, /* also: none */
};

enum { VERDICT_SERVERS_MAX = 64, VERDICT_HOST_SIZE = 128 };

/* Where requests are, in the order in which they pass through. */
enum busy {
	BUSY_MAKING, /* hashing and encoding, before anything is sent */
	BUSY_CONNECTING,
	BUSY_SENDING,
	BUSY_WAITING, /* for the first byte of the answer */
	BUSY_RECEIVING,
	BUSY_PROVING, /* requests that only prove */
	BUSY_COUNT,
};

/* Returns "making", "connecting" and so on, a literal. */
const char *busy_name(enum busy busy);

/* How long requests to one storage server waited. */
struct verdict_server {
	char host[VERDICT_HOST_SIZE];
	uint64_t wait_us, requests;
};

/* What a job was like, as means over the moment. */
struct verdict_inside {
	bool known;                    /* else it is all about requests */
	double doing[ACTIVITY_COUNT];  /* threads */
	double transfers, directories; /* under way in lanes */
	unsigned hands;                /* threads that read and write local files; 0: none */
	unsigned slots;                /* transfers that may be under way; 0: none */
	bool limited;                  /* --bwlimit holds back */
	bool gateway_away, grid_away;
};

struct verdict_moment {
	uint64_t us;                  /* how long it was */
	uint64_t busy_us[BUSY_COUNT]; /* of all requests together */
	uint64_t held_us;             /* the same, in which nothing moved because of this side */
	struct verdict_inside inside;
	uint64_t cpu_us; /* used, or (where that is told) wanted and given to others */
	unsigned cpus;   /* this process may use; at least 1 */
	uint64_t bytes;  /* moved */
	uint64_t limit;  /* bytes a second, of --bwlimit; 0: none */
	struct verdict_server server[VERDICT_SERVERS_MAX];
	size_t servers; /* 0: the gateway alone was asked */
};

struct verdict {
	uint64_t us[VERDICT_NAMES];
	uint64_t unnamed_us;          /* before anything of requests is known */
	char slow[VERDICT_HOST_SIZE]; /* the server of VERDICT_SERVER */
	bool limited;                 /* the network is so by --bwlimit */
};

/* Counts a request to a server.  More than there is room for are left out. */
void verdict_wait(struct verdict_moment *moment, const char *host, uint64_t us);

/* Names the moment and adds it.  VERDICT_NAMES: it has no name yet. */
enum verdict_name verdict_add(struct verdict *verdict, const struct verdict_moment *moment);

/* Adds what another one has. */
void verdict_join(struct verdict *verdict, const struct verdict *other);

/* Returns the name in words for programs ("gateway"), a literal; "unknown" for VERDICT_NAMES. */
const char *verdict_word(enum verdict_name name);

/* Returns the one with most time, or VERDICT_NAMES: nothing was seen. */
enum verdict_name verdict_most(const struct verdict *verdict);

/* Returns how much time was named. */
uint64_t verdict_total_us(const struct verdict *verdict);

/* Returns whether so much time was named that people want to hear of it: three seconds. */
bool verdict_is_worth(const struct verdict *verdict);

/* Appends "gateway 94 %, network 6 %".  At least one has time. */
MUST_USE enum fault verdict_shares(const struct verdict *verdict, struct bytes *out);

/* Appends "gateway 94 %, network 6 %: what to do next" without a newline. */
MUST_USE enum fault verdict_text(const struct verdict *verdict, struct bytes *out);

/* Appends {"gateway":0.94,...,"next":"..."}. */
MUST_USE enum fault verdict_json(const struct verdict *verdict, struct bytes *out);

/* Return what the two above append, from malloc, for a summary; NULL: no memory, or nothing that
 * people want to hear of. */
char *verdict_told(const struct verdict *verdict);
char *verdict_told_json(const struct verdict *verdict);
