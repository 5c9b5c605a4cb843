/*
 * What one backup shares with earlier ones on its target: its entries, asked for in known.h and
 * kept there.
 *
 * Place      known.h -> [reuse] -> the engine (files), src/commit (directories, and what was stored
 *            in this run).
 * Ownership  a struct reuse borrows the database and what its options name.
 * Threads    all functions may run concurrently; an asker belongs to one thread at a time.
 *
 * A file is kept when its directory is made, as it was read; one that changed since the plan, or
 * whose times are not older than a tick when the job began, is not: it might have been written
 * since, without other times.
 */
#pragma once

#include "decide/decide.h"
#include "known/age.h"
#include "known/known.h"
#include "queue/catalog.h"
#include "queue/queue.h"
#include "tahoe/caps.h"

struct reuse_options {
	struct knowledge *known;
	struct catalog *catalog;
	const char *const *path; /* of the sources, absolute */
	const char *const *name; /* what they are called in the snapshot */
	size_t count;
	size_t made_count; /* directories of the plan above them */
	struct known_age age;
	int64_t read_ns;  /* nothing was read before, since 1970 */
	bool looks_again; /* everything is read: no file is known by its times */
	bool renews;      /* all that is reused is asked for, and has its leases renewed */
};

struct reuse;

MUST_USE enum fault reuse_new(const struct reuse_options *options, struct reuse **reuse,
			      struct err *err);

/* Frees.  NULL is allowed. */
void reuse_free(struct reuse *reuse);

/* A thread's way from listings to paths. */
struct reuse_asker;

/* Faults: those of catalog_reader_new. */
MUST_USE enum fault reuse_asker_new(struct reuse *reuse, struct reuse_asker **asker,
				    struct err *err);
void reuse_asker_free(struct reuse_asker *asker);

/* Stores what the file or symlink of a task is called here, which borrows from the asker and the
 * task, and its cap where that is stored. */
enum decide_stored reuse_find_file(struct reuse *reuse, struct reuse_asker *asker,
				   const struct task *task, struct known_file *file,
				   struct known_cap *cap);

/* Keeps a file or symlink of `listing` that this run has stored. */
void reuse_keep_file(struct reuse *reuse, struct reuse_asker *asker, struct listing_id listing,
		     const struct manifest_entry *entry, const struct outcome *outcome);

/* Keeps that the servers have a known file whole, or (for this run) that they do not. */
void reuse_file_is_whole(struct reuse *reuse, const struct known_file *file,
			 const struct known_cap *cap);
void reuse_file_is_broken(struct reuse *reuse, uint64_t id);

/* Stores the cap of a directory with that hash of its form, where there is one. */
enum decide_stored reuse_find_directory(struct reuse *reuse,
					const unsigned char hash[KNOWN_HASH_SIZE], struct cap *cap);

/* Keeps a directory that was made, or (`whole`) known and found whole. */
void reuse_keep_directory(struct reuse *reuse, const unsigned char hash[KNOWN_HASH_SIZE],
			  const struct cap *cap, bool whole);

/* Returns whether leases are to be renewed. */
bool reuse_renews(const struct reuse *reuse);

/* Counts that something known was asked for. */
void reuse_count_check(struct reuse *reuse, bool is_directory);

/* Counts something that is reused although some of its shares are bad, and stay. */
void reuse_count_unmended(struct reuse *reuse);

struct reuse_counts {
	uint64_t checked_files, checked_directories;
	uint64_t unmended; /* of both */
};

struct reuse_counts reuse_counts(const struct reuse *reuse);
