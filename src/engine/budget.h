/*
 * The budget: how many files each room of a run may have open, so that no file of the user's ever
 * fails because of our own limit.
 *
 *   what is left of RLIMIT_NOFILE -> [budget] -> readers, directories kept open, arrivals, requests
 *
 * Fewer at a time is only slower.  Where even one of each does not fit, nothing is begun.
 *
 * Place      engine_start asks, before it starts anything.
 * Threads    pure.
 */
#pragma once

#include "queue/core/fault.h"

/* What a run would like, by its options. */
struct budget_wish {
	unsigned readers;                /* threads; 0: none is needed */
	unsigned comparers;              /* threads that compare files at the target */
	unsigned transfers, directories; /* requests in flight; 0: no grid is asked */
	unsigned modest_transfers;       /* of them: what is beyond gives way first; at least one
					    for each gateway */
	unsigned gateways;               /* each wants at least one of both */
	unsigned stores;                 /* that send them, beside the planner's */
	bool direct;                     /* storage servers are asked themselves */
	bool replicas; /* readers read files of a grid, with stores of their own */
	bool to_local;
};

struct budget {
	unsigned readers, comparers;
	unsigned
		lookers; /* threads that look again before a job goes on, while nothing else runs */
	unsigned source_dirs; /* kept open by each reader */
	unsigned walk_dirs;   /* by the planner */
	unsigned target_dirs; /* by each of those who write at a local target */
	unsigned arrivals;    /* files being written there */
	unsigned transfers, directories;
	bool direct;
};

/* Divides `left` descriptors.  FAULT_NOMEM: not even one of each could be had; `err` says how many
 * that takes. */
MUST_USE enum fault budget_divide(const struct budget_wish *wish, unsigned left,
				  struct budget *budget, struct err *err);
