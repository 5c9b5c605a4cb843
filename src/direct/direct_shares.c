#include "direct/direct_call.h"

#include "base/secret.h"

void direct_shares_unref(struct direct_shares *shares)
{
	if (!shares || --shares->refs > 0)
		return;
	chk_checker_free(shares->checker);
	erasure_free(shares->erasure);
	secret_wipe(shares, sizeof *shares);
	free(shares);
}

/* Whether none of the servers that the shares lie on is left alone just now. */
static bool all_answer(const struct direct *direct, const struct direct_shares *shares)
{
	for (unsigned i = 0; i < shares->found; i++)
		if (!direct_server_answers(direct, shares->server[i]))
			return false;
	return true;
}

struct direct_shares *direct_shares_recall(const struct direct *direct, const struct cap *cap)
{
	for (size_t i = 0; i < DIRECT_RECENT; i++) {
		struct direct_shares *shares = direct->recent[i];
		if (shares && cap_equal(&shares->cap, cap) && all_answer(direct, shares)) {
			shares->refs++;
			return shares;
		}
	}
	return NULL;
}

void direct_shares_remember(struct direct *direct, struct direct_shares *shares)
{
	struct direct_shares **slot = &direct->recent[direct->oldest++ % DIRECT_RECENT];
	direct_shares_unref(*slot);
	*slot = shares;
	shares->refs++;
}

/* By the cap, because two calls may each have found shares of the file. */
void direct_shares_forget(struct direct *direct, const struct direct_shares *shares)
{
	for (size_t i = 0; i < DIRECT_RECENT; i++) {
		if (!shares || !direct->recent[i] ||
		    !cap_equal(&direct->recent[i]->cap, &shares->cap))
			continue;
		direct_shares_unref(direct->recent[i]);
		direct->recent[i] = NULL;
	}
}
