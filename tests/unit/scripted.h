/*
 * A TCP server on loopback that answers requests from a script, and can misbehave.
 *
 * Each request that arrives, on whatever connection, takes the next step; the last step is
 * repeated.
 */
#pragma once

#include "queue/core/base.h"

enum script_then {
	THEN_KEEP,  /* the connection stays open for the next request */
	THEN_CLOSE, /* it is closed */
	THEN_RESET, /* it is reset */
	THEN_STALL, /* nothing more comes until the server is freed */
};

struct script_step {
	const char *reply; /* NULL: nothing */
	size_t size;       /* 0: strlen(reply) */
	enum script_then then;
	bool unread;         /* act as soon as the headers are there, leaving the body */
	unsigned trickle_ms; /* between pieces of the reply; 0: all at once */
	size_t piece;        /* bytes of each; 0: one */
};

struct scripted;

/* Starts a server; the steps are borrowed. */
struct scripted *scripted_new(const struct script_step *step, size_t count);

/* Answers every later request with a copy of `step`. */
void scripted_answer(struct scripted *server, struct script_step step);

/* Stops and joins all threads and frees. */
void scripted_free(struct scripted *server);

/* "http://127.0.0.1:PORT/" */
const char *scripted_url(const struct scripted *server);

/* How many requests and connections arrived so far. */
size_t scripted_requests(struct scripted *server);
size_t scripted_connections(struct scripted *server);

/* Headers, from the request line, and body of the n-th request, both NUL-terminated; stays until
 * scripted_free.  `size` may be NULL. */
const char *scripted_headers(struct scripted *server, size_t index);
const char *scripted_body(struct scripted *server, size_t index, size_t *size);
