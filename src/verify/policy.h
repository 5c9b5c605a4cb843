/*
 * Which proof an upload needs, and whether a reply is one.
 *
 * Place      between a store's reply and an outcome that says done; transfers and the committer
 *            ask.
 * Ownership  the policy holds a copy of the convergence secret and wipes it.
 * Threads    all functions may run concurrently after policy_new.
 *
 * The room: policy.c which proof; proof.c whether bytes are those of a cap, likeness.c the same for
 * bytes at hand, reading.c one range being read, single.c a file that is read in one thread,
 * proving.c what was stored; childset.c whether a listing is the one meant, children.c what is
 * meant.
 *
 * Levels: `cap` proves receipt (the convergence key over the bytes of this attempt, with k, n and
 * size; for bytes in memory the whole cap), `check` placement, `read` retrievability.
 * The secret is believed of a gateway once its first CHK reply agrees with it; `auto` then means
 * `cap`, and `read` where it does not agree or there is no secret.  After the first agreement
 * another cap is a fault of that file, never a change of level.  Gateways are numbered as
 * store_gateway says.
 */
#pragma once

#include "tahoe/chk.h"

/* Numbers are in the outcomes file (docs/formats.md): never renumber. */
enum verify_level {
	VERIFY_CAP = 1u << 0,
	VERIFY_CHECK = 1u << 1,
	VERIFY_READ = 1u << 2,
	VERIFY_COUNT = 1u << 3, /* of what was stored before: are the shares there? in no outcome */
};

enum { POLICY_GATEWAYS_MAX = 16 };

enum { VERIFY_ALL = VERIFY_CAP | VERIFY_CHECK | VERIFY_READ };

/* Reads "auto" (0) or a list of cap, count, check, read joined with commas.  Returns false for
 * anything else. */
MUST_USE bool verify_parse(const char *text, unsigned *levels);

/* Returns the levels as text ("cap,read"; "auto" for 0), a literal. */
const char *verify_name(unsigned levels);

/* FAULT_USAGE, with the remedy, for levels with `cap` where there are no `params`, and for `count`,
 * which proves nothing of what is being stored. */
MUST_USE enum fault policy_check(unsigned levels, const struct chk_params *params, struct err *err);

struct policy;

/*
 * Makes a policy for `levels` (0: auto).  `params` are the gateway's, or NULL where its secret is
 * not known; then content keys use a random secret of the job.  Faults: USAGE for levels with `cap`
 * and no `params`, IO (no randomness), NOMEM.
 */
MUST_USE enum fault policy_new(unsigned levels, const struct chk_params *params,
			       struct policy **policy, struct err *err);
void policy_free(struct policy *policy);

/* Says how many gateways there are, 1 unless said; before anything is judged. */
void policy_expect(struct policy *policy, unsigned gateways);

/* Returns the parameters for content keys: the gateway's, or random ones.  Borrowed. */
const struct chk_params *policy_params(const struct policy *policy);

/* Returns the levels asked for; 0: auto. */
unsigned policy_levels(const struct policy *policy);

/* Returns the level by which what was stored long ago is asked for: CHECK where that is asked for,
 * else COUNT. */
unsigned policy_rechecks(const struct policy *policy);

/* Returns whether caps can be predicted, as far as known: the secret is there, and there is a
 * gateway that has not disagreed. */
bool policy_predicts(const struct policy *policy);

/* Bytes in memory, and their key. */
struct policy_bytes {
	struct chk_encoder *encoder; /* NULL: one is made */
	const unsigned char *key;
	const void *data;
	size_t size;
};

/*
 * Encodes them as the gateway will: stores their cap and, unless `shares` is NULL or memory is
 * short, their shares.  Returns false where no cap can be predicted, so that less is proven.
 */
bool policy_predict(const struct policy *policy, const struct policy_bytes *bytes, struct cap *cap,
		    struct chk_shares **shares);

/*
 * Judges the cap of a reply of a gateway to `size` bytes (more than a literal's) with content key
 * `key`; `whole` is the cap predicted from the bytes, or NULL.  Stores which levels are met and
 * which remain to be proven. Faults: CORRUPT when it cannot be the cap of these bytes; USAGE when
 * `cap` was asked for and the gateway has another secret.
 */
MUST_USE enum fault policy_judge(struct policy *policy, unsigned gateway,
				 const unsigned char key[CAP_KEY_SIZE], uint64_t size,
				 const struct cap *whole, const struct cap *reply, unsigned *met,
				 unsigned *remaining, struct err *err);

/*
 * Judges a cap that was made here from the bytes, each of its shares acknowledged by its server.
 * Stores which levels are met and which remain to be proven.
 */
void policy_judge_own(struct policy *policy, unsigned *met, unsigned *remaining);

/* Returns one sentence for people: which level holds and why; a literal. */
const char *policy_describe(const struct policy *policy);
