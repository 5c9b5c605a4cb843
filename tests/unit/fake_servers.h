/*
 * Storage servers in memory that speak Tahoe-LAFS's storage protocol, a gateway beside them, and
 * the direct store on both.
 *
 * Servers are told by their rank in the order of the one file that is known, from 0 on.  What the
 * store asks is kept as lines of text:
 *
 *   2 ?              the server of rank 2 is asked for its shares
 *   2/4 36+100       and for 100 bytes of share 4
 *   2 room 0 4       for room for two shares
 *   2/4 put 0+100    bytes of a share are written; 2/4 abort
 *   2 slot 0 4       two shares of a slot are written
 *   2 lease          leases of its shares are taken
 *   gateway GET 0+5  or PUT, POST; without a range if it has none
 */
#pragma once

#include "direct/direct.h"
#include "tests/unit/facts.h"

#include <inttypes.h>

enum {
	FAKE_SERVERS = 10,
	FAKE_SHARES = 12,
};

struct fake_share {
	unsigned char *data;
	size_t size, has;
	bool is_there; /* complete; else half-made if there is data */
};

struct fake_server {
	struct fake_share share[FAKE_SHARES];
	struct server *server; /* of the list */
	unsigned well;         /* so many requests are answered as they should be; after those: */
	enum fault fault;      /* no reply comes, */
	bool slow;             /* as it takes too long; */
	int status;            /* or a refusal; */
	const char *nonsense;  /* or this with a status of 200; */
	bool held;             /* or nothing yet; */
	bool once;             /* but that one time only */
	bool full, read_only;  /* no room; nothing is written to what is there */
	size_t cut;            /* bytes that replies with parts of shares lack at their end */
	size_t more;           /* that they have behind it */
	uint64_t takes_ms;     /* the clock moves so far before each answer */
};

struct fake_servers {
	struct server list[FAKE_SERVERS];
	struct servers servers;
	struct fake_server at[FAKE_SERVERS]; /* by rank */
	uint16_t order[FAKE_SERVERS];        /* the number of each rank */
	struct cap cap;
	unsigned char index[CAP_KEY_SIZE];
	struct store *store;
	struct health *health; /* of the store; NULL: it keeps none */
	struct bytes log;
	const void *contents; /* what the gateway has; NULL: it is away */
	size_t size;
	bool gateway_held; /* it does not answer yet */
	unsigned gateway;  /* requests of it */
	struct bytes reply;
	/* Of the call: */
	struct bytes got;
	bool ended;
	unsigned ends;
	struct store_reply end;
};

/* Opens the store; `options` may be set but for gateway, servers and secret.  The cap names what
 * the servers may be asked for. */
void fake_servers_open(struct fake_servers *fake, const struct cap *cap,
		       const struct direct_options *options);
void fake_servers_close(struct fake_servers *fake);

/* Gives a server a copy of a share. */
void fake_servers_give(struct fake_servers *fake, unsigned rank, unsigned number, const void *data,
		       size_t size);

/* For the calls of the store: keeps how one ended. */
struct store_then fake_servers_then(struct fake_servers *fake);

/* A store_sink that keeps what comes; its context is the struct fake_servers. */
bool fake_servers_sink(void *context, const void *data, size_t size);

/* Has the grid in trouble, as far as calls of that kind say.  To be called before these begin. */
void fake_servers_trouble(struct fake_servers *fake, enum health_work work);
bool fake_servers_in_trouble(const struct fake_servers *fake, enum health_work work);

/* Polls till the call has ended, or nothing more happens. */
void fake_servers_run(struct fake_servers *fake);

/* How many requests are in flight. */
size_t fake_servers_in_flight(const struct fake_servers *fake);

/* Polls till no request is in flight: all calls have ended. */
void fake_servers_run_all(struct fake_servers *fake);

/* Asserts what was asked since this was asked last. */
void fake_servers_asked(struct fake_servers *fake, const char *lines);
