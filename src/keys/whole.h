/*
 * One object of a key store, stored, fetched and looked at whole.
 *
 * Place      inside src/keys: keys.c -> [whole] -> upload, verify.
 * Ownership  everything is borrowed for the call.
 * Threads    the owner of the operation.
 */
#pragma once

#include "keys/operation.h"

/* Stores the file, which is `has_size` to have `size` bytes, and its cap, proven. */
MUST_USE enum fault whole_put(struct operation *operation, const char *path,
			      const struct key_name *name, const struct keys_progress *progress,
			      struct cap *cap, struct err *err);

/* Brings the file of the cap to `path`. */
MUST_USE enum fault whole_get(struct operation *operation, const struct cap *cap, const char *path,
			      const struct keys_progress *progress, struct err *err);

/* Says whether the bytes of the cap can be read; `err` says why that is unknown. */
enum key_presence whole_check(struct operation *operation, const struct cap *cap, struct err *err);
