/*
 * Whatever a grid holds below a cap, proven without a job: each object once, however often it is
 * linked.
 *
 *   objects to come, a stack -> an inspection each, several at a time -> its children, on it
 *
 * So a tree is gone through depth first, and memory holds the siblings of where it is, and 16 bytes
 * for each object that was seen.
 *
 * Place      barge verify, barge repair -> [tree] -> a pool of src/calls.
 * Ownership  a request is borrowed until tree_free.
 * Threads    new, run and free belong to one thread, in which `ended` is called; tree_stop to any;
 *            `moved` and `open` run in lanes.
 */
#pragma once

#include "audit/audit.h"

struct tree_audit;

/* Opens the stores of a request that has no catalog.  Faults: those of `open`; NOMEM. */
MUST_USE enum fault tree_audit_new(const struct audit_request *request, struct tree_audit **tree,
				   struct err *err);

/*
 * Proves the object `root` and all below it.  Sleeps until the end.  FAULT_NONE: everything that
 * could be reached was tried, see `counts`.  CANCELLED: tree_audit_stop was called; UNAVAILABLE:
 * the gateway stayed away; NOMEM.  `counts` is filled in any case.
 */
MUST_USE enum fault tree_audit_run(struct tree_audit *tree, const struct store_node *root,
				   struct audit_counts *counts, struct err *err);

/* Has tree_audit_run end soon.  Any thread, idempotent. */
void tree_audit_stop(struct tree_audit *tree);

/* Frees.  NULL is allowed. */
void tree_audit_free(struct tree_audit *tree);
