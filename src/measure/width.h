/*
 * How many requests to have in flight: as many as make it quicker, and no more.
 *
 * Nobody knows beforehand what a grid can do, so it is tried out.  A sample is the speed at one
 * width, over some requests for each of those in flight; what was begun before is not in it.  It
 * goes on (0.8 s at most) until the looks in it agree to 6 %, their standard error.
 *
 *   GROW    twice as many while that is quicker (5 %), else back to the last ---> STEADY
 *             much quicker (40 %) is seen as soon as so many have ended, and half as quick for
 *             the time of two samples is seen then: no sample is waited for; after much quicker
 *             come four times as many (and twice where that was too many), or, where there may be
 *             no more, a long time without probes
 *   STEADY  samples; now and then, by turns, with half as many more and a third fewer:
 *   PROBE     one sample there,
 *   CHECK     one more here: more is kept where it was quicker than both (4 %)  ---> GROW
 *                            fewer where it was as quick as both (3 %)          ---> STEADY
 *
 * A probe that is not kept makes the next one come later; one with fewer that is kept is followed
 * by the next, and a speed that falls by a third has one come at once.  Requests that were turned
 * away (429, 5xx: one in twenty) narrow it by a quarter at once, or end a probe, and nothing more
 * is tried for a while.  Where there is not enough to do for the width at hand nothing is learnt.
 *
 * Place      engine, 20 times a second: what the lanes have done -> [width] -> lanes_set_slots.
 * Ownership  plain data.
 * Threads    one owner at a time.
 */
#pragma once

#include "queue/core/base.h"

enum width_state { WIDTH_GROW, WIDTH_STEADY, WIDTH_PROBE, WIDTH_CHECK };

/* What there was at a moment; counts since the begin. */
struct width_look {
	uint64_t us;      /* of a clock */
	uint64_t ended;   /* requests, well or not */
	uint64_t refused; /* turned away: too many, or in trouble */
	uint64_t work;    /* done: bytes, and something for each request */
	unsigned busy;    /* in flight */
};

struct width {
	unsigned now, least, most;
	enum width_state state;
	bool settling;           /* what ends was begun at another width */
	struct width_look begun; /* of the sample, or of the settling */
	struct width_look last;  /* in the sample */
	uint64_t busy, looks;    /* sums of the sample */
	double speeds, squares;  /* sums of its looks, each against the one before */
	uint64_t sample_us;      /* how long the last one took */
	double speed, probed;    /* the last at this width; at the probed one */
	unsigned home, tried;    /* the width that a probe comes from; that was probed */
	bool down;               /* the next probe is narrower */
	unsigned pause, left;    /* samples between probes; until the next */
};

/* Begins with `first` requests, later `least` to `most`. */
void width_begin(struct width *width, unsigned first, unsigned least, unsigned most);

/* Takes a look and returns how many may be in flight from now on. */
unsigned width_look_at(struct width *width, const struct width_look *look);
