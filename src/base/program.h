/*
 * What a program begins with: its standard files, its rights, and nothing that gives secrets away.
 *
 * Place      the first calls of each main.
 * Threads    before there are any.
 */
#pragma once

#include "queue/core/base.h"

#define PROGRAM_VERSION "0.1.0"

/* Opens /dev/null where standard files are closed; what is opened later would stand in for them.
 * Writing to a standard output that was closed fails. */
MUST_USE bool program_open_standard_files(void);

/* Returns whether the program runs with rights that are not its user's (setuid, setgid). */
bool program_has_borrowed_rights(void);

/*
 * Secrets pass through memory: no core, no debugger of other processes, nothing group-readable, no
 * variables that steer libraries.  SIGPIPE and SIGXFSZ become errors.  Returns the umask there was.
 */
uint32_t program_harden(void);

/* Has buffers of megabytes go back to the system when they are freed: glibc would keep some for
 * each thread, more in all than bodies may take. */
void program_bound_memory(void);
