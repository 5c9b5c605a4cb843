#include "read/reader_parts.h"

#include "files/holes.h"
#include "measure/activity.h"
#include "queue/retry.h"
#include "read/chunks.h"
#include "read/duplicate.h"
#include "verify/policy.h"

/* Files in a row, of all readers, that the disk did not give: no damage of single files. */
enum { DOUBTS_MAX = 16 };

enum fault reader_new(const struct readers_options *options, struct reader **reader,
		      struct err *err)
{
	struct reader *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for a reader");
	made->options = options;
	made->doubts = options->doubts ? options->doubts : &made->own_doubts;
	made->tools.sources = options->replica.sources;
	made->tools.existing = options->existing;
	made->tools.replica = replica_new(&options->replica, options->cancel);
	if (!made->tools.replica) {
		free(made);
		return err_set(err, FAULT_NOMEM, "no memory for a reader");
	}
	if (source_tree_new(&options->tree, &made->tools.tree, err) ||
	    chk_key_init(&made->key, err) || content_hash_init(&made->content, err) ||
	    chk_encoder_new(&made->encoder, err)) {
		reader_free(made);
		return err->fault;
	}
	*reader = made;
	return FAULT_NONE;
}

void reader_free(struct reader *reader)
{
	if (!reader)
		return;
	source_tree_free(reader->tools.tree);
	replica_free(reader->tools.replica);
	chk_key_fini(&reader->key);
	content_hash_fini(&reader->content);
	chk_encoder_free(reader->encoder);
	free(reader);
}

static bool cancelled(const struct reader *reader)
{
	return atomic_load_explicit(reader->options->cancel, memory_order_acquire);
}

void reader_judge_doubt(struct reader *reader, struct err *err)
{
	struct err found;
	bool missing =
		!err->remote && (err->fault == FAULT_NOT_FOUND || err->fault == FAULT_CHANGED);
	if (!missing && !err_is_doubtful(err))
		return;
	if (source_tree_answers(reader->tools.tree, &found)) {
		*err = found;
	} else if (!missing && atomic_fetch_add(reader->doubts, 1) + 1 >= DOUBTS_MAX) {
		err_wrap(err, "no file of the source can be read any more");
		err->fault = FAULT_GONE;
	}
}

enum fault reader_hash_start(struct reader *reader, uint64_t size, struct err *err)
{
	content_hash_start(&reader->content);
	if (!reader->keyed)
		return FAULT_NONE;
	return chk_key_start(&reader->key, policy_params(reader->options->policy), size, err);
}

enum fault reader_hash_add(struct reader *reader, const void *data, size_t size, struct err *err)
{
	activity_begin(ACTIVITY_HASHING);
	content_hash_update(&reader->content, data, size);
	const enum fault fault =
		reader->keyed ? chk_key_update(&reader->key, data, size, err) : FAULT_NONE;
	activity_end(ACTIVITY_HASHING);
	return fault;
}

enum fault reader_hash_end(struct reader *reader, struct body_proof *proof, struct err *err)
{
	content_hash_final(&reader->content, proof->content);
	if (!reader->keyed) {
		memset(proof->key, 0, sizeof proof->key);
		return FAULT_NONE;
	}
	return chk_key_final(&reader->key, proof->key, err);
}

/* A small file is its own cap: it is done without a request. */
static void settle_literal(const struct attempt *attempt, const unsigned char *data)
{
	struct cap cap;
	struct body_proof proof = { 0 };
	struct outcome outcome = {
		.level = VERIFY_ALL, /* the cap is the file */
		.attempts = (uint8_t)(attempt->work->task->attempts + 1),
	};
	chk_literal(data, (size_t)attempt->size, &cap);
	content_hash_of(data, (size_t)attempt->size, proof.content);
	duplicate_outcome(&attempt->meta, attempt->size, &proof, &outcome);
	if (cap_pack(&cap, outcome.cap, &outcome.cap_size, &outcome.cap_kind))
		work_settle(attempt->work, &outcome, NULL);
	cap_wipe(&cap);
}

static enum try_end try_literal(struct attempt *attempt, struct err *err)
{
	unsigned char data[LITERAL_SIZE_MAX + 1];
	if (attempt_read(attempt, 0, data, (size_t)attempt->size, err) ||
	    attempt_check(attempt, err))
		return TRY_FAULT;
	settle_literal(attempt, data);
	return TRY_ENDED;
}

bool reader_begin_flight(struct reader *reader, const struct attempt *attempt,
			 const struct body_proof *proof, const unsigned char key[FLIGHT_KEY_SIZE],
			 bool *flying)
{
	unsigned char value[FLIGHT_VALUE_SIZE];
	*flying = false;
	if (!reader->keyed)
		return true;
	struct duplicate *duplicate =
		duplicate_new(attempt->work, &attempt->meta, attempt->size, proof);
	if (!duplicate)
		return true; /* sent without looking for its like: only slower */
	switch (flight_begin(reader->options->flight, key, duplicate, value)) {
	case FLIGHT_PARKED:
		return false;
	case FLIGHT_KNOWN:
		duplicate_settle(NULL, duplicate, value);
		return false;
	case FLIGHT_FIRST:
		*flying = true;
		break;
	case FLIGHT_NOMEM:
		break;
	}
	free(duplicate);
	return true;
}

/* Encodes the body as the gateway will, for what its cap must be. */
static void predict(struct reader *reader, struct body *body)
{
	const struct readers_options *options = reader->options;
	const struct policy_bytes bytes = {
		.encoder = reader->encoder,
		.key = body->proof.key,
		.data = body->data,
		.size = body->size,
	};
	struct cap cap;
	if (!reader->keyed ||
	    !policy_predict(options->policy, &bytes, &cap, options->encodes ? &body->shares : NULL))
		return;
	body->predicted = true;
	memcpy(body->cap_hash, cap.hash, sizeof body->cap_hash);
	cap_wipe(&cap);
}

/* Bytes that the shares of a file take, if it gets any. */
static uint64_t share_memory(const struct reader *reader, uint64_t size)
{
	const struct readers_options *options = reader->options;
	return options->encodes && reader->keyed && size <= BODY_WHOLE_MAX
		       ? chk_shares_size(policy_params(options->policy), size)
		       : 0;
}

/* Reads a file into memory and hands it on, unless an equal one is in flight. */
static enum try_end try_whole(struct reader *reader, struct attempt *attempt, struct err *err)
{
	struct body *body = body_new(attempt->work, attempt->size, reader->options->gate);
	if (!body) {
		gate_leave(reader->options->gate,
			   body_share(attempt->size) + share_memory(reader, attempt->size));
		err_set(err, FAULT_NOMEM, "no memory for a file");
		return TRY_FAULT;
	}
	body_charge(body, share_memory(reader, attempt->size));
	size_t size = (size_t)attempt->size;
	body->meta = attempt->meta;
	body->existing = attempt->existing;
	body->sparse = holes_are_in(&attempt->status);
	if (attempt_read(attempt, 0, body->data, size, err) || attempt_check(attempt, err) ||
	    reader_hash_start(reader, size, err) ||
	    reader_hash_add(reader, body->data, size, err) ||
	    reader_hash_end(reader, &body->proof, err)) {
		body_unref(body);
		return TRY_FAULT;
	}
	duplicate_whole_key(body->proof.key, size, body->flight_key);
	if (reader_begin_flight(reader, attempt, &body->proof, body->flight_key, &body->flying)) {
		predict(reader, body);
		reader->options->deliver(reader->options->context, body);
	} else {
		body_unref(body);
	}
	return TRY_ENDED;
}

/* Brings an open file whose bytes are wanted on its way. */
static enum try_end try_open(struct reader *reader, struct attempt *attempt, struct err *err)
{
	const struct readers_options *options = reader->options;
	const uint64_t size = attempt->size;
	if (size <= LITERAL_SIZE_MAX && reader->keyed)
		return try_literal(attempt, err);
	const bool encodes = reader_may_encode(reader, size);
	const struct slab_shape shape =
		encodes ? reader_slab_shape(reader, size) : (struct slab_shape){ 0 };
	const uint64_t share = encodes ? body_share_encoded(&shape)
				       : body_share(size) + share_memory(reader, size);
	if (!gate_enter(options->gate, share)) {
		work_again(attempt->work, 0, attempt->work->task->attempts);
		return TRY_ENDED;
	}
	if (encodes)
		return reader_try_encoded(reader, attempt, err);
	return size <= BODY_WHOLE_MAX ? try_whole(reader, attempt, err)
				      : reader_try_stream(reader, attempt, err);
}

/* Ends what needs no bytes to be brought.  Returns whether it did. */
static bool settle_by_decision(const struct attempt *attempt)
{
	struct work *work = attempt->work;
	if (attempt->decision.action != DECIDE_RELINK)
		return decision_ends(work, &attempt->decision, &attempt->there);
	entry_link_cap(work, &attempt->existing, &attempt->meta);
	return true;
}

static void take_part(void *context, struct work *part) { reader_take(context, part); }

/* Whether parts of its file have failed or gone back, so that no more are to be read. */
static bool is_abandoned(const struct work *work)
{
	return work->split && !split_goes_on(work->split);
}

/* One try at one work: settled as it is, divided, or one of the three ways by its size. */
static enum try_end try_once(struct reader *reader, struct work *work, struct err *err)
{
	const struct readers_options *options = reader->options;
	const struct attempt_means means = {
		.secret = options->policy ? policy_params(options->policy) : NULL,
		.replica = reader->tools.replica,
		.cancel = options->cancel,
	};
	struct attempt attempt;
	struct split *split = NULL;
	enum try_end end = TRY_FAULT;
	if (!attempt_open(&attempt, &reader->tools, work, err) &&
	    !attempt_decide(&attempt, &options->decide, &means, err)) {
		reader->keyed = !options->plain && attempt.decision.action != DECIDE_OVERWRITE;
		if (settle_by_decision(&attempt))
			end = TRY_ENDED;
		else if (!chunks_wanted(options, &attempt))
			end = try_open(reader, &attempt, err);
		else if (!chunks_divide(options, &attempt, &split, err))
			end = TRY_ENDED;
	}
	attempt_close(&attempt);
	if (split)
		chunks_hand_out(options, split, take_part, reader);
	return end;
}

void reader_take(struct reader *reader, struct work *work)
{
	unsigned attempts = work->task->attempts;
	const atomic_bool *enough = reader->options->enough;
	if (cancelled(reader) || (enough && atomic_load(enough)) || is_abandoned(work)) {
		work_again(work, 0, attempts);
		return;
	}
	struct err err;
	atomic_uint *doubts = reader->doubts;
	unsigned before = atomic_load(doubts);
	for (int i = 0; i < RETRY_CHANGED_ATTEMPTS; i++) {
		err = (struct err){ 0 };
		if (try_once(reader, work, &err) == TRY_ENDED) {
			if (before > 0) /* unless it ended as one more of them */
				atomic_compare_exchange_strong(doubts, &before, 0);
			return;
		}
		if (err.fault != FAULT_CHANGED)
			break;
	}
	reader_judge_doubt(reader, &err);
	/* A source was read, and a gateway asked, as often as that is worth. */
	if (fate_of(&err) == FATE_AGAIN && err.fault != FAULT_NOMEM)
		work_fail(work, reason_of(&err), attempts + 1, &err);
	else
		work_retry(work, REASON_NONE, &err);
}
