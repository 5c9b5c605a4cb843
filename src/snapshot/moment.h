/*
 * The time that somebody asks for, as of --at.
 *
 * Place      options -> [moment] -> archive.
 * Threads    may run concurrently.
 */
#pragma once

#include "queue/core/fault.h"

/*
 * Stores the last second that `text` means, since 1970; `now` is the present.  Taken are a date as
 * base/calendar.h has it (a date alone means the end of that day), a snapshot's name (stamp.h),
 * "@SECONDS", and "N minutes|hours|days|weeks ago".  FAULT_USAGE: anything else.
 */
MUST_USE enum fault moment_read(const char *text, int64_t now, int64_t *seconds, struct err *err);
