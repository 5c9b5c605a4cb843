/*
 * The file of what is known: schema, statements, lock, and what becomes of a damaged one.
 *
 * Place      inside src/known.
 * Threads    one at a time.
 */
#pragma once

#include "known/known.h"

#include <sqlite3.h>

enum database_statement {
	DATABASE_FILE_BY_PATH,
	DATABASE_FILE_BY_INODE,
	DATABASE_FILE_ADD,
	DATABASE_FILE_ADD_NEW, /* unless its path is known */
	DATABASE_DIRECTORY_FIND,
	DATABASE_DIRECTORY_ADD,
	DATABASE_PATH_FIND,
	DATABASE_PATH_ADD,
	DATABASE_NOTE_FIND,
	DATABASE_NOTE_ADD,
	DATABASE_BEGIN,
	DATABASE_COMMIT,
	DATABASE_COUNT_ROWS,
	DATABASE_FILE_PRUNE,
	DATABASE_DIRECTORY_PRUNE,
	DATABASE_PATH_PRUNE,
	DATABASE_STATEMENTS,
};

struct database {
	char *path;
	int lock_fd; /* or -1 */
	sqlite3 *sqlite;
	sqlite3_stmt *statement[DATABASE_STATEMENTS];
};

/* Locks the target.  Faults: LOCKED, INSECURE, IO, FULL. */
MUST_USE enum fault database_lock(struct database *database, struct err *err);

/* Opens or makes the file and prepares the statements.  FAULT_CORRUPT: it is damaged, or is no
 * database; USAGE: a later version's. */
MUST_USE enum fault database_open(struct database *database, bool *made, struct err *err);

/* Moves the file, closed, to PATH.damaged, in place of an older one there. */
MUST_USE enum fault database_move_aside(const struct database *database, struct err *err);

/* Closes the file, but not the lock. */
void database_close(struct database *database);

/* Fills `err` from SQLite's answer, which is no success. */
enum fault database_err(const struct database *database, int answer, struct err *err);
