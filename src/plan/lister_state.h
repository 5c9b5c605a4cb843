/*
 * The inside of the lister, shared by its files: lister_names.c reads the names of a directory,
 * lister_find.c finds what they stand for in each of its parts, lister.c judges that and writes the
 * listing.
 *
 * Place      src/plan/lister*.c only.
 * Threads    one owner at a time.
 */
#pragma once

#include "plan/chooser.h"
#include "plan/clashes.h"
#include "plan/entry.h"
#include "plan/lister.h"

#include <dirent.h>

enum { LISTER_BUFFER = 65536 /* bytes; some 2,000 names a call of the kernel */ };

struct lister {
	const struct plan_request *request;
	struct walk *walk;
	struct publisher *publisher;
	uint64_t names_max;
	struct names *names;          /* of the directory */
	struct names *known;          /* those a listing cut short holds already */
	char last[MANIFEST_NAME_MAX]; /* of these, the one up to which the order is kept */
	size_t last_size;
	bool has_last;
	struct clashes *clashes;
	bool respelled; /* a name is not in NFC */
	struct chooser chooser;
	struct bytes nfc; /* the form of one name that the target keeps */
	bool exists;      /* the directory is at the target */
	bool parents;     /* an entry is a directory to be walked */
	bool bindable;    /* an entry is at the target */
	uint64_t ticks;
	struct entry_origin origin;
	struct entry_found found;

	bool at_sources;               /* the names are sources, and children of unnamed ones */
	struct walk_directory *part;   /* those of the directory, or of `sources` */
	size_t part_count;             /* 0: the directory is one */
	struct walk_directory sources; /* its parts: those without a name */
	enum outcome_reason missed;    /* why a part could not be listed */
	bool taken;                 /* a part has the name, and the selection takes it: `found` */
	bool keeps_bytes;           /* entry_keeps_bytes of that part */
	struct entry_found other;   /* what one more part has under it */
	struct walk_branch *branch; /* of `found`, if it is a directory */
	size_t branch_count, branch_capacity;

	_Alignas(struct dirent64) char buffer[LISTER_BUFFER];
};

/* Returns whether it is the name of the entry that says that a part could not be listed. */
static inline bool lister_is_missed(const char *name, size_t size)
{
	return size == 1 && name[0] == '.';
}

/* Finds what the parts have under the name: `taken` with `found`, merged from each `branch`.
 * Faults: USAGE (a file among them, E9), those of entry_find and remote_open, NOMEM. */
MUST_USE enum fault lister_find(struct lister *lister, const struct name *name, struct err *err);

/* Stores the form of a name that the target keeps, which is `text` itself for almost all names.
 * Faults: NOMEM, USAGE. */
MUST_USE enum fault lister_normalize(struct lister *lister, const char **text, size_t *size,
				     struct err *err);
