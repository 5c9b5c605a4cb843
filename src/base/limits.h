/*
 * How many files this process may have open: the limit is raised as far as it goes, and what it
 * leaves is counted.
 *
 * Place      main raises it; the engine divides what is left (engine/budget.h).
 * Threads    limits_raise before there are any; limits_left may run concurrently.
 */
#pragma once

#include "queue/core/base.h"

/* Raises the soft limit of open files to the hard one, or to 65,536 where that is more. */
void limits_raise(void);

/* Returns how many more files may be opened. */
unsigned limits_left(void);
