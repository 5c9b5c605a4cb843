/*
 * Which gateways are away, and since when: the one place that times --gateway-wait.
 *
 *    there --a call finds it away--> away --any call is answered--> there
 *      said once for all               |                              said once for all
 *                                      | asked again at intervals; for `wait_ms`:
 *                                      v
 *                                    over: nobody has to wait any longer
 *
 * What a fault means is queue/retry's decision (FATE_AWAY); what ends after that is the waiter's:
 * lanes go on with other gateways while there is one.
 *
 * Place      calls/lanes and calls/tries tell and ask it; place/setup makes one for a command.
 * Ownership  borrowed by all who tell it.  NULL stands for: nobody waits.
 * Threads    all functions may run concurrently; `tell` runs in the thread that found out.
 */
#pragma once

#include "store/store.h"

struct away;

struct away_options {
	uint64_t wait_ms; /* --gateway-wait */
	/* Hears that a gateway, named as store_label does, went away, and why, or (NULL) is back.
	 * May be NULL. */
	void (*tell)(void *context, const char *gateway, const struct err *why);
	void *context;
};

/* Returns NULL when out of memory. */
struct away *away_new(const struct away_options *options);

/* Frees.  NULL is allowed. */
void away_free(struct away *away);

/* Notes that the gateway of `store` was found to be away, first or again, by `why`. */
void away_found(struct away *away, const struct store *store, const struct err *why);

/* Notes that it has answered as it should. */
void away_answered(struct away *away, const struct store *store);

/* Returns whether a gateway (store_gateway) is away. */
bool away_is(const struct away *away, unsigned gateway);

/* Returns whether it is, and has been for as long as anybody waits. */
bool away_is_over(const struct away *away, unsigned gateway);

/* Returns how long until a gateway that is away should be asked again. */
uint32_t away_delay_ms(struct away *away, unsigned gateway);

/* Returns whether that time has come for the caller, who then asks: others have to wait for the
 * next time. */
bool away_asks(struct away *away, unsigned gateway);
