#include "direct/direct_call.h"
#include "direct/share_numbers.h"
#include "queue/core/thread.h"

enum { NUMBERS_REPLY_MAX = 8192 /* bytes */ };

/* Whether a share of that number was found already: two servers may have the same. */
static bool has(const struct direct_shares *shares, unsigned number)
{
	for (unsigned i = 0; i < shares->found; i++)
		if (shares->number[i] == number)
			return true;
	return false;
}

/* Whether the share of a server is known to be no good. */
static bool is_damaged(const struct direct_call *call, unsigned server, unsigned number)
{
	for (unsigned i = 0; i < call->damage.count; i++)
		if (call->damage.at[i].server == server && call->damage.at[i].share == number)
			return true;
	return false;
}

static void add(struct direct_shares *shares, unsigned server, unsigned number)
{
	shares->server[shares->found] = (uint16_t)server;
	shares->number[shares->found++] = (unsigned char)number;
}

/* A server in the order of the file's shares. */
static struct habit_place place_of(const struct direct_call *call, unsigned server)
{
	unsigned rank = 0;
	while (call->order[rank] != server)
		rank++;
	return (struct habit_place){ server, rank, call->cap.total };
}

/* Takes from a server's reply the numbers that are missing, until there are k. */
static void take_numbers(struct direct_call *call, unsigned server, const void *data, size_t size)
{
	struct direct_shares *shares = call->shares;
	bool found[SHARE_NUMBERS_MAX];
	struct err err;
	if (share_numbers_read(data, size, found, &err)) {
		direct_judge_server(call->own.direct, server, FAULT_RETRY, false);
		return;
	}
	const struct habit_place place = place_of(call, server);
	habits_learn(call->own.direct->habits, &place, found);
	for (unsigned i = 0; i < call->cap.total && shares->found < call->cap.needed; i++)
		if (found[i] && !has(shares, i) && !is_damaged(call, server, i))
			add(shares, server, i);
}

/* A server has answered, or has not: in both cases one less is waited for. */
static void on_numbers(void *context, const struct http_reply *reply)
{
	struct direct_request *request = context;
	struct direct_call *call = direct_request_ended(request, reply->fault, reply);
	if (!reply->fault)
		take_numbers(call, request->server, reply->body, reply->body_size);
	if (call->shares->found == call->cap.needed)
		direct_cancel_requests(call); /* nobody has to be waited for */
	if (call->waiting == 0)
		call->woken(call, false);
}

/* Asks a server which shares of the file it has.  False: it could not begin. */
static bool ask_numbers(struct direct_call *call, unsigned slot, unsigned server)
{
	struct direct_request *request = &call->request[slot];
	*request = (struct direct_request){ .call = call, .server = server };
	struct http_request http = { .reply_max = NUMBERS_REPLY_MAX, .done = on_numbers };
	return direct_request_start(request, &http, "shares");
}

/* Whether a share of the server has come already. */
static bool is_kept(const struct direct_call *call, unsigned server)
{
	for (unsigned i = 0; i < call->kept; i++)
		if (call->shares->server[i] == server)
			return true;
	return false;
}

/* The next server to be asked; false: there is none.  Those that gave a share may have another, but
 * come last. */
static bool next_server(struct direct_call *call, unsigned *server)
{
	const struct direct *direct = call->own.direct;
	const size_t count = direct->servers->count;
	while (count > 0 && call->asked < (call->kept ? 2 * count : count)) {
		bool again = call->asked >= count;
		*server = call->order[call->asked++ % count];
		if (is_kept(call, *server) == again && direct_server_answers(direct, *server))
			return true;
	}
	return false;
}

/* Asks as many servers as shares are missing: each has one where there are enough of them. */
static enum direct_next search_round(struct direct_call *call)
{
	unsigned missing = call->cap.needed - call->shares->found, slot = 0, server;
	if (missing == 0)
		return DIRECT_OPEN;
	if (clock_ms() >= call->search_ends_ms)
		return DIRECT_GIVE_UP;
	call->step = search_round;
	while (slot < missing && next_server(call, &server))
		slot += ask_numbers(call, slot, server);
	return slot > 0 ? DIRECT_WAIT : DIRECT_GIVE_UP;
}

bool direct_guess(struct direct_call *call)
{
	unsigned server;
	direct_cancel_requests(call);
	if (call->cap.total > 1)
		return false;
	do {
		if (!next_server(call, &server))
			return false;
	} while (is_damaged(call, server, 0));
	call->shares->found = 0;
	add(call->shares, server, 0);
	return true;
}

/* ---- shares whose places are guessed ---- */

/* Guesses where k shares are, once in a call.  False: there is no telling. */
static bool guess_shares(struct direct_call *call)
{
	const struct direct *direct = call->own.direct;
	const unsigned needed = call->cap.needed;
	struct habit_guess guess[ERASURE_BLOCKS_MAX];
	bool *answers = calloc(direct->servers->count, sizeof *answers);
	bool told = false;
	for (size_t i = 0; answers && i < direct->servers->count; i++)
		answers[i] = direct_server_answers(direct, (unsigned)i);
	if (answers && !call->guessed && call->damage.count == 0)
		told = habits_guess(direct->habits, call->order, answers, call->cap.total, needed,
				    guess);
	for (unsigned i = 0; i < needed && told; i++) {
		add(call->shares, guess[i].server, guess[i].number);
		call->guess[i] = true;
	}
	free(answers);
	call->guessed |= told;
	return told;
}

bool direct_guess_holds(struct direct_call *call, unsigned slot, enum fault fault)
{
	const struct direct_shares *shares = call->shares;
	if (!call->guess[slot] || (fault && fault != FAULT_NOT_FOUND))
		return true;
	const struct habit_place place = place_of(call, shares->server[slot]);
	call->guess[slot] = false;
	habits_judge(call->own.direct->habits, &place, shares->number[slot], !fault);
	return !fault;
}

enum direct_next direct_mend(struct direct_call *call)
{
	struct direct_shares *shares = call->shares;
	call->kept = 0;
	for (unsigned i = 0; i < call->cap.needed; i++) {
		const unsigned to = call->kept;
		const bool absent = call->request[i].absent;
		call->request[i].absent = false;
		if (absent)
			continue;
		if (to < i)
			memcpy(call->buffer + to * call->stride, call->buffer + i * call->stride,
			       call->stride);
		shares->server[to] = shares->server[i];
		shares->number[to] = shares->number[i];
		call->kept++;
	}
	shares->found = call->kept;
	erasure_free(shares->erasure);
	shares->erasure = NULL;
	call->asked = 0;
	call->search_ends_ms = clock_ms() + DIRECT_SEARCH_MS;
	return search_round(call);
}

/* ---- in general ---- */

enum direct_next direct_search(struct direct_call *call)
{
	const struct servers *servers = call->own.direct->servers;
	call->shares = calloc(1, sizeof *call->shares);
	call->order = calloc(servers->count, sizeof *call->order);
	if (call->shares)
		call->shares->refs = 1;
	if (!call->shares || !call->order)
		return DIRECT_GIVE_UP;
	call->kept = 0;
	call->search_ends_ms = clock_ms() + DIRECT_SEARCH_MS;
	call->shares->cap = call->cap;
	if (!cap_storage_index(&call->cap, call->shares->index))
		return DIRECT_GIVE_UP;
	servers_order(servers, call->shares->index, call->order);
	if (direct_guess(call) || guess_shares(call))
		return DIRECT_OPEN;
	call->searches++;
	return search_round(call);
}

enum direct_next direct_again(struct direct_call *call)
{
	direct_cancel_requests(call);
	direct_shares_forget(call->own.direct, call->shares);
	if (call->cap.total == 1 || call->searches == DIRECT_SEARCHES_MAX)
		return DIRECT_GIVE_UP;
	direct_shares_unref(call->shares);
	free(call->order);
	call->order = NULL;
	call->asked = 0;
	memset(call->guess, 0, sizeof call->guess);
	return direct_search(call);
}
