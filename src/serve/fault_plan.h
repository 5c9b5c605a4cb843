/*
 * What is to go wrong on purpose: --fault switches, and what they mean for one request.
 *
 * Place      command line -> [fault_plan] -> http, which asks once for each request.
 * Ownership  a plan owns its rules; an action is plain data.
 * Threads    one owner at a time.
 *
 *   SPEC     = REQUEST ":" KIND ["=" ARGUMENT] [WHEN]
 *   REQUEST  = put | get | head | mkdir | mkdir-immutable | set_children | link | unlink | json
 *              | check | other | any
 *   KIND     = delay | 500 | 410 | unhappy | reset | stall | truncate | wrong-body | lie
 *              | wrong-cap | lost-reply
 *   WHEN     = "@" N | "@" N "+" | "@" N "-" M | "%" PERCENT       (none: always)
 * N counts, from 1, the requests that this rule's REQUEST means.  PERCENT is decided by a hash of
 * the count, so every run fails the same ones.  Rules add up: delay and 500 may meet.
 */
#pragma once

#include "queue/core/fault.h"

enum request_kind {
	REQUEST_PUT,   /* upload of a file, linked or not */
	REQUEST_GET,   /* bytes of a file */
	REQUEST_HEAD,  /* without bytes */
	REQUEST_MKDIR, /* t=mkdir, t=mkdir-with-children */
	REQUEST_MKDIR_IMMUTABLE,
	REQUEST_SET_CHILDREN,
	REQUEST_LINK,   /* t=uri with a cap to link */
	REQUEST_UNLINK, /* DELETE, t=unlink, t=delete */
	REQUEST_JSON,   /* t=json of a cap */
	REQUEST_CHECK,
	REQUEST_OTHER, /* status pages and all else */
	REQUEST_KIND_COUNT,
};

/* What one request suffers; all zero: nothing. */
struct fault_action {
	uint32_t delay_ms;  /* between doing it and answering */
	int status;         /* 500 or 410 instead of doing it; 0: no */
	const char *reason; /* with 500: the traceback's last line, or NULL; lives as the plan */
	bool unhappy;       /* 500 UploadUnhappinessError instead of doing it */
	bool reset;         /* upload: closed at its first bytes, undone; else in mid-reply */
	bool stall;         /* upload: done, never answered; else silence in mid-reply */
	bool truncate;      /* half of the body, with a Content-Length that agrees */
	bool wrong_body;    /* one byte of the body is another */
	bool lie;           /* 200, then Tahoe's sentence in place of the rest */
	uint32_t lie_size;  /* bytes left when the sentence begins; above 24 the rest never comes */
	bool wrong_cap;     /* a cap of the same kind that is another */
	bool lost_reply;    /* done, then closed without an answer */
};

struct fault_plan;

/* Makes a plan without rules, which is NULL.  Returns the plan with the rule `spec` added. */
MUST_USE enum fault fault_plan_add(struct fault_plan **plan, const char *spec, struct err *err);

/* Frees.  NULL is allowed. */
void fault_plan_free(struct fault_plan *plan);

/* Counts one request of `kind` and stores what is to happen to it.  NULL is allowed. */
void fault_plan_next(struct fault_plan *plan, enum request_kind kind, struct fault_action *action);

/* Returns how many requests suffered something so far.  NULL is allowed. */
uint64_t fault_plan_hits(const struct fault_plan *plan);

/* Returns the word of a spec for `kind`. */
const char *request_kind_name(enum request_kind kind);
