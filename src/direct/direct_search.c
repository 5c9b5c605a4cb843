#include "direct/direct_call.h"
#include "direct/share_numbers.h"
#include "queue/core/thread.h"

static bool has(const struct direct_shares *shares, unsigned number)
{
	for (unsigned i = 0; i < shares->found; i++)
		if (shares->number[i] == number)
			return true;
	return false;
}

static void add(struct direct_shares *shares, unsigned server, unsigned number)
{
	shares->server[shares->found] = (uint16_t)server;
	shares->number[shares->found++] = (unsigned char)number;
}

void direct_search_take(struct direct_call *call, unsigned server, const void *data, size_t size)
{
	struct direct_shares *shares = call->shares;
	bool found[SHARE_NUMBERS_MAX];
	struct err err;
	if (share_numbers_read(data, size, found, &err)) {
		direct_judge_server(call->direct, server, FAULT_RETRY);
		return;
	}
	for (unsigned i = 0; i < call->cap.total && shares->found < call->cap.needed; i++)
		if (found[i] && !has(shares, i))
			add(shares, server, i);
}

/* The next server to be asked; false: there is none. */
static bool next_server(struct direct_call *call, unsigned *server)
{
	const struct direct *direct = call->direct;
	while (call->asked < direct->servers->count) {
		*server = call->order[call->asked++];
		if (direct_server_answers(direct, *server))
			return true;
	}
	return false;
}

/* Asks as many servers as shares are missing: each has one where there are enough of them. */
static void searched(struct direct_call *call)
{
	unsigned missing = call->cap.needed - call->shares->found, slot = 0, server;
	if (missing == 0) {
		direct_open_shares(call);
		return;
	}
	call->step = searched;
	if (clock_ms() >= call->search_ends_ms) {
		direct_give_up(call);
		return;
	}
	while (slot < missing && next_server(call, &server))
		slot += direct_ask_numbers(call, slot, server);
	if (slot == 0)
		direct_give_up(call);
}

/* Where there is one share only its number is known, and its server can be guessed. */
bool direct_guess(struct direct_call *call)
{
	unsigned server;
	if (call->cap.total > 1 || !next_server(call, &server))
		return false;
	call->shares->found = 0;
	add(call->shares, server, 0);
	direct_open_shares(call);
	return true;
}

void direct_search(struct direct_call *call)
{
	const struct servers *servers = call->direct->servers;
	call->shares = calloc(1, sizeof *call->shares);
	call->order = calloc(servers->count, sizeof *call->order);
	if (call->shares)
		call->shares->refs = 1;
	if (!call->shares || !call->order) {
		direct_give_up(call);
		return;
	}
	call->search_ends_ms = clock_ms() + DIRECT_SEARCH_MS;
	call->shares->cap = call->cap;
	if (!cap_storage_index(&call->cap, call->shares->index)) {
		direct_give_up(call);
		return;
	}
	servers_order(servers, call->shares->index, call->order);
	if (!direct_guess(call))
		searched(call);
}
