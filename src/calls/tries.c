#include "calls/tries.h"

#include "queue/core/thread.h"

enum { LOOK_MS = 200 }; /* between questions whether to stop */

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

/* The gateway is away: whether it is waited for, and how long until the next question. */
static bool wait_for_gateway(struct tries *tries, const struct err *err, uint32_t *delay_ms)
{
	const struct store *store = tries->wait->store;
	tries->waits = true;
	away_found(tries->away, store, err);
	*delay_ms = away_delay_ms(tries->away, store_gateway(store));
	return !away_is_over(tries->away, store_gateway(store));
}

void tries_over(struct tries *tries)
{
	if (tries->waits)
		away_answered(tries->away, tries->wait->store);
	tries->waits = false;
}

/* Whether there is a further try, and how long until then. */
static bool decide(struct tries *tries, struct err *err, uint32_t *delay_ms)
{
	bool away = err->fault == FAULT_UNAVAILABLE;
	if (!away && err->fault != FAULT_CANCELLED)
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
		err->fault = fault_after_tries(err);
		return false;
	case FATE_STOPPED:
	case FATE_BROKEN:
		break;
	}
	return false;
}

bool tries_again(struct tries *tries, struct err *err)
{
	uint32_t delay_ms;
	return decide(tries, err, &delay_ms) && !tries_pause(tries, delay_ms, err);
}
