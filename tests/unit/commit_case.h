/*
 * A gateway that makes directories as a test wants it, and a committer of one directory task.
 *
 * Threads    a test's own, and those of the lanes and the committer.
 */
#pragma once

#include "commit/committer.h"
#include "commit/intents.h"
#include "commit/keyring.h"
#include "tests/unit/fake_queue.h"
#include "tests/unit/fake_store.h"
#include "tests/unit/one_listing.h"

#define COMMIT_CASE_HELLO "URI:LIT:nbswy3dp"
#define COMMIT_CASE_SUB                                                                            \
	"URI:DIR2:sazfiwozvsrqro6evueurubpxq:chn6qsleosjn2spz2rbtrpdobjsugvw5lz22w3247wzfgswe5wva"
#define COMMIT_CASE_ROOT                                                                           \
	"URI:DIR2:aaaaaaaaaaaaaaaaaaaaaaaaaa:chn6qsleosjn2spz2rbtrpdobjsugvw5lz22w3247wzfgswe5wva"

enum { DIRECTORY_ID = 7, COMMIT_CASE_MADE_MAX = 8, COMMIT_CASE_ITEMS = 3 };

/* The children that all directories here are meant to have: two files and the directory SUB. */
extern const struct one_listing_item commit_case_item[COMMIT_CASE_ITEMS];

enum listing {
	LIST_ALL,
	LIST_NONE,
	LIST_SUB,
	LIST_OTHER,
	LIST_CHUNKS,      /* in place of each file there is one in chunks, */
	LIST_DIRECTORIES, /* or an immutable directory */
	LIST_FAULT,
};

/* A gateway with directories, and a committer of one directory task. */
struct commit_case {
	struct fake fake;
	struct fake_queue queue;
	struct one_listing one_listing;
	struct policy *policy;
	struct lanes *lanes;
	struct away *away;
	struct keyring *keyring;
	struct intents *intents;
	struct committer *committer;
	struct committer_options options;
	struct chk_params params; /* the gateway's */
	atomic_bool cancel;
	unsigned told;
	bool withheld;

	/* What the gateway does. */
	bool own_keys;           /* an older one: makes a key of its own */
	unsigned lost_replies;   /* this many makes answer RETRY though they were done */
	enum fault fault;        /* of each make and edit */
	bool wrong_cap;          /* of immutable directories */
	enum listing listing[8]; /* of the first list, the second.. */
	unsigned refused_edits;  /* this many edits answer EXISTS */
	char last_body[4000];    /* of the last make or edit */
	uint64_t last_children;
	struct {
		enum store_replace replace;
		uint64_t children;
	} edit[4]; /* the first of them */

	const struct split *chunks; /* what an immutable directory is made of; NULL: the children */

	struct cap made[COMMIT_CASE_MADE_MAX]; /* mutable directories, in order */
	unsigned made_count;
};

/* Opens one for a task of directory `id`; with `secret` the gateway's is known. */
void commit_case_open(struct commit_case *commit_case, uint64_t id, bool immutable, bool secret);
void commit_case_close(struct commit_case *commit_case);

/* Runs the committer until it has nothing more to do; returns what became of the task. */
const struct outcome *commit_case_run(struct commit_case *commit_case);

void commit_case_done_with(const struct outcome *outcome, const struct cap *expected);

/* Returns how many calls of that kind were started. */
unsigned commit_case_started(struct commit_case *commit_case, enum fake_operation operation);
