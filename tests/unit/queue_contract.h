/*
 * What every backend of the queue must do, as tests that each backend's test program runs.
 *
 * A backend gives a struct contract; queue_contract_run runs the facts on it.  What the facts are
 * made of, random plans and workers that check what they are given, is here for tests of one
 * backend alone.
 *
 * Threads    one test at a time; workers are threads of their own inside contract_work.
 */
#pragma once

#include "queue/core/thread.h"
#include "queue/queue_file.h"

#include <stdatomic.h>

enum { PLAN_NODES_MAX = 3000 };

struct plan;

/* What a backend is opened with. */
struct contract_options {
	const struct plan *plan;
	size_t listings; /* so many of the plan's are published */
	bool complete;   /* no more will be */
	queue_settled *settled;
	queue_before *before;
	void *context;
	uint32_t lease_ms; /* with a clock: leases run out by it.  Else they do not */
	uint64_t (*clock_ms)(void);
};

/* One backend. */
struct contract {
	/* Forgets all outcomes there are: a new job with this id. */
	void (*begin)(const unsigned char job_id[16]);
	/* Puts an outcome where an earlier run or the planner would have left it. */
	void (*put)(const struct outcome *outcome);
	/* Returns what is durable of a task; no queue is open. */
	struct outcome (*get)(uint64_t id);
	struct queue *(*open)(const struct contract_options *options);
	void (*publish)(struct queue *queue, size_t listings, bool complete);
};

/* Runs all facts on the backend and returns how many failed. */
int queue_contract_run(const struct contract *contract);

/* The part of them that is about leases and batches; queue_contract_run runs it too. */
int queue_contract_leases(const struct contract *contract);

/* ---- plans ---- */

struct plan_node {
	uint64_t id;
	uint64_t listing;  /* directories: offset of their own, once written */
	size_t parent;     /* index of its directory; of itself for the root */
	uint8_t kind;      /* enum manifest_kind */
	uint8_t verdict;   /* enum outcome_state or 0 */
	uint64_t chunks;   /* of a file; 0: not chunked */
	uint64_t children; /* direct ones */
	size_t turn;       /* of its listing, counted from 0 */
	bool unlisted;     /* a directory that the planner could not list */
};

/* Node 0 is the root; the meta of each entry is the 8-byte index of its node. */
struct plan {
	struct plan_node node[PLAN_NODES_MAX];
	size_t count;
	char path[300];                                /* of the manifest */
	size_t listings;                               /* written */
	struct listing_id durable[PLAN_NODES_MAX + 1]; /* the first so many of them lie before it */
};

/* Makes a plan of the root alone. */
void plan_init(struct plan *plan);

/* Adds a node of a manifest_kind below `parent` and returns its index. */
size_t plan_add(struct plan *plan, size_t parent, uint8_t kind);

/* Adds `count` nodes of all kinds at random places. */
void plan_add_random(struct plan *plan, size_t count, uint64_t *random);

/* Writes the whole manifest of contract_job; `piecewise` fills in `durable`. */
void plan_write(struct plan *plan, bool piecewise);

extern const unsigned char contract_job[16];

uint64_t contract_random(uint64_t *random, uint64_t below);

/* ---- working a queue to its end ---- */

/* What workers do.  Chances are in percent. */
struct work_options {
	uint64_t seed;
	unsigned workers; /* threads of each kind, at most 4 */
	unsigned fails;   /* is recorded as failed */
	unsigned returns,
		leaves; /* is given back for a retry; is neither recorded nor given back */
	/* In the commit thread, after each outcome that is durable.  May be NULL. */
	void (*durable)(void *context);
	void *context;
};

/* What became of a plan's nodes, by index.  Survives a queue, for the next run of the same plan. */
struct work_state {
	struct plan *plan;
	struct mutex lock;
	bool leased[PLAN_NODES_MAX];
	bool recorded[PLAN_NODES_MAX];
	bool durable[PLAN_NODES_MAX];
	bool known[PLAN_NODES_MAX]; /* before this run */
	uint8_t state[PLAN_NODES_MAX];
	uint8_t attempts[PLAN_NODES_MAX];
	uint64_t below_done; /* tasks so flagged */
	struct work_options options;
	struct queue *queue;
	atomic_bool quit; /* workers give all back and end */
	char wrong[200];  /* the first thing that was; empty while all is well */
};

void work_init(struct work_state *state, struct plan *plan);
void work_fini(struct work_state *state);

/* The callbacks to open a queue with; the context is the work_state. */
void work_settled(void *context, const struct task *task, const struct outcome *outcome);
void work_before(void *context, const struct manifest_entry *entry, const struct outcome *outcome);

/* Works `queue` until no leases come any more, and closes it.  Checks everything on the way. */
void contract_work(struct work_state *state, struct queue *queue,
		   const struct work_options *options);

/* Asserts that each node is durable, and is what the backend has. */
void work_assert_complete(struct work_state *state, const struct contract *contract);
