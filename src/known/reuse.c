#include "known/reuse.h"

#include "base/digest.h"
#include "base/secret.h"
#include "queue/core/array.h"
#include "queue/core/thread.h"

#include <stdatomic.h>

enum { PATH_SIZE = 64 << 10 }; /* bytes; what lies deeper is stored each time */

struct reuse {
	struct reuse_options options;
	uint64_t seed; /* of chances */
	atomic_uint_least64_t checked_files, checked_directories, unmended;
	struct mutex lock;
	uint64_t *broken GUARDED; /* ids of files that are not whole, few */
	size_t broken_count GUARDED, broken_capacity GUARDED;
};

struct reuse_asker {
	struct reuse *reuse;
	struct catalog_reader *reader;
	struct listing_id listing; /* whose path it is */
	char path[PATH_SIZE];      /* empty: it has none */
};

enum fault reuse_new(const struct reuse_options *options, struct reuse **reuse, struct err *err)
{
	struct reuse *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for what is reused");
	made->options = *options;
	mutex_init(&made->lock);
	enum fault fault = secret_random(&made->seed, sizeof made->seed, err);
	if (fault)
		reuse_free(made);
	else
		*reuse = made;
	return fault;
}

void reuse_free(struct reuse *reuse)
{
	if (!reuse)
		return;
	mutex_lock(&reuse->lock);
	free(reuse->broken);
	mutex_unlock(&reuse->lock);
	mutex_fini(&reuse->lock);
	free(reuse);
}

enum fault reuse_asker_new(struct reuse *reuse, struct reuse_asker **asker, struct err *err)
{
	struct reuse_asker *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for what is reused");
	made->reuse = reuse;
	enum fault fault = catalog_reader_new(reuse->options.catalog, &made->reader, err);
	if (fault)
		free(made);
	else
		*asker = made;
	return fault;
}

void reuse_asker_free(struct reuse_asker *asker)
{
	if (!asker)
		return;
	catalog_reader_free(asker->reader);
	free(asker);
}

/* ---- where files lie ---- */

/* Returns what stands behind the first component of a path, which ends at `end`. */
static const char *behind(const char *path, size_t *size)
{
	const char *slash = strchrnul(path, '/');
	*size = (size_t)(slash - path);
	return *slash ? slash + 1 : slash;
}

/* Puts the path of the source in place of its name, behind the names of directories made. */
static bool place_path(const struct reuse_options *options, const char *planned,
		       char path[PATH_SIZE])
{
	size_t size;
	for (size_t i = 0; i < options->made_count; i++)
		planned = behind(planned, &size);
	const char *rest = behind(planned, &size);
	for (size_t i = 0; i < options->count; i++) {
		const char *name = options->name[i];
		if (size == 0 || strlen(name) != size || memcmp(name, planned, size) != 0)
			continue;
		const int length = snprintf(path, PATH_SIZE, "%s%s%s", options->path[i],
					    *rest ? "/" : "", rest);
		return length >= 0 && length < PATH_SIZE;
	}
	return false;
}

/* Returns the path of the directory of `listing` here, or NULL. */
static const char *path_of(struct reuse_asker *asker, struct listing_id listing)
{
	struct err err;
	if (listing_is(asker->listing, listing))
		return asker->path[0] ? asker->path : NULL;
	char *planned = malloc(PATH_SIZE);
	const bool placed = planned &&
			    !catalog_path(asker->reader, listing, planned, PATH_SIZE, &err) &&
			    place_path(&asker->reuse->options, planned, asker->path);
	free(planned);
	asker->listing = listing;
	if (!placed)
		asker->path[0] = '\0';
	return placed ? asker->path : NULL;
}

/* Fills what identifies a local file. */
static bool identify(struct reuse_asker *asker, struct listing_id listing,
		     const unsigned char *meta, size_t meta_size, struct known_file *file)
{
	file->directory = path_of(asker, listing);
	return file->directory && meta_unpack(meta, meta_size, &file->meta) &&
	       !(file->meta.flags & (META_GRID | META_MADE));
}

/* ---- ages ---- */

static bool is_due(const struct reuse *reuse, const struct known_cap *cap)
{
	unsigned char mixed[8 + OUTCOME_CAP_MAX], hash[16];
	if (cap->kind == CAP_LIT || cap->kind == CAP_DIR2_LIT)
		return false;
	if (reuse->options.renews)
		return true;
	store_le64(mixed, reuse->seed);
	memcpy(mixed + 8, cap->cap, OUTCOME_CAP_MAX);
	content_hash_of(mixed, sizeof mixed, hash);
	explicit_bzero(mixed, sizeof mixed);
	return known_is_due(&reuse->options.age, cap->checked, (int64_t)time(NULL),
			    load_le64(hash));
}

/* Whether a row of a literal is old: nobody is asked for that, but a row that stays old is taken
 * for one that no backup refers to. */
static bool is_old_literal(const struct reuse *reuse, const struct known_cap *cap)
{
	return (cap->kind == CAP_LIT || cap->kind == CAP_DIR2_LIT) &&
	       known_is_due(&reuse->options.age, cap->checked, (int64_t)time(NULL), 0);
}

static bool is_broken(struct reuse *reuse, uint64_t id)
{
	bool found = false;
	mutex_lock(&reuse->lock);
	for (size_t i = 0; i < reuse->broken_count && !found; i++)
		found = reuse->broken[i] == id;
	mutex_unlock(&reuse->lock);
	return found;
}

void reuse_file_is_broken(struct reuse *reuse, uint64_t id)
{
	mutex_lock(&reuse->lock);
	if (array_reserve(&reuse->broken, reuse->broken_count, &reuse->broken_capacity,
			  sizeof *reuse->broken))
		reuse->broken[reuse->broken_count++] = id;
	mutex_unlock(&reuse->lock);
}

/* ---- files ---- */

enum decide_stored reuse_find_file(struct reuse *reuse, struct reuse_asker *asker,
				   const struct task *task, struct known_file *file,
				   struct known_cap *cap)
{
	*file = (struct known_file){ .name = task->name,
				     .name_size = task->name_size,
				     .bytes = task->bytes };
	if (reuse->options.looks_again ||
	    !identify(asker, task->listing, task->meta, task->meta_size, file) ||
	    !known_find_file(reuse->options.known, file, cap))
		return DECIDE_NOT_STORED;
	if (is_old_literal(reuse, cap))
		reuse_file_is_whole(reuse, file, cap);
	if (!is_due(reuse, cap))
		return DECIDE_STORED;
	return is_broken(reuse, task->id) ? DECIDE_BROKEN : DECIDE_DUE;
}

void reuse_keep_file(struct reuse *reuse, struct reuse_asker *asker, struct listing_id listing,
		     const struct manifest_entry *entry, const struct outcome *outcome)
{
	struct known_file file = { .name = entry->name,
				   .name_size = entry->name_size,
				   .bytes = entry->bytes };
	const struct meta read = meta_unpack_outcome(outcome->meta);
	const struct known_reading reading = {
		.from_ns = reuse->options.read_ns,
		.until_ns = (int64_t)time(NULL) * 1000000000,
	};
	if (outcome->level & OUTCOME_LINKED ||
	    !known_is_settled(read.mtime_ns, read.ctime_ns, &reading) ||
	    (entry->kind == MANIFEST_FILE && outcome->length != entry->bytes) ||
	    !identify(asker, listing, entry->meta, entry->meta_size, &file) ||
	    file.meta.mtime_ns != read.mtime_ns || file.meta.ctime_ns != read.ctime_ns)
		return;
	struct known_cap cap = {
		.kind = outcome->cap_kind,
		.size = outcome->cap_size,
		.uploaded = (int64_t)time(NULL),
	};
	cap.checked = cap.uploaded;
	memcpy(cap.cap, outcome->cap, sizeof cap.cap);
	known_add_file(reuse->options.known, &file, &cap);
	secret_wipe(&cap, sizeof cap);
}

void reuse_file_is_whole(struct reuse *reuse, const struct known_file *file,
			 const struct known_cap *cap)
{
	struct known_cap fresh = *cap;
	fresh.checked = (int64_t)time(NULL);
	known_add_file(reuse->options.known, file, &fresh);
	secret_wipe(&fresh, sizeof fresh);
}

/* ---- directories ---- */

enum decide_stored reuse_find_directory(struct reuse *reuse,
					const unsigned char hash[KNOWN_HASH_SIZE], struct cap *cap)
{
	struct known_cap found;
	if (!known_find_directory(reuse->options.known, hash, &found) ||
	    !cap_unpack(found.cap, found.size, found.kind, cap))
		return DECIDE_NOT_STORED;
	if (is_old_literal(reuse, &found))
		reuse_keep_directory(reuse, hash, cap, true);
	return is_due(reuse, &found) ? DECIDE_DUE : DECIDE_STORED;
}

void reuse_keep_directory(struct reuse *reuse, const unsigned char hash[KNOWN_HASH_SIZE],
			  const struct cap *cap, bool whole)
{
	struct known_cap kept;
	const int64_t now = (int64_t)time(NULL);
	if (!whole || !known_find_directory(reuse->options.known, hash, &kept))
		kept = (struct known_cap){ .uploaded = now };
	kept.checked = now;
	if (cap_pack(cap, kept.cap, &kept.size, &kept.kind))
		known_add_directory(reuse->options.known, hash, &kept);
	secret_wipe(&kept, sizeof kept);
}

/* ---- counters ---- */

bool reuse_renews(const struct reuse *reuse) { return reuse->options.renews; }

void reuse_count_check(struct reuse *reuse, bool is_directory)
{
	atomic_fetch_add(is_directory ? &reuse->checked_directories : &reuse->checked_files, 1);
}

void reuse_count_unmended(struct reuse *reuse) { atomic_fetch_add(&reuse->unmended, 1); }

struct reuse_counts reuse_counts(const struct reuse *reuse)
{
	return (struct reuse_counts){
		.checked_files = atomic_load(&reuse->checked_files),
		.checked_directories = atomic_load(&reuse->checked_directories),
		.unmended = atomic_load(&reuse->unmended),
	};
}
