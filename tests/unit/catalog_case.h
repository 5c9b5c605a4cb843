/* Opening a job's files in tests. */
#pragma once

#include "queue/catalog_file.h"

/* Opens the plan, which may not be complete, with outcomes unless that is NULL. */
struct catalog *catalog_case_open(const char *plan, const char *outcomes);
