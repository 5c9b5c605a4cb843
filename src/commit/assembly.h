/*
 * The body of one directory, assembled from its listing in the plan and its children's slots.
 *
 * Place      catalog -> [assembly] -> a request of the committer.  Children that are
 *            not done are left out.
 * Ownership  an assembly owns its memory until assembly_fini.
 * Threads    built in the committer's thread (it reads files), then handed to the directory's lane.
 */
#pragma once

#include "base/digest.h"
#include "decide/entry.h"
#include "queue/catalog.h"
#include "tahoe/slot_make.h"
#include "verify/childset.h"

enum { ASSEMBLY_MAX = 512 << 20 /* bytes of one request; 100,000 children take some 35 MB */ };

/* What links children; empty where the directory has shares. */
struct assembly_request {
	struct bytes json;
	uint64_t children; /* in it */
};

struct assembly {
	struct assembly_request request[ENTRY_KEEP]; /* of the new ones, then of those replaced */
	uint8_t *how;              /* enum entry_link of those in the set, by their numbers there */
	uint64_t left_out;         /* children failed or skipped */
	struct childset set;       /* of all that are not left out, sealed */
	struct childset replacing; /* of those that replace files, without their caps; sealed */
	/* Immutable directories: */
	bool predicted; /* `cap` is the cap the gateway must answer */
	struct cap cap;
	uint64_t size; /* bytes of the serialized directory */
	bool by_form;  /* it is stored as a file is: of these bytes */
	struct bytes form;
	struct chk_shares *shares; /* with that, unless it is a literal; else NULL */
	struct slot_shares *slot;  /* the same of a mutable one; else NULL */
	/* With reuse: */
	unsigned char hash[DIGEST_SIZE]; /* SHA-256 of the serialized directory */
	bool reused;                     /* it is there: nothing else was built */
};

/* Of backups: directories and files are shared with earlier ones. */
struct assembly_reuse {
	/* Hears of each file and symlink that is done. */
	void (*file)(void *context, const struct manifest_entry *entry,
		     const struct outcome *outcome);
	/* Whether a directory with this hash is there, so that no request is needed. */
	bool (*is_there)(void *context, const unsigned char hash[DIGEST_SIZE]);
	void *context; /* of both */
};

struct split;

struct assembly_source {
	struct catalog_reader *reader;
	struct listing_id listing;       /* the directory's */
	const struct split *chunks;      /* or these are its children, all proven; else NULL */
	bool merges;                     /* into a directory that is there; else all are new */
	const struct chk_params *params; /* for immutable directories, to predict their cap; with
					    `key`; else NULL */
	bool encodes;                    /* these get their shares, unless they are large */
	const struct mutable_key *key;   /* of a mutable one, which gets its shares; else NULL */
	/* Of a backup: edges have all that lstat said when it was planned, and a directory that
	 * could not be read is an empty one, whose edge says so.  Else NULL. */
	const struct assembly_reuse *reuse;
	const char *tags; /* of the snapshot that is merged into it; NULL or "": none */
};

/* Builds the assembly.  Faults: TOO_LARGE, CORRUPT, IO, NOMEM.  On failure there is nothing to
 * free. */
MUST_USE enum fault assembly_build(const struct assembly_source *source, struct assembly *assembly,
				   struct err *err);

/* Returns whether the set has found all children listed that come to be linked in this way. */
bool assembly_has(const struct assembly *assembly, enum entry_link how);

/* Returns whether the child of that name replaces a file. */
bool assembly_replaces(const struct assembly *assembly, const char *name, size_t name_size);

/* Wipes and frees.  All zeros are allowed. */
void assembly_fini(struct assembly *assembly);
