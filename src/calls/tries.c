#include "calls/tries.h"

#include "queue/core/thread.h"
#include "queue/retry.h"

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
		nanosleep(&(struct timespec){ .tv_nsec = (long)slice * 1000000 }, NULL);
	}
	return FAULT_NONE;
}

static void tell_away(const struct tries *tries, bool away)
{
	if (tries->away)
		tries->away(tries->context, away);
}

static bool decide(struct tries *tries, const struct err *err, uint32_t *delay_ms)
{
	if (fate_of(err) == FATE_AWAY) {
		uint64_t now = clock_ms();
		if (!tries->away_since && tries->away_ms > 0)
			tell_away(tries, true);
		if (!tries->away_since)
			tries->away_since = now;
		*delay_ms = AWAY_MS;
		return now - tries->away_since < tries->away_ms;
	}
	if (tries->away_since)
		tell_away(tries, false);
	tries->away_since = 0;
	if (!tries->random)
		tries->random = clock_ms();
	if (!retry_again(&retry_default, err, ++tries->attempts, &tries->random, delay_ms))
		return false;
	if (tries->again)
		tries->again(tries->context, err);
	return true;
}

bool tries_again(struct tries *tries, struct err *err)
{
	uint32_t delay_ms;
	if (err->fault == FAULT_CORRUPT) /* a reply: it says nothing of our own state */
		err->fault = FAULT_RETRY;
	return decide(tries, err, &delay_ms) && !tries_pause(tries, delay_ms, err);
}
