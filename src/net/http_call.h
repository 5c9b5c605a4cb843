/*
 * What the parts of net/http share: the client, one call, and the phases it passes.
 *
 *   CONNECT --on_connected--> SEND --all of the body is gone--> WAIT --on_header--> RECEIVE -> done
 *     ^
 *     '-- its turn (http_turn.c), where it goes to a peer that has enough to do
 *
 * Each phase has a limit of time, which begins anew while bytes move; connecting has libcurl's own.
 *
 * Place      inside net/http only.
 */
#pragma once

#include "base/bytes.h"
#include "net/http.h"
#include "net/http_peer.h"

#include <curl/curl.h>

enum { PEER_CONNECT_MS = 5000 /* at most: there is another way than this one */ };

enum http_phase {
	PHASE_CONNECT, /* libcurl's own limit */
	PHASE_SEND,
	PHASE_WAIT,
	PHASE_RECEIVE,
};

/* Why a call was ended by us and not by the other side. */
enum http_stop {
	STOP_NONE,
	STOP_READ,      /* the read callback gave up, or came short */
	STOP_REWIND,    /* the body cannot be sent again */
	STOP_SINK,      /* the sink refused */
	STOP_TOO_LARGE, /* the reply passed its maximum */
	STOP_HEADERS,   /* the headers passed theirs */
	STOP_ENDLESS,   /* the text of an error did */
	STOP_NOMEM,
	STOP_RANGE,  /* another part than asked for */
	STOP_PEER,   /* plain http, and the peer is not on this machine */
	STOP_GONE,   /* the connection was lost before it had an end to name */
	STOP_SILENT, /* the watchdog */
	STOP_SLOW,   /* likewise: below the floor of the request */
};

struct http_call {
	struct http *http;
	struct http_call *next, *previous; /* in flight, or waiting; or next in the idle list */
	bool waits;                        /* for its turn: libcurl does not know of it yet */
	bool in_vain;                      /* and its peer is lost meanwhile */
	uint64_t begun_ms;                 /* its turn */
	CURL *easy;
	struct http_request request; /* path is gone */
	/* Where there is a watch: begun; all of the body handed over; the reply's first line. */
	uint64_t started_us, sent_us, replied_us;
	uint64_t held_us,
		held_since_us;  /* likewise: held back by body or sink; since; 0: it is not */
	uint64_t body_sent;     /* bytes handed to libcurl since the last rewind */
	bool paused;            /* by the body */
	bool full;              /* http_pause: the sink is to get nothing */
	int held;               /* CURLPAUSE_ bits: until `due_ms`, and while it is full */
	uint64_t asked, due_ms; /* bytes the pace was asked for, and from when they may move */
	uint64_t credit;        /* bytes that may move */
	enum http_stop stop;
	enum http_phase phase;
	uint64_t since_ms; /* of the phase or of the last progress; 0: the watchdog sets it */
	uint64_t mark;     /* bytes sent or received at since_ms */
	uint64_t judged_ms,
		receiving_ms; /* for the floor: last look; time of receiving till then */
	int status;
	size_t header_bytes;
	bool headers_whole; /* the blank line behind them came */
	bool html, twisted; /* see struct http_reply */
	uint64_t received, range_start, range_total;
	struct bytes kept;
	struct curl_slist *headers; /* of this request to a peer, secret; NULL: its peer's */
	long buffer_size;           /* as set in `easy` */
};

/* Calls of one client; a call is in one list at most. */
struct http_list {
	struct http_call *first, *last;
	size_t count;
};

struct http {
	CURLM *multi;
	struct url url;
	struct http_options options;   /* strings are gone; zeros are replaced */
	struct curl_slist *headers[3]; /* by enum http_headers */
	struct http_list in_flight;    /* newest first */
	struct http_list waiting;      /* for a peer, oldest first */
	struct http_call *idle;
	unsigned peers_busy;  /* those in flight that go to peers */
	struct bytes scratch; /* a URL; wiped after use */
	uint32_t tick_ms;     /* between looks of the watchdog */
	uint64_t looked_ms;
	bool holding;  /* some call may be held */
	bool any_peer; /* https, or a plain host that the user allows */
};

struct http_peer {
	struct url url;
	char *pin;
	struct curl_slist *headers; /* of every request; secret */
	unsigned connections, busy; /* at most, 0: any number; requests in flight */
};

/* Appends a line.  False: no memory, and the list is as it was. */
bool http_headers_add(struct curl_slist **headers, const char *line);

/* Wipes and frees.  NULL is allowed. */
void http_headers_free(struct curl_slist *headers);

enum http_headers {
	HEADERS_NONE,
	HEADERS_OCTETS,
	HEADERS_JSON,
};

/* ---- http_turn.c: requests to peers take turns, so that connections are kept ---- */

/* Puts a call that is in no list behind `after`, NULL: first; or takes it out of its list. */
void http_list_add(struct http_list *list, struct http_call *after, struct http_call *call);
void http_list_remove(struct http_list *list, struct http_call *call);

/* Whether the call may begin. */
bool http_turn_is_there(const struct http_call *call);

/* The call is in flight from now on, or no more. */
void http_turn_take(struct http_call *call);
void http_turn_end(struct http_call *call);

/* The call waits, or waits no more. */
void http_turn_wait(struct http_call *call);
void http_turn_wait_no_more(struct http_call *call);

/* Returns the one that has waited longest of those that may begin; NULL: none. */
struct http_call *http_turn_next(const struct http *http);

/* Where `reply` says that the peer of `call` is lost, notes that those who wait for it do so in
 * vain.  False: nobody does. */
bool http_turn_doom(const struct http_call *call, const struct http_reply *reply);

/* ---- http_call.c ---- */

/* Makes a call with an easy handle whose lasting options are set.  NULL: no memory. */
struct http_call *http_call_new(struct http *http);

/* Wipes and frees the headers that only this request had. */
void http_call_drop_headers(struct http_call *call);

/* Frees it.  It is not in the multi handle. */
void http_call_free(struct http_call *call);

/* Sets what `request` asks for. */
MUST_USE enum fault http_call_prepare(struct http_call *call, const struct http_request *request,
				      struct err *err);

/* Returns the limit for its connection to stand. */
static inline uint32_t http_call_connect_ms(const struct http_call *call)
{
	uint32_t limit_ms = call->http->options.connect_ms;
	return call->request.peer && limit_ms > PEER_CONNECT_MS ? PEER_CONNECT_MS : limit_ms;
}

/* Whether the body leaves in one send with the headers. */
static inline bool http_call_one_send(const struct http_call *call)
{
	const struct http_body *body = &call->request.body;
	size_t most = call->http->options.pace ? 0 : HTTP_ONE_SEND_MAX;
	return !body->read && body->size <= most;
}

/* Body or sink hold the call back from now on, or no more. */
void http_call_hold_begin(struct http_call *call);
void http_call_hold_end(struct http_call *call);

/* Tells libcurl what is paused now.  Bytes that it has kept may reach the callbacks meanwhile. */
CURLcode http_call_pause(struct http_call *call);

/* False when a part was asked for and the 2xx reply is not one that begins there. */
static inline bool http_call_right_range(const struct http_call *call)
{
	return !call->request.ranged ||
	       (call->status == 206 && call->range_start == call->request.offset);
}

/* Leaves HTTP_ERROR_BODY_MAX bytes of the end of an error's text. */
void http_call_trim_error(struct http_call *call);

/* Fills `reply` after libcurl ended the transfer with `code`, or with call->stop. */
void http_call_judge(struct http_call *call, CURLcode code, struct http_reply *reply);

/* Looks at one call; true when it was silent for too long, `call->stop` is set then. */
bool http_call_silent(struct http_call *call, uint64_t now_ms);
