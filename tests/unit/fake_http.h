/*
 * HTTP without a network: linked in place of net/http.c, where each request ends as a function of
 * the test says.
 *
 * Requests are answered in http_poll, in the order in which they were started.  A body comes to
 * its sink in two pieces.
 */
#pragma once

#include "net/http.h"

struct fake_answer {
	enum fault fault; /* no reply came, for this reason; */
	bool slow;        /* it took too long */
	bool held;        /* nothing comes in this poll */
	int status;
	const void *body; /* lent till the function is called again */
	size_t size;
};

/* Fills the answer, which is all zeros, to a request at a port of its peer; 0: of the gateway. */
typedef void fake_answering(void *context, const struct http_request *request, uint16_t port,
			    struct fake_answer *answer);

/* Has all requests answered so, of whatever client. */
void fake_http_set(fake_answering *answering, void *context);
