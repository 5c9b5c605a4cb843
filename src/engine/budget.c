#include "engine/budget.h"

enum {
	SOURCE_DIRS = 32,
	WALK_DIRS = 32,
	TARGET_DIRS = 64,
	ARRIVALS = 64,
	LOOKERS = 8,
	MODEST = 8, /* of what only saves opening it again */

	FIXED = 16,   /* the job's files, the root, the planner's listing and what it sorts in */
	READER = 3,   /* the plan, a file, and its handle while it is opened */
	WRITERS = 3,  /* trees of directories at a local target: files, downloads, directories */
	WRITER = 3,   /* the plan, the root, and a directory while it is checked */
	ARRIVAL = 2,  /* a file and its directory */
	COMPARER = 2, /* a file and its directory */
	STORE = 6,    /* wakes, names being resolved, a probe */
	DIRECT = 64,  /* connections to storage servers, a store */
};

static unsigned cost(const struct budget_wish *wish, const struct budget *budget)
{
	unsigned stores = wish->transfers > 0 ? wish->stores + 1 : 0;
	unsigned sum = FIXED + budget->walk_dirs + stores * STORE + budget->transfers +
		       budget->directories;
	sum += budget->readers * (READER + budget->source_dirs + (wish->replicas ? STORE + 1u : 0));
	sum += budget->comparers * COMPARER;
	if (budget->direct)
		sum += wish->stores * DIRECT;
	if (wish->to_local)
		sum += WRITERS * (WRITER + budget->target_dirs) + ARRIVAL * budget->arrivals;
	return sum;
}

/* A number that may be halved: at ease down to `modest`, and in need down to `least`. */
struct share {
	unsigned *number;
	unsigned modest, least;
};

/* Returns what is left of a number once it is halved, where that is allowed; else the number. */
static unsigned halved(const struct share *share, bool in_need)
{
	unsigned least = in_need ? share->least : share->modest, half = *share->number / 2;
	if (*share->number <= least)
		return *share->number;
	return half > least ? half : least;
}

/* Halves the share that saves the most.  Returns false when all are as small as they may be. */
static bool shrink(const struct budget_wish *wish, struct budget *budget, bool in_need)
{
	const struct share share[] = {
		{ &budget->source_dirs, MODEST, 2 },
		{ &budget->walk_dirs, MODEST, 2 },
		{ &budget->target_dirs, MODEST, 2 },
		{ &budget->arrivals, MODEST, 2 },
		{ &budget->readers, wish->readers, 1 },
		{ &budget->comparers, wish->comparers, 1 },
		{ &budget->transfers, wish->modest_transfers, wish->gateways },
		{ &budget->directories, wish->directories, wish->gateways },
	};
	unsigned before = cost(wish, budget), best = 0;
	const struct share *chosen = NULL;
	for (size_t i = 0; i < ARRAY_COUNT(share); i++) {
		unsigned number = *share[i].number;
		*share[i].number = halved(&share[i], in_need);
		unsigned saved = before - cost(wish, budget);
		*share[i].number = number;
		if (saved > best) {
			best = saved;
			chosen = &share[i];
		}
	}
	if (budget->direct && wish->stores * DIRECT >= best) {
		budget->direct = false;
		return true;
	}
	if (!chosen)
		return false;
	*chosen->number = halved(chosen, in_need);
	return true;
}

enum fault budget_divide(const struct budget_wish *wish, unsigned left, struct budget *budget,
			 struct err *err)
{
	struct budget tried = {
		.readers = wish->readers,
		.comparers = wish->comparers,
		.source_dirs = SOURCE_DIRS,
		.walk_dirs = WALK_DIRS,
		.target_dirs = TARGET_DIRS,
		.arrivals = ARRIVALS,
		.transfers = wish->transfers,
		.directories = wish->directories,
		.direct = wish->direct,
	};
	while (cost(wish, &tried) > left) {
		if (shrink(wish, &tried, false) || shrink(wish, &tried, true))
			continue;
		return err_set(err, FAULT_NOMEM,
			       "%u more open files are needed and the limit leaves %u: raise it "
			       "(ulimit -n)",
			       cost(wish, &tried), left);
	}
	unsigned looker = READER + WRITER + 2 * tried.source_dirs;
	unsigned lookers = (left - FIXED) / looker;
	tried.lookers = lookers < 1 ? 1 : lookers < LOOKERS ? lookers : LOOKERS;
	*budget = tried;
	return FAULT_NONE;
}
