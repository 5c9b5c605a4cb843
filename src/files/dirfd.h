/*
 * Files and directories below a directory that cannot be left, whatever is swapped in meanwhile.
 *
 * The room: tree.c finds a plan's directories and keeps a few open; source_tree.c opens files from
 * there for reading, by descriptors of its own, and target_tree.c makes what is missing; symlink.c
 * judges symlinks and outfile.c writes single files, all three through dirfd.c, whose dirfd_name.c
 * gives names and tells the time there.  restore.c sets modes, owners and times; respelled.c knows
 * names that are the same to a file system; regular.c compares a file with a hash.  pipe.c has
 * no names at all: it is for standard input and output.
 *
 * Place      src/land opens, makes and names everything at a local target through here.
 * Ownership  descriptors belong to the caller.
 * Threads    all functions may run concurrently.
 *
 * No name is followed when it is a symlink, and none may be empty, ".", ".." or hold a "/" or NUL:
 * FAULT_USAGE.  Something else in the way is FAULT_EXISTS; further faults: NOT_FOUND, FULL, NOMEM,
 * IO.
 *
 * Source: openat2(2).
 */
#pragma once

#include "queue/core/fault.h"

struct stat;

enum { DIRFD_NAME_MAX = 255, DIRFD_TEMPORARY_SIZE = 48 };

/* Opens the directory at `path`, making it and those above it when missing (mode 0777 less `mask`,
 * whatever the process's own umask is).  Symlinks in it are followed: it is what the user typed. */
MUST_USE enum fault dirfd_open_root(const char *path, uint32_t mask, int *fd, struct err *err);

/* Opens the directory at `path`, names joined by "/", below `root`; "" is the root itself. */
MUST_USE enum fault dirfd_open(int root, const char *path, int *fd, struct err *err);

/* The same on kernels without openat2, name by name. */
MUST_USE enum fault dirfd_open_by_names(int root, const char *path, int *fd, struct err *err);

/* Makes sure that `name` in `at` is a directory, durably, and stores whether it was made (mode
 * DIRECTORY_MADE of restore.h, until it is finished).  One that is there in that mode is synced
 * too: restore_note_name spares that. */
MUST_USE enum fault dirfd_make(int at, const char *name, bool *made, struct err *err);

/*
 * Stores to multiples of how many nanoseconds the file system of the directory at `path` keeps
 * modification times: 1, or up to two seconds; 1 where that cannot be found out, as a file has to
 * be made there, which leaves no trace.  Faults: NOMEM.
 */
MUST_USE enum fault dirfd_tick(const char *path, int64_t *tick_ns, struct err *err);

/* Stores what lstat says of `name` in `at`, and whether anything has that name. */
MUST_USE enum fault dirfd_look(int at, const char *name, struct stat *st, bool *there,
			       struct err *err);

/* Makes a symlink to `target` with the temporary name `name`, where nothing else but a temporary
 * file of ours can be, which goes. */
MUST_USE enum fault dirfd_link(int at, const char *name, const char *target, struct err *err);

/* Makes a new file of mode 0600 with a random name that begins with a dot, open for writing. */
MUST_USE enum fault dirfd_create(int at, char name[DIRFD_TEMPORARY_SIZE], int *fd, struct err *err);

/*
 * Opens a file `name` of ours for reading and writing, making it (mode 0600) if it is not there.
 * With `resume` what it holds is kept; else, and when it is not a regular file of this user with
 * one name, it is made anew.
 */
MUST_USE enum fault dirfd_reopen(int at, const char *name, bool resume, int *fd, struct err *err);

/* Returns whether two looks, of lstat, saw the same thing, and nobody had changed it between them.
 */
bool dirfd_is_same(const struct stat *a, const struct stat *b);

/*
 * Gives the file or symlink `temporary` its `name` at once; not durable until the directory is
 * synced.  `seen` is what lstat said of the thing it may replace, or NULL: nothing.  FAULT_EXISTS,
 * changing nothing, when something has the name that was not seen, or is not any more as it was.
 */
MUST_USE enum fault dirfd_name(int at, const char *temporary, const char *name,
			       const struct stat *seen, struct err *err);

/* The same, and durably where the file system can do that. */
MUST_USE enum fault dirfd_publish(int at, const char *temporary, const char *name,
				  const struct stat *seen, struct err *err);

/*
 * Stores what time it is to the file system of the directory at `path`, where a server may have a
 * clock of its own: the change time of a file made there, which leaves no trace.  Our own time
 * where none can be made.  Faults: NOMEM.
 */
MUST_USE enum fault dirfd_clock(const char *path, struct timespec *now, struct err *err);

/* Writes all of `data`. */
MUST_USE enum fault dirfd_write(int fd, const void *data, size_t size, struct err *err);

/* Writes all of `data` at `offset`. */
MUST_USE enum fault dirfd_write_at(int fd, uint64_t offset, const void *data, size_t size,
				   struct err *err);

/* Returns nanoseconds since 1970, which may be negative, as futimens wants them. */
struct timespec timespec_of(int64_t ns);
