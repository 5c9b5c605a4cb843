#include "direct/direct_publish.h"

#include "base/secret.h"
#include "direct/placement.h"
#include "direct/secret_line.h"
#include "direct/slot_words.h"
#include "queue/core/kill.h"
#include "tahoe/base32.h"

enum {
	PUBLISH_PATH_SIZE = 96,
	PUBLISH_REPLY_MAX = 64 << 10, /* bytes: the beginnings of 255 shares */
	PUBLISH_HEADERS = 5,
};

/* The shares of one server on their way. */
struct publish_request {
	struct direct_publish *publish;
	struct http_call *http; /* NULL: not in flight */
	unsigned place;         /* of the server, in the order of the directory's shares */
	unsigned char *question;
};

struct direct_publish {
	struct direct_own own;
	struct store_directory wanted; /* with a key of our own: */
	char *key;
	struct store_body body;
	unsigned char index[CAP_KEY_SIZE]; /* storage index */
	uint16_t server[PLACEMENT_SERVERS_MAX];
	struct placement placement;
	uint16_t to[ERASURE_BLOCKS_MAX]; /* where each share goes in this round */
	unsigned waiting;                /* requests in flight */
	bool written;                    /* a share may be somewhere */
	bool other;                      /* one of another version is */
	struct publish_request request[];
};

/* ---- ends ---- */

static void end_request(struct publish_request *request)
{
	free(request->question);
	request->question = NULL;
	request->http = NULL;
	request->publish->waiting--;
}

static void ask_gateway(struct direct_publish *publish)
{
	struct err err;
	struct store_call *gateway =
		store_make_directory(publish->own.direct->base.behind, &publish->wanted,
				     &publish->body, direct_own_then(&publish->own), &err);
	direct_own_leave(&publish->own, gateway, &err);
}

static void fail(struct direct_publish *publish, enum store_trouble trouble, const char *why)
{
	struct store_reply reply = { .trouble = trouble, .answered = true };
	reply.fault = err_set(&reply.err, FAULT_RETRY, "%s", why);
	reply.err.remote = reply.fault;
	direct_own_end(&publish->own, &reply);
}

static void succeed(struct direct_publish *publish)
{
	struct store_reply reply = {
		.answered = true,
		.proven = true,
		.cap = publish->wanted.slot->cap,
	};
	health_well(publish->own.direct->health, &publish->own.health);
	direct_own_end(&publish->own, &reply);
	cap_wipe(&reply.cap);
}

/* ---- sending ---- */

static void publish_plan(struct direct_publish *publish);

/* Takes the answer of a server that understood.  Where it did not write, some of what was meant for
 * it is there, and the rest is sent again. */
static void take_answer(struct direct_publish *publish, unsigned place,
			const struct slot_answer *answer)
{
	publish->other |= answer->other;
	publish->written |= answer->written;
	bool moved = answer->written;
	for (unsigned share = 0; share < publish->placement.shares; share++) {
		const bool put = answer->written && publish->to[share] == place;
		if (!put && !answer->has[share])
			continue;
		moved |= !placement_has(&publish->placement, place, share);
		publish->written = true;
		placement_hold(&publish->placement, place, share);
	}
	if (!moved)
		placement_refuse(&publish->placement, place);
}

static void on_published(void *context, const struct http_reply *reply)
{
	struct publish_request *request = context;
	struct direct_publish *publish = request->publish;
	const unsigned place = request->place, server = publish->server[place];
	const bool refused = reply->fault && reply->status >= 400 && reply->status < 500;
	struct slot_answer answer;
	struct err err;
	KILL_POINT("direct-slot-sent");
	end_request(request);
	direct_judge_server(publish->own.direct, server, refused ? FAULT_NONE : reply->fault,
			    reply->err.slow);
	if (!reply->fault && !slot_answer_read(reply->body, reply->body_size,
					       &publish->wanted.slot->version, &answer, &err)) {
		take_answer(publish, place, &answer);
	} else {
		publish->written |= !refused; /* nobody knows */
		placement_refuse(&publish->placement, place);
	}
	if (publish->waiting == 0)
		publish_plan(publish);
}

/* Starts the request of a server; false: it could not begin. */
static bool publish_request_start(struct publish_request *request, struct http_request *http)
{
	struct direct_publish *publish = request->publish;
	struct direct *direct = publish->own.direct;
	const uint16_t server = publish->server[request->place];
	const unsigned char *id = direct->servers->server[server].id;
	char path[PUBLISH_PATH_SIZE], index[2 * CAP_KEY_SIZE];
	char line[PUBLISH_HEADERS - 2][SECRET_LINE_SIZE];
	const char *header[PUBLISH_HEADERS] = { "Expect:", "Content-Type: application/cbor",
						line[0], line[1], line[2] };
	struct lease_secrets secrets;
	unsigned char enabler[DIGEST_SIZE];
	struct err err;
	base32_encode(publish->index, CAP_KEY_SIZE, index);
	snprintf(path, sizeof path, "storage/v1/mutable/%s/read-test-write", index);
	lease_secrets_of(direct->lease_secret, publish->index, id, &secrets);
	slot_write_enabler(&publish->wanted.slot->cap, id, enabler);
	secret_line(line[0], "write-enabler", enabler);
	secret_line(line[1], "lease-renew-secret", secrets.renew);
	secret_line(line[2], "lease-cancel-secret", secrets.cancel);
	http->method = HTTP_POST;
	http->peer = direct->server[server].peer;
	http->path = path;
	http->header = header;
	http->header_count = PUBLISH_HEADERS;
	http->reply_max = PUBLISH_REPLY_MAX;
	http->wait_ms = DIRECT_WAIT_MS;
	http->done = on_published;
	http->context = request;
	request->http = http_start(gateway_http(direct->base.behind), http, &err);
	secret_wipe(&secrets, sizeof secrets);
	secret_wipe(enabler, sizeof enabler);
	secret_wipe(line, sizeof line);
	return request->http;
}

/* Sends the server of `share` all that it is to get. */
static void publish_send(struct direct_publish *publish, unsigned share)
{
	const unsigned place = publish->to[share];
	struct publish_request *request = &publish->request[share];
	bool wanted[SHARE_NUMBERS_MAX] = { false };
	size_t size = 0;
	for (unsigned i = share; i < publish->placement.shares; i++)
		wanted[i] = publish->to[i] == place;
	request->place = place;
	request->question = slot_question_new(publish->wanted.slot, wanted, &size);
	struct http_request http = { .body = { .data = request->question, .size = size } };
	if (request->question && publish_request_start(request, &http)) {
		publish->waiting++;
		return;
	}
	free(request->question);
	request->question = NULL;
	placement_refuse(&publish->placement, place);
}

static bool is_first_there(const struct direct_publish *publish, unsigned share)
{
	for (unsigned i = 0; i < share; i++)
		if (publish->to[i] == publish->to[share])
			return false;
	return publish->to[share] != PLACEMENT_NONE;
}

/* Nothing is left to be sent. */
static void publish_end(struct direct_publish *publish)
{
	if (publish->other)
		fail(publish, STORE_TROUBLE_UNCOORDINATED,
		     "the directory's key was used before, for other contents");
	else if (placement_placed(&publish->placement) == publish->placement.shares)
		succeed(publish);
	else if (publish->written)
		fail(publish, STORE_TROUBLE_NO_SERVERS,
		     "too few storage servers take the shares of a directory");
	else
		ask_gateway(publish);
}

static void publish_plan(struct direct_publish *publish)
{
	while (publish->waiting == 0) {
		if (publish->other || placement_plan(&publish->placement, publish->to) == 0) {
			publish_end(publish);
			return;
		}
		for (unsigned share = 0; share < publish->placement.shares; share++)
			if (is_first_there(publish, share))
				publish_send(publish, share);
	}
}

/* ---- the beginning ---- */

/* Stores the servers that take new shares, in the order of the directory's; at most `max`. */
static unsigned find_servers(const struct direct *direct, const uint16_t *order, unsigned max,
			     uint16_t *found)
{
	unsigned count = 0;
	for (size_t i = 0; i < direct->servers->count && count < max; i++)
		if (direct->servers->server[order[i]].has_id &&
		    direct_server_answers(direct, order[i]))
			found[count++] = order[i];
	return count;
}

bool direct_can_publish(const struct direct *direct, const struct store_directory *directory)
{
	unsigned count = 0;
	if (!directory->slot || !directory->private_key || !direct->lease_secret)
		return false;
	for (size_t i = 0; i < direct->servers->count; i++)
		count += direct->servers->server[i].has_id &&
			 direct_server_answers(direct, (unsigned)i);
	return count >= direct->happy;
}

/* Copies what is only lent for the call.  False: no memory. */
static bool fill(struct direct_publish *publish, const struct store_directory *directory)
{
	const struct direct *direct = publish->own.direct;
	const unsigned count = directory->slot->count;
	uint16_t *order = calloc(direct->servers->count, sizeof *order);
	publish->wanted = *directory;
	publish->key = strndup(directory->private_key, directory->private_key_size);
	publish->wanted.private_key = publish->key;
	const bool filled =
		order && publish->key && cap_storage_index(&directory->slot->cap, publish->index);
	if (filled) {
		servers_order(direct->servers, publish->index, order);
		const unsigned servers = find_servers(direct, order, 2 * count, publish->server);
		placement_init(&publish->placement, count, servers);
	}
	free(order);
	for (unsigned i = 0; i < count; i++)
		publish->request[i].publish = publish;
	return filled;
}

static struct direct_publish *to_publish(struct direct_own *own)
{
	return (struct direct_publish *)own;
}

static void move_publish(struct direct_own *own) { publish_plan(to_publish(own)); }

static void fini_publish(struct direct_own *own)
{
	struct direct_publish *publish = to_publish(own);
	for (unsigned i = 0; i < publish->placement.shares; i++) {
		if (!publish->request[i].http)
			continue;
		http_cancel(publish->request[i].http);
		end_request(&publish->request[i]);
	}
	if (publish->key)
		secret_wipe(publish->key, strlen(publish->key));
	free(publish->key);
}

static const struct direct_kind publish_kind = {
	.size = sizeof(struct direct_publish),
	.move = move_publish,
	.fini = fini_publish,
};

struct store_call *direct_publish(struct direct *direct, const struct store_directory *directory,
				  const struct store_body *body, struct store_then then,
				  struct err *err)
{
	struct direct_publish *publish =
		calloc(1, sizeof *publish + directory->slot->count * sizeof publish->request[0]);
	if (publish) {
		publish->own = (struct direct_own){
			.kind = &publish_kind,
			.direct = direct,
			.then = then,
			.health =
				health_begin(direct->health, direct->base.gateway, HEALTH_WRITING),
		};
		publish->body = *body;
	}
	if (!publish || !fill(publish, directory)) {
		if (publish)
			direct_own_free(&publish->own);
		err_set(err, FAULT_NOMEM, "no memory for a directory");
		return NULL;
	}
	direct_own_due(&publish->own);
	return direct_own_add(&publish->own);
}
