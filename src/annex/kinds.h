/*
 * What git-annex may ask for: one row a request, with its parameters and what is answered.
 *
 * Place      annex.c looks a word up -> [kinds] -> jobs, reply.
 * Threads    constant.
 */
#pragma once

#include "annex/annex.h"

/* How a request is handled. */
enum annex_handling {
	ANNEX_AT_ONCE,   /* by the reader: nothing is asked of anybody */
	ANNEX_BY_JOB,    /* an operation, by a thread */
	ANNEX_NAMES,     /* EXPORT: names what the next request of its job means */
	ANNEX_ANSWERS,   /* to a question of ours */
	ANNEX_COMPLAINS, /* ERROR */
};

/* Which parameter is which; 0: there is none. */
struct annex_parameters {
	unsigned char count, key, file, to; /* counted from 1 */
};

struct annex_kind {
	const char *word;
	enum annex_handling handling;
	enum annex_operation operation;
	struct annex_parameters has;
	bool exports; /* the job's EXPORT belongs to it, and is needed */
	bool silent;  /* a failure has no words */
	/* What replies begin with, without -SUCCESS and -FAILURE; or of AT_ONCE the whole. */
	const char *reply;
};

/* Returns the row of a word, with "STORE" or "RETRIEVE" as `direction` where it has one; NULL:
 * nothing that is supported. */
const struct annex_kind *annex_kind_of(const char *word, const char *direction);
