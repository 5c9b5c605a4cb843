/*
 * Which storage server gets which share of a file, and whether enough of them have one.
 *
 * Servers are numbered in the order in which the file's shares are placed, most wanted first.  What
 * is there already counts.  A file is spread as well as the number of servers that could each give
 * another share: the size of a maximum matching of servers and shares, which Tahoe calls the
 * servers of happiness.
 *
 *   placement_init -> placement_plan -> ask the servers -> placement_hold, placement_refuse
 *                        ^                                     |
 *                        '--------- something is planned <-----'   -> placement_happiness
 *
 * Place      inside direct/direct: what its uploads decide by.
 * Ownership  plain data.
 * Threads    one owner at a time.
 *
 * Source: tahoe-lafs 1.20.0 docs/specifications/servers-of-happiness.rst.
 */
#pragma once

#include "tahoe/erasure.h"

enum {
	PLACEMENT_SERVERS_MAX = 2 * ERASURE_BLOCKS_MAX, /* Tahoe asks twice as many as shares */
	PLACEMENT_NONE = PLACEMENT_SERVERS_MAX,         /* no server */
};

struct placement {
	unsigned shares, servers;
	bool refuses[PLACEMENT_SERVERS_MAX]; /* gets nothing more */
	/* Which shares each one has, a bit a share, and which it has that are no good. */
	uint64_t has[PLACEMENT_SERVERS_MAX][ERASURE_BLOCKS_MAX / 64];
	uint64_t damaged[PLACEMENT_SERVERS_MAX][ERASURE_BLOCKS_MAX / 64];
};

/* Begins with nothing placed.  1 <= shares <= ERASURE_BLOCKS_MAX, servers <= PLACEMENT_SERVERS_MAX.
 */
void placement_init(struct placement *placement, unsigned shares, unsigned servers);

/* Notes that the server has the share, or that it has to be done without the server: full,
 * read-only or gone.  What that one has still counts. */
void placement_hold(struct placement *placement, unsigned server, unsigned share);
void placement_refuse(struct placement *placement, unsigned server);

/* Notes that what a server has of a share is no good: it counts as not there, and the server is
 * never to get it. */
void placement_spoil(struct placement *placement, unsigned server, unsigned share);

/* Notes that a share is not at the server after all. */
void placement_lose(struct placement *placement, unsigned server, unsigned share);

bool placement_has(const struct placement *placement, unsigned server, unsigned share);

/*
 * Stores the server that each share is to be put to, PLACEMENT_NONE for one that has its place or
 * finds none.  A server gets a second share only when each that takes one has one.  Returns how
 * many are to be put.
 */
unsigned placement_plan(const struct placement *placement, uint16_t to[ERASURE_BLOCKS_MAX]);

/* Returns the servers of happiness. */
unsigned placement_happiness(const struct placement *placement);

/* Returns how many different shares are placed. */
unsigned placement_placed(const struct placement *placement);
