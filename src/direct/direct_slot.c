#include "direct/direct_slot.h"

#include "base/secret.h"
#include "direct/share_numbers.h"
#include "queue/core/thread.h"
#include "tahoe/base32.h"
#include "tahoe/slot.h"

enum {
	SLOT_PATH_SIZE = 96,
	SLOT_NUMBERS_MAX = 8192,    /* bytes of a list of shares */
	SLOT_REQUESTS_MAX = 32,     /* in flight for one directory */
	SLOT_HOLDINGS_MAX = 64,     /* shares that are looked at */
	SLOT_FIRST_SIZE = 32 << 10, /* bytes of a share that are asked for at first */
	SLOT_MORE_SERVERS = 5,      /* asked at once for a version that is not whole */
};

#define SLOT_SILENT  "a storage server that may have its newest version does not answer"
#define SLOT_TOO_FEW "the storage servers do not have enough good shares of its newest version"

/* A share at a server. */
struct slot_holding {
	uint16_t server;
	unsigned char number;
	bool looked;        /* its beginning has come, or will not */
	bool bad;           /* no good, or not to be had */
	bool proven;        /* its version is */
	bool chosen;        /* to be decoded */
	struct bytes bytes; /* of the share, from its start */
	struct slot_share share;
};

struct slot_request {
	struct direct_slot *slot;
	struct http_call *http; /* NULL: not in flight */
	uint16_t server;
	struct slot_holding *holding; /* NULL: the server is asked for its shares */
	size_t wanted;                /* bytes of it */
};

struct direct_slot {
	struct direct *direct;
	struct direct_slot_then then;
	struct cap cap;
	struct bytes *out;
	unsigned char index[CAP_KEY_SIZE];
	uint16_t *order;
	size_t asked, wanted; /* servers that were asked, that are to be */
	struct err failed;    /* why it cannot be read here */
	uint64_t ends_ms;
	unsigned holdings, waiting;
	void (*step)(struct direct_slot *slot);
	struct slot_holding holding[SLOT_HOLDINGS_MAX];
	struct slot_request request[SLOT_REQUESTS_MAX];
};

static void slot_choose(struct direct_slot *slot);
static void slot_look(struct direct_slot *slot);

/* ---- ends ---- */

static void slot_cancel_requests(struct direct_slot *slot)
{
	for (unsigned i = 0; i < SLOT_REQUESTS_MAX; i++) {
		if (!slot->request[i].http)
			continue;
		http_cancel(slot->request[i].http);
		slot->request[i].http = NULL;
	}
	slot->waiting = 0;
}

void direct_slot_cancel(struct direct_slot *slot)
{
	slot_cancel_requests(slot);
	for (unsigned i = 0; i < slot->holdings; i++)
		bytes_fini(&slot->holding[i].bytes);
	free(slot->order);
	secret_wipe(slot, sizeof *slot);
	free(slot);
}

static void slot_end(struct direct_slot *slot, const struct err *why)
{
	const struct direct_slot_then then = slot->then;
	const struct err err = why ? *why : (struct err){ 0 };
	direct_slot_cancel(slot);
	then.done(then.context, err.fault ? &err : NULL);
}

/* Notes the first reason why it cannot be read here. */
static void slot_fail(struct direct_slot *slot, const char *why)
{
	if (!slot->failed.fault)
		err_set(&slot->failed, FAULT_RETRY, "%s", why);
}

/* ---- requests ---- */

/* Starts `http` at a server, for `what` below the storage index.  False: it could not begin. */
static bool slot_request_start(struct slot_request *request, struct http_request *http,
			       const char *what)
{
	struct direct_slot *slot = request->slot;
	struct direct *direct = slot->direct;
	char path[SLOT_PATH_SIZE], index[2 * CAP_KEY_SIZE];
	struct err err;
	base32_encode(slot->index, CAP_KEY_SIZE, index);
	snprintf(path, sizeof path, "storage/v1/mutable/%s/%s", index, what);
	http->method = HTTP_GET;
	http->peer = direct->server[request->server].peer;
	http->path = path;
	http->wait_ms = DIRECT_WAIT_MS;
	http->floor = &direct->floor;
	http->context = request;
	request->http = http_start(gateway_http(direct->base.behind), http, &err);
	slot->waiting += request->http != NULL;
	return request->http;
}

static struct slot_request *free_request(struct direct_slot *slot)
{
	for (unsigned i = 0; i < SLOT_REQUESTS_MAX; i++)
		if (!slot->request[i].http)
			return &slot->request[i];
	return NULL;
}

/* Notes that a request has ended.  A refusal says nothing of the server itself. */
static void slot_request_ended(struct slot_request *request, const struct http_reply *reply)
{
	struct direct *direct = request->slot->direct;
	const bool refused = reply->fault && reply->status >= 400 && reply->status < 500;
	request->http = NULL;
	request->slot->waiting--;
	direct_judge_server(direct, request->server, refused ? FAULT_NONE : reply->fault,
			    reply->err.slow);
	if (!reply->fault)
		direct_learn(direct, reply->received, reply->took_ms);
}

/* ---- which shares there are ---- */

/* Keeps what a server has; of more than can be kept, nothing is known. */
static void take_holdings(struct direct_slot *slot, uint16_t server,
			  const bool found[SHARE_NUMBERS_MAX])
{
	for (unsigned i = 0; i < SHARE_NUMBERS_MAX; i++) {
		if (!found[i])
			continue;
		if (slot->holdings == SLOT_HOLDINGS_MAX) {
			slot_fail(slot, "it has more shares than are looked at");
			return;
		}
		struct slot_holding *holding = &slot->holding[slot->holdings++];
		*holding = (struct slot_holding){ .server = server, .number = (unsigned char)i };
		bytes_init(&holding->bytes, 2 * slot->out->max);
	}
}

static void on_slot_numbers(void *context, const struct http_reply *reply)
{
	struct slot_request *request = context;
	struct direct_slot *slot = request->slot;
	bool found[SHARE_NUMBERS_MAX];
	struct err err;
	slot_request_ended(request, reply);
	if (reply->fault || share_numbers_read(reply->body, reply->body_size, found, &err))
		slot_fail(slot, SLOT_SILENT);
	else
		take_holdings(slot, request->server, found);
	if (slot->waiting == 0)
		slot->step(slot);
}

/* Asks servers until as many have been asked as are wanted.  One that is left alone may have what
 * the gateway would find. */
static void slot_ask(struct direct_slot *slot)
{
	const struct direct *direct = slot->direct;
	const size_t end = (size_t)min_u64(slot->wanted, direct->servers->count);
	slot->step = slot_look;
	while (slot->asked < end && !slot->failed.fault && slot->waiting < SLOT_REQUESTS_MAX) {
		struct slot_request *request = free_request(slot);
		struct http_request http = { .reply_max = SLOT_NUMBERS_MAX,
					     .done = on_slot_numbers };
		const uint16_t server = slot->order[slot->asked++];
		*request = (struct slot_request){ .slot = slot, .server = server };
		if (!direct_server_answers(direct, server) ||
		    !slot_request_start(request, &http, "shares"))
			slot_fail(slot, SLOT_SILENT);
	}
}

/* ---- shares ---- */

static bool slot_take_bytes(void *context, const void *data, size_t size)
{
	struct slot_request *request = context;
	struct bytes *bytes = &request->holding->bytes;
	return size <= request->wanted - bytes->size &&
	       bytes_append(bytes, data, size) == FAULT_NONE;
}

static void on_slot_bytes(void *context, const struct http_reply *reply)
{
	struct slot_request *request = context;
	struct direct_slot *slot = request->slot;
	slot_request_ended(request, reply);
	request->holding->looked = true;
	request->holding->bad |= reply->fault != FAULT_NONE;
	if (slot->waiting == 0)
		slot->step(slot);
}

/* Asks for a share from where its bytes end, up to `size` bytes of it in all. */
static void ask_share(struct direct_slot *slot, struct slot_holding *holding, uint64_t size)
{
	struct slot_request *request = free_request(slot);
	char number[4];
	struct http_request http = {
		.ranged = true,
		.offset = holding->bytes.size,
		.length = size - holding->bytes.size,
		.sink = slot_take_bytes,
		.done = on_slot_bytes,
	};
	*request = (struct slot_request){
		.slot = slot,
		.server = holding->server,
		.holding = holding,
		.wanted = (size_t)size,
	};
	snprintf(number, sizeof number, "%u", holding->number);
	if (!slot_request_start(request, &http, number))
		holding->looked = holding->bad = true;
}

/* Asks for the beginnings of shares, as many at a time as there are requests. */
static void slot_look(struct direct_slot *slot)
{
	slot->step = slot_look;
	if (clock_ms() >= slot->ends_ms)
		slot_fail(slot, "the storage servers take too long to say which shares they have");
	if (slot->failed.fault) {
		slot_end(slot, &slot->failed);
		return;
	}
	for (unsigned i = 0; i < slot->holdings && slot->waiting < SLOT_REQUESTS_MAX; i++)
		if (!slot->holding[i].looked)
			ask_share(slot, &slot->holding[i], SLOT_FIRST_SIZE);
	if (slot->waiting == 0)
		slot_choose(slot);
}

/* ---- which version ---- */

/* Whether the version of a share was proven by another one. */
static bool is_known(const struct direct_slot *slot, const struct slot_version *version)
{
	for (unsigned i = 0; i < slot->holdings; i++)
		if (slot->holding[i].proven &&
		    slot_same_version(&slot->holding[i].share.version, version))
			return true;
	return false;
}

/* Reads a share's beginning and proves its version, once. */
static void prove_holding(struct direct_slot *slot, struct slot_holding *holding)
{
	struct slot_share share;
	struct err err = { 0 };
	if (holding->bad || holding->proven)
		return;
	holding->bad =
		slot_share_read(holding->bytes.data, holding->bytes.size, slot->out->max, &share,
				&err) ||
		(!is_known(slot, &share.version) && slot_prove_version(&slot->cap, &share, &err));
	holding->proven = !holding->bad;
	if (err.fault == FAULT_TOO_LARGE)
		slot_fail(slot, "it is too large to be kept in memory");
	share.number = holding->number;
	holding->share = share;
}

/* Returns the newest version that any share is of; NULL: none is good. */
static const struct slot_version *newest(const struct direct_slot *slot)
{
	const struct slot_version *found = NULL;
	for (unsigned i = 0; i < slot->holdings; i++) {
		const struct slot_holding *holding = &slot->holding[i];
		if (holding->proven && (!found || slot_compare(found, &holding->share.version) < 0))
			found = &holding->share.version;
	}
	return found;
}

/* Chooses shares of the version with different numbers.  Returns how many. */
static unsigned choose_shares(struct direct_slot *slot, const struct slot_version *version)
{
	bool has[SHARE_NUMBERS_MAX] = { false };
	unsigned count = 0;
	for (unsigned i = 0; i < slot->holdings; i++) {
		struct slot_holding *holding = &slot->holding[i];
		holding->chosen = count < version->needed && holding->proven && !holding->bad &&
				  !has[holding->number] &&
				  slot_same_version(&holding->share.version, version);
		has[holding->number] |= holding->chosen;
		count += holding->chosen;
	}
	return count;
}

/* ---- the contents ---- */

/* Decodes the shares that were chosen. */
static void slot_deliver(struct direct_slot *slot, const struct slot_version *version)
{
	struct slot_share share[ERASURE_BLOCKS_MAX];
	unsigned count = 0;
	for (unsigned i = 0; i < slot->holdings; i++)
		if (slot->holding[i].chosen)
			share[count++] = slot->holding[i].share;
	if (!version || count != version->needed)
		slot_fail(slot, SLOT_TOO_FEW);
	else if (slot_decode(&slot->cap, share, slot->out, &slot->failed))
		slot->failed.remote = false;
	slot_end(slot, &slot->failed);
}

/* What was chosen is there: proves it.  One that is no good is done without. */
static void slot_prove(struct direct_slot *slot)
{
	const struct slot_version *version = NULL;
	bool all = true;
	struct err err;
	for (unsigned i = 0; i < slot->holdings; i++) {
		struct slot_holding *holding = &slot->holding[i];
		if (!holding->chosen)
			continue;
		holding->share.data = holding->bytes.data;
		holding->share.size = holding->bytes.size;
		holding->bad |= slot_prove_blocks(&holding->share, &err) != FAULT_NONE;
		all &= !holding->bad;
		version = &holding->share.version;
	}
	if (!all)
		slot_choose(slot);
	else
		slot_deliver(slot, version);
}

/* Asks for what is missing of the shares that were chosen; one that is not asked for is no good. */
static void slot_fetch(struct direct_slot *slot)
{
	slot->step = slot_prove;
	for (unsigned i = 0; i < slot->holdings; i++) {
		struct slot_holding *holding = &slot->holding[i];
		if (holding->chosen && holding->share.whole > holding->bytes.size &&
		    slot->waiting < SLOT_REQUESTS_MAX)
			ask_share(slot, holding, holding->share.whole);
	}
	if (slot->waiting == 0)
		slot_prove(slot);
}

static void slot_choose(struct direct_slot *slot)
{
	const size_t count = slot->direct->servers->count;
	for (unsigned i = 0; i < slot->holdings; i++)
		prove_holding(slot, &slot->holding[i]);
	if (slot->failed.fault) {
		slot_end(slot, &slot->failed);
		return;
	}
	const struct slot_version *version = newest(slot);
	const size_t enough = version ? 2 * (size_t)version->needed : 0;
	if (slot->asked < min_u64(enough, count))
		slot->wanted = enough;
	else if (version && choose_shares(slot, version) == version->needed) {
		slot_fetch(slot);
		return;
	} else {
		slot->wanted = slot->asked + SLOT_MORE_SERVERS;
	}
	if (slot->asked == count) {
		slot_fail(slot, SLOT_TOO_FEW);
		slot_end(slot, &slot->failed);
		return;
	}
	slot_ask(slot);
	if (slot->waiting == 0)
		slot_look(slot);
}

/* ---- the beginning ---- */

bool direct_can_read_slots(const struct direct *direct, struct err *why)
{
	if (direct->servers->partial)
		return !err_set(why, FAULT_USAGE,
				"some storage servers are reached by the gateway alone");
	return true;
}

struct direct_slot *direct_slot_start(struct direct *direct, const struct cap *cap,
				      struct bytes *out, struct direct_slot_then then,
				      struct err *why)
{
	struct direct_slot *slot = calloc(1, sizeof *slot);
	if (!slot) {
		err_set(why, FAULT_NOMEM, "no memory for a mutable object");
		return NULL;
	}
	slot->direct = direct;
	slot->then = then;
	slot->cap = *cap;
	slot->out = out;
	slot->wanted = 2 * (size_t)direct->needed;
	slot->ends_ms = clock_ms() + DIRECT_SEARCH_MS;
	slot->order = calloc(direct->servers->count, sizeof *slot->order);
	if (slot->order && cap_storage_index(cap, slot->index)) {
		servers_order(direct->servers, slot->index, slot->order);
		slot_ask(slot);
	}
	if (slot->waiting > 0 && !slot->failed.fault)
		return slot;
	slot_fail(slot, "no storage server is asked");
	*why = slot->failed;
	direct_slot_cancel(slot);
	return NULL;
}
