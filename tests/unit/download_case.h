/*
 * A local target whose files come out of a store that a test has lie: tests/unit/land_case.h with
 * lanes and downloads.  Four files: one whose key proves it, one that another secret made, a
 * mutable one, and one that ends like the words of an error.
 */
#pragma once

#include "download/download.h"
#include "tests/unit/fake_store.h"
#include "tests/unit/land_case.h"

enum download_case_file {
	DOWNLOAD_CASE_OURS,
	DOWNLOAD_CASE_ALIEN,
	DOWNLOAD_CASE_CHANGING,
	DOWNLOAD_CASE_ENDING,
	DOWNLOAD_CASE_FILES
};

enum {
	DOWNLOAD_CASE_CHUNK = 1000,
	DOWNLOAD_CASE_SIZE = 4700, /* of each file */
	DOWNLOAD_CASE_PIECES = 5,
	DOWNLOAD_CASE_GETS = 64,
};

enum download_case_lie {
	DOWNLOAD_CASE_TRUTH,
	DOWNLOAD_CASE_FLIP,   /* one byte is wrong, another each time */
	DOWNLOAD_CASE_SHORT,  /* the last byte is missing */
	DOWNLOAD_CASE_LONG,   /* one byte too many */
	DOWNLOAD_CASE_FAIL,   /* half of it, then FAULT_RETRY */
	DOWNLOAD_CASE_GONE,   /* FAULT_UNAVAILABLE */
	DOWNLOAD_CASE_SPLICE, /* the last bytes are those of an error, and no other read confirms
				 them */
	DOWNLOAD_CASE_HOLD,   /* no answer until `released` */
};

/* What a GET at `offset` comes to, from the `first`-th to the `last`-th of that offset. */
struct download_case_rule {
	uint64_t offset;
	unsigned first, last;
	enum download_case_lie lie;
};

struct download_case {
	struct land_case land_case;
	struct fake fake;
	struct lanes *lanes;
	struct away *away;
	struct workers *workers, *comparers;
	struct downloads downloads;
	struct chk_params secret;
	unsigned char content[DOWNLOAD_CASE_FILES][DOWNLOAD_CASE_SIZE];
	struct cap cap[DOWNLOAD_CASE_FILES];
	atomic_bool cancel, released;
	bool oldest_first;     /* the newest request is answered first else */
	unsigned cancel_after; /* GETs that ended, then cancel; 0: never */
	const struct download_case_rule *rule;
	size_t rules;

	/* of the script's thread */
	struct mutex lock;
	struct {
		uint64_t offset, length;
	} get[DOWNLOAD_CASE_GETS];
	size_t gets;
	atomic_uint_least64_t moved;
};

/* Opens all; everything the gateway says is true. */
void download_case_open(struct download_case *download_case);
void download_case_close(struct download_case *download_case);

/* Adds the task of a file, with chunks if `chunked`. */
struct fake_task *download_case_task(struct download_case *download_case,
				     enum download_case_file file, const char *name, bool chunked);

/* Leases all tasks, fetches them, and waits until each is settled or given back. */
void download_case_fetch(struct download_case *download_case, enum download_case_file file);

/* Does so until the only task is settled. */
void download_case_fetch_all(struct download_case *download_case, enum download_case_file file);

/* How many GETs began at that offset. */
size_t download_case_gets_at(struct download_case *download_case, uint64_t offset);

/* Returns whether the file at the target is all that is there, and right. */
bool download_case_has(const struct download_case *download_case, enum download_case_file file,
		       const char *name);

/* Gives the test's own `download case` its rules. */
#define RULES(...)                                                                                 \
	do {                                                                                       \
		static const struct download_case_rule rules[] = { __VA_ARGS__ };                  \
		download_case.rule = rules;                                                        \
		download_case.rules = ARRAY_COUNT(rules);                                          \
	} while (0)
