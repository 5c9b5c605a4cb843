/*
 * DIR as a Tahoe-LAFS node directory, held by one gateway at a time.
 *
 * Place      serve_run opens it first and closes it last.
 * Ownership  a struct folder owns the lock and the secret.
 * Threads    one owner at a time.
 *
 * Source: tahoe-lafs 1.20.0 docs/configuration.rst.
 */
#pragma once

#include "serve/grid.h"

struct folder {
	const char *directory; /* borrowed */
	int lock_fd;
	unsigned char secret[CHK_SECRET_MAX]; /* convergence */
	struct grid *grid;
	bool open;
};

/*
 * Makes DIRECTORY what serve.h says, as far as it is not, and takes the lock: private/ and the
 * secret are kept where they are there, and so is the alias file.  A new alias file gets "tahoe:"
 * with a fresh directory.  Faults of serve_run.
 */
MUST_USE enum fault node_folder_open(struct folder *folder, const char *directory, struct err *err);

/* Gives everything back.  All zeros are allowed. */
void node_folder_close(struct folder *folder);

/* Returns the port of the node.url that an earlier gateway left, or 0. */
uint16_t folder_old_port(const struct folder *folder);

/* Writes node.url and tahoe.cfg for `port`.  FAULT_FULL, FAULT_IO. */
MUST_USE enum fault folder_publish(const struct folder *folder, uint16_t port, struct err *err);
