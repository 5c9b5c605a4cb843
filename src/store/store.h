/*
 * The contract of a store: put bytes, get bytes, make, link, unlink, list and check directories.
 *
 * Each call starts an operation and returns at once; its `done` runs later in store_poll, exactly
 * once, unless the call is cancelled.  Nothing waits in a queue here: the caller limits how much is
 * in flight.  Nothing is tried again here either: queue/retry decides that.
 *
 * Inside: store.c hands each call to the backend, or to the store behind it (backend.h).  The
 * gateway's: gateway.c builds the requests; gateway_reply.c reads what came, gateway_fault.c what a
 * failure means; listing_parser.c reads listings as they arrive, behind json_tokens.c, which
 * bounds strings, and has names_seen.c look for names that come twice.  listing_form.c reads what
 * directories are stored as, for a store that has it.
 *
 * Place      calls/lanes.h and calls/wait.h drive it -> [store] -> its backend (store/gateway.h,
 *            direct/direct.h).
 * Ownership  caps, names and paths of a call are copied; bodies, contexts and callbacks are
 *            borrowed until `done` has returned or store_cancel.  A struct store_call is dead once
 *            `done` is called.
 * Threads    one thread owns a store; only store_wake may be called from others.  `done` may start
 *            and cancel calls; the other callbacks must not call the store, but for store_pause,
 *            and store_resume of another call.
 */
#pragma once

#include "tahoe/edge.h"
#include "tahoe/slab.h"

struct store;
struct store_call;
struct slot_shares;

enum {
	STORE_LISTING_MAX = 256 << 20, /* bytes of one listing, unless the backend is told */
};

/* What else is known about a failure, for callers that settle it differently. */
enum store_trouble {
	STORE_TROUBLE_NONE,
	STORE_TROUBLE_UNHAPPY,       /* UploadUnhappinessError: too few servers, or a lost race */
	STORE_TROUBLE_NO_SERVERS,    /* NoServersError, NotEnoughServersError */
	STORE_TROUBLE_UNCOORDINATED, /* UncoordinatedWriteError: also the second use of a key */
	STORE_TROUBLE_NO_SHARES,     /* 410: not retrievable now */
	STORE_TROUBLE_READ_ONLY,     /* NotWriteableError */
	STORE_TROUBLE_STRANGER,      /* something else answered in the gateway's place */
	STORE_TROUBLE_NO_STATUS,     /* no status line: the gateway failed, not the network */
	STORE_TROUBLE_OTHER,         /* any other 5xx: worth one more try at most */
};

enum store_kind {
	STORE_UNKNOWN = 0,
	STORE_FILE,
	STORE_DIRECTORY,
};

enum store_metadata_flags {
	STORE_HAS_CTIME = 1u << 0,
	STORE_HAS_MTIME = 1u << 1,
	STORE_HAS_MODE = 1u << 2,
	STORE_HAS_UID = 1u << 3,
	STORE_HAS_GID = 1u << 4,
	STORE_HAS_LINKED = 1u << 5,
	STORE_HAS_CHUNKED = 1u << 8,    /* it says that it is a file in chunks */
	STORE_HAS_ATTRIBUTES = 1u << 9, /* extended ones; of a node that was asked for itself, it
					   takes the listing above to have them */
	STORE_UNREADABLE = 1u << 10, /* a backup could not read the directory: it is an empty one in
					its place */
	STORE_UNTIMED = 1u << 7,     /* its mtime is none, or none that we can tell */
	STORE_UNREAD = 1u << 6,      /* there is more than anybody reads: nothing of it is kept */
};

/* A node as a listing tells it.  `rw` is CAP_NONE where the cap used grants no writing. */
struct store_node {
	enum store_kind kind;
	bool is_mutable;
	bool has_size;
	uint64_t size; /* of a file */
	struct cap rw; /* of a cap the struct cannot hold: CAP_NONE, kind STORE_UNKNOWN */
	struct cap ro;
	unsigned metadata_flags; /* enum store_metadata_flags: which of these the edge has */
	struct edge_metadata metadata;
	int64_t linked_ns; /* when the gateway last changed the edge, since 1970 */
};

/* Returns the cap that reads a node and grants no more than that, where there is one; else `rw`. */
static inline const struct cap *store_node_cap(const struct store_node *node)
{
	return node->ro.kind ? &node->ro : &node->rw;
}

/* Returns the size of the file that the edge to an immutable directory says it is, stored in
 * chunks; 0: it says no such thing.  Whether that is so is calls/chunked_file.h's to find. */
static inline uint64_t store_node_chunked(const struct store_node *node)
{
	return node->kind == STORE_DIRECTORY && store_node_cap(node)->kind == CAP_DIR2_CHK &&
			       node->metadata_flags & STORE_HAS_CHUNKED
		       ? node->metadata.chunked
		       : 0;
}

static inline void store_node_wipe(struct store_node *node)
{
	cap_wipe(&node->rw);
	cap_wipe(&node->ro);
}

/* A child of a directory; borrows until the callback returns.  The name is hostile: any UTF-8 of
 * any length. */
struct store_child {
	const char *name; /* NUL-terminated, but NUL may also be inside */
	size_t name_size;
	struct store_node node;
};

/* Takes a child of a listing.  False ends the call as FAULT_CANCELLED.  What it was given counts
 * only when `done` says FAULT_NONE. */
typedef bool store_child_found(void *context, const struct store_child *child);

enum { STORE_DAMAGE_MAX = 64 };

/* Shares that are no good where they are, by numbers that the store knows. */
struct store_damage {
	unsigned count;
	struct {
		uint16_t server, share;
	} at[STORE_DAMAGE_MAX];
};

/* What a check found. */
struct store_health {
	bool healthy;     /* all shares are there */
	bool recoverable; /* enough are */
	bool literal;     /* there is nothing to check: the numbers below are 0 */
	uint32_t good_shares, good_hosts, needed, expected, corrupt_shares, happiness;
	uint32_t responding; /* servers that answered */
	bool repaired;       /* shares were made */
	bool unsure;         /* not recoverable, but not all servers that are known have answered */
	struct store_damage damage; /* of corrupt_shares, those whose place is known */
};

/* The storage servers that a gateway knows. */
struct store_servers {
	uint32_t known, connected; /* those that answer now */
	uint64_t names;            /* a hash over the names of all known ones, in whatever order */
};

/* How a call ended; everything in it lives until `done` returns. */
struct store_reply {
	enum fault fault; /* FAULT_NONE: everything promised below is there; else as err.fault */
	struct err err;   /* redacted */
	enum store_trouble trouble;
	bool answered;          /* a whole reply with a status came, so the outcome is no guess */
	struct cap cap;         /* put, overwrite, make_directory */
	uint64_t received;      /* get: bytes given to the sink */
	bool proven;            /* get, list: they are the cap's, by its hash tree; put and
				 * make_directory: the cap was made here, and each share
				 * acknowledged by its server */
	struct store_node node; /* list: what was listed */
	uint64_t children;      /* list: how many */
	struct store_health health;   /* check */
	struct store_servers servers; /* probe */
};

typedef void store_done(void *context, const struct store_reply *reply);

/* Whom to tell about the end of a call. */
struct store_then {
	store_done *done;
	void *context;
};

/* What a read callback returns instead of a count of bytes. */
#define STORE_READ_PAUSE SIZE_MAX       /* nothing now; store_resume comes later */
#define STORE_READ_ABORT (SIZE_MAX - 1) /* nothing any more: ends as FAULT_CANCELLED */

/* Writes 1..`size` bytes of the body into `buffer` and returns how many, or a value above. */
typedef size_t store_read(void *context, void *buffer, size_t size);

/* Goes back to the first byte.  False: not possible any more; the attempt ends as FAULT_RETRY. */
typedef bool store_rewind(void *context);

/* Takes bytes that were asked for.  False ends the call as FAULT_CANCELLED. */
typedef bool store_sink(void *context, const void *data, size_t size);

/*
 * Shares that are made while they are sent, in passes over a file, each from the first byte to the
 * last.  What `peek` has given is dead once a pass is begun, or the body's bytes are read.  All of
 * these may start, cancel, pause and resume other calls of the store.
 */
struct store_feed {
	const struct chk_params *params;
	struct cap cap; /* but for its hash, which follows from all bytes */
	/* Begins a pass that makes the shares wanted[]. */
	void (*begin)(void *context, const bool *wanted);
	/* Returns what comes next of them, or NULL: nothing now; store_resume comes later. */
	const struct slab *(*peek)(void *context);
	/* Gives back what was peeked: the next may come. */
	void (*pop)(void *context);
	/* Returns whether nothing more will come in this pass: all of it has come, and the cap is
	 * stored, or `err` says why not. */
	bool (*over)(void *context, struct cap *cap, struct err *err);
	void *context;
};

/* A body: `data`, or `read` and `rewind`.  One of up to 64 KiB in `data` is the quickest. */
struct store_body {
	const void *data;
	uint64_t size; /* exact */
	store_read *read;
	store_rewind *rewind;            /* NULL: cannot go back */
	void *context;                   /* of both */
	const struct chk_shares *shares; /* of put: its shares, where they were made already; for
					    a store that can write them */
	const struct store_feed *feed;   /* of put: makes its shares, for such a store; else NULL */
	const struct store_damage *damage; /* of put: what is there and is no good, or NULL */
	bool no_gateway; /* of put: by its shares or not at all; a gateway ends it as USAGE */
};

/*
 * The calls.  Each returns a handle, or NULL with `err` filled (FAULT_NOMEM, FAULT_USAGE) when it
 * cannot start; `done` is not called then.
 *
 * Faults in a reply, for all: RETRY (also 410 and 500, see `trouble`; and replies that are no such
 * reply), UNAVAILABLE (no connection), AUTH, NOT_FOUND, EXISTS, CORRUPT (listings and checks that
 * are malformed), TOO_LARGE, USAGE (the store says that the request is wrong), CANCELLED (by a
 * callback), NOMEM, INSECURE.  All are marked as the other side's (err.remote).
 */

/* Stores an immutable file.  reply->cap is CHK or LIT and its size field equals body->size. */
struct store_call *store_put(struct store *store, const struct store_body *body,
			     struct store_then then, struct err *err);

/*
 * Replaces what a mutable file holds.  `cap` is writable; reply->cap is the same.  A repeat
 * replaces it again.
 */
struct store_call *store_overwrite(struct store *store, const struct cap *cap,
				   const struct store_body *body, struct store_then then,
				   struct err *err);

struct store_get {
	const struct cap *cap; /* of a file */
	uint64_t offset;
	uint64_t length; /* at least 1; UINT64_MAX with offset 0: the whole file */
	store_sink *sink;
	void *context; /* of sink */
	bool written;  /* it was just written to by the gateway, which therefore has to read it */
	const struct store_damage *damage; /* what is there and is no good, or NULL; copied */
	bool hurried; /* it may end as RETRY, err.slow, when it is many times slower than others:
			* there is another way to the file, and it will be tried */
};

/*
 * Reads a file or a part that lies wholly in it.  FAULT_NONE means that as many bytes came as were
 * promised, never that they are right: a gateway may splice an error message into a body.  Only
 * reply->proven says that they are.
 */
struct store_call *store_get(struct store *store, const struct store_get *get,
			     struct store_then then, struct err *err);

struct store_directory {
	bool is_mutable;
	const char *private_key; /* mutable: base64url of a PKCS#8 RSA-2048 key, or NULL */
	size_t private_key_size;
	uint64_t children;              /* in the body, for the time it is given */
	const struct slot_shares *slot; /* with a key: its shares, where they were made already; for
					   a store that can write them */
};

/*
 * Makes an unlinked directory with the children in `body` (tahoe/edge.h).  Immutable ones and those
 * with a key are safe to repeat: a key used before answers RETRY with
 * STORE_TROUBLE_UNCOORDINATED, and the cap that follows from the key is to be listed then.
 */
struct store_call *store_make_directory(struct store *store,
					const struct store_directory *directory,
					const struct store_body *body, struct store_then then,
					struct err *err);

enum store_replace {
	STORE_REPLACE_NEVER,      /* FAULT_EXISTS when a name is there, nothing is changed */
	STORE_REPLACE_ONLY_FILES, /* FAULT_EXISTS when a name is there and is a directory */
	STORE_REPLACE_ALWAYS,
};

struct store_edit {
	const struct cap *directory; /* writable */
	enum store_replace replace;
	uint64_t children; /* set_children: in the body */
};

/* Adds all children in `body` to a directory, or none of them. */
struct store_call *store_set_children(struct store *store, const struct store_edit *edit,
				      const struct store_body *body, struct store_then then,
				      struct err *err);

struct store_name {
	const char *name; /* UTF-8, not empty */
	size_t size;
};

/*
 * Takes the child `name` out of a writable directory; what it was stays where it is stored.
 * FAULT_NOT_FOUND: there is no such child, which is also how a repeat ends.
 */
struct store_call *store_unlink(struct store *store, const struct cap *directory,
				const struct store_name *name, struct store_then then,
				struct err *err);

struct store_list {
	const struct cap *cap;
	const struct store_name *path; /* components below the cap; NULL with 0: the cap itself */
	size_t path_count;
	store_child_found *child; /* NULL: only the node is wanted */
	void *context;            /* of child */
	bool written; /* it was just written to by the gateway, which therefore has to list it */
};

/*
 * Tells what the cap (or what lies below it at the path) is, and the children if it is a directory,
 * in the order of the reply.  FAULT_NOT_FOUND: no such child.  A name twice, or anything that is
 * not a listing: FAULT_CORRUPT.  reply->node.kind tells files from directories.
 */
struct store_call *store_list(struct store *store, const struct store_list *list,
			      struct store_then then, struct err *err);

struct store_check {
	const struct cap *cap;
	bool verify;    /* read and prove all shares */
	bool add_lease; /* renew the leases of those that are there, or add them */
	bool repair;    /* make those that are missing anew, under the same cap; safe to repeat */
};

/* Looks where shares are, and what else is wanted.  After a repair the reply says how it is then.
 */
struct store_call *store_check(struct store *store, const struct store_check *check,
			       struct store_then then, struct err *err);

/* Asks whether this is a Tahoe-LAFS gateway (else FAULT_USAGE) and counts its servers. */
struct store_call *store_probe(struct store *store, struct store_then then, struct err *err);

/*
 * Moves bytes and runs callbacks; sleeps up to `timeout_ms` when there is nothing to do.  Returns
 * how many calls ended.  Returns early after store_wake.
 */
size_t store_poll(struct store *store, uint32_t timeout_ms);

/* Ends the present or next sleep of store_poll.  Any thread. */
void store_wake(struct store *store);

/* Has the sink of a get receive no more bytes after those that it is being given, until
 * store_resume.  Inside the sink too. */
void store_pause(struct store *store, struct store_call *call);

/* Lets a paused body be read again, or a paused get go on in the next store_poll.  Harmless when it
 * is not paused. */
void store_resume(struct store *store, struct store_call *call);

/* Ends the call without `done`. */
void store_cancel(struct store *store, struct store_call *call);

/* Returns what to call this store in messages: the gateway's URL. */
const char *store_label(const struct store *store);

enum { STORE_GATEWAYS_MAX = 16 };

/* Returns which of several gateways to one grid the store is on, counted from 0 in the order they
 * were named; below STORE_GATEWAYS_MAX. */
unsigned store_gateway(const struct store *store);

/* Cancels what is in flight and frees the store.  NULL is allowed. */
void store_close(struct store *store);
