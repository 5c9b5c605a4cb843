/*
 * Mode, owner and time of a file or directory at a local target, as far as they can be kept there.
 *
 * Not every file system keeps all of it, and not every user may set it.  That is no fault: what was
 * lost is told and counted.  But what the source says nothing about never becomes readable for more
 * than could read what has its name.
 *
 * Place      files/dirfd.h -> [restore] -> src/land, barge get.
 * Threads    all functions may run concurrently; the counters are atomics without order.
 */
#pragma once

#include "queue/core/fault.h"

#include <stdatomic.h>
#include <sys/stat.h>

/* What could not be kept. */
enum restore_loss {
	LOST_MODE = 1u << 0,
	LOST_OWNER = 1u << 1,
	LOST_TIME = 1u << 2,
	LOST_SYNC = 1u << 3,       /* it may be gone after a power failure */
	LOST_LINK = 1u << 4,       /* that it is the same file as another */
	LOST_ATTRIBUTES = 1u << 5, /* an extended attribute */
	LOST_ACCESS = 1u << 6,     /* its access list: counted as one, too */
};

/* Returns whether an extended attribute or the access list is among what was lost. */
static inline bool restore_is_plainer(unsigned lost)
{
	return lost & (LOST_ATTRIBUTES | LOST_ACCESS);
}

/* How many entries lost what. */
struct losses {
	atomic_uint_least64_t modes, owners, times, syncs, links, attributes;
};

struct looks {
	const uint32_t *mode;            /* NULL: as `replaced` has it, or as it is */
	const int64_t *mtime_ns;         /* NULL: as it is */
	const unsigned char *attributes; /* as files/attributes.h packs them; of the source, as is
					    `mode`; of a directory too */
	size_t attributes_size;
	const struct stat
		*given;   /* what lstat says of the file to be replaced, whose owner stays; NULL:
				      none is */
	int at;           /* the directory in which it has */
	const char *name; /* its name */
};

/*
 * Gives the open file `fd` its looks, and adds to `lost` (enum restore_loss) what could not be
 * kept.  Whatever happens it is not readable for more than is meant.  Faults: IO, and FULL, where
 * it could not even be tried.
 */
MUST_USE enum fault restore_file(int fd, const struct looks *looks, unsigned *lost,
				 struct err *err);

/*
 * The directories of a job have no mode of their own until they are finished:
 *
 *   made by us    01700 -> set-uid too, once its name is durable -> at the end the mode of the
 *   source, or the usual one
 *   one of ours that lacks w for its owner: opened, u+w and set-uid, which says nothing of
 *   directories -> at the end as before, or the mode of the source
 *   all others    are left alone until the end
 *
 * So a run after a kill knows what is to be done by the mode alone, and whoever finds a new one,
 * which another thread or a run that was killed has made, whether its name has to be synced first.
 */
enum { DIRECTORY_MADE = 01700 };

/* Returns whether the directory was made by a job, and nobody has said yet that its name is
 * durable. */
static inline bool restore_may_be_lost(const struct stat *st)
{
	return (st->st_mode & 07777 & ~(mode_t)S_ISGID) == DIRECTORY_MADE;
}

/* Notes in the mode of the directory `fd`, if it was made by a job, that its name is durable. */
void restore_note_name(int fd);

/*
 * Opens the directory `fd` for writing, if `fault` and `err` say that something was refused in it,
 * and it is the user's own and read-only: from the beginning, or since another job, for which it
 * was opened too, has shut it at its end.  Returns whether it may be tried again: it was opened,
 * now or a moment ago by another thread.
 */
bool restore_opens(int fd, enum fault fault, const struct err *err);

/*
 * Gives the finished directory `fd` its looks; its mode where there is none is `usual` where it was
 * made by a
 * job, and what it had where not.  What it has of set-gid stays.  Adds to `lost`.  Faults: IO.
 */
MUST_USE enum fault restore_directory(int fd, const struct looks *looks, uint32_t usual,
				      unsigned *lost, struct err *err);

/* Counts what one entry lost. */
void losses_add(struct losses *losses, unsigned lost);
