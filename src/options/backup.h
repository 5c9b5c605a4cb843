/*
 * Options of backups: what is believed of earlier ones.
 *
 * Place      one part of struct options; barge backup takes it, and resume of one.
 * Ownership  the texts belong to the struct options that it is a part of.
 * Threads    read by anyone once parsed.
 */
#pragma once

#include "base/text_list.h"

struct backup_options {
	bool ignore_timestamps;   /* everything is read and hashed */
	bool renew_leases;        /* of all that is reused */
	bool paranoid;            /* what a snapshot says of times is not believed */
	uint64_t check_after_ms;  /* younger than that is not asked for; 30 days */
	uint64_t check_always_ms; /* older than that always is; 60 days */
	char *import_backupdb;    /* the database of `tahoe backup`, or NULL */
	struct text_list tag;     /* of the new snapshot; snapshots, forget: those it is about */
};
