#include "calls/away.h"

#include "queue/core/thread.h"

#include <stdatomic.h>

enum {
	ASK_MS = 500,    /* between two questions whether a gateway is back */
	IDLE_MS = 60000, /* nobody has asked for so long: what was known is too old */
};

struct absence {
	atomic_uint_least64_t since_ms; /* clock_ms; 0: it is there; written under the lock */
	uint64_t ask_ms GUARDED;        /* when to ask again */
};

struct away {
	struct away_options options;
	struct mutex lock;
	struct absence gateway[STORE_GATEWAYS_MAX];
};

struct away *away_new(const struct away_options *options)
{
	struct away *away = calloc(1, sizeof *away);
	if (!away)
		return NULL;
	away->options = *options;
	mutex_init(&away->lock);
	return away;
}

void away_free(struct away *away)
{
	if (!away)
		return;
	mutex_fini(&away->lock);
	free(away);
}

static void tell(const struct away *away, const struct store *store, const struct err *why)
{
	if (away->options.tell)
		away->options.tell(away->options.context, store_label(store), why);
}

void away_found(struct away *away, const struct store *store, const struct err *why)
{
	if (!away)
		return;
	struct absence *gateway = &away->gateway[store_gateway(store)];
	uint64_t now = clock_ms();
	mutex_lock(&away->lock);
	uint64_t since = atomic_load(&gateway->since_ms);
	bool first = !since;
	if (first || now > gateway->ask_ms + IDLE_MS)
		since = now;
	atomic_store(&gateway->since_ms, since);
	uint64_t end = since + away->options.wait_ms;
	gateway->ask_ms = now + max_u64(ASK_MS, why->retry_after_ms);
	if (now < end)
		gateway->ask_ms = min_u64(gateway->ask_ms, end);
	mutex_unlock(&away->lock);
	if (first)
		tell(away, store, why);
}

void away_answered(struct away *away, const struct store *store)
{
	if (!away || !away_is(away, store_gateway(store)))
		return;
	mutex_lock(&away->lock);
	bool was_away = atomic_exchange(&away->gateway[store_gateway(store)].since_ms, 0);
	mutex_unlock(&away->lock);
	if (was_away)
		tell(away, store, NULL);
}

bool away_is(const struct away *away, unsigned gateway)
{
	return away && atomic_load(&away->gateway[gateway].since_ms);
}

bool away_is_over(const struct away *away, unsigned gateway)
{
	uint64_t since = away ? atomic_load(&away->gateway[gateway].since_ms) : 0;
	return !away || (since && clock_ms() >= since + away->options.wait_ms);
}

/* The same under the lock. */
static uint32_t delay_locked(const struct away *away, unsigned gateway) REQUIRES(away->lock)
{
	uint64_t now = clock_ms(), at = away->gateway[gateway].ask_ms;
	return at > now ? (uint32_t)(at - now) : 0;
}

uint32_t away_delay_ms(struct away *away, unsigned gateway)
{
	if (!away)
		return 0;
	mutex_lock(&away->lock);
	uint32_t delay_ms = delay_locked(away, gateway);
	mutex_unlock(&away->lock);
	return delay_ms;
}

bool away_asks(struct away *away, unsigned gateway)
{
	if (!away_is(away, gateway))
		return false;
	mutex_lock(&away->lock);
	bool asks = delay_locked(away, gateway) == 0;
	if (asks)
		away->gateway[gateway].ask_ms = clock_ms() + ASK_MS;
	mutex_unlock(&away->lock);
	return asks;
}
