/*
 * A plan that a test writes, listing by listing, and a local target where it was carried out.  In
 * the directory of tests/unit/tree.h: "manifest", "slots" and the target "out".
 */
#pragma once

#include "base/meta.h"
#include "queue/catalog.h"

enum { TARGET_CASE_PATH = 300 };

/* Setup and teardown of cmocka: the target is there, the plan is empty. */
int target_case_setup(void **state);
int target_case_teardown(void **state);

/* Begins the listing of the directory that is entry `id` of that name; first that of the root: 0
 * and "".  Ends the one before. */
void target_case_begin(uint64_t id, const char *name);

/* Add to the listing an entry, with a meta unless that is NULL, and return its id: any, with what
 * became of it; a file that has come with this text and is at `path` of the target; a directory
 * below the root that is there. */
uint64_t target_case_add(uint8_t kind, const char *name, const struct meta *meta,
			 const struct outcome *outcome);
uint64_t target_case_file(const char *path, const struct meta *meta, const char *text);
uint64_t target_case_directory(const char *name, const struct meta *meta);

/* Returns the outcome of a file that has come with this text. */
struct outcome target_case_done(const char *text);

/* Stores what became of an entry, whose id it has. */
void target_case_settle(const struct outcome *outcome);

/* Ends the plan, and opens it; whoever calls closes it. */
struct catalog *target_case_finish(void);
