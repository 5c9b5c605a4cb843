/*
 * The way to the grid: which gateways, what is known of their encoding and of the storage servers,
 * and how stores are opened.
 *
 * Place      options and node directory -> [setup] -> stores, verification policy.
 * Ownership  a struct setup owns everything until setup_fini; it holds the convergence secret.
 * Threads    read by anyone once loaded; setup_open_first and setup_open_next may be called from
 *            any thread.
 */
#pragma once

#include "calls/tries.h"
#include "direct/direct.h"
#include "net/pace.h"
#include "net/speed.h"
#include "node/node.h"
#include "options/connection.h"
#include "report/output.h"

#include <stdatomic.h>

struct http_watch; /* net/http.h */

struct setup {
	struct output *output;
	struct node node;
	const struct chk_params *params; /* what is known of the encoding, or NULL */
	unsigned gateways;               /* at least 1: to one grid */
	char *url[STORE_GATEWAYS_MAX];
	struct gateway_options gateway[STORE_GATEWAYS_MAX];
	struct servers servers; /* that are asked directly; may be none */
	struct habits *habits;  /* theirs, or NULL */
	bool spare; /* open files are few: stores opened from now on ask the gateway alone */
	bool without_gateway; /* it was not there at the beginning, but the servers are known */
	bool encodes;         /* files are stored there too: secrets and encoding are the node's */
	/* Why they are not, or nobody is asked; or NULL: also where none is known, or wanted. */
	const char *why_not_stored, *why_not_asked;
	struct health *health;     /* of the grid, as all stores find it */
	struct away *away;         /* of the gateways, as all who ask them find them */
	uint64_t away_ms, grid_ms; /* how long gateway and grid are waited for */
	struct pace *pace;         /* of all stores, where --bwlimit is given; else NULL */
	struct pace pace_of_all;
	struct speed speed;      /* of files, from whatever gateway */
	atomic_uint opened;      /* by setup_open_next */
	atomic_bool told_direct; /* that not everything is read past the gateway */
};

/*
 * Loads the node directory and decides on the gateways.  The secret counts when -d or
 * --convergence-file names it, or when one of the gateways is that of ~/.tahoe; so do the storage
 * servers, unless connection->no_direct or the node is not open (node/node.h).  Where these cannot
 * be loaded, a warning says so.  Faults: USAGE (no gateway named, or one twice, or too many), those
 * of node_load and of reading the file.
 */
MUST_USE enum fault setup_load(const struct connection_options *connection, struct output *output,
			       struct setup *setup, struct err *err);

/* Has stores opened from now on tell of each request, in their threads; `watch` is borrowed, NULL
 * for nobody. */
void setup_watch(struct setup *setup, const struct http_watch *watch);

/* Says in a line why the gateway does what could be done at the storage servers, if so; `stores`:
 * the run stores something. */
void setup_tell_ways(const struct setup *setup, bool stores);

/* Opens a store on the first gateway, or on each in turn. */
MUST_USE enum fault setup_open_first(struct setup *setup, struct store **store, struct err *err);
MUST_USE enum fault setup_open_next(struct setup *setup, struct store **store, struct err *err);

/*
 * Opens a store on the first gateway and asks whether that is one of Tahoe-LAFS.  Sleeps: an answer
 * that was lost is asked for again, and a proxy that says its gateway is away is waited for; but a
 * gateway that is not there at all, when nothing has been begun, is told at once, and an answer of
 * something else after ten seconds.  Where the storage servers are known, one that is not there is
 * done without: whatever needs it fails, UNAVAILABLE, when it is asked for, and setup_tries does
 * not wait for it.  Faults: UNAVAILABLE, USAGE (it is none), INSECURE.  The caller closes the store
 * in `wait`.
 */
MUST_USE enum fault setup_connect(struct setup *setup, struct store_wait *wait, struct err *err);

/* Returns tries of calls of `wait`, in one thread, as the options want them; both are borrowed. */
struct tries setup_tries(struct setup *setup, const struct store_wait *wait);

/* The same, and asks all others too, which have to be of the same grid (USAGE).  Sleeps up to ten
 * seconds more where they know different servers, or none. */
MUST_USE enum fault setup_connect_all(struct setup *setup, struct store_wait *wait,
				      struct err *err);

/* Wipes and frees.  All zeros are allowed. */
void setup_fini(struct setup *setup);
