#include "direct/direct_call.h"

#include "queue/core/thread.h"

void direct_judge_server(struct direct *direct, unsigned server, enum fault fault, bool slow)
{
	struct direct_server *judged = &direct->server[server];
	uint64_t now_ms = clock_ms();
	/* What was asked before the server was found away tells nothing new. */
	if (judged->away_until_ms > now_ms || fault == FAULT_NOMEM)
		return;
	if (fault == FAULT_NONE || fault == FAULT_NOT_FOUND) {
		judged->failures = 0;
		return;
	}
	uint64_t away_ms = slow ? DIRECT_SLOW_MS : DIRECT_AWAY_MS;
	judged->away_until_ms = now_ms + (away_ms << judged->failures);
	if (judged->failures < DIRECT_AWAY_TIMES)
		judged->failures++;
}

void direct_learn(struct direct *direct, uint64_t size, uint64_t took_ms)
{
	speed_learn(&direct->speed, size, took_ms);
	if (size < SPEED_LEARN_SIZE)
		direct->delay_ms = speed_average(direct->delay_ms, took_ms);
	direct->floor.bps = max_u64(speed_floor(&direct->speed), DIRECT_RATE_LEAST);
	direct->floor.wait_ms =
		direct->delay_ms ? max_u64(8 * direct->delay_ms, DIRECT_WAIT_LEAST_MS) : 0;
}

/* One bad share tells nothing of others: disks fail in places. */
static void doubt_server(struct direct *direct, unsigned server)
{
	if (++direct->server[server].doubts < DIRECT_DOUBTS_MAX)
		return;
	direct->server[server].doubts = 0;
	direct_judge_server(direct, server, FAULT_CORRUPT, false);
}

void direct_doubt(struct direct_call *call)
{
	call->doubted = true;
	for (unsigned i = 0; i < call->shares->found; i++)
		doubt_server(call->own.direct, call->shares->server[i]);
}

void direct_doubt_share(struct direct_call *call, unsigned slot)
{
	const struct direct_shares *shares = call->shares;
	struct store_damage *damage = &call->damage;
	call->doubted = true;
	doubt_server(call->own.direct, shares->server[slot]);
	if (damage->count == STORE_DAMAGE_MAX)
		return;
	damage->at[damage->count].server = shares->server[slot];
	damage->at[damage->count++].share = shares->number[slot];
}

static void pardon_server(struct direct_server *server)
{
	server->doubts = 0;
	server->away_until_ms = 0;
}

void direct_pardon(struct direct_call *call)
{
	struct direct_server *server = call->own.direct->server;
	for (unsigned i = 0; i < call->shares->found; i++)
		pardon_server(&server[call->shares->server[i]]);
	for (unsigned i = 0; i < call->damage.count; i++)
		pardon_server(&server[call->damage.at[i].server]);
}

void direct_trust(struct direct_call *call)
{
	const struct direct_shares *shares = call->shares;
	for (unsigned i = 0; i < shares->found; i++)
		call->own.direct->server[shares->server[i]].doubts = 0;
}

bool direct_server_answers(const struct direct *direct, unsigned server)
{
	return direct->server[server].peer && direct->server[server].away_until_ms <= clock_ms();
}
