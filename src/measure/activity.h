/*
 * What threads are doing just now, counted by kind: looked at some times a second, it tells where a
 * run's time goes, and costs the threads two atomic additions.
 *
 * Place      planner, readers, writers, committer: begin, end -> [activity] <- place/gauge looks.
 * Threads    all functions may run concurrently.  The counts are the process's: a command runs one
 *            thing.
 */
#pragma once

#include "queue/core/base.h"

enum activity {
	ACTIVITY_SCANNING,   /* walking sources, here or on a grid; one thread */
	ACTIVITY_READING,    /* waiting for the source's disk */
	ACTIVITY_HASHING,    /* hashing, encoding */
	ACTIVITY_WRITING,    /* waiting for the target's disk to take bytes */
	ACTIVITY_FINISHING,  /* making what arrived durable, naming it; one thread */
	ACTIVITY_COMMITTING, /* building directories; one thread */
	ACTIVITY_COUNT,
};

/* The caller's thread does this until activity_end. */
void activity_begin(enum activity activity);
void activity_end(enum activity activity);

/* Stores how many threads are doing what. */
void activity_look(unsigned count[ACTIVITY_COUNT]);
