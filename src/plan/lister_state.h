/*
 * The inside of the lister, shared by its files: lister_names.c reads the names of a directory,
 * lister.c judges them and writes the listing.
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
	struct chooser chooser;
	struct bytes nfc; /* the form of one name that the target keeps */
	bool exists;      /* the directory is at the target */
	bool parents;     /* an entry is a directory to be walked */
	bool bindable;    /* an entry is at the target */
	uint64_t ticks;
	struct entry_origin origin;
	struct entry_found found;
	_Alignas(struct dirent64) char buffer[LISTER_BUFFER];
};

/* Stores the form of a name that the target keeps, which is `text` itself for almost all names.
 * Faults: NOMEM, USAGE. */
MUST_USE enum fault lister_normalize(struct lister *lister, const char **text, size_t *size,
				     struct err *err);
