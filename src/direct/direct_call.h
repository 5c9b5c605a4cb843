/*
 * What the parts of the direct store share: the servers, a file's shares, one call.
 *
 * A call goes through three steps, each in a file of its own: direct_search.c finds k shares,
 * direct_open.c proves the hash tree, direct_read.c brings the segments.  Whichever fails ends in
 * direct_give_up, and the gateway brings what is missing.
 *
 * Place      inside direct/direct only.
 */
#pragma once

#include "direct/direct.h"
#include "net/http.h"
#include "net/http_peer.h"
#include "store/backend.h"
#include "tahoe/chk.h"
#include "tahoe/erasure.h"

enum {
	DIRECT_AWAY_MS = 300000,    /* a server that fails is left alone, twice as long each time */
	DIRECT_AWAY_TIMES = 8,      /* that this doubles: to 21 hours */
	DIRECT_DOUBTS_MAX = 3,      /* shares of a server in a row that were no good */
	DIRECT_SEARCH_MS = 20000,   /* for all rounds of a search */
	DIRECT_REQUESTS_MAX = 64,   /* in flight in one store: as many connections are kept */
	DIRECT_WAIT_MS = 15000,     /* for a server's first byte; Tahoe waits as long */
	DIRECT_SMALL = 128 << 10,   /* bytes of a file whose shares are read whole */
	DIRECT_TREE_MAX = 16 << 20, /* bytes behind the data of a share: a file of 64 GiB */
	DIRECT_STRIPE = 4 << 20,    /* bytes of a file asked for at once */
	DIRECT_RECENT = 8,          /* files whose shares are remembered */
};

struct direct_server {
	struct http_peer *peer;
	uint64_t away_until_ms; /* clock_ms; 0: it is there */
	unsigned failures;      /* times that it was found away since it answered last */
	unsigned doubts;        /* shares that were no good since the last that was */
};

/* Where k shares of a file are, once its hash tree is proven. */
struct direct_shares {
	unsigned refs;
	struct cap cap;
	unsigned char index[CAP_KEY_SIZE]; /* storage index */
	unsigned found;                    /* k of them, in the end */
	uint16_t server[ERASURE_BLOCKS_MAX];
	unsigned char number[ERASURE_BLOCKS_MAX];
	uint32_t segment_size; /* the largest, that the layout is made of */
	struct chk_layout layout;
	struct chk_checker *checker; /* NULL: not proven yet */
	struct erasure *erasure;     /* NULL: shares 0..k-1, in order */
};

struct direct {
	struct store base; /* first: a struct store is a struct direct; the gateway is behind it */
	const struct servers *servers;
	struct direct_server *server;
	struct direct_call *in_flight;
	unsigned requests; /* in flight */
	struct direct_shares *recent[DIRECT_RECENT];
	unsigned oldest;
	struct chk_cipher cipher;
};

/* A part of a share on its way, or a question for a server's shares. */
struct direct_request {
	struct direct_call *call;
	struct http_call *http; /* NULL: not in flight */
	unsigned server;
	unsigned char *into; /* room for `size` bytes, in the call's buffer */
	size_t size, got;
	bool refused; /* more came than that */
};

struct direct_call {
	struct direct *direct;
	struct direct_call *next;
	struct direct_call **back;
	struct store_then then;
	struct cap cap;
	uint64_t offset, at, end; /* of the file: delivered so far is what lies before `at` */
	bool whole;               /* asked for without a range */
	bool starting;            /* not handed out yet: `done` is not to be called */
	bool given_up;
	store_sink *sink;
	void *sink_context;
	struct store_call *gateway; /* brings the rest */
	struct direct_shares *shares;
	uint16_t *order; /* of the servers, while shares are looked for */
	size_t asked;    /* of them */
	uint64_t search_ends_ms;
	struct direct_request *request;           /* k of them */
	unsigned waiting;                         /* how many are in flight */
	void (*step)(struct direct_call *call);   /* all have ended; bytes have come */
	void (*failed)(struct direct_call *call); /* one has not brought its bytes */
	unsigned char *buffer;                    /* room for k requests, `stride` bytes each */
	size_t buffer_size, stride;
	unsigned char *segment; /* of k blocks */
	uint64_t first, count;  /* segments that are asked for */
};

/* ---- direct.c ---- */

/* Ends the attempt; the gateway brings what is missing. */
void direct_give_up(struct direct_call *call);

/* Ends the call: everything was delivered, or `err` says why not. */
void direct_end(struct direct_call *call, const struct err *err);

/* Keeps proven shares for the next calls, in place of older ones. */
void direct_remember(struct direct *direct, struct direct_shares *shares);

/* Notes how a request to the server ended: one that fails is left alone for a while, since the
 * gateway knows how to do without it. */
void direct_judge_server(struct direct *direct, unsigned server, enum fault fault);

/* Notes that a part of each share in use was no good, or that all were. */
void direct_doubt(struct direct_call *call);
void direct_trust(struct direct_call *call);

/* Whether the server is to be asked now. */
bool direct_server_answers(const struct direct *direct, unsigned server);

/* ---- direct_request.c: in slots, 0..k-1 ---- */

/* Makes room for `size` bytes in each of the first slots.  False: no memory. */
bool direct_make_room(struct direct_call *call, unsigned slots, size_t size);

/* Asks a server which shares of the file it has.  False: it could not begin. */
bool direct_ask_numbers(struct direct_call *call, unsigned slot, unsigned server);

/* Asks for bytes of the share of the slot, as many as there is room.  False: it could not begin. */
bool direct_ask_bytes(struct direct_call *call, unsigned slot, uint64_t offset);

/* Ends what is in flight. */
void direct_cancel_requests(struct direct_call *call);

/* ---- the steps; each goes on to the next, or gives up ---- */

/* Looks for k shares. */
void direct_search(struct direct_call *call);

/* Takes what a server says of its shares. */
void direct_search_take(struct direct_call *call, unsigned server, const void *data, size_t size);

/* Goes on with the next server that may have the only share of a 1-of-1 file.  False: none. */
bool direct_guess(struct direct_call *call);

/* Proves the hash tree of the shares that were found. */
void direct_open_shares(struct direct_call *call);

/* Brings what comes next, or ends the call. */
void direct_read_on(struct direct_call *call);

/* Delivers the segments that were asked for, which begin `skip` bytes into the room of each slot;
 * goes on reading. */
void direct_deliver(struct direct_call *call, size_t skip);
