/*
 * What the parts of the direct store share: the servers, a file's shares, one call.
 *
 * A call goes from step to step.  Each is a function that starts requests and returns WAIT, or
 * says the next step; go_on() in direct.c calls one after the other.
 *
 *   direct_search ---> GUESS   1-of-1: the likeliest server has the one share
 *    ^   |               | ^
 *    |   | k shares      | | no answer, or no proof: the next server
 *    |   | found, or     | |
 *    |   | guessed       v |
 *    |   '------------> OPEN    asks for the hash tree, with small files for whole shares
 *    |                   |       a share is not where it was guessed: MEND, the servers are asked
 *    |                   | proven
 *  AGAIN                 v
 *    ^            .---> READ    asks k servers for a stripe of segments ---> END, nothing is left
 *    |            |      | they have come
 *    |            |      v
 *    |            '--- DELIVER  decodes, proves, decrypts; to the sink ----> REFUSED, by the sink
 *    |                          paused by it: waits, and goes on in the poll after its resumption
 *    '-- k-of-n, and a server in OPEN or READ fails, or is slow: it is left alone; or its share has
 *        a bad tree, or is cut short: that is.  Others are looked at; three times
 *
 * From anywhere GIVE_UP: the gateway brings what is missing.  Where that is away, and a share was
 * no good, all shares are checked, and it goes on from AGAIN without those that are damaged: once.
 *
 * A request is slow when its first byte takes 8 times as long as small parts did lately (3 s to
 * 15 s), or when it has brought, on the whole, less than a 16th of what large parts did (16 KiB/s
 * to 1 MiB/s).  So each step ends: the largest part, a stripe of 4 MiB, in five minutes, and most
 * in seconds.
 *
 * Inside: direct.c (the calls of the contract, go_on, the gateway) -> direct_search.c (which may
 * guess by habits.c), direct_open.c, direct_read.c (the steps) -> direct_request.c (requests in
 * slots) -> direct_servers.c (which are left alone), direct_shares.c (what was found and proven
 * before).  direct_own.c is what all calls have in common.
 * Writing has steps of its own: direct_put_parts.h, by placement.c, allocation.c and required.c;
 * for mutable directories direct_publish.c, by slot_words.c.  So has checking: direct_check.c.
 * Directories are read like files, or by direct_slot.c, and told as listings: direct_list.c.
 * Mutable files are read by direct_slot.c too: direct_mutable.c.
 *
 * Place      inside direct/direct only.
 */
#pragma once

#include "direct/direct.h"
#include "direct/direct_own.h"
#include "direct/habits.h"
#include "net/http.h"
#include "net/http_peer.h"
#include "net/speed.h"
#include "store/backend.h"
#include "tahoe/chk.h"
#include "tahoe/erasure.h"

enum {
	DIRECT_AWAY_MS = 300000,  /* a server that fails is left alone, twice as long each time */
	DIRECT_AWAY_TIMES = 8,    /* that this doubles: to 21 hours */
	DIRECT_DOUBTS_MAX = 3,    /* shares of a server in a row that were no good */
	DIRECT_SEARCH_MS = 20000, /* for all rounds of a search */
	DIRECT_CONNECTIONS = 64,  /* of one store, divided among the servers, */
	DIRECT_CONNECTIONS_LEAST = 4, /* and for each at least */
	DIRECT_WAIT_MS = 15000,       /* for a server's first byte; Tahoe waits as long */
	DIRECT_WAIT_LEAST_MS = 3000,  /* however quick the others are: a disk may have to spin up */
	DIRECT_GRACE_MS = 3000,       /* from then on, before its speed is judged */
	DIRECT_SLOW_MS = 60000, /* a server that is slow is left alone, twice as long each time */
	DIRECT_RATE_LEAST = 16 << 10, /* bytes a second of one request, whatever the others do */
	DIRECT_SEARCHES_MAX = 3,      /* of one call */
	DIRECT_SMALL = 128 << 10,     /* bytes of a file whose shares are read whole */
	DIRECT_TREE_MAX = 16 << 20,   /* bytes behind the data of a share: a file of 64 GiB */
	DIRECT_STRIPE = 4 << 20,      /* bytes of a file asked for at once */
	DIRECT_RECENT = 8,            /* files whose shares are remembered */
	DIRECT_WATCH_MS = 1000,       /* between looks for servers that are slow to write to */
	DIRECT_FORM_MAX = 64 << 20,   /* bytes that a directory is stored as; of 200,000 children */
};

struct direct_server {
	struct http_peer *peer;
	uint64_t away_until_ms; /* clock_ms; 0: it is there */
	unsigned failures;      /* times that it was found away since it answered last */
	unsigned doubts;        /* shares that were no good since the last that was */
	uint64_t full_until_ms; /* clock_ms: till then it is thought to have no room */
	uint64_t full_size;     /* for shares of so many bytes */
};

enum direct_next {
	DIRECT_WAIT,  /* for requests: then comes `step`, or `otherwise` where one has failed */
	DIRECT_AGAIN, /* a server is not what it was: look for shares anew */
	DIRECT_GUESS,
	DIRECT_MEND, /* look for the shares that were not where they were guessed to be */
	DIRECT_OPEN,
	DIRECT_READ,
	DIRECT_DELIVER,
	DIRECT_END,     /* everything was delivered */
	DIRECT_REFUSED, /* by the sink */
	DIRECT_GIVE_UP,
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
	struct habits *habits; /* of the grid, or NULL: nothing is guessed */
	direct_told *told;     /* of direct_options */
	void *told_context;
	struct health *health; /* hears what was read past the gateway, or NULL */
	struct direct_server *server;
	struct direct_own *own;  /* calls in flight, newest first */
	struct http_floor floor; /* of all requests, after what has come so far: */
	struct speed speed;
	uint64_t delay_ms;         /* of a small one; 0: not known yet */
	bool resuming;             /* some call is due */
	struct put_request *queue; /* of puts, waiting for others to end */
	struct put_request **queue_end;
	bool asking; /* the queue is being moved on */
	uint64_t watched_ms;
	const unsigned char *lease_secret; /* NULL: nothing is put here */
	unsigned happy;                    /* servers that have to get a share */
	unsigned needed;                   /* shares, in what the node stores */
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
	bool absent;  /* the server has no such share, which was guessed */
};

struct direct_call {
	struct direct_own own;
	struct cap cap;
	uint64_t offset, at, end; /* of the file: delivered so far is what lies before `at` */
	bool whole;               /* asked for without a range */
	bool starting;            /* not handed out yet: `done` is not to be called */
	bool alone;               /* the gateway is not asked for the rest */
	bool given_up;
	bool doubted;                    /* some share was no good */
	bool looked;                     /* for the one that is damaged */
	struct store_call *damage_check; /* that does */
	struct err failed;               /* how it would have ended without */
	bool hurried;                    /* as of store_get, for the gateway */
	struct store_damage damage;
	bool paused; /* nothing is delivered */
	store_sink *sink;
	void *sink_context;
	struct direct_shares *shares;
	uint16_t *order; /* of the servers, while shares are looked for */
	size_t asked;    /* of them, in the second round that begins with those kept */
	unsigned kept;   /* whole shares that have come, in the first slots, while others are looked
			  * for */
	bool guessed;    /* at the beginning: where the shares are */
	bool mends;      /* the step can do with shares that are not where they were guessed */
	bool guess
		[ERASURE_BLOCKS_MAX]; /* slots of which nothing has come yet to say it was right */
	uint64_t search_ends_ms;
	unsigned searches;                                  /* begun */
	struct direct_request *request;                     /* k of them */
	unsigned waiting;                                   /* how many are in flight */
	enum direct_next (*step)(struct direct_call *call); /* goes on when all have ended well */
	enum direct_next otherwise;                         /* when one has not brought its bytes */
	void (*woken)(struct direct_call *call, bool failed); /* does that; may free the call */
	unsigned char *buffer; /* room for k requests, `stride` bytes each */
	size_t buffer_size, stride;
	unsigned char *segment; /* of k blocks */
	uint64_t first, count;  /* segments that are asked for, and not delivered yet; */
	size_t skip;            /* their blocks begin so far into the room of each slot */
};

#define DIRECT_NO_SHARES "no storage server has it"

/* ---- direct.c ---- */

/* Tells why the gateway does what was to be done here.  NULL, or without words: nobody minds. */
void direct_tell(const struct direct *direct, const struct err *why);

/* Reads a range as store_get does, but fails as RETRY where it cannot be read here.  NULL: it was
 * not begun. */
struct store_call *direct_read_alone(struct direct *direct, const struct store_get *get,
				     struct store_then then);

/* ---- direct_shares.c ---- */

/* Gives a reference back.  NULL is allowed. */
void direct_shares_unref(struct direct_shares *shares);

/* Returns a reference to the proven shares of a file, if they are remembered and their servers
 * answer; else NULL. */
struct direct_shares *direct_shares_recall(const struct direct *direct, const struct cap *cap);

/* Keeps proven shares for the next calls, in place of older ones. */
void direct_shares_remember(struct direct *direct, struct direct_shares *shares);

/* Forgets all that is remembered for their file.  NULL is allowed. */
void direct_shares_forget(struct direct *direct, const struct direct_shares *shares);

/* ---- direct_servers.c ---- */
/* Notes how a request to the server ended: one that fails is left alone for a while, since the
 * gateway knows how to do without it; one that was `slow` not so long. */
void direct_judge_server(struct direct *direct, unsigned server, enum fault fault, bool slow);

/* Notes that `size` bytes came in `took_ms`: what is many times slower is slow. */
void direct_learn(struct direct *direct, uint64_t size, uint64_t took_ms);

/* Notes that some share in use was no good, and that there is no telling which. */
void direct_doubt(struct direct_call *call);

/* Notes that it was the share of the slot: the call looks for others from now on. */
void direct_doubt_share(struct direct_call *call, unsigned slot);

/* Has the servers asked again that were in use, whatever their shares were: it is to be seen which
 * is no good. */
void direct_pardon(struct direct_call *call);

/* Notes that the shares in use are good. */
void direct_trust(struct direct_call *call);

/* Whether the server is to be asked now. */
bool direct_server_answers(const struct direct *direct, unsigned server);

/* ---- direct_request.c: in slots, 0..k-1 ---- */

/* Makes room for `size` bytes in each of the first slots.  False: no memory. */
bool direct_make_room(struct direct_call *call, unsigned slots, size_t size);

/* Starts what `http` asks of the server for the file, `what` below its storage index.  False: it
 * could not begin. */
bool direct_request_start(struct direct_request *request, struct http_request *http,
			  const char *what);

/* Notes that the request has ended with `fault`, and of how much came, or that it was `slow`.
 * Returns its call. */
struct direct_call *direct_request_ended(struct direct_request *request, enum fault fault,
					 const struct http_reply *reply);

/* Asks for bytes of the share of the slot, as many as there is room.  False: it could not begin. */
bool direct_ask_bytes(struct direct_call *call, unsigned slot, uint64_t offset);

/* Ends what is in flight. */
void direct_cancel_requests(struct direct_call *call);

/* ---- the steps ---- */

/* Begins to look for k shares, or guesses where they are. */
enum direct_next direct_search(struct direct_call *call);

/* Looks for those shares that were not where they were guessed to be, and keeps the others. */
enum direct_next direct_mend(struct direct_call *call);

/* Notes whether the share of a slot was where it was guessed to be, when a request for it has ended
 * with `fault`.  Returns false when it was guessed, and is not there. */
bool direct_guess_holds(struct direct_call *call, unsigned slot, enum fault fault);

/* Ends what is in flight and takes the next server that may have the only share of a 1-of-1 file,
 * whose number is known.  False: none. */
bool direct_guess(struct direct_call *call);

/* Ends what is in flight and looks for shares on servers that are not left alone by now; what was
 * delivered stays.  Not for 1-of-1 files, and not for ever. */
enum direct_next direct_again(struct direct_call *call);

/* Asks for what proves the hash tree of the shares that were found. */
enum direct_next direct_open_shares(struct direct_call *call);

/* Asks for the stripe that comes next, if there is one. */
enum direct_next direct_read(struct direct_call *call);

/* Delivers the segments that have come, as far as the call is not paused. */
enum direct_next direct_deliver(struct direct_call *call);
