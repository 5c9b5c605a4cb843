#include "verify/chunks_proof.h"

static void prove_object(struct chunks_proof *proof);

static void chunks_proof_end(struct chunks_proof *proof, const struct err *err)
{
	proof->options.ended(proof->options.context, err);
}

/* The health of the file is that of its weakest object, and all that is corrupt in any. */
static void note_health(struct chunks_proof *proof)
{
	const struct store_health *found = &proof->proving.health;
	struct store_health *worst = &proof->health;
	const uint32_t corrupt = worst->corrupt_shares + found->corrupt_shares;
	const bool repaired = worst->repaired || found->repaired;
	if (!proof->proving.checked || found->literal)
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
	const struct chunks_proof *proof = context;
	if (proof->options.moved)
		proof->options.moved(proof->options.context, bytes);
}

static void object_proven(void *context, const struct err *err)
{
	struct chunks_proof *proof = context;
	note_health(proof);
	proving_fini(&proof->proving);
	proof->proving = (struct proving){ 0 };
	if (err) {
		struct err told = *err;
		if (proof->proven > 0)
			err_wrap(&told, "chunk %zu of %zu", proof->proven, proof->chunked.count);
		chunks_proof_end(proof, &told);
		return;
	}
	proof->proven++;
	if (proof->options.advanced)
		proof->options.advanced(proof->options.context);
	prove_object(proof);
}

/* Proves the directory, or the chunk whose turn it is.  A directory was listed, and so was read. */
static void prove_object(struct chunks_proof *proof)
{
	const struct chunks_proof_options *options = &proof->options;
	const bool is_directory = proof->proven == 0;
	const struct cap *cap =
		is_directory ? options->cap : &proof->chunked.cap[proof->proven - 1];
	const struct proving_options proving = {
		.store = options->store,
		.add_lease = options->add_lease,
		.repair = options->repair,
		.believes = true,
		.cap = cap,
		.secret = options->secret,
		.size = cap->size,
		.moved = object_moved,
		.ended = object_proven,
		.context = proof,
	};
	if (proof->proven > proof->chunked.count || cap_is_literal(cap))
		chunks_proof_end(proof, NULL); /* only the last chunk is ever a literal */
	else
		proving_start(&proof->proving, &proving,
			      options->levels & ~(is_directory ? (unsigned)VERIFY_READ : 0));
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
		prove_object(proof);
	}
}

void chunks_proof_start(struct chunks_proof *proof, const struct chunks_proof_options *options)
{
	struct err err;
	proof->options = *options;
	if (proof->chunked.count > 0) {
		prove_object(proof);
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
	proving_cancel(&proof->proving);
	if (proof->call)
		store_cancel(proof->options.store, proof->call);
	proof->call = NULL;
}

void chunks_proof_fini(struct chunks_proof *proof)
{
	proving_fini(&proof->proving);
	chunked_fini(&proof->chunked);
}
