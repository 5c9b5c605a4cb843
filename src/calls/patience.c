#include "calls/patience.h"

#include "queue/core/thread.h"

void patience_begin(struct patience *patience) { atomic_store(&patience->since_ms, clock_ms()); }

static void tell_once(struct patience *patience)
{
	if (!atomic_exchange(&patience->told, true) && patience->tell)
		patience->tell(patience->context,
			       "the grid still keeps uploads that were cut off; it drops them "
			       "within 30 minutes, and the files concerned wait for that");
}

bool patience_asks(struct patience *patience, const struct store_reply *reply, uint32_t *delay_ms)
{
	if (!patience || !reply->fault)
		return false;
	bool sent = reply->fault != FAULT_UNAVAILABLE && reply->fault != FAULT_CANCELLED;
	/* A proxy that had passed it on, and has no reply. */
	int status = reply->trouble == STORE_TROUBLE_STRANGER ? reply->err.http_status : 0;
	bool cut_off = status == 502 || status == 504;
	if (cut_off || (sent && reply->err.http_status == 0))
		patience_begin(patience);
	uint64_t since_ms = atomic_load(&patience->since_ms);
	uint64_t waited_ms = clock_ms() - since_ms;
	if (reply->trouble != STORE_TROUBLE_UNHAPPY || since_ms == 0 || waited_ms >= PATIENCE_MS)
		return false;
	tell_once(patience);
	*delay_ms = (uint32_t)min_u64(PATIENCE_DELAY_MIN_MS + waited_ms / 4, PATIENCE_DELAY_MAX_MS);
	if (patience->put_off)
		patience->put_off(patience->context, *delay_ms, PATIENCE_MS - waited_ms);
	return true;
}
