/*
 * The log of what a key was stored as, in the format of git-annex's *.log.cnk files.
 *
 *   TIME[.FRACTION][s] OWNER:METHOD COUNT        METHOD: the chunks' size in bytes
 *
 * Of several lines with the same owner and method the newest counts, of equally old ones the last.
 * COUNT 0: it was removed.  Methods that are no number are kept as they are.  Lines that are none
 * are skipped.  Source: git-annex Logs/Chunk/Pure.hs, Logs/MapLog.hs (facts, rules K2 to K4, C55).
 *
 * Place      the key store reads and writes the text -> [log] -> lists, store.
 * Ownership  a struct chunk_log owns its lines until chunk_log_fini.
 * Threads    one owner at a time.
 */
#pragma once

#include "base/bytes.h"

enum { CHUNK_LOG_MAX = 1 << 20 /* bytes of a log */ };

struct chunk_log_line {
	int64_t time_ns;
	char *owner, *method;
	uint64_t size;  /* of the method; 0: it is unknown */
	uint64_t count; /* chunks; 0: removed */
};

/* All zeros is an empty one. */
struct chunk_log {
	struct chunk_log_line *line;
	size_t count;
};

/* Adds the lines of a text.  Faults: NOMEM. */
MUST_USE enum fault chunk_log_read(struct chunk_log *log, const char *text, size_t size,
				   struct err *err);

/* Says that `owner` has `count` chunks of `size` bytes, at `now_ns` or just after what is said
 * already.  Faults: NOMEM. */
MUST_USE enum fault chunk_log_set(struct chunk_log *log, const char *owner, uint64_t size,
				  uint64_t count, int64_t now_ns, struct err *err);

/* Appends all lines.  Faults: those of bytes_append. */
MUST_USE enum fault chunk_log_write(const struct chunk_log *log, struct bytes *text);

void chunk_log_fini(struct chunk_log *log);
