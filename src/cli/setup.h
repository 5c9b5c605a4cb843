/*
 * The way to the grid: which gateway, what is known of its encoding, and how stores are opened.
 *
 * Place      options and node directory -> [setup] -> stores, verification policy.
 * Ownership  a struct setup owns everything until setup_fini; it holds the convergence secret.
 * Threads    read by anyone once loaded; setup_open_store may be called from lanes.
 */
#pragma once

#include "cli/options.h"
#include "net/pace.h"
#include "store/gateway.h"
#include "store/wait.h"
#include "tahoe/node.h"

struct setup {
	struct node node;
	char *url;                       /* of the gateway */
	const struct chk_params *params; /* what is known of its encoding, or NULL */
	struct gateway_options gateway;
	struct pace pace; /* of all stores, where --bwlimit is given; gateway.pace says whether */
};

/*
 * Loads the node directory and decides on the gateway.  The secret counts when -d or
 * --convergence-file names it, or when the gateway is the one of ~/.tahoe.  Faults: USAGE (no
 * gateway named), those of node_load and of reading the file.
 */
MUST_USE enum fault setup_load(const struct options *options, struct setup *setup, struct err *err);

/* Opens a store on the gateway (a lanes_options.open).  `context` is the struct setup. */
enum fault setup_open_store(void *context, struct store **store, struct err *err);

/*
 * Opens a store and asks whether a Tahoe-LAFS gateway answers.  Sleeps.  Faults: UNAVAILABLE, USAGE
 * (not one), INSECURE. The caller closes the store in `wait`.
 */
MUST_USE enum fault setup_connect(struct setup *setup, struct store_wait *wait, struct err *err);

/* Tells people that the gateway went away or is back (a lanes_options.away).  `context` is unused.
 */
void setup_tell_away(void *context, bool away);

/* Wipes and frees.  All zeros are allowed. */
void setup_fini(struct setup *setup);
