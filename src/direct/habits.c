#include "direct/habits.h"

#include "queue/core/thread.h"

enum habit {
	HABIT_NONE,
	HABIT_RANK,
	HABIT_LATELY,
	HABITS,
};

enum {
	MARK_MAX = 256,
	MARK_WEIGHT = 4, /* a mark moves by a quarter of the way */
	MARK_LEAST = MARK_MAX / 2,
};

/* What a server had of the last file. */
struct server_lately {
	unsigned total; /* shares of that file; 0: not known */
	struct share_set set;
};

struct habits {
	struct mutex lock;
	size_t count;
	unsigned mark[HABITS] GUARDED;
	struct server_lately lately[] GUARDED;
};

struct habits *habits_new(size_t servers)
{
	struct habits *habits = calloc(1, sizeof *habits + servers * sizeof habits->lately[0]);
	if (!habits)
		return NULL;
	habits->count = servers;
	mutex_init(&habits->lock);
	return habits;
}

void habits_free(struct habits *habits)
{
	if (!habits)
		return;
	mutex_fini(&habits->lock);
	free(habits);
}

/* Stores what the habit lets expect of a server.  False: it says nothing of that one. */
static bool expect(const struct habits *habits, enum habit habit, const struct habit_place *place,
		   struct share_set *set) REQUIRES(habits->lock)
{
	const struct server_lately *lately = &habits->lately[place->server];
	if (habit == HABIT_LATELY) {
		*set = lately->set;
		return lately->total == place->total;
	}
	/* As direct/placement.c lays them out where nothing is in the way. */
	unsigned servers = (unsigned)min_u64(habits->count, 2 * (uint64_t)place->total);
	*set = (struct share_set){ 0 };
	for (unsigned i = place->rank; i < place->total && place->rank < servers; i += servers)
		share_set_add(set, i);
	return true;
}

static void mark(struct habits *habits, enum habit habit, bool right) REQUIRES(habits->lock)
{
	unsigned *mark = &habits->mark[habit];
	if (right)
		*mark += (MARK_MAX - *mark) / MARK_WEIGHT;
	else
		*mark -= *mark / MARK_WEIGHT;
}

void habits_learn(struct habits *habits, const struct habit_place *place,
		  const bool found[SHARE_NUMBERS_MAX])
{
	struct share_set set = { 0 }, expected;
	if (!habits)
		return;
	for (unsigned i = 0; i < place->total; i++)
		if (found[i])
			share_set_add(&set, i);
	mutex_lock(&habits->lock);
	for (enum habit habit = HABIT_RANK; habit < HABITS; habit++)
		if (expect(habits, habit, place, &expected))
			mark(habits, habit, memcmp(&set, &expected, sizeof set) == 0);
	habits->lately[place->server] = (struct server_lately){ place->total, set };
	mutex_unlock(&habits->lock);
}

/* What is there is all that is expected by rank, where that is what was guessed by. */
void habits_judge(struct habits *habits, const struct habit_place *place, unsigned number,
		  bool there)
{
	struct share_set by_rank, lately;
	if (!habits)
		return;
	mutex_lock(&habits->lock);
	bool ranked =
		expect(habits, HABIT_RANK, place, &by_rank) && share_set_has(&by_rank, number);
	bool known = expect(habits, HABIT_LATELY, place, &lately);
	bool had = known && share_set_has(&lately, number);
	if (ranked || there)
		mark(habits, HABIT_RANK, ranked && there);
	if (had || (known && there))
		mark(habits, HABIT_LATELY, had && there);
	if (!ranked)
		by_rank = (struct share_set){ 0 };
	share_set_add(&by_rank, number);
	if (there && !had)
		habits->lately[place->server] = (struct server_lately){ place->total, by_rank };
	if (!there && had)
		habits->lately[place->server].total = 0;
	mutex_unlock(&habits->lock);
}

static bool is_taken(const struct habit_guess *guess, unsigned count, unsigned number)
{
	for (unsigned i = 0; i < count; i++)
		if (guess[i].number == number)
			return true;
	return false;
}

/* Takes from a server one share that is not taken.  False: it is likely to have none. */
static bool take_one(const struct share_set *set, unsigned server, struct habit_guess *guess,
		     unsigned count)
{
	for (unsigned i = 0; i < SHARE_NUMBERS_MAX; i++) {
		if (!share_set_has(set, i) || is_taken(guess, count, i))
			continue;
		guess[count] = (struct habit_guess){ (uint16_t)server, (unsigned char)i };
		return true;
	}
	return false;
}

static enum habit best_habit(const struct habits *habits) REQUIRES(habits->lock)
{
	enum habit best = HABIT_NONE;
	for (enum habit habit = HABIT_RANK; habit < HABITS; habit++)
		if (habits->mark[habit] > MARK_LEAST &&
		    (!best || habits->mark[habit] > habits->mark[best]))
			best = habit;
	return best;
}

/* Goes round the servers, so that each gives one share before any gives two. */
bool habits_guess(struct habits *habits, const uint16_t *order, const bool *answers, unsigned total,
		  unsigned needed, struct habit_guess *guess)
{
	if (!habits)
		return false;
	mutex_lock(&habits->lock);
	enum habit habit = best_habit(habits);
	unsigned count = 0, before;
	bool known = habit;
	do {
		before = count;
		for (unsigned rank = 0; rank < habits->count && count < needed && known; rank++) {
			const struct habit_place place = { order[rank], rank, total };
			struct share_set set;
			if (!answers[order[rank]])
				continue;
			/* One that is not known yet is asked, or it would never be known. */
			known = expect(habits, habit, &place, &set);
			count += known && take_one(&set, order[rank], guess, count);
		}
	} while (count > before && count < needed && known);
	mutex_unlock(&habits->lock);
	return known && count == needed;
}
