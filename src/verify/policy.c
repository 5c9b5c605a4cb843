#include "verify/policy.h"

#include "base/secret.h"
#include "measure/activity.h"

#include <assert.h>
#include <stdatomic.h>

/*
 * Whether a gateway encodes with the secret at hand.  Decided once, by its first CHK reply:
 *
 *   no secret -> NONE     UNDECIDED -- the reply is our cap --> AGREED: another cap is a fault
 *                                   `- another cap ----------> NONE: everything is read back
 */
enum trust {
	TRUST_UNDECIDED, /* a secret, and no CHK reply yet */
	TRUST_AGREED,
	TRUST_NONE, /* no secret, or another than the gateway's */
};

struct policy {
	unsigned levels; /* asked for; 0: auto */
	bool has_secret;
	struct chk_params params;
	unsigned gateways;
	atomic_bool made_here; /* some cap was */
	_Atomic(enum trust) trust[POLICY_GATEWAYS_MAX];
};

static const struct {
	const char *name;
	unsigned level;
} word[] = {
	{ "cap", VERIFY_CAP },
	{ "count", VERIFY_COUNT },
	{ "check", VERIFY_CHECK },
	{ "read", VERIFY_READ },
};

static bool parse_word(const char *text, size_t size, unsigned *levels)
{
	for (size_t i = 0; i < ARRAY_COUNT(word); i++) {
		if (strlen(word[i].name) == size && memcmp(word[i].name, text, size) == 0) {
			*levels |= word[i].level;
			return true;
		}
	}
	return false;
}

bool verify_parse(const char *text, unsigned *levels)
{
	unsigned found = 0;
	if (strcmp(text, "auto") == 0) {
		*levels = 0;
		return true;
	}
	for (;;) {
		size_t size = strcspn(text, ",");
		if (!parse_word(text, size, &found))
			return false;
		if (text[size] == '\0')
			break;
		text += size + 1;
	}
	if (found & VERIFY_CHECK) /* which counts them too */
		found &= ~(unsigned)VERIFY_COUNT;
	*levels = found;
	return true;
}

const char *verify_name(unsigned levels)
{
	static const char *const name[] = {
		"auto", "cap",      "check",      "cap,check",
		"read", "cap,read", "check,read", "cap,check,read",
	};
	static const char *const counting[] = { "count", "count,read" };
	if ((levels & (VERIFY_COUNT | VERIFY_CHECK)) == VERIFY_COUNT)
		return counting[(levels & VERIFY_READ) != 0];
	return name[levels & VERIFY_ALL];
}

enum fault policy_check(unsigned levels, const struct chk_params *params, struct err *err)
{
	if (levels & VERIFY_COUNT)
		return err_set(err, FAULT_USAGE,
			       "--verify=count is for barge verify and repair; check also counts");
	if (!(levels & VERIFY_CAP) || params)
		return FAULT_NONE;
	return err_set(err, FAULT_USAGE,
		       "--verify=cap needs the gateway's convergence secret: name its node "
		       "directory with -d, or --convergence-file, or use --verify=read");
}

enum fault policy_new(unsigned levels, const struct chk_params *params, struct policy **policy,
		      struct err *err)
{
	if (policy_check(levels, params, err))
		return err->fault;
	struct policy *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for the verification policy");
	made->levels = levels;
	made->has_secret = params;
	made->gateways = 1;
	for (size_t i = 0; i < POLICY_GATEWAYS_MAX; i++)
		atomic_init(&made->trust[i], params ? TRUST_UNDECIDED : TRUST_NONE);
	if (params) {
		made->params = *params;
	} else {
		made->params = (struct chk_params){ .secret_size = CHK_SECRET_MAX,
						    .k = 1,
						    .n = 1,
						    .max_segment_size = CHK_SEGMENT_SIZE };
		if (secret_random(made->params.secret, CHK_SECRET_MAX, err)) {
			free(made);
			return err->fault;
		}
	}
	*policy = made;
	return FAULT_NONE;
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	secret_wipe(policy, sizeof *policy);
	free(policy);
}

void policy_expect(struct policy *policy, unsigned gateways)
{
	assert(gateways >= 1 && gateways <= POLICY_GATEWAYS_MAX);
	policy->gateways = gateways;
}

const struct chk_params *policy_params(const struct policy *policy) { return &policy->params; }

unsigned policy_levels(const struct policy *policy) { return policy->levels; }

unsigned policy_rechecks(const struct policy *policy)
{
	return policy->levels & VERIFY_CHECK ? VERIFY_CHECK : VERIFY_COUNT;
}

/* Returns how many gateways are trusted that far. */
static unsigned count_trust(const struct policy *policy, enum trust trust)
{
	unsigned found = 0;
	for (unsigned i = 0; i < policy->gateways; i++)
		found += atomic_load(&policy->trust[i]) == trust;
	return found;
}

bool policy_predicts(const struct policy *policy)
{
	return count_trust(policy, TRUST_NONE) < policy->gateways;
}

/* The cap alone. */
static enum fault cap_of_bytes(struct chk_encoder *encoder, const struct chk_params *params,
			       const struct policy_bytes *bytes, struct cap *cap)
{
	struct err err;
	enum fault fault = chk_encoder_start(encoder, params, bytes->size, bytes->key, &err);
	if (!fault)
		fault = chk_encoder_update(encoder, bytes->data, bytes->size, &err);
	return fault ? fault : chk_encoder_final(encoder, cap, &err);
}

bool policy_predict(const struct policy *policy, const struct policy_bytes *bytes, struct cap *cap,
		    struct chk_shares **shares)
{
	struct chk_encoder *own = NULL, *encoder = bytes->encoder;
	struct err err;
	if (!policy_predicts(policy) || (!encoder && chk_encoder_new(&own, &err)))
		return false;
	if (own)
		encoder = own;
	const struct chk_params *params = policy_params(policy);
	activity_begin(ACTIVITY_HASHING);
	bool has_shares = shares && !chk_shares_new(encoder, params, bytes->key, bytes->data,
						    bytes->size, shares, &err);
	if (has_shares)
		*cap = (*shares)->cap;
	bool predicted = has_shares || !cap_of_bytes(encoder, params, bytes, cap);
	activity_end(ACTIVITY_HASHING);
	chk_encoder_free(own);
	return predicted;
}

/* Whether the reply is the cap that follows from our key, or the very cap where that is known. */
static bool agrees(const struct policy *policy, const unsigned char key[CAP_KEY_SIZE],
		   const struct cap *whole, const struct cap *reply)
{
	if (reply->needed != policy->params.k || reply->total != policy->params.n)
		return false;
	if (!secret_equal(reply->key, key, CAP_KEY_SIZE))
		return false;
	return !whole || cap_equal(whole, reply);
}

/* Decides by a reply, unless an earlier one has; lanes of the gateway may come at the same time. */
static enum trust settle_trust(struct policy *policy, unsigned gateway, bool agreed)
{
	enum trust trust = TRUST_UNDECIDED;
	enum trust wanted = agreed ? TRUST_AGREED : TRUST_NONE;
	if (atomic_compare_exchange_strong(&policy->trust[gateway], &trust, wanted))
		return wanted;
	return trust;
}

enum fault policy_judge(struct policy *policy, unsigned gateway,
			const unsigned char key[CAP_KEY_SIZE], uint64_t size,
			const struct cap *whole, const struct cap *reply, unsigned *met,
			unsigned *remaining, struct err *err)
{
	if ((reply->kind != CAP_CHK && reply->kind != CAP_DIR2_CHK) || reply->size != size)
		return err_wrong(err,
				 "the gateway's cap is not one of an immutable file of %llu bytes",
				 (unsigned long long)size);
	bool agreed = policy->has_secret && agrees(policy, key, whole, reply);
	enum trust trust = settle_trust(policy, gateway, agreed);
	if (trust == TRUST_AGREED && !agreed)
		return err_wrong(err, "the gateway's cap is not the one of these bytes");
	if (trust == TRUST_NONE && (policy->levels & VERIFY_CAP)) {
		err_set(err, FAULT_USAGE,
			"--verify=cap: the gateway uses another convergence secret or encoding; "
			"name its node directory with -d, or use --verify=read");
		err->remote = true;
		return FAULT_USAGE;
	}
	unsigned needed = policy->levels;
	if (needed == 0)
		needed = trust == TRUST_AGREED ? VERIFY_CAP : VERIFY_READ;
	*met = trust == TRUST_AGREED ? VERIFY_CAP : 0;
	*remaining = needed & ~*met;
	return FAULT_NONE;
}

void policy_judge_own(struct policy *policy, unsigned *met, unsigned *remaining)
{
	atomic_store(&policy->made_here, true);
	*met = VERIFY_CAP;
	*remaining = policy->levels & ~(unsigned)VERIFY_CAP;
}

const char *policy_describe(const struct policy *policy)
{
	if (policy->levels)
		return "as asked for";
	unsigned other = count_trust(policy, TRUST_NONE);
	if (other > 0 && other < policy->gateways)
		return "cap, or read: some gateways have another secret than the one known, and "
		       "what "
		       "these store is read back";
	if (other == 0 && atomic_load(&policy->made_here))
		return "cap: made here, each share acknowledged by its storage server; a gateway's "
		       "replies are the caps of the bytes sent";
	if (other == 0 && count_trust(policy, TRUST_AGREED) > 0)
		return "cap: what is done was answered with the cap of its bytes, by the gateway's "
		       "own secret";
	if (other == 0)
		return "cap: the secret is known, and no reply had to be proven yet";
	return policy->has_secret
		       ? "read: the secret at hand is not the gateway's, so everything is read back"
		       : "read: the gateway's secret is not known, so everything is read back";
}
