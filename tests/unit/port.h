/*
 * A harbour whose files come out of a store that a test has lie: tests/unit/harbour.h with lanes
 * and downloads.  Four files: one whose key proves it, one that another secret made, a mutable one,
 * and one that ends like the words of an error.
 */
#pragma once

#include "download/download.h"
#include "tests/unit/fake_store.h"
#include "tests/unit/harbour.h"

enum port_file { PORT_OURS, PORT_ALIEN, PORT_CHANGING, PORT_ENDING, PORT_FILES };

enum {
	PORT_CHUNK = 1000,
	PORT_SIZE = 4700, /* of each file */
	PORT_PIECES = 5,
	PORT_GETS = 64,
};

enum port_lie {
	PORT_TRUTH,
	PORT_FLIP,   /* one byte is wrong, another each time */
	PORT_SHORT,  /* the last byte is missing */
	PORT_LONG,   /* one byte too many */
	PORT_FAIL,   /* half of it, then FAULT_RETRY */
	PORT_GONE,   /* FAULT_UNAVAILABLE */
	PORT_SPLICE, /* the last bytes are those of an error, and no other read confirms them */
	PORT_HOLD,   /* no answer until `released` */
};

/* What a GET at `offset` comes to, from the `first`-th to the `last`-th of that offset. */
struct port_rule {
	uint64_t offset;
	unsigned first, last;
	enum port_lie lie;
};

struct port {
	struct harbour harbour;
	struct fake fake;
	struct lanes *lanes;
	struct downloads downloads;
	struct chk_params secret;
	unsigned char content[PORT_FILES][PORT_SIZE];
	struct cap cap[PORT_FILES];
	atomic_bool cancel, released;
	bool oldest_first;     /* the newest request is answered first else */
	unsigned cancel_after; /* GETs that ended, then cancel; 0: never */
	const struct port_rule *rule;
	size_t rules;

	/* of the script's thread */
	struct mutex lock;
	struct {
		uint64_t offset, length;
	} get[PORT_GETS];
	size_t gets;
	atomic_uint_least64_t moved;
};

/* Opens all; everything the gateway says is true. */
void port_open(struct port *port);
void port_close(struct port *port);

/* Adds the task of a file, with chunks if `chunked`. */
struct fake_task *port_task(struct port *port, enum port_file file, const char *name, bool chunked);

/* Leases all tasks, fetches them, and waits until each is settled or given back. */
void port_fetch(struct port *port, enum port_file file);

/* Does so until the only task is settled. */
void port_fetch_all(struct port *port, enum port_file file);

/* How many GETs began at that offset. */
size_t port_gets_at(struct port *port, uint64_t offset);

/* Returns whether the file at the target is all that is there, and right. */
bool port_has(const struct port *port, enum port_file file, const char *name);

/* Gives the test's own `port` its rules. */
#define RULES(...)                                                                                 \
	do {                                                                                       \
		static const struct port_rule rules[] = { __VA_ARGS__ };                           \
		port.rule = rules;                                                                 \
		port.rules = ARRAY_COUNT(rules);                                                   \
	} while (0)
