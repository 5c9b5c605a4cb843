/*
 * What a Tahoe-LAFS node does with caps, files and directories, without HTTP.
 *
 * Place      http_file, http_directory -> [grid] -> shares, tahoe/.
 * Ownership  a grid owns the log of shares and its working memory; results are the caller's.
 * Threads    one owner at a time.
 *
 * Faults with an http_status are Tahoe's own (see problem.h); those without are ours: FAULT_FULL,
 * FAULT_IO, FAULT_NOMEM.
 */
#pragma once

#include "base/spool.h"
#include "serve/directory.h"
#include "serve/download.h"
#include "tahoe/mutable.h"

struct grid;

/* What became of an upload. */
struct upload {
	struct cap cap;                    /* a secret */
	bool stored;                       /* in shares: not a literal */
	bool created;                      /* and was not there before */
	unsigned char index[CAP_KEY_SIZE]; /* of what is stored */
};

struct check_result {
	bool literal; /* nothing to check */
	bool found, corrupt;
	bool is_mutable;
	uint64_t sequence;
	unsigned char index[CAP_KEY_SIZE];
};

/* Opens the grid of DIRECTORY/shares.log with a convergence secret of CHK_SECRET_MAX bytes. */
MUST_USE enum fault grid_open(const char *directory, const unsigned char secret[CHK_SECRET_MAX],
			      struct grid **grid, struct err *err);

/* Closes and frees.  NULL is allowed. */
void grid_close(struct grid *grid);

/* Returns the log, for counting. */
const struct shares *grid_shares(const struct grid *grid);

/* Stores the file `body` as LIT or CHK.  A share that is there already is not looked at. */
MUST_USE enum fault grid_put(struct grid *grid, const struct spool *body, struct upload *upload,
			     struct err *err);

/* Stores an immutable directory; the upload's cap is DIR2-LIT or DIR2-CHK. */
MUST_USE enum fault grid_put_directory(struct grid *grid, const struct stored_directory *directory,
				       struct upload *upload, struct err *err);

/*
 * Makes the mutable directory of `key` with `directory` as contents.  500 UncoordinatedWriteError,
 * and nothing changed, when it is there.
 */
MUST_USE enum fault grid_mkdir(struct grid *grid, const struct mutable_key *key,
			       const struct stored_directory *directory, struct err *err);

/* Reads a directory of any kind; write caps of children only by a write cap.  400, 410, 500. */
MUST_USE enum fault grid_list(struct grid *grid, const struct cap *cap,
			      struct stored_directory *directory, struct err *err);

/* Writes the next version of the mutable directory `cap`.  500 when it does not allow that. */
MUST_USE enum fault grid_update(struct grid *grid, const struct cap *cap,
				const struct stored_directory *directory, struct err *err);

/* FAULT_NONE when `cap` is a directory that may be written; else the 500 that Tahoe gives. */
MUST_USE enum fault grid_may_write(const struct cap *cap, struct err *err);

/*
 * Opens a file for reading: LIT, CHK, and as such the serialized form of any directory (see
 * cap_to_file).  410 NoSharesError when it is not there.
 */
MUST_USE enum fault grid_open_file(struct grid *grid, const struct cap *cap,
				   struct download_reply **download, struct err *err);

/* Looks for the share of any cap, verifiers too; with `verify` reads and proves it. */
MUST_USE enum fault grid_check(struct grid *grid, const struct cap *cap, bool verify,
			       struct check_result *result, struct err *err);
