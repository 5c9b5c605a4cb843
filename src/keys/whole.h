/*
 * One object of a grid by its cap, fetched and looked at.
 *
 * Place      keys.c, git-annex's exports -> [whole] -> verify.
 * Ownership  everything is borrowed for the call.
 * Threads    the owner of the operation.
 */
#pragma once

#include "keys/operation.h"

/* Brings the file of the cap to `path`. */
MUST_USE enum fault whole_get(struct operation *operation, const struct cap *cap, const char *path,
			      const struct keys_progress *progress, struct err *err);

/* Says whether the bytes of the cap can be read; `err` says why that is unknown. */
enum key_presence whole_check(struct operation *operation, const struct cap *cap, struct err *err);
