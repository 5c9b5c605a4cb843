/*
 * One entry of a job proven again: its shares checked, its bytes or children read.
 *
 *   [check every share] -> [file: read and compare | directory: list and compare]
 *   or, of a file in chunks, each of these (chunks_proof.h)
 *
 * Place      src/audit submits it to its pool; everything in a probe runs in its lane.
 * Ownership  a probe owns what it points to.
 * Threads    the owner's before pool_submit and after pool_take, its lane's in between.
 */
#pragma once

#include "calls/pool.h"
#include "queue/entry.h"
#include "queue/outcome.h"
#include "verify/childset.h"
#include "verify/chunks_proof.h"

struct probe {
	struct pool_task task; /* first */
	unsigned levels;       /* enum verify_level: COUNT, CHECK, READ */
	bool add_lease, repair;
	bool linked; /* nothing was sent: the source's own cap was linked */
	struct cap cap;
	/* files */
	unsigned char content[16];       /* xxh3-128 of the bytes */
	bool has_content;                /* that is known */
	const struct chk_params *secret; /* of the gateway, or NULL; set by whoever submits it */
	uint64_t length;
	bool in_chunks; /* the cap is that of their directory */
	/* directories */
	bool is_directory;
	bool exact;          /* the directory holds nothing else */
	struct childset set; /* sealed */
	/* for whoever submits it */
	uint64_t id;
	struct listing_id listing;
	char *name; /* NULL: the entry is the directory listed at `listing` */
	size_t name_size;
	/* Hears in the lane of bytes that arrived.  May be NULL. */
	void (*moved)(void *context, uint64_t bytes);
	void *context;
	uint64_t arrived; /* bytes that `moved` has heard of */

	struct proving proving;
	struct chunks_proof chunks; /* of a file in chunks */
	struct store_call *call;    /* the listing in flight */
};

/* Makes a probe of what `outcome`, which says done, tells of an entry of kind `manifest_kind`.
 * NULL, filling `err`: CORRUPT (no cap in it), NOMEM. */
struct probe *probe_new(const struct outcome *outcome, uint8_t manifest_kind, unsigned levels,
			struct err *err);

/* Returns what was found of its shares; NULL: nobody looked. */
const struct store_health *probe_health(const struct probe *probe);

/* Wipes and frees.  NULL is allowed. */
void probe_free(struct probe *probe);
