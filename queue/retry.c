#include "queue/retry.h"

#include "queue/file/outcomes.h"

enum { ALONE_MS = 500 }; /* doubled with each try */

struct rule {
	enum fate ours, theirs, job; /* theirs: err.remote; job: ERR_JOB */
	/* enum outcome_reason, of what has failed for good */
	uint8_t our_reason, their_reason, writing_reason; /* writing: ours, ERR_TARGET */
};

#define GATEWAY   REASON_GATEWAY
#define UNWRITTEN REASON_UNWRITTEN
#define FAILED    FATE_FAILED
#define AGAIN     FATE_AGAIN
#define BROKEN    FATE_BROKEN

static const struct rule rule[] = {
	[FAULT_RETRY] = { AGAIN, AGAIN, AGAIN, GATEWAY, GATEWAY, UNWRITTEN },
	[FAULT_UNAVAILABLE] = { FATE_AWAY, FATE_AWAY, FATE_AWAY, GATEWAY, GATEWAY, UNWRITTEN },
	[FAULT_AUTH] = { FAILED, FAILED, BROKEN, REASON_PERMISSION, GATEWAY, UNWRITTEN },
	[FAULT_NOT_FOUND] = { FAILED, FAILED, BROKEN, REASON_VANISHED, GATEWAY, UNWRITTEN },
	[FAULT_EXISTS] = { FAILED, FAILED, BROKEN, REASON_CONFLICT, REASON_CONFLICT,
			   REASON_CONFLICT },
	[FAULT_CHANGED] = { AGAIN, AGAIN, AGAIN, REASON_CHANGED, REASON_CHANGED, REASON_CHANGED },
	/* Ours is damaged and stays so; a wrong reply may be an accident of that reply. */
	[FAULT_CORRUPT] = { FAILED, AGAIN, BROKEN, REASON_LOST, REASON_MISMATCH, REASON_LOST },
	/* The side's, not the file's. */
	[FAULT_FULL] = { BROKEN, FAILED, BROKEN, REASON_IO, GATEWAY, UNWRITTEN },
	[FAULT_GONE] = { BROKEN, FAILED, BROKEN, REASON_IO, GATEWAY, UNWRITTEN },
	/* Too much for one entry, whoever says so. */
	[FAULT_TOO_LARGE] = { FAILED, FAILED, FAILED, REASON_IO, GATEWAY, UNWRITTEN },
	[FAULT_CANCELLED] = { FATE_STOPPED, FATE_STOPPED, FATE_STOPPED, GATEWAY, GATEWAY,
			      UNWRITTEN },
	[FAULT_USAGE] = { FAILED, FAILED, FAILED, REASON_NAME, GATEWAY, REASON_NAME },
	[FAULT_LOCKED] = { FAILED, FAILED, BROKEN, REASON_IO, GATEWAY, UNWRITTEN },
	[FAULT_INSECURE] = { FAILED, FAILED, BROKEN, REASON_ASTRAY, GATEWAY, REASON_ASTRAY },
	[FAULT_NOMEM] = { AGAIN, AGAIN, AGAIN, REASON_IO, REASON_IO, UNWRITTEN },
	[FAULT_IO] = { FAILED, FAILED, BROKEN, REASON_IO, REASON_IO, UNWRITTEN },
};

enum fate fate_of(const struct err *err)
{
	const struct rule *known = &rule[err->fault];
	if (err->excuse)
		return err->excuse == EXCUSE_OVER ? FATE_BROKEN : FATE_AWAY;
	/* Somebody answered, if not the gateway, while others were answered well. */
	if (err->fault == FAULT_UNAVAILABLE && err->http_status)
		return FATE_AGAIN;
	if (err->remote)
		return known->theirs;
	return err->side == ERR_JOB ? known->job : known->ours;
}

/* Whether the trouble turned out to be its own: others had none. */
static bool is_its_own(const struct err *err, uint64_t first)
{
	return err->excuse == EXCUSE_WAITING && err->well > first;
}

uint8_t reason_of(const struct err *err)
{
	const struct rule *known = &rule[err->fault];
	if (err->remote)
		return known->their_reason;
	return err->side == ERR_TARGET ? known->writing_reason : known->our_reason;
}

enum fault fault_after_tries(const struct err *err)
{
	bool wrong = err->fault == FAULT_CORRUPT && err->remote;
	return wrong || err->fault == FAULT_UNAVAILABLE ? FAULT_RETRY : err->fault;
}

bool fault_is_general(enum fault fault)
{
	enum fate fate = rule[fault].ours;
	return fate == FATE_AWAY || fate == FATE_STOPPED || fault == FAULT_NOMEM;
}

/* SplitMix64 by Steele, Lea and Flood (2014): any state, zero included, is a good one. */
static uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static bool was_last(const struct err *err, unsigned attempts)
{
	return attempts >= (err->fault == FAULT_CHANGED ? RETRY_CHANGED_ATTEMPTS : RETRY_ATTEMPTS);
}

/* How long to wait after the `attempts`-th try, which was not the last: any time up to a limit that
 * doubles. */
static uint32_t delay_after(unsigned attempts, uint64_t *random)
{
	uint64_t limit = (uint64_t)RETRY_BASE_MS << (attempts - 1);
	return (uint32_t)((random_next(random) >> 32) * (limit + 1) >> 32);
}

/* What this process lacks is no verdict on anything. */
static bool is_shortage(const struct err *err) { return err->fault == FAULT_NOMEM && !err->remote; }

enum fate retry_decide(const struct err *err, struct retry_state *state, uint32_t *delay_ms)
{
	enum fate fate = fate_of(err);
	if (!state->trouble)
		state->trouble = err->trouble;
	bool own = is_its_own(err, state->trouble);
	if (own)
		fate = FATE_AGAIN;
	*delay_ms = (uint32_t)min_u64(err->retry_after_ms, RETRY_AFTER_MAX_MS);
	if (fate != FATE_AGAIN)
		return fate;
	if (!state->random)
		state->random = err->trouble + 1;
	state->attempts++;
	if (was_last(err, state->attempts))
		return is_shortage(err) ? FATE_BROKEN : FATE_FAILED;
	if (err->retry_after_ms == 0)
		*delay_ms = delay_after(state->attempts, &state->random);
	if (own)
		*delay_ms = (uint32_t)max_u64(*delay_ms, (uint64_t)ALONE_MS << state->attempts);
	return FATE_AGAIN;
}
