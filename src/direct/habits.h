/*
 * Which shares a server is likely to have of a file, after what it had of others.
 *
 * A file says nowhere where its shares are, and to ask a server for their numbers costs it as much
 * as a small share does.  But they are placed by rules, which are recognised here:
 *
 *   HABIT_RANK    by the order of the servers for that file, one after the other (our own uploads)
 *   HABIT_LATELY  each server gets the same numbers every time (Tahoe's, with a server a share)
 *
 * Each rule has a mark: how often, of late, it would have been right.  A guess that is wrong costs
 * one request more than a question would have; one that is right saves one.  So nothing is guessed
 * by a rule that is wrong every other time.
 *
 * Place      direct/direct_search.c asks before it asks servers; place/setup owns it.
 * Ownership  whoever made it frees it, after all stores.
 * Threads    any: the stores of all lanes learn together.
 */
#pragma once

#include "direct/share_numbers.h"

struct habits;

/* A server, and what it is asked about. */
struct habit_place {
	unsigned server;
	unsigned rank;  /* in the order of the file's servers */
	unsigned total; /* shares that the file was made of */
};

/* A share at a server. */
struct habit_guess {
	uint16_t server;
	unsigned char number;
};

/* Makes one for so many servers that knows nothing.  NULL: no memory. */
struct habits *habits_new(size_t servers);

/* Frees.  NULL is allowed. */
void habits_free(struct habits *habits);

/* Notes which shares a server has of a file.  NULL is allowed for `habits`, here and below. */
void habits_learn(struct habits *habits, const struct habit_place *place,
		  const bool found[SHARE_NUMBERS_MAX]);

/* Notes that a share that was guessed is `there` or not. */
void habits_judge(struct habits *habits, const struct habit_place *place, unsigned number,
		  bool there);

/*
 * Stores where `needed` different shares of a file of `total` are likely to be.  `order` has all
 * servers in the order of the file; `answers` says of each of them, by its number, whether it is to
 * be asked at all.  False: there is no telling.
 */
bool habits_guess(struct habits *habits, const uint16_t *order, const bool *answers, unsigned total,
		  unsigned needed, struct habit_guess *guess);
