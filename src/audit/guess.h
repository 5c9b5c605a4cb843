/*
 * How much of a tree was gone through, while nobody has counted what is in it.
 *
 * The whole is 1.  A directory that is listed divides its part among itself and its children, by
 * their weights; a sub-directory is thought to weigh what the directories listed so far weigh on
 * average.  What has ended has its part done, so the sum only grows, and is 1 in the end, whatever
 * the guesses were worth.
 *
 * Place      tree.c, for whoever shows how far it is.
 * Threads    one at a time.
 */
#pragma once

#include "queue/core/base.h"

struct guess {
	double done;     /* 0 to 1 */
	double met;      /* weight of all children met so far, */
	uint64_t listed; /* in so many directories */
};

/* Returns the weight of a file of `bytes`: of an object, and of bytes where these are `read`. */
double guess_file(uint64_t bytes, bool read);

/* Returns the weight of a directory that is not listed yet. */
double guess_directory(const struct guess *guess);

/* Notes what was met in one more directory: `weight` of all its children, those that are
 * directories counted as one object each. */
void guess_listed(struct guess *guess, double weight);

/* Returns the percent that are done, 0 to 99: all of it is never guessed. */
unsigned guess_percent(const struct guess *guess);
