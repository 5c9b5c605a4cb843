#include "verify/chunks_proof.h"

#include <assert.h>

/* An object in flight. */
struct chunks_hand {
	struct chunks_proof *proof;
	size_t object; /* 0: the directory, else the number of the chunk */
	bool busy;
	struct proving proving;
};

static void prove_objects(struct chunks_proof *proof);

static void chunks_proof_end(struct chunks_proof *proof, const struct err *err)
{
	proof->options.ended(proof->options.context, err);
}

/* The health of the file is that of its weakest object, and all that is corrupt in any. */
static void note_health(struct chunks_proof *proof, const struct proving *proving)
{
	const struct store_health *found = &proving->health;
	struct store_health *worst = &proof->health;
	const uint32_t corrupt = worst->corrupt_shares + found->corrupt_shares;
	const bool repaired = worst->repaired || found->repaired;
	if (!proving->checked || found->literal)
		return;
	if (!proof->checked || found->good_shares < worst->good_shares ||
	    (worst->healthy && !found->healthy))
		*worst = *found;
	proof->checked = true;
	worst->corrupt_shares = corrupt;
	worst->repaired = repaired;
}

static void object_moved(void *context, uint64_t bytes)
{
	const struct chunks_hand *hand = context;
	const struct chunks_proof *proof = hand->proof;
	if (proof->options.moved)
		proof->options.moved(proof->options.context, bytes);
}

/* Notes the fault of an object, unless an earlier one has failed, too. */
static void note_failed(struct chunks_proof *proof, size_t object, const struct err *err)
{
	if (proof->err.fault && proof->failed < object)
		return;
	proof->err = *err;
	proof->failed = object;
	if (object > 0)
		err_wrap(&proof->err, "chunk %zu of %zu", object, proof->chunked.count);
}

static void object_proven(void *context, const struct err *err)
{
	struct chunks_hand *hand = context;
	struct chunks_proof *proof = hand->proof;
	note_health(proof, &hand->proving);
	proving_fini(&hand->proving);
	hand->proving = (struct proving){ 0 };
	hand->busy = false;
	proof->busy--;
	if (err) {
		note_failed(proof, hand->object, err);
	} else {
		proof->proven[hand->object] = true;
		if (proof->options.advanced)
			proof->options.advanced(proof->options.context);
	}
	prove_objects(proof);
}

static const struct cap *cap_of(const struct chunks_proof *proof, size_t object)
{
	return object == 0 ? proof->options.cap : &proof->chunked.cap[object - 1];
}

/* A directory was listed, and so was read. */
static void prove_object(struct chunks_hand *hand, size_t object)
{
	struct chunks_proof *proof = hand->proof;
	const struct chunks_proof_options *options = &proof->options;
	const struct proving_options proving = {
		.store = options->store,
		.add_lease = options->add_lease,
		.repair = options->repair,
		.believes = true,
		.cap = cap_of(proof, object),
		.secret = options->secret,
		.size = cap_of(proof, object)->size,
		.moved = object_moved,
		.ended = object_proven,
		.context = hand,
	};
	hand->object = object;
	hand->busy = true;
	proof->busy++;
	proving_start(&hand->proving, &proving,
		      options->levels & ~(object == 0 ? (unsigned)VERIFY_READ : 0));
}

/* Goes to the next object that is owed a proof.  Only the last chunk is ever a literal. */
static bool is_any_owed(struct chunks_proof *proof)
{
	while (proof->next <= proof->chunked.count &&
	       (proof->proven[proof->next] || cap_is_literal(cap_of(proof, proof->next))))
		proof->next++;
	return proof->next <= proof->chunked.count;
}

static struct chunks_hand *idle_hand(const struct chunks_proof *proof)
{
	struct chunks_hand *hand = proof->hand;
	while (hand->busy)
		hand++;
	return hand;
}

/* Begins what may be in flight, and ends the attempt where nothing is.  An object may end while it
 * is begun, and comes back here. */
static void prove_objects(struct chunks_proof *proof)
{
	if (proof->beginning)
		return;
	proof->beginning = true;
	while (!proof->err.fault && proof->busy < proof->hands && is_any_owed(proof))
		prove_object(idle_hand(proof), proof->next++);
	proof->beginning = false;
	if (proof->busy == 0)
		chunks_proof_end(proof, proof->err.fault ? &proof->err : NULL);
}

/* Makes what the first attempt needs once the chunks are known. */
static bool prepare(struct chunks_proof *proof)
{
	const size_t objects = proof->chunked.count + 1;
	if (!proof->proven)
		proof->proven = calloc(objects, sizeof *proof->proven);
	if (proof->hand || !proof->proven)
		return proof->hand;
	proof->hands = (unsigned)min_u64(max_u64(proof->options.width, 1), objects);
	assert(proof->hands > 0); /* the directory is an object, too */
	proof->hand = calloc(proof->hands, sizeof *proof->hand);
	for (unsigned i = 0; proof->hand && i < proof->hands; i++)
		proof->hand[i].proof = proof;
	return proof->hand;
}

static void begin_attempt(struct chunks_proof *proof)
{
	struct err err;
	proof->next = 0;
	proof->err = (struct err){ 0 };
	if (prepare(proof)) {
		prove_objects(proof);
	} else {
		err_set(&err, FAULT_NOMEM, "no memory for the chunks of a file");
		chunks_proof_end(proof, &err);
	}
}

/* ---- which chunks ---- */

static bool see_chunk(void *context, const struct store_child *child)
{
	struct chunks_proof *proof = context;
	return chunked_add(&proof->chunked, child->name, child->name_size,
			   store_node_cap(&child->node));
}

static void chunks_listed(void *context, const struct store_reply *reply)
{
	struct chunks_proof *proof = context;
	struct err err = reply->err;
	proof->call = NULL;
	if (reply->fault) {
		chunked_fini(&proof->chunked);
		chunks_proof_end(proof, &err);
	} else if (!chunked_end(&proof->chunked)) {
		err_wrong(&err, "what is there are not the chunks of a file of its size");
		chunks_proof_end(proof, &err);
	} else {
		begin_attempt(proof);
	}
}

void chunks_proof_start(struct chunks_proof *proof, const struct chunks_proof_options *options)
{
	struct err err;
	proof->options = *options;
	if (proof->chunked.count > 0) {
		begin_attempt(proof);
		return;
	}
	const struct store_list list = {
		.cap = options->cap,
		.child = see_chunk,
		.context = proof,
	};
	chunked_begin(&proof->chunked, options->bytes);
	proof->call = store_list(options->store, &list, (struct store_then){ chunks_listed, proof },
				 &err);
	if (!proof->call)
		chunks_proof_end(proof, &err);
}

void chunks_proof_cancel(struct chunks_proof *proof)
{
	for (unsigned i = 0; i < proof->hands && proof->hand; i++) {
		proving_cancel(&proof->hand[i].proving);
		proof->hand[i].busy = false;
	}
	proof->busy = 0;
	if (proof->call)
		store_cancel(proof->options.store, proof->call);
	proof->call = NULL;
}

void chunks_proof_fini(struct chunks_proof *proof)
{
	for (unsigned i = 0; i < proof->hands && proof->hand; i++)
		proving_fini(&proof->hand[i].proving);
	free(proof->hand);
	free(proof->proven);
	proof->hand = NULL;
	proof->proven = NULL;
	chunked_fini(&proof->chunked);
}
