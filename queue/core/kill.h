/*
 * Named kill points: places where a test may have the process die as if by kill -9.
 *
 * With BARGE_KILL_POINTS defined (modes debug and asan), KILL_POINT("name") ends the process by
 * SIGKILL at the n-th passage when the environment says BARGE_KILL=name or BARGE_KILL=name:n.
 * Otherwise it is nothing.
 */
#pragma once

#include "queue/core/base.h"

#ifdef BARGE_KILL_POINTS
void kill_point(const char *name);
#define KILL_POINT(name) kill_point(name)
#else
#define KILL_POINT(name) ((void)0)
#endif
