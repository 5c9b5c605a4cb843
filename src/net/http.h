/*
 * HTTP requests to one gateway and to peers beside it, many at a time, in one thread.
 *
 * One struct http holds a libcurl multi handle and its easy handles, which are used again.  What is
 * started for the gateway is on the wire, so the caller limits how many.  Requests to peers take
 * turns: as many are on the wire as connections can be kept, over all and for each peer, because a
 * new connection costs a peer more than most requests do; the others wait here, first come first
 * served, and no limit of time runs meanwhile.  When a peer turns out to be lost (no connection, no
 * whole reply), those that wait for it end in the same way at once.
 * Each phase of a request (connect, send, wait, receive) has its own limit, because libcurl's
 * low-speed limits also count the time in which the other side thinks.  What a pace holds back is
 * paused until it is due, and that time counts for no limit.
 *
 * Inside: http.c (the client, its poll and its watchdog) -> http_call.c (one request: what libcurl
 * is told, and what it calls back) -> http_fault.c (what its end means).  Beside them http_turn.c
 * (whose turn it is), url.c (base URLs), http_peer.c (servers known by their key) and pace.c
 * (--bwlimit).
 *
 * Place      store/gateway -> http -> libcurl.
 * Ownership  strings of a request are copied; body memory and callback contexts are borrowed until
 *            `done` has returned or http_cancel.  A struct http_call belongs to the struct http and
 *            is dead once `done` is called.
 * Threads    one thread owns a struct http; only http_wake may be called from others.  Callbacks
 *            run in http_poll.  `done` may start and cancel requests; `read`, `rewind` and `sink`
 *            must not call anything here but http_pause.
 */
#pragma once

#include "net/pace.h"
#include "net/url.h"

enum {
	HTTP_CONNECT_MS = 10000, /* defaults of the limits */
	HTTP_SEND_MS = 60000,
	HTTP_WAIT_MS = 60000,
	HTTP_RECEIVE_MS = 60000,
	HTTP_SLOW_BYTES = 4096,    /* less than this in a whole send or receive limit is too slow */
	HTTP_ONE_SEND_MAX = 65536, /* bytes of a body that leaves together with its headers */
	HTTP_HEADERS_MAX = 65536,  /* bytes of all headers of a reply */
	HTTP_ERROR_BODY_MAX = 8192,    /* bytes kept of the end of an error reply */
	HTTP_ERROR_READ_MAX = 1 << 20, /* bytes of an error reply; one that is longer is ended */
	HTTP_RETRY_AFTER_MAX_MS = 300000,
};

struct http_options {
	const char *base_url;   /* see url_parse */
	const char *plain_host; /* a host plain http is allowed to; NULL: loopback only */
	uint32_t connect_ms, send_ms, wait_ms, receive_ms; /* 0: the defaults above */
	uint32_t connections; /* kept alive between requests, and in use by peers; 0: 64 */
	struct pace *pace;    /* of all bodies, in both directions; borrowed; NULL: no limit */
	const struct http_watch *watch; /* borrowed; NULL: nobody does */
};

/* How slow a reply may be on the whole.  Borrowed by requests and read while they run, so that it
 * may follow what others do.  Time in which a reply is held back on this side does not count. */
struct http_floor {
	uint64_t wait_ms;  /* for its first byte, where that is below the other limits; 0: those */
	uint64_t grace_ms; /* from its first byte on, before it is judged */
	uint64_t bps;      /* bytes a second that must have come since the grace */
};

struct http_peer; /* net/http_peer.h */

/* How long a request was in its phases, once it has ended. */
struct http_phases {
	const char *base;    /* where it went: its URL; lives until the callback returns */
	bool to_peer;        /* not to the gateway */
	bool reads;          /* HTTP_GET */
	uint64_t started_us; /* of http_clock_us */
	uint64_t connect_us, send_us, wait_us, receive_us;
	uint64_t held_us; /* not among these: this side had nothing to send, or took nothing */
	uint64_t bytes;   /* of both bodies */
};

/* Hears of each request that ends, before its `done`. */
struct http_watch {
	void (*ended)(void *context, const struct http_phases *phases);
	void *context;
};

/* Microseconds of the monotonic clock. */
uint64_t http_clock_us(void);

enum http_method {
	HTTP_GET,
	HTTP_PUT,
	HTTP_POST,
	HTTP_PATCH,
	HTTP_DELETE,
};

enum http_flags {
	/* For calls that must not run twice: libcurl repeats a request when a kept connection turns
	 * out dead, never on a fresh one. */
	HTTP_FRESH = 1u << 0,
};

/* What a read callback returns instead of a count of bytes. */
#define HTTP_READ_PAUSE SIZE_MAX       /* nothing now; http_resume comes later */
#define HTTP_READ_ABORT (SIZE_MAX - 1) /* nothing any more: ends as FAULT_CANCELLED */

/* Writes 1..`size` bytes of the body into `buffer` and returns how many, or a value above.  Is not
 * called for more than the body's size in all. */
typedef size_t http_read(void *context, void *buffer, size_t size);

/* Goes back to the first byte of the body.  False when it is not to be had any more, which ends the
 * attempt as FAULT_RETRY. */
typedef bool http_rewind(void *context);

/* Takes bytes of the body of a 2xx reply.  False ends the request as FAULT_CANCELLED. */
typedef bool http_sink(void *context, const void *data, size_t size);

/* A body: `data`, or `read` and `rewind`.  All zeros: none. */
struct http_body {
	const void *data; /* `size` bytes; NULL when there is `read` or nothing */
	uint64_t size;    /* exact */
	http_read *read;
	http_rewind *rewind; /* NULL: cannot go back */
	void *context;       /* of both */
};

/* How a request ended; everything in it lives until `done` returns. */
struct http_reply {
	enum fault fault; /* same as err.fault; FAULT_NONE for a whole 2xx reply */
	struct err err;   /* the text never holds the path or the reply */
	int status;       /* 0: no status line came */
	bool answered;    /* some byte of a reply came, if only garbage */
	bool complete;    /* a whole reply with a status came, whatever it says */
	bool html;        /* its Content-Type is that of a page */
	bool twisted;     /* its Server header names the server that Tahoe-LAFS is built on */
	const char
		*body; /* 2xx without sink: the whole body.  Error: the end of it.  NUL follows. */
	size_t body_size;
	int64_t content_length; /* as the header says, or -1 */
	uint64_t received;      /* bytes of the body, given to the sink or kept */
	uint64_t took_ms;       /* since its turn; 0: that did not come */
	uint64_t range_start;   /* of Content-Range in a 206 */
	uint64_t range_total;   /* of Content-Range in a 206, 0 unknown */
};

typedef void http_done(void *context, const struct http_reply *reply);

struct http_request {
	enum http_method method;
	unsigned flags;            /* enum http_flags */
	struct http_peer *peer;    /* where it goes; borrowed; NULL: the gateway */
	const char *const *header; /* for a peer, beside its own: lines "NAME: VALUE"; copied */
	size_t header_count;
	const char *path; /* below the base, no leading "/", with its query; sent as it is */
	bool json;        /* the body is application/json, else application/octet-stream */
	struct http_body body;
	bool ranged;             /* ask for `length` bytes from `offset` */
	uint64_t offset, length; /* length at least 1 */
	uint64_t wait_ms; /* limit of wait and receive, where it is below those of the options */
	uint64_t wait_more_ms;          /* on top of the wait limit, for large bodies */
	const struct http_floor *floor; /* NULL: any speed that is no silence */
	http_sink *sink;                /* NULL: the body is kept */
	size_t reply_max;               /* bytes kept; more is FAULT_TOO_LARGE */
	http_done *done;                /* called once, unless cancelled */
	void *context;                  /* of sink and done */
};

struct http;
struct http_call;

/*
 * Prepares the process: takes proxy and key-log variables out of the environment and initializes
 * libcurl.  Once, in main, before there are threads.
 */
MUST_USE enum fault http_global_init(struct err *err);

/* Makes a client of the gateway at options->base_url.  Connects to nothing.  FAULT_USAGE,
 * FAULT_INSECURE (see url_parse), FAULT_NOMEM. */
MUST_USE enum fault http_open(const struct http_options *options, struct http **http,
			      struct err *err);

/* Cancels what is in flight and frees everything.  NULL is allowed. */
void http_close(struct http *http);

/* How long the first byte of a reply may take where `wanted_ms`, 0 for no wish, is given for it:
 * never longer than the options say. */
uint64_t http_wait_limit(const struct http *http, uint64_t wanted_ms);

/* Starts a request.  Returns NULL and fills `err` when it cannot: FAULT_NOMEM, FAULT_USAGE. */
struct http_call *http_start(struct http *http, const struct http_request *request,
			     struct err *err);

/*
 * Moves bytes and runs callbacks; sleeps up to `timeout_ms` when there is nothing to do.  Returns
 * how many requests ended.  Returns early after http_wake.
 */
size_t http_poll(struct http *http, uint32_t timeout_ms);

/* Ends the present or next sleep of http_poll.  Any thread. */
void http_wake(struct http *http);

/* Has the sink get no more bytes after those that it is being given, until http_resume.  No limit
 * runs meanwhile.  Inside `sink` too. */
void http_pause(struct http_call *call);

/* Lets a paused body be read, or a paused reply go on in the next http_poll.  Harmless when nothing
 * is paused.  Not inside callbacks other than `done`. */
void http_resume(struct http_call *call);

/* Ends the request without calling `done`; its connection is closed.  Not inside callbacks other
 * than `done`. */
void http_cancel(struct http_call *call);

/* Returns for how long the request has been on the wire; 0: it waits for its turn. */
uint64_t http_running_ms(const struct http_call *call);

/* Returns how many requests are started and not ended. */
size_t http_in_flight(const struct http *http);

/* Returns the base URL with its final "/". */
const char *http_base(const struct http *http);

/* Returns the fault a reply of `status` means by itself; FAULT_NONE for 2xx. */
enum fault http_status_fault(int status);
