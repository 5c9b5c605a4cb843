/*
 * Requests over HTTP: from libmicrohttpd's callbacks to a handler, and its reply back.
 *
 * Place      serve -> [http] -> the handlers http_*.c -> grid.
 * Ownership  a request owns its body, path and reply; it lives from its first line to the end of
 *            its reply.  A gateway outlives its requests.
 * Threads    everything runs in libmicrohttpd's one thread.
 */
#pragma once

#include "serve/fault_plan.h"
#include "serve/folder.h"
#include "serve/in_flight.h"
#include "serve/path.h"
#include "serve/waits.h"

#include <microhttpd.h>

enum {
	STATUS_CLASSES = 6,       /* 0: closed without an answer */
	QUERY_SIZE = 64,          /* bytes of a short query value with its NUL */
	URI_SIZE_MAX = 16 * 1024, /* Twisted's limit; a longer request is dropped */
};

struct embedded {
	struct folder folder;
	struct fault_plan *plan;
	struct in_flight flights;
	struct waits *waits;
	uint64_t started_ms;
	char server[48]; /* name of its one storage server: another one for each folder */
	uint64_t requests[REQUEST_KIND_COUNT];
	uint64_t replies[STATUS_CLASSES];   /* by the first digit of the status */
	uint64_t under_way, most_under_way; /* requests, from their headers to their end */
	uint64_t body_in, body_out;         /* bytes */
	uint64_t files, directories;        /* made: new shares, new mutable directories */
};

enum reply_ending {
	ENDING_WHOLE, /* all bytes come */
	ENDING_RESET, /* the connection is closed at `ends_at` */
	ENDING_STALL, /* nothing comes after `ends_at` */
	ENDING_LIE,   /* Tahoe's sentence comes at `ends_at`, and then nothing */
};

struct reply {
	int status;
	const char *type; /* Content-Type */
	struct bytes body;
	struct download_reply *download; /* instead of body, or NULL */
	uint64_t start, size;            /* the part of the download or body that is sent */
	char content_range[80];          /* or "" */
	char etag[40];                   /* or "" */
	bool ranges;                     /* Accept-Ranges: bytes */
	enum reply_ending ending;
	uint64_t ends_at, flip_at; /* in bytes of what is sent; UINT64_MAX: never */
};

enum request_state {
	REQUEST_RECEIVING,
	REQUEST_DONE, /* the reply is known */
};

struct request {
	struct embedded *gateway;
	struct MHD_Connection *connection; /* set with the headers */
	const char *method;
	char *url; /* path, as sent, without the query */
	bool too_long;
	bool started;
	enum request_kind kind;
	enum request_state state;
	struct path path;
	char t[QUERY_SIZE]; /* the t= argument, "" without */
	struct spool body;
	struct fault_action action;
	uint64_t arrival; /* of in_flight */
	struct in_flight_mark mark;
	bool marked;
	struct reply reply;
	enum fault fault; /* the first thing that went wrong, with `err` */
	struct err err;
};

/* A handler fills the reply (status 200, text/plain, empty) or returns a fault with `err`. */
typedef enum fault handler(struct request *request, struct err *err);

/* libmicrohttpd's callbacks; `cls` is the gateway. */
void *http_uri(void *cls, const char *uri, struct MHD_Connection *connection);
enum MHD_Result http_access(void *cls, struct MHD_Connection *connection, const char *url,
			    const char *method, const char *version, const char *data, size_t *size,
			    void **context);
void http_completed(void *cls, struct MHD_Connection *connection, void **context,
		    enum MHD_RequestTerminationCode why);
size_t http_unescape(void *cls, struct MHD_Connection *connection, char *text);

/* Appends the decoded query value `key` to `out`.  False when it is not there or malformed. */
MUST_USE bool request_query(const struct request *request, const char *key, struct bytes *out);

/* True when the short query value `key` is a word for true; 400 for no boolean. */
MUST_USE enum fault request_flag(const struct request *request, const char *key, bool *flag,
				 struct err *err);

/* The cap an object has, and the metadata of the edge that leads there. */
struct target {
	struct cap cap;
	struct bytes metadata; /* empty: named by its cap alone */
};

/*
 * Walks from the cap that is part 1 of the path along parts 2 to `end` - 1.  404 "No such child",
 * 400 for a child of a file or a cap that is none.
 */
MUST_USE enum fault request_resolve(const struct request *request, size_t end,
				    struct target *target, struct err *err);

/* Wipes and frees.  All zeros are allowed. */
void resource_fini(struct target *target);

/* Marks that the request made what `upload` says, or loses it to another: 500. */
MUST_USE enum fault request_uploaded(struct request *request, const struct upload *upload,
				     struct err *err);

/* Replies with a cap, with `status`. */
MUST_USE enum fault reply_cap(struct request *request, int status, const struct cap *cap,
			      struct err *err);

/* Replies with text. */
MUST_USE enum fault reply_text(struct request *request, int status, const char *text,
			       struct err *err);

/* Turns a fault into the reply that Tahoe gives.  Replaces what is there. */
void reply_problem(struct request *request, const struct err *err);

/* Does to the reply what the faults on the command line ask for. */
void reply_spoil(struct request *request);

/* Hands the reply to libmicrohttpd. */
MUST_USE enum MHD_Result reply_send(struct request *request);

/* The handlers, by file. */
handler file_put, file_get;                                             /* http_file.c */
handler directory_mkdir, directory_mkdir_immutable;                     /* http_mkdir.c */
handler directory_set_children, directory_link_uri, directory_unlink;   /* http_directory.c */
handler object_json, object_uri, object_page;                           /* http_listing.c */
handler object_check;                                                   /* http_check.c */
handler status_welcome, status_operations, status_counters, status_own; /* http_status.c */

/*
 * Links `cap` as the last part of the request's path, after which `*replaced` says whether there
 * was one by that name.  In http_directory.c.
 */
MUST_USE enum fault request_link(struct request *request, const struct cap *cap, bool *replaced,
				 struct err *err);
