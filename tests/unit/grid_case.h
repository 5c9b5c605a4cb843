/* Plans of sources on a fake grid: tests/unit/plan_case.h with a grid and the slots of sources. */
#pragma once

#include "plan/remote.h"
#include "tests/unit/fake_grid.h"
#include "tests/unit/plan_case.h"

enum { GRID_SOURCES = 8 };

struct grid_case {
	struct plan_case c;
	char path[128];           /* of the slots of sources */
	struct outcomes *sources; /* the same, to look at */
	struct fake_grid fake;    /* its objects are the test's */
	struct store *store;
	struct store_node node[GRID_SOURCES];
	struct plan_source source[GRID_SOURCES]; /* of the request */
};

/* Makes a case without sources, whose target is local. */
void grid_case_init(struct grid_case *g, struct fake_object *object, size_t count);
void grid_case_fini(struct grid_case *g);

/* Adds an object as a source called `name`. */
void grid_source(struct grid_case *g, size_t object, const char *name);

/* Caps that differ by `number`: of CHK kinds with k = n = 1 and 1,000 bytes; literals with data of
 * `number` bytes. */
struct cap grid_cap(enum cap_kind kind, unsigned number);

/* As a process of its own would: with a new cache of listings. */
enum fault grid_plan_afresh(struct grid_case *g);
enum fault grid_plan_again(struct grid_case *g);

/*
 * Returns what plan_text says, and below it a line "id -> object" for each slot of a source that is
 * planned, to be freed.
 */
char *grid_text(struct grid_case *g);

/* Plans afresh, to the end, and asserts that grid_text is `wanted`. */
void grid_assert_plan(struct grid_case *g, const char *wanted);

/* Writes the cap of `object` into the slots from `first` on, `count` of them, as an earlier plan
 * may have left it. */
void grid_spoil(struct grid_case *g, uint64_t first, uint64_t count, size_t object);

/* Gives the test's own `object[number]` its children. */
#define FILL(number, ...)                                                                          \
	do {                                                                                       \
		static const struct fake_child children[] = { __VA_ARGS__ };                       \
		object[number].child = children;                                                   \
		object[number].children = ARRAY_COUNT(children);                                   \
	} while (0)
