#include "plan/publish.h"

#include "queue/core/kill.h"
#include "queue/core/thread.h"

enum {
	/* Between syncs of 0.1 ms each: short at first, so that a small tree is on its way at once.
	 */
	WAIT_FIRST_MS = 1,
	WAIT_MAX_MS = 50,
};

void publish_init(struct publisher *publisher, const struct plan_request *request)
{
	*publisher = (struct publisher){ .request = request, .wait_ms = WAIT_FIRST_MS };
}

/* Sets the counters of the progress line. */
static void count_progress(const struct plan_request *request)
{
	if (!request->progress)
		return;
	const struct manifest_totals *totals = manifest_writer_totals(request->writer);
	uint64_t entries = totals->files + totals->directories + totals->symlinks + totals->others;
	atomic_store_explicit(&request->progress->entries, entries, memory_order_relaxed);
	atomic_store_explicit(&request->progress->files, totals->files, memory_order_relaxed);
	atomic_store_explicit(&request->progress->directories, totals->directories,
			      memory_order_relaxed);
	atomic_store_explicit(&request->progress->bytes, totals->bytes, memory_order_relaxed);
}

/* An entry must not outlive the slot of its source. */
static enum fault sync_sources(const struct plan_request *request, struct err *err)
{
	struct outcomes *sources = request->catalog->sources;
	return sources ? outcomes_sync(sources, err) : FAULT_NONE;
}

/* Makes all that is written durable; `whole`: the listing begun last has been ended. */
static enum fault publish_sync(struct publisher *publisher, bool whole, struct err *err)
{
	enum fault fault = sync_sources(publisher->request, err);
	if (!fault)
		fault = manifest_sync(publisher->request->writer, &publisher->durable, err);
	if (!fault && whole)
		publisher->reliable = publisher->begun;
	return fault;
}

static void tell_durable(struct publisher *publisher, struct listing_id durable, bool complete)
{
	if (publisher->request->publish)
		publisher->request->publish(publisher->request->context, durable, complete);
	publisher->told = true;
	KILL_POINT("plan-published");
}

enum fault publish_tick(struct publisher *publisher, struct err *err)
{
	const struct plan_request *request = publisher->request;
	count_progress(request);
	if (request->cancel && atomic_load_explicit(request->cancel, memory_order_acquire))
		return err_set(err, FAULT_CANCELLED, "planning was stopped");
	if (publisher->held || publisher->whole ||
	    (publisher->told && clock_ms() < publisher->due_ms))
		return FAULT_NONE;
	enum fault fault = publish_sync(publisher, false, err);
	if (fault)
		return fault;
	tell_durable(publisher, publisher->durable, false);
	publisher->due_ms = clock_ms() + publisher->wait_ms;
	publisher->wait_ms = min_u64(2 * publisher->wait_ms, WAIT_MAX_MS);
	return FAULT_NONE;
}

enum fault publish_entries(struct publisher *publisher, struct listing_id listing, struct err *err)
{
	return publisher->reliable.value && listing.value <= publisher->reliable.value
		       ? FAULT_NONE
		       : publish_sync(publisher, true, err);
}

enum fault publish_finish(struct publisher *publisher, struct err *err)
{
	enum fault fault = sync_sources(publisher->request, err);
	if (!fault)
		fault = manifest_finish(publisher->request->writer, err);
	if (fault)
		return fault;
	count_progress(publisher->request);
	tell_durable(publisher, LISTING_END, true);
	return FAULT_NONE;
}
