/* A tree on disk, plans of it, and what the manifests say as text. */
#pragma once

#include "plan/plan.h"

enum { PLAN_SETTLED_MAX = 64 };

struct plan_case {
	char folder[64];     /* under it: the tree and the manifests */
	char tree[96];       /* folder/tree */
	char manifest[96];   /* folder/manifest */
	const char *sources; /* path of the slots of sources on a grid, or NULL */
	struct plan_source source;
	struct plan_request request; /* of the tree as one source called "top"; to be changed */
	struct plan_progress progress;
	unsigned char *start; /* the manifest before the first listing */
	size_t start_size;
	char settled[4096];          /* "id state reason\n" for each call */
	struct listing_id published; /* durable, told last */
	unsigned publishes;
	bool completed;
	uint64_t *boundary; /* offsets at which blocks end, the header's first */
	size_t boundary_count;
	struct err err;
};

/* Makes an empty tree and the request. */
void plan_case_init(struct plan_case *c);
/* Removes everything. */
void plan_case_fini(struct plan_case *c);

/* Makes things in the tree; the parents must be there. */
void make_file(const struct plan_case *c, const char *path, size_t size);
void make_directory(const struct plan_case *c, const char *path);
void make_symlink(const struct plan_case *c, const char *path, const char *target);

/* Plans afresh into the manifest, replacing it. */
enum fault plan_afresh(struct plan_case *c);
/* Recovers the manifest and goes on. */
enum fault plan_again(struct plan_case *c);
/* Puts the manifest back to what it was when it ended at `offset`. */
void cut_manifest(struct plan_case *c, const unsigned char *whole, uint64_t offset);
unsigned char *read_manifest(const struct plan_case *c, size_t *size);

/*
 * Returns the manifest as text, to be freed: a line "id: name" a listing, and below it a line
 * " id kind[verdict reason] bytes name" an entry: kind D, F, L (symlink), I (linked) or O, verdict
 * S or F. Notes the boundaries.
 */
char *plan_text(struct plan_case *c);
