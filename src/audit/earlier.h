/*
 * What an earlier run of the same verify has found well, and this one does not look at again: a
 * run that was stopped, by whatever, goes on where it ended.
 *
 *   earlier_open -> earlier_find, earlier_note ... -> earlier_end: over, the file goes;
 *                                                     or earlier_close: it stays for the next run
 *
 * A file of records, each of which checks itself (docs/formats.md).  They are not synced: what a
 * power failure takes is looked at again.  What was not well is none of them, so it is named again.
 *
 * Place      barge verify, barge repair -> [earlier] <- audit.c, tree.c.
 * Ownership  whoever opens one closes it.
 * Threads    one owner at a time.
 */
#pragma once

#include "audit/audit.h"

enum {
	EARLIER_KEY_SIZE = 16,
	EARLIER_AGE_MAX = 7 * 86400, /* seconds since a run was stopped; then it says nothing */
};

struct earlier_options {
	const char *directory; /* that is there, of our own */
	/* What is looked at, and how, hashed: only a run of the same goes on. */
	unsigned char subject[EARLIER_KEY_SIZE];
	bool afresh; /* nothing of what was found counts */
};

/* An object that was well. */
struct earlier_object {
	unsigned char key[EARLIER_KEY_SIZE]; /* its storage index, or the entry of a job */
	bool is_directory;
	bool checked; /* its shares were looked at, and all are there */
	bool repaired;
	uint16_t corrupt_shares;
	uint64_t bytes;
};

struct earlier;

/* Opens or begins the record.  LOCKED: another process goes over the same just now; IO, INSECURE,
 * NOMEM. */
MUST_USE enum fault earlier_open(const struct earlier_options *options, struct earlier **out,
				 struct err *err);

/* Returns how many objects an earlier run has left. */
uint64_t earlier_count(const struct earlier *earlier);

/* Makes the key of a job's entry. */
void earlier_key(uint64_t id, unsigned char key[EARLIER_KEY_SIZE]);

/* Returns what is known of the object, or NULL; valid until the end.  `earlier` may be NULL. */
const struct earlier_object *earlier_find(const struct earlier *earlier,
					  const unsigned char key[EARLIER_KEY_SIZE]);

/* Keeps that an entry was proven.  `earlier` may be NULL; what cannot be kept is looked at again.
 */
void earlier_note(struct earlier *earlier, const unsigned char key[EARLIER_KEY_SIZE],
		  const struct audit_entry *entry);

/* Counts an object as the run that found it did. */
void earlier_recount(const struct earlier_object *object, struct audit_counts *counts);

/* Closes it for good: everything was looked at.  NULL is allowed. */
void earlier_end(struct earlier *earlier);

/* Closes it, to be gone on with.  NULL is allowed. */
void earlier_close(struct earlier *earlier);
