#include "calls/tries.h"

#include "queue/core/thread.h"

enum {
	LOOK_MS = 200, /* between questions whether to stop */
	AWAY_MS = 500, /* between questions whether the gateway is back */
};

enum fault tries_pause(const struct tries *tries, uint32_t delay_ms, struct err *err)
{
	const struct store_wait *wait = tries->wait;
	uint64_t end = clock_ms() + delay_ms;
	for (uint64_t now; (now = clock_ms()) < end;) {
		if (wait->stop && wait->stop(wait->context))
			return err_set(err, FAULT_CANCELLED, "asked to stop");
		uint64_t slice = min_u64(end - now, LOOK_MS);
		if (wait->store) /* what it asks by itself goes on */
			store_poll(wait->store, (uint32_t)slice);
		else
			nanosleep(&(struct timespec){ .tv_nsec = (long)slice * 1000000 }, NULL);
	}
	return FAULT_NONE;
}

static void tell_away(const struct tries *tries, const struct err *why)
{
	if (tries->away)
		tries->away(tries->context, why);
}

/* The gateway is away: whether it is waited for, and how long until the next question. */
static bool wait_for_gateway(struct tries *tries, const struct err *err, uint32_t *delay_ms)
{
	uint64_t now = clock_ms();
	if (!tries->away_since && tries->away_ms > 0)
		tell_away(tries, err);
	if (!tries->away_since)
		tries->away_since = now;
	uint64_t end = tries->away_since + tries->away_ms;
	*delay_ms =
		(uint32_t)min_u64(max_u64(AWAY_MS, err->retry_after_ms), now < end ? end - now : 0);
	return now < end;
}

static bool decide(struct tries *tries, const struct err *err, uint32_t *delay_ms)
{
	bool away = err->fault == FAULT_UNAVAILABLE;
	if (!away)
		tries_over(tries);
	if (!tries->state.random)
		tries->state.random = clock_ms() | 1;
	switch (retry_decide(err, &tries->state, delay_ms)) {
	case FATE_AWAY: /* of a grid its health knows how long to wait */
		return !away || wait_for_gateway(tries, err, delay_ms);
	case FATE_AGAIN:
		if (tries->again)
			tries->again(tries->context, err);
		return true;
	case FATE_FAILED:
	case FATE_STOPPED:
	case FATE_BROKEN:
		break;
	}
	return false;
}

void tries_over(struct tries *tries)
{
	if (tries->away_since)
		tell_away(tries, NULL);
	tries->away_since = 0;
}

bool tries_again(struct tries *tries, struct err *err)
{
	uint32_t delay_ms;
	if (err->fault == FAULT_CORRUPT) /* a reply: it says nothing of our own state */
		err->fault = FAULT_RETRY;
	if (decide(tries, err, &delay_ms))
		return !tries_pause(tries, delay_ms, err);
	if (tries->state.attempts >= RETRY_ATTEMPTS && err->fault == FAULT_UNAVAILABLE)
		err->fault = FAULT_RETRY; /* others were answered meanwhile */
	return false;
}
