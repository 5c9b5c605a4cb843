/*
 * What the parts of a put share: its servers, its shares, its requests.
 *
 * Inside: direct_put.c (which server gets what, and the ends) -> direct_put_write.c (the shares
 * themselves, from memory or as they are made) -> direct_put_request.c (requests).
 *
 * Place      inside direct/direct only.
 */
#pragma once

#include "direct/allocation.h"
#include "direct/direct_put.h"
#include "direct/placement.h"
#include "tahoe/chk_share.h"

enum {
	PUT_CREATED = 201,   /* the share is complete */
	PUT_NOT_OURS = 401,  /* it is half-made with another secret */
	PUT_NOT_THERE = 404, /* and not half-made either */
};

/* What is asked of a server. */
struct put_question {
	enum http_method method;
	unsigned place, share;
	bool allocates; /* room for shares; else it is about the one share: */
	bool aborts;
	const void *data;
	size_t size;
	uint64_t offset; /* of the data in the share */
	http_done *done; /* gets the struct put_request */
};

struct put_request {
	struct direct_put *put;
	struct put_request *next; /* in the queue */
	bool busy;                /* in the queue or in flight */
	struct http_call *http;   /* NULL: not begun */
	struct put_question question;
	unsigned char body[ALLOCATION_MAX]; /* of a question for room */
};

struct direct_put {
	struct direct_own own;
	struct store_body body;
	struct cap cap;
	unsigned char index[CAP_KEY_SIZE]; /* storage index */
	uint64_t share_size;
	unsigned char header[CHK_HEADER_MAX]; /* of all shares that are made while they are sent */
	size_t header_size;
	uint16_t server[PLACEMENT_SERVERS_MAX];
	struct placement complete;            /* shares that servers have */
	struct placement expected;            /* these, and those they will have if all goes well */
	struct placement half;                /* shares that may be half-made */
	uint16_t to[ERASURE_BLOCKS_MAX];      /* where each share may go, while that is asked */
	bool room[ERASURE_BLOCKS_MAX];        /* there is room for it */
	uint16_t at[ERASURE_BLOCKS_MAX];      /* where each is written; PLACEMENT_NONE: nowhere */
	uint64_t has[ERASURE_BLOCKS_MAX];     /* so many bytes are there */
	unsigned waiting;                     /* requests that are busy */
	void (*step)(struct direct_put *put); /* goes on when all have ended */
	struct err local; /* why the body is not to be had; the gateway cannot have it either */
	bool given_up;    /* the gateway is to put the file */
	bool begun;
	/* Writing: */
	bool writing;
	bool lost;                     /* some share, since that was looked at */
	const struct slab *slab;       /* whose rows are sent; NULL: none is there */
	bool sent[ERASURE_BLOCKS_MAX]; /* of its rows, those that need no more */
	struct slab whole;             /* of shares in memory */
	uint64_t row_ms;               /* the longest time that a row has taken */
	unsigned passes;
	struct put_request request[]; /* one a share */
};

static inline struct direct_server *put_server(const struct direct_put *put, unsigned place)
{
	return &put->own.direct->server[put->server[place]];
}

static inline unsigned put_count(const struct direct_put *put) { return put->complete.shares; }

/* ---- direct_put_request.c ---- */

/* Has a question asked, once whatever was called back is over. */
void put_ask(struct put_request *request, const struct put_question *question);

/* Starts what is in the queue.  To be called at the end of whatever was called back. */
void put_ask_queued(struct direct *direct);

/* Notes that a request has ended, and what that says of its server. */
struct direct_put *put_answered(struct put_request *request, const struct http_reply *reply);

/* Ends a request without an answer, or all of a put. */
void put_drop(struct put_request *request);
void put_drop_all(struct direct_put *put);

/* ---- direct_put.c ---- */

/* Decides anew which server gets which share: some have found no place. */
void put_plan(struct direct_put *put);

/* Whether shares that lie so are a file: enough of them, and spread over enough servers. */
bool put_is_spread(const struct direct_put *put, const struct placement *placement);

/* Notes that the share will not be written where it was meant to be. */
void put_lose(struct direct_put *put, unsigned share);

/* Ends the put: what is half-made is aborted first. */
void put_finish(struct direct_put *put);

/* ---- direct_put_write.c ---- */

/* Writes all shares that have a place. */
void put_write(struct direct_put *put);

/* Goes on with it: the body has more, or a server has been looked at. */
void put_write_on(struct direct_put *put);

/* Looks for a server that is far slower than the others: then the put is due. */
void put_watch(struct direct_put *put);
