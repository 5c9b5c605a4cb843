#include "upload/put.h"

#include "queue/core/kill.h"

static void put_end(const struct put *put, enum put_end end, const struct err *err)
{
	put->options.ended(put->options.context, end, err);
}

void put_refuse(struct put *put, const struct err *err) { put_end(put, PUT_FAILED, err); }

/* ---- proof ---- */

static void proven(void *context, const struct err *err)
{
	const struct put *put = context;
	put_end(put, err ? PUT_FAILED : PUT_PROVEN, err);
}

void put_go_on(struct put *put, const struct put_content *known)
{
	const struct put_options *options = &put->options;
	struct policy *policy = options->policy;
	unsigned owed = (policy_levels(policy) & VERIFY_CHECK) | VERIFY_READ;
	struct err err;
	enum fault fault = FAULT_NONE;
	KILL_POINT("transfer-stored");
	put->met = 0;
	if (put->proven)
		policy_judge_own(policy, &put->met, &owed);
	else if (!put->overwrites)
		fault = policy_judge(policy, store_gateway(options->store), known->key,
				     options->body.size, known->whole, &put->cap, &put->met, &owed,
				     &err);
	if (fault) {
		put_end(put, fault == FAULT_USAGE ? PUT_FOREIGN : PUT_FAILED, &err);
		return;
	}
	put->met |= owed; /* once it ends well */
	const struct proving_options proofs = {
		.store = options->store,
		.cap = &put->cap,
		.content = known->content,
		.size = options->body.size,
		.ended = proven,
		.context = put,
	};
	proving_start(&put->proving, &proofs, owed);
}

/* ---- the request ---- */

static void put_done(void *context, const struct store_reply *reply)
{
	struct put *put = context;
	const struct put_options *options = &put->options;
	put->call = NULL;
	put->trouble = reply->trouble;
	if (patience_asks(options->patience, reply, &put->delay_ms)) {
		put_end(put, PUT_POSTPONED, &reply->err);
	} else if (reply->fault) {
		bool hopeless = reply->trouble == STORE_TROUBLE_OTHER && options->attempts > 0;
		put_end(put, hopeless ? PUT_HOPELESS : PUT_FAILED, &reply->err);
	} else {
		put->cap = reply->cap;
		put->proven = reply->proven;
		options->stored(options->context);
	}
}

void put_start(struct put *put, const struct put_options *options)
{
	const struct store_then then = { put_done, put };
	struct err err;
	put->options = *options;
	put->trouble = STORE_TROUBLE_NONE;
	put->call = put->overwrites
			    ? store_overwrite(options->store, &put->cap, &options->body, then, &err)
			    : store_put(options->store, &options->body, then, &err);
	if (!put->call)
		put_end(put, PUT_FAILED, &err);
}

void put_cancel(struct put *put)
{
	if (put->call)
		store_cancel(put->options.store, put->call);
	put->call = NULL;
	proving_cancel(&put->proving);
}

void put_fini(struct put *put)
{
	proving_fini(&put->proving);
	cap_wipe(&put->cap);
}
