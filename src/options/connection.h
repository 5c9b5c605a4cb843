/*
 * Options of the way to the grid: which gateways, what may be read of a node, how long to wait.
 *
 * Place      one part of struct options; src/place takes it, and the engine for its waits.
 * Ownership  the texts belong to the struct options that it is a part of.
 * Threads    read by anyone once parsed.
 */
#pragma once

#include "base/text_list.h"

struct connection_options {
	char *node_directory;     /* NULL: ~/.tahoe, where it is one */
	struct text_list gateway; /* URLs as typed; none: the node's */
	struct text_list allow_plaintext;
	char *cap_file, *convergence_file; /* NULL: not given */
	bool no_direct;                    /* storage servers are left to the gateway */
	uint64_t gateway_wait_ms;          /* 300,000 */
	uint64_t grid_wait_ms;             /* 300,000 */
	uint64_t timeout_connect_ms, timeout_send_ms, timeout_wait_ms,
		timeout_receive_ms; /* 0: those of net/http.h */
	uint64_t bwlimit;           /* bytes a second, all transfers together; 0: no limit */
};
