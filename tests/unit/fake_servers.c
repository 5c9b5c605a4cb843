#include "tests/unit/fake_servers.h"

#include "direct/allocation.h"
#include "direct/cbor_item.h"
#include "direct/direct_call.h"
#include "direct/secret_line.h"
#include "tahoe/base32.h"
#include "tahoe/slot_make.h"
#include "tests/unit/fake_http.h"
#include "tests/unit/moved_clock.h"

#include <cbor.h>
#include <limits.h>

enum {
	FIRST_PORT = 1000,
	REPLY_ROOM = 4096,
	OK = 200,
	CREATED = 201,
	NO_CONTENT = 204,
	PART = 206,
	NOT_OURS = 401,
	NOT_THERE = 404,
	CONFLICT = 409,
};

static const unsigned char lease_secret[LEASE_SECRET_SIZE] = "what all lease secrets are of";

/* ---- what is told ---- */

__attribute__((format(printf, 2, 3))) static void note(struct fake_servers *fake,
						       const char *format, ...)
{
	char line[200];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	assert_int_equal(bytes_append(&fake->log, line, strlen(line)), FAULT_NONE);
}

static void say(struct fake_servers *fake, const void *data, size_t size)
{
	assert_int_equal(bytes_append(&fake->reply, data, size), FAULT_NONE);
}

static void say_text(struct fake_servers *fake, const char *text)
{
	unsigned char head[9];
	say(fake, head, cbor_encode_string_start(strlen(text), head, sizeof head));
	say(fake, text, strlen(text));
}

static void say_map(struct fake_servers *fake, size_t pairs)
{
	unsigned char head[9];
	say(fake, head, cbor_encode_map_start(pairs, head, sizeof head));
}

static void say_array(struct fake_servers *fake, size_t count)
{
	unsigned char head[9];
	say(fake, head, cbor_encode_array_start(count, head, sizeof head));
}

static void say_number(struct fake_servers *fake, uint64_t number)
{
	unsigned char head[9];
	say(fake, head, cbor_encode_uint(number, head, sizeof head));
}

static void say_set(struct fake_servers *fake, const bool set[FAKE_SHARES])
{
	unsigned char head[9];
	size_t count = 0;
	for (unsigned i = 0; i < FAKE_SHARES; i++)
		count += set[i];
	say(fake, head, cbor_encode_tag(SHARE_NUMBERS_TAG, head, sizeof head));
	say_array(fake, count);
	for (unsigned i = 0; i < FAKE_SHARES; i++)
		if (set[i])
			say_number(fake, i);
}

static void say_shares(struct fake_servers *fake, const struct fake_server *server)
{
	bool there[FAKE_SHARES];
	for (unsigned i = 0; i < FAKE_SHARES; i++)
		there[i] = server->share[i].is_there;
	say_set(fake, there);
}

/* ---- one request at a server ---- */

/* Whether the request shows a secret, as a server wants it. */
static bool shows(const struct http_request *request, const char *name,
		  const unsigned char secret[DIGEST_SIZE])
{
	char line[SECRET_LINE_SIZE];
	secret_line(line, name, secret);
	for (size_t i = 0; i < request->header_count; i++)
		if (strcmp(request->header[i], line) == 0)
			return true;
	return false;
}

static bool is_cbor(const struct http_request *request)
{
	for (size_t i = 0; i < request->header_count; i++)
		if (strcmp(request->header[i], "Content-Type: application/cbor") == 0)
			return true;
	return false;
}

static bool shows_all(const struct fake_servers *fake, const struct fake_server *server,
		      const struct http_request *request, bool with_leases)
{
	struct lease_secrets secrets;
	lease_secrets_of(lease_secret, fake->index, server->server->id, &secrets);
	return shows(request, "upload-secret", secrets.upload) &&
	       (!with_leases || (shows(request, "lease-renew-secret", secrets.renew) &&
				 shows(request, "lease-cancel-secret", secrets.cancel)));
}

static void tell_part(struct fake_servers *fake, unsigned rank, unsigned number,
		      const struct http_request *request, struct fake_answer *answer)
{
	const struct fake_server *server = &fake->at[rank];
	const struct fake_share *share = &server->share[number];
	note(fake, "%u/%u %" PRIu64 "+%" PRIu64 "\n", rank, number, request->offset,
	     request->length);
	answer->status = share->is_there && request->ranged ? PART : NOT_THERE;
	if (answer->status == PART && request->offset >= share->size)
		answer->status = NO_CONTENT; /* as those of Tahoe say it */
	if (answer->status != PART)
		return;
	answer->body = share->data + request->offset;
	answer->size =
		(size_t)min_u64(request->length + server->more, share->size - request->offset);
	answer->size -= min_u64(answer->size, server->cut);
}

/* Takes {"share-numbers": set, "allocated-size": size}. */
static void give_room(struct fake_servers *fake, unsigned rank, const struct http_request *request,
		      struct fake_answer *answer)
{
	struct fake_server *server = &fake->at[rank];
	const unsigned char *at = request->body.data;
	size_t left = (size_t)request->body.size;
	bool wanted[SHARE_NUMBERS_MAX], given[FAKE_SHARES] = { false };
	struct cbor_item item;
	assert_true(is_cbor(request));
	assert_true(cbor_item_take(&at, &left, &item) && item.number == 2);
	assert_true(cbor_item_take(&at, &left, &item) && cbor_item_is(&item, "share-numbers"));
	assert_true(share_numbers_take(&at, &left, wanted));
	assert_true(cbor_item_take(&at, &left, &item) && cbor_item_is(&item, "allocated-size"));
	assert_true(cbor_item_take(&at, &left, &item) && left == 0);
	assert_true(shows_all(fake, server, request, true));
	note(fake, "%u room", rank);
	for (unsigned i = 0; i < FAKE_SHARES; i++) {
		struct fake_share *share = &server->share[i];
		if (!wanted[i])
			continue;
		note(fake, " %u", i);
		given[i] = !server->full && !share->data;
		if (!given[i])
			continue;
		*share = (struct fake_share){ .data = malloc(item.number), .size = item.number };
	}
	note(fake, "\n");
	say_map(fake, 2);
	say_text(fake, "already-have");
	say_shares(fake, server);
	say_text(fake, "allocated");
	say_set(fake, given);
	answer->status = OK;
}

/* Says what is missing of a share. */
static void say_required(struct fake_servers *fake, const struct fake_share *share)
{
	say_map(fake, 1);
	say_text(fake, "required");
	say_array(fake, share->has < share->size ? 1 : 0);
	if (share->has == share->size)
		return;
	say_map(fake, 2);
	say_text(fake, "begin");
	say_number(fake, share->has);
	say_text(fake, "end");
	say_number(fake, share->size);
}

static void write_part(struct fake_servers *fake, unsigned rank, unsigned number,
		       const struct http_request *request, struct fake_answer *answer)
{
	struct fake_server *server = &fake->at[rank];
	struct fake_share *share = &server->share[number];
	unsigned long long first = 0, last = 0;
	assert_int_equal(
		sscanf(request->header[1], "Content-Range: bytes %llu-%llu/*", &first, &last), 2);
	assert_int_equal(last - first + 1, request->body.size);
	note(fake, "%u/%u put %llu+%llu\n", rank, number, first, last - first + 1);
	answer->status = NOT_THERE;
	if (!share->data || share->is_there)
		return;
	answer->status = shows_all(fake, server, request, false) ? CONFLICT : NOT_OURS;
	if (answer->status == NOT_OURS || last >= share->size || server->read_only)
		return;
	/* What is there already has to be the same. */
	for (size_t i = 0; first + i < share->has && i < request->body.size; i++)
		if (share->data[first + i] != ((const unsigned char *)request->body.data)[i])
			return;
	memcpy(share->data + first, request->body.data, (size_t)request->body.size);
	if (first <= share->has && last + 1 > share->has)
		share->has = (size_t)last + 1;
	share->is_there = share->has == share->size;
	answer->status = share->is_there ? CREATED : OK;
	say_required(fake, share);
}

static void abort_part(struct fake_servers *fake, unsigned rank, unsigned number,
		       const struct http_request *request, struct fake_answer *answer)
{
	struct fake_share *share = &fake->at[rank].share[number];
	note(fake, "%u/%u abort\n", rank, number);
	answer->status = NOT_THERE;
	if (!share->data || share->is_there)
		return;
	answer->status = NOT_OURS;
	if (!shows_all(fake, &fake->at[rank], request, false))
		return;
	free(share->data);
	*share = (struct fake_share){ 0 };
	answer->status = OK;
}

/* Takes one share of a test-write question, and whether it may be written. */
static bool take_slot_share(const unsigned char **at, size_t *left, unsigned *number,
			    struct cbor_item *data)
{
	struct cbor_item item;
	bool right = cbor_item_take(at, left, &item);
	*number = (unsigned)item.number;
	right &= cbor_item_take(at, left, &item) && item.number == 3;
	right &= cbor_item_take(at, left, &item) && cbor_item_is(&item, "test");
	for (unsigned i = 0; i < 8 && right; i++) /* offset, size, specimen: none is there */
		right = cbor_item_take(at, left, &item);
	right &= item.kind == CBOR_ITEM_BYTES && item.size == 0;
	right &= cbor_item_take(at, left, &item) && cbor_item_is(&item, "write");
	for (unsigned i = 0; i < 6 && right; i++)
		right = cbor_item_take(at, left, data);
	right = right && cbor_item_take(at, left, &item) && cbor_item_is(&item, "new-length");
	(*at)++, (*left)--; /* null */
	return right;
}

/* Writes all shares of the question where the server has none of them, or nothing; tells what it
 * had. */
static void write_slot(struct fake_servers *fake, unsigned rank, const struct http_request *request,
		       struct fake_answer *answer)
{
	struct fake_server *server = &fake->at[rank];
	const unsigned char *at = request->body.data;
	size_t left = (size_t)request->body.size, had = 0;
	struct cbor_item item, data[FAKE_SHARES];
	unsigned number[FAKE_SHARES], count;
	bool success = true;
	assert_true(is_cbor(request));
	assert_true(cbor_item_take(&at, &left, &item) && item.number == 2);
	assert_true(cbor_item_take(&at, &left, &item) && cbor_item_is(&item, "test-write-vectors"));
	assert_true(cbor_item_take(&at, &left, &item) && item.number <= FAKE_SHARES);
	count = (unsigned)item.number;
	note(fake, "%u slot", rank);
	for (unsigned i = 0; i < count; i++) {
		assert_true(take_slot_share(&at, &left, &number[i], &data[i]));
		note(fake, " %u", number[i]);
		success &= !server->share[number[i]].is_there;
	}
	note(fake, "\n");
	for (unsigned i = 0; i < FAKE_SHARES; i++)
		had += server->share[i].is_there;
	say_map(fake, 2);
	say_text(fake, "success");
	say(fake, success ? "\xf5" : "\xf4", 1);
	say_text(fake, "data");
	say_map(fake, had);
	for (unsigned i = 0; i < FAKE_SHARES; i++) {
		unsigned char head[9];
		const size_t size = 75;
		if (!server->share[i].is_there)
			continue;
		say_number(fake, i);
		say_array(fake, 1);
		say(fake, head, cbor_encode_bytestring_start(size, head, sizeof head));
		say(fake, server->share[i].data, size);
	}
	for (unsigned i = 0; i < count && success; i++)
		fake_servers_give(fake, rank, number[i], data[i].data, data[i].size);
	answer->status = OK;
}

/* Whether the request may write to the slot and take leases. */
static bool opens_slot(const struct fake_servers *fake, const struct fake_server *server,
		       const struct http_request *request)
{
	unsigned char enabler[DIGEST_SIZE];
	struct lease_secrets secrets;
	lease_secrets_of(lease_secret, fake->index, server->server->id, &secrets);
	slot_write_enabler(&fake->cap, server->server->id, enabler);
	return shows(request, "write-enabler", enabler) &&
	       shows(request, "lease-renew-secret", secrets.renew) &&
	       shows(request, "lease-cancel-secret", secrets.cancel);
}

static void take_lease(struct fake_servers *fake, unsigned rank, const struct http_request *request,
		       struct fake_answer *answer)
{
	struct lease_secrets secrets;
	lease_secrets_of(lease_secret, fake->index, fake->at[rank].server->id, &secrets);
	assert_int_equal(request->method, HTTP_PUT);
	assert_true(shows(request, "lease-renew-secret", secrets.renew) &&
		    shows(request, "lease-cancel-secret", secrets.cancel));
	note(fake, "%u lease\n", rank);
	answer->status = NO_CONTENT;
}

/* Does what a server is asked for `what`, behind the storage index. */
static void serve(struct fake_servers *fake, unsigned rank, const char *what,
		  const struct http_request *request, struct fake_answer *answer)
{
	char *rest = NULL;
	const unsigned number = *what ? (unsigned)strtoul(what + 1, &rest, 10) : 0;
	answer->status = OK;
	if (strcmp(what, "/shares") == 0) {
		note(fake, "%u ?\n", rank);
		say_shares(fake, &fake->at[rank]);
	} else if (strcmp(what, "/read-test-write") == 0) {
		assert_true(opens_slot(fake, &fake->at[rank], request));
		write_slot(fake, rank, request, answer);
	} else if (!*what && request->method == HTTP_POST) {
		give_room(fake, rank, request, answer);
	} else if (number < FAKE_SHARES && rest > what + 1 && !*rest &&
		   request->method == HTTP_GET) {
		tell_part(fake, rank, number, request, answer);
	} else if (number < FAKE_SHARES && rest > what + 1 && !*rest &&
		   request->method == HTTP_PATCH) {
		write_part(fake, rank, number, request, answer);
	} else if (number < FAKE_SHARES && rest && strcmp(rest, "/abort") == 0) {
		abort_part(fake, rank, number, request, answer);
	} else {
		fail_msg("a server is asked for %s", request->path);
	}
}

/* ---- all requests ---- */

static void answer_as_gateway(struct fake_servers *fake, const struct http_request *request,
			      struct fake_answer *answer)
{
	static const char *const name[] = { "GET", "PUT", "POST", "PATCH", "DELETE" };
	fake->gateway++;
	note(fake, "gateway %s", name[request->method]);
	if (request->ranged)
		note(fake, " %" PRIu64 "+%" PRIu64, request->offset, request->length);
	note(fake, "\n");
	answer->fault = fake->contents ? FAULT_NONE : FAULT_UNAVAILABLE;
	if (!fake->contents)
		return;
	answer->status = request->ranged ? PART : OK;
	answer->body = fake->contents;
	answer->size = fake->size;
	if (!request->ranged)
		return;
	answer->body = (const char *)fake->contents + request->offset;
	answer->size = (size_t)request->length;
}

/* Whether the server does not do as it should. */
static bool misbehaves(struct fake_server *server, struct fake_answer *answer)
{
	const bool bad = server->fault || server->status || server->nonsense || server->held;
	if (!bad || server->well > 0) {
		server->well -= bad;
		return false;
	}
	answer->held = server->held;
	answer->fault = server->fault;
	answer->slow = server->slow;
	answer->status = server->status ? server->status : OK;
	answer->body = server->nonsense;
	answer->size = server->nonsense ? strlen(server->nonsense) : 0;
	if (server->once)
		server->well = UINT_MAX;
	return true;
}

/* Does what a server is asked, by what stands around the storage index in the path. */
static void answer_as_server(struct fake_servers *fake, unsigned rank,
			     const struct http_request *request, struct fake_answer *answer)
{
	char index[2 * CAP_KEY_SIZE], share[100], lease[100];
	base32_encode(fake->index, CAP_KEY_SIZE, index);
	snprintf(share, sizeof share, "storage/v1/%s/%s",
		 cap_is_mutable(&fake->cap) ? "mutable" : "immutable", index);
	snprintf(lease, sizeof lease, "storage/v1/lease/%s", index);
	assert_int_equal(request->wait_ms, DIRECT_WAIT_MS);
	if (request->method == HTTP_GET)
		assert_ptr_equal(request->floor, &((const struct direct *)fake->store)->floor);
	if (strcmp(request->path, lease) == 0) {
		take_lease(fake, rank, request, answer);
	} else {
		assert_memory_equal(request->path, share, strlen(share));
		serve(fake, rank, request->path + strlen(share), request, answer);
	}
	if (!answer->body) {
		answer->body = fake->reply.data;
		answer->size = fake->reply.size;
	}
}

static void answer(void *context, const struct http_request *request, uint16_t port,
		   struct fake_answer *answer)
{
	struct fake_servers *fake = context;
	unsigned rank = 0;
	fake->reply.size = 0;
	answer->held = port == 0 && fake->gateway_held;
	if (answer->held)
		return;
	if (port == 0) {
		answer_as_gateway(fake, request, answer);
		return;
	}
	while (fake->order[rank] != port - FIRST_PORT)
		rank++;
	const bool bad = misbehaves(&fake->at[rank], answer);
	if (answer->held)
		return;
	clock_move(fake->at[rank].takes_ms);
	if (bad)
		note(fake, "%u bad\n", rank);
	else
		answer_as_server(fake, rank, request, answer);
}

/* ---- the store ---- */

void fake_servers_open(struct fake_servers *fake, const struct cap *cap,
		       const struct direct_options *wanted)
{
	static char url[FAKE_SERVERS][40];
	static const struct gateway_options gateway = { .url = "http://127.0.0.1:1/" };
	struct direct_options options = *wanted;
	struct err err;
	clock_stop();
	*fake = (struct fake_servers){ .cap = *cap };
	for (unsigned i = 0; i < FAKE_SERVERS; i++) {
		struct server *server = &fake->list[i];
		snprintf(url[i], sizeof url[i], "https://127.0.0.1:%u/", FIRST_PORT + i);
		snprintf(server->pin, sizeof server->pin,
			 "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
		server->url = url[i];
		server->seed_size = 1;
		server->seed[0] = (unsigned char)i;
		server->has_id = true;
		server->id[0] = (unsigned char)i;
	}
	fake->servers = (struct servers){ .server = fake->list, .count = FAKE_SERVERS };
	assert_true(cap_storage_index(cap, fake->index));
	servers_order(&fake->servers, fake->index, fake->order);
	for (unsigned rank = 0; rank < FAKE_SERVERS; rank++)
		fake->at[rank].server = &fake->list[fake->order[rank]];
	bytes_init(&fake->log, SIZE_MAX / 2);
	bytes_init(&fake->reply, SIZE_MAX / 2);
	bytes_init(&fake->got, SIZE_MAX / 2);
	fake_http_set(answer, fake);
	options.gateway = &gateway;
	options.servers = &fake->servers;
	options.lease_secret = lease_secret;
	assert_int_equal(direct_open(&options, &fake->store, &err), FAULT_NONE);
}

void fake_servers_close(struct fake_servers *fake)
{
	const struct direct *direct = (struct direct *)fake->store;
	/* What has ended was taken off its list. */
	if (fake->ended)
		assert_null(direct->own);
	store_close(fake->store);
	health_free(fake->health);
	for (unsigned rank = 0; rank < FAKE_SERVERS; rank++)
		for (unsigned i = 0; i < FAKE_SHARES; i++)
			free(fake->at[rank].share[i].data);
	bytes_fini(&fake->log);
	bytes_fini(&fake->reply);
	bytes_fini(&fake->got);
}

void fake_servers_give(struct fake_servers *fake, unsigned rank, unsigned number, const void *data,
		       size_t size)
{
	struct fake_share *share = &fake->at[rank].share[number];
	free(share->data);
	*share = (struct fake_share){ malloc(size), size, size, true };
	memcpy(share->data, data, size);
}

static void on_end(void *context, const struct store_reply *reply)
{
	struct fake_servers *fake = context;
	fake->ended = true;
	fake->ends++;
	fake->end = *reply;
}

struct store_then fake_servers_then(struct fake_servers *fake)
{
	fake->ended = false;
	fake->got.size = 0;
	return (struct store_then){ on_end, fake };
}

bool fake_servers_sink(void *context, const void *data, size_t size)
{
	struct fake_servers *fake = context;
	return bytes_append(&fake->got, data, size) == FAULT_NONE;
}

void fake_servers_trouble(struct fake_servers *fake, enum health_work work)
{
	struct direct *direct = (struct direct *)fake->store;
	const struct health_options options = { .grid_ms = 60000, .gateway_ms = 60000 };
	struct err err = { .fault = FAULT_RETRY };
	if (!fake->health)
		fake->health = direct->health = health_new(&options);
	const struct health_call call = health_begin(fake->health, direct->base.gateway, work);
	health_trouble(fake->health, &call, false, &err);
	assert_true(fake_servers_in_trouble(fake, work));
}

bool fake_servers_in_trouble(const struct fake_servers *fake, enum health_work work)
{
	return health_begin(fake->health, fake->store->gateway, work).was_trouble;
}

void fake_servers_run(struct fake_servers *fake)
{
	enum { POLLS = 10 };
	for (unsigned i = 0; i < POLLS && !fake->ended; i++)
		store_poll(fake->store, 0);
}

size_t fake_servers_in_flight(const struct fake_servers *fake)
{
	return http_in_flight(gateway_http(((const struct direct *)fake->store)->base.behind));
}

void fake_servers_run_all(struct fake_servers *fake)
{
	do {
		store_poll(fake->store, 0);
	} while (fake_servers_in_flight(fake) > 0);
}

void fake_servers_asked(struct fake_servers *fake, const char *lines)
{
	assert_string_equal(bytes_text(&fake->log), lines);
	fake->log.size = 0;
}
