/*
 * A catalog that lives in memory: the second implementation of queue/catalog.h, for tests.
 *
 * It shares no code with the file backend: no manifest, no offsets.  Its slots, too, are in memory.
 *
 * Ownership  everything the plan points to is borrowed until catalog_close.
 */
#pragma once

#include "tests/unit/catalog_contract.h"

/* Makes the plan and opens it.  The plan itself is copied. */
struct catalog *catalog_memory_new(const struct sample_plan *plan);
