/*
 * How a secret is told to a storage server: a header line of its own.
 *
 * Place      inside direct/direct.
 * Ownership  the line is the caller's, who wipes it.
 * Threads    may run concurrently.
 */
#pragma once

#include "tahoe/hashes.h"

enum { SECRET_LINE_SIZE = 128 };

/* Writes "X-Tahoe-Authorization: NAME SECRET", with a name of at most 40 bytes. */
void secret_line(char line[SECRET_LINE_SIZE], const char *name,
		 const unsigned char secret[DIGEST_SIZE]);
