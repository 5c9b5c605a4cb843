#include "land/arrival.h"

#include "files/holes.h"
#include "files/regular.h"
#include "files/respelled.h"
#include "files/symlink.h"
#include "land/batch_sync.h"
#include "land/links.h"
#include "measure/activity.h"
#include "queue/core/file_io.h"
#include "queue/core/kill.h"
#include "queue/core/ring.h"
#include "queue/core/thread.h"
#include "tahoe/edge.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

enum {
	TICK_MAX_MS = 3000, /* above the coarsest clock of a file system: two seconds */
	TICK_LOOK_MS = 5,
	SEEN_MS = 1000, /* a directory that was seen so lately is there, to begin with */
};

struct arrivals {
	struct arrivals_options options;
	struct gate *gate;
	struct ring *complete;
	struct thread thread;
	bool running;
	struct links links;
	struct batch_sync sync;
	bool outlasted; /* the thread's: the clock at the target has left the plan behind */
};

/* ---- ends ---- */

static void leave(struct arrival *arrival)
{
	if (arrival->fd >= 0)
		close(arrival->fd);
	tree_dir_unref(arrival->target_dir);
	gate_leave(arrival->owner->gate, 1);
	explicit_bzero(arrival, sizeof *arrival);
	free(arrival);
}

void arrivals_fail(struct work *work, const struct err *err)
{
	struct err sorted = *err;
	err_sort(&sorted, ERR_TARGET);
	work_retry(work, REASON_NONE, &sorted);
}

void arrival_fail(struct arrival *arrival, const struct err *err)
{
	struct work *work = arrival->work;
	struct err sorted = *err;
	err_sort(&sorted, ERR_TARGET);
	if (work_is_over(work, &sorted) || !arrival->resumes)
		(void)unlinkat(arrival->target_dir->fd, arrival->temporary, 0);
	leave(arrival);
	work_retry(work, REASON_NONE, &sorted);
}

/* Does a step that writes into the arrival's directory, which may be read-only, or be shut
 * meanwhile. */
static enum fault in_directory(struct arrival *arrival,
			       enum fault (*step)(struct arrival *arrival, struct err *err),
			       struct err *err)
{
	enum fault fault = step(arrival, err);
	return restore_opens(arrival->target_dir->fd, fault, err) ? step(arrival, err) : fault;
}

/* ---- the thread ---- */

/* Where neither the source nor what is replaced has a mode, the umask says it. */
static enum fault restore(struct arrival *arrival, const char *name, struct err *err)
{
	const struct arrivals_options *options = &arrival->owner->options;
	const struct meta *meta = &arrival->meta;
	const struct task *task = arrival->work->task;
	bool replaces = arrival->there.kind == DECIDE_FILE && !arrival->secret;
	bool has_mode = options->preserve && meta_has_mode(meta) &&
			!S_ISLNK(meta->mode); /* a symlink that became a file: 0777 says nothing */
	uint32_t mode = arrival->secret ? S_IRUSR | S_IWUSR
			: has_mode      ? meta->mode
					: 0666 & ~options->mask;
	struct looks looks = {
		.mode = has_mode || !replaces ? &mode : NULL,
		.mtime_ns = options->preserve && meta_has_mtime(meta) ? &meta->mtime_ns : NULL,
		.given = replaces ? &arrival->seen : NULL,
		.at = arrival->target_dir->fd,
		.name = name,
	};
	if (has_mode && !arrival->secret)
		looks.attributes_size =
			meta_attributes(task->meta, task->meta_size, &looks.attributes);
	return restore_file(arrival->fd, &looks, &arrival->lost, err);
}

static bool is_symlink(const struct arrival *arrival)
{
	return arrival->work->task->kind == MANIFEST_SYMLINK;
}

/* What is in the temporary file is a target. */
static enum fault become_symlink(struct arrival *arrival, struct err *err)
{
	const unsigned made = arrival->owner->options.made;
	const struct tree_dir *target_dir = arrival->target_dir;
	bool grid = arrival->meta.flags & META_GRID;
	unsigned depth = target_dir->depth > made ? target_dir->depth - made : 0;
	return symlink_make(target_dir->fd, arrival->temporary, arrival->fd, grid ? &depth : NULL,
			    err);
}

static enum fault make_symlink(struct arrival *arrival, struct err *err)
{
	const struct meta *meta = &arrival->meta;
	if (in_directory(arrival, become_symlink, err))
		return err->fault;
	if (arrival->owner->options.preserve && meta_has_mtime(meta)) {
		const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
						   timespec_of(meta->mtime_ns) };
		if (utimensat(arrival->target_dir->fd, arrival->temporary, times,
			      AT_SYMLINK_NOFOLLOW) != 0)
			arrival->lost |= LOST_TIME;
	}
	return FAULT_NONE;
}

void arrival_name(const struct arrival *arrival, char name[DIRFD_NAME_MAX + 1])
{
	const struct task *task = arrival->work->task;
	size_t size = min_u64(task->name_size, DIRFD_NAME_MAX);
	memcpy(name, task->name, size);
	name[size] = '\0';
}

static enum fault check_spelling(const struct arrival *arrival, const char *name,
				 const struct stat *st, struct err *err)
{
	return respelled_check(arrival->owner->options.catalog, arrival->target_dir, name, st, err);
}

/* Whether the file or symlink `name` beside an arrival holds the same bytes: one that an earlier
 * run named, and was killed before it could say so. */
static bool is_there(const struct arrival *arrival, const char *name)
{
	bool (*is)(int at, const char *name, uint64_t length, const unsigned char content[16]) =
		is_symlink(arrival) ? symlink_is : regular_is;
	return is(arrival->target_dir->fd, name, arrival->outcome.length, arrival->outcome.content);
}

/*
 * Sleeps through the rest of the tick of the target's clock in which the plan began.  So whatever
 * gets a name here has a later change time, and is never taken for something older than the plan.
 */
static void outlast_plan(struct arrival *arrival)
{
	struct arrivals *arrivals = arrival->owner;
	const struct timespec rest = { .tv_nsec = TICK_LOOK_MS * 1000000L };
	struct stat st;
	for (int ms = 0; !arrivals->outlasted; ms += TICK_LOOK_MS) {
		int64_t planned_ns = arrivals->options.policy.planned_ns;
		int64_t now_ns = fstat(arrival->fd, &st) == 0 ? meta_from_stat(&st).ctime_ns : 0;
		/* A clock that was set back is not waited for. */
		arrivals->outlasted = now_ns > planned_ns || ms >= TICK_MAX_MS ||
				      planned_ns - TICK_MAX_MS * INT64_C(1000000) > now_ns;
		if (arrivals->outlasted)
			return;
		(void)nanosleep(&rest, NULL);
		(void)futimens(arrival->fd, NULL);
	}
}

/* Gives the temporary file its looks. */
static enum fault dress(struct arrival *arrival, struct err *err)
{
	outlast_plan(arrival);
	if (is_symlink(arrival))
		return make_symlink(arrival, err);
	char name[DIRFD_NAME_MAX + 1];
	arrival_name(arrival, name);
	return restore(arrival, name, err);
}

/* The directory's sync is a symlink's too. */
static enum fault sync_file(struct arrival *arrival, struct err *err)
{
	bool able = true;
	if (!is_symlink(arrival) && file_sync_able(arrival->fd, &able, err))
		return err->fault;
	arrival->lost |= able ? 0 : LOST_SYNC;
	return FAULT_NONE;
}

static bool is_written_alike(const struct stat *one, const struct stat *other)
{
	return one->st_size == other->st_size && one->st_mtim.tv_sec == other->st_mtim.tv_sec &&
	       one->st_mtim.tv_nsec == other->st_mtim.tv_nsec;
}

/* The same for a file of several names, open as `old`: how the others are then is noted, unless
 * somebody wrote to them just now. */
static enum fault replace_one_of_several(struct arrival *arrival, const char *name, int old,
					 struct err *err)
{
	struct links *links = &arrival->owner->links;
	struct stat *seen = &arrival->seen, before, now;
	int at = arrival->target_dir->fd;
	if (fstat(old, &before) != 0)
		return dirfd_name(at, arrival->temporary, name, seen, err);
	/* A name that it has lost by us since then is no change. */
	if (links_know(links, &before)) {
		seen->st_ctim = before.st_ctim;
		seen->st_nlink = before.st_nlink;
	}
	links_begin(links, &before);
	enum fault fault = dirfd_name(at, arrival->temporary, name, seen, err);
	bool known = !fault && fstat(old, &now) == 0 && is_written_alike(&before, &now);
	links_end(links, known ? &now : NULL);
	return fault;
}

/* Gives the name in the place of what was seen to have it. */
static enum fault replace(struct arrival *arrival, const char *name, struct err *err)
{
	struct stat *seen = &arrival->seen;
	int at = arrival->target_dir->fd;
	int old = seen->st_nlink > 1 ? openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC) : -1;
	if (old < 0)
		return dirfd_name(at, arrival->temporary, name, seen, err);
	enum fault fault = replace_one_of_several(arrival, name, old, err);
	close(old);
	return fault;
}

static enum fault take_name(struct arrival *arrival, struct err *err)
{
	char name[DIRFD_NAME_MAX + 1];
	int at = arrival->target_dir->fd;
	arrival_name(arrival, name);
	KILL_POINT("fetch-publish");
	enum fault fault = arrival->decision.replaces
				   ? replace(arrival, name, err)
				   : dirfd_name(at, arrival->temporary, name, NULL, err);
	KILL_POINT("fetch-named");
	if (fault != FAULT_EXISTS)
		return fault;
	struct stat now;
	if (fstatat(at, name, &now, AT_SYMLINK_NOFOLLOW) != 0)
		return fault;
	if (check_spelling(arrival, name, &now, err) || !is_there(arrival, name))
		return err->fault;
	return dirfd_name(at, arrival->temporary, name, &now, err);
}

static enum fault give_name(struct arrival *arrival, struct err *err)
{
	return in_directory(arrival, take_name, err);
}

/* Does `step` for all that are left in the batch; those that fail leave it. */
static void for_all(struct arrival **batch, size_t count,
		    enum fault (*step)(struct arrival *arrival, struct err *err))
{
	for (size_t i = 0; i < count; i++) {
		struct err err;
		if (!batch[i] || !step(batch[i], &err))
			continue;
		arrival_fail(batch[i], &err);
		batch[i] = NULL;
	}
}

static enum fault look_at_directory(struct arrival *arrival, struct err *err)
{
	return target_dir_check(arrival->target_dir, arrival->owner->options.root, err);
}

/* The names are there; are they where they should be? */
static enum fault finish_directory(struct arrival *arrival, struct err *err)
{
	bool able;
	if (look_at_directory(arrival, err) || file_sync_able(arrival->target_dir->fd, &able, err))
		return err->fault;
	arrival->lost |= able ? 0 : LOST_SYNC;
	return FAULT_NONE;
}

/* Does `step` once for each directory of the batch, by one of those that are in it. */
static void for_all_directories(struct arrival **batch, size_t count,
				enum fault (*step)(struct arrival *arrival, struct err *err))
{
	struct err err[ARRIVALS_MAX];
	for (size_t i = 0; i < count; i++) {
		size_t like = 0;
		if (!batch[i])
			continue;
		while (like < i &&
		       (!batch[like] || batch[like]->target_dir != batch[i]->target_dir))
			like++;
		err[i] = like < i ? err[like] : (struct err){ 0 };
		if (like == i)
			err[i].fault = step(batch[i], &err[i]);
		else
			batch[i]->lost |= batch[like]->lost & LOST_SYNC;
	}
	for (size_t i = 0; i < count; i++) {
		if (batch[i] && err[i].fault) {
			arrival_fail(batch[i], &err[i]);
			batch[i] = NULL;
		}
	}
}

/* Keeps when what has the name now was changed last: by giving it that name. */
static void keep_written(const struct arrival *arrival, struct outcome *outcome)
{
	char name[DIRFD_NAME_MAX + 1];
	struct stat st;
	arrival_name(arrival, name);
	if (is_symlink(arrival) ? fstatat(arrival->target_dir->fd, name, &st, AT_SYMLINK_NOFOLLOW)
				: fstat(arrival->fd, &st))
		return;
	meta_keep_written(outcome->meta, meta_from_stat(&st).ctime_ns);
	outcome->level |= OUTCOME_OWN;
}

static void succeed(struct arrival *arrival)
{
	const struct arrivals_options *options = &arrival->owner->options;
	struct work *work = arrival->work;
	struct outcome outcome = arrival->outcome;
	outcome.state = OUTCOME_DONE;
	outcome.attempts = (uint8_t)min_u64(work->task->attempts + 1u, UINT8_MAX);
	meta_pack_outcome(&arrival->meta, outcome.meta);
	keep_written(arrival, &outcome);
	losses_add(options->losses, arrival->lost);
	if (restore_is_plainer(arrival->lost) && options->plainer)
		options->plainer(options->context, work->task);
	leave(arrival);
	work_settle(work, &outcome, NULL);
	explicit_bzero(&outcome, sizeof outcome);
}

static bool wants_one_sync(struct arrival **batch, size_t count)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < count; i++) {
		if (!batch[i]->covered)
			return false;
		bytes = add_saturated(bytes, batch[i]->outcome.length);
	}
	return batch_sync_wants_all(&batch[0]->owner->sync, count, bytes);
}

/* Makes the bytes durable.  Where all at once fails, each file tells whether it was the one. */
static void sync_batch(struct arrivals *arrivals, struct arrival **batch, size_t count, bool all)
{
	const uint64_t begun_ms = clock_ms();
	for (size_t i = 0; i < count && count > 1 && !all; i++)
		if (batch[i])
			(void)sync_file_range(batch[i]->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	if (!all || !batch_sync_all(&arrivals->sync))
		for_all(batch, count, sync_file);
	batch_sync_learn(&arrivals->sync, all, count, clock_ms() - begun_ms);
}

static void arrival_finish(struct arrivals *arrivals, struct arrival **batch, size_t count)
{
	const bool all = wants_one_sync(batch, count);
	for_all(batch, count, dress);
	sync_batch(arrivals, batch, count, all);
	for_all_directories(batch, count, look_at_directory);
	for_all(batch, count, give_name);
	for_all_directories(batch, count, finish_directory);
	for (size_t i = 0; i < count; i++)
		if (batch[i])
			succeed(batch[i]);
}

static void arrival_run(void *context)
{
	struct arrivals *arrivals = context;
	struct arrival *batch[ARRIVALS_MAX];
	while ((batch[0] = ring_pop(arrivals->complete))) {
		size_t count = 1;
		while (count < ARRIVALS_MAX && (batch[count] = ring_try_pop(arrivals->complete)))
			count++;
		activity_begin(ACTIVITY_FINISHING);
		arrival_finish(arrivals, batch, count);
		activity_end(ACTIVITY_FINISHING);
	}
}

enum fault arrivals_new(const struct arrivals_options *options, struct arrivals **arrivals,
			struct err *err)
{
	struct arrivals *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for arriving files");
	made->options = *options;
	links_init(&made->links);
	batch_sync_init(&made->sync);
	unsigned most = options->most ? options->most : ARRIVALS_MAX;
	made->gate = gate_new(most, most);
	made->complete = ring_new(ARRIVALS_MAX);
	if (made->gate && made->complete)
		made->running = thread_start(&made->thread, "arrivals", arrival_run, made);
	if (!made->running) {
		arrivals_free(made);
		return err_set(err, FAULT_NOMEM, "cannot start the thread for arriving files");
	}
	*arrivals = made;
	return FAULT_NONE;
}

void arrivals_free(struct arrivals *arrivals)
{
	if (!arrivals)
		return;
	if (arrivals->complete)
		ring_close(arrivals->complete);
	if (arrivals->running)
		thread_join(&arrivals->thread);
	ring_free(arrivals->complete);
	gate_free(arrivals->gate);
	links_fini(&arrivals->links);
	batch_sync_fini(&arrivals->sync);
	free(arrivals);
}

void arrivals_stop(struct arrivals *arrivals) { gate_close(arrivals->gate); }

/* ---- the beginning ---- */

void arrival_prefix(const char *job, char prefix[DIRFD_TEMPORARY_SIZE])
{
	snprintf(prefix, DIRFD_TEMPORARY_SIZE, ".barge-%.16s-", job);
}

/* Fills an arrival that has no place inside yet. */
static struct arrival prepare(struct arrivals *arrivals, struct work *work,
			      struct tree_dir *target_dir, const struct outcome *source)
{
	const struct outcome local = { .state = OUTCOME_NONE };
	struct arrival arrival = {
		.owner = arrivals,
		.work = work,
		.target_dir = target_dir,
		.fd = -1,
		.resumes = work->task->chunk_size > 0,
		.sparse = arrivals->options.sparse,
		.source = decide_source_of(work->task, source ? source : &local),
	};
	arrival.meta = arrival.source.meta;
	arrival_prefix(arrivals->options.job, arrival.temporary);
	size_t size = strlen(arrival.temporary);
	snprintf(arrival.temporary + size, sizeof arrival.temporary - size, "%llu",
		 (unsigned long long)work->task->id);
	return arrival;
}

/* Looks at what has the name. */
static enum fault arrival_look(struct arrival *arrival, struct err *err)
{
	struct outcomes *outcomes = arrival->owner->options.outcomes;
	struct outcome slot = { .state = OUTCOME_NONE };
	char name[DIRFD_NAME_MAX + 1];
	struct tree_dir *dir = arrival->target_dir;
	uint64_t seen_ms = atomic_load_explicit(&dir->seen_ms, memory_order_relaxed);
	bool there;
	arrival_name(arrival, name);
	if (clock_ms() - seen_ms > SEEN_MS && look_at_directory(arrival, err))
		return err->fault;
	if (dirfd_look(dir->fd, name, &arrival->seen, &there, err) ||
	    (there && check_spelling(arrival, name, &arrival->seen, err)))
		return err->fault;
	arrival->there = there ? decide_there_of(&arrival->seen)
			       : (struct decide_there){ .kind = DECIDE_NOTHING };
	if (there && links_know(&arrival->owner->links, &arrival->seen))
		arrival->there.changed_ns = arrival->owner->options.policy.planned_ns;
	if (outcomes && outcomes_read(outcomes, arrival->work->task->id, 1, &slot, err))
		return err->fault;
	decide_there_own(&slot, &arrival->there);
	return FAULT_NONE;
}

/* Decides by what is known so far.  Of a file that does not come, what an attempt that was killed
 * left is removed. */
static void arrival_decide(struct arrival *arrival)
{
	const struct decide_known nothing = { .state = OUTCOME_NONE };
	arrival->decision = decide(&arrival->owner->options.policy, &arrival->source,
				   &arrival->there, &nothing);
	if (decision_is_end(&arrival->decision))
		(void)unlinkat(arrival->target_dir->fd, arrival->temporary, 0);
}

/* Decides, and returns the arrival, or NULL when that was its end. */
static struct arrival *go_on(struct arrival *arrival)
{
	arrival_decide(arrival);
	if (!decision_is_end(&arrival->decision))
		return arrival;
	const struct decision decision = arrival->decision;
	const struct decide_there there = arrival->there;
	struct work *work = arrival->work;
	leave(arrival);
	(void)decision_ends(work, &decision, &there);
	return NULL;
}

bool arrivals_keep(struct arrivals *arrivals, struct work *work, struct tree_dir *target_dir)
{
	struct arrival arrival = prepare(arrivals, work, target_dir, NULL);
	struct err err;
	if (arrival_look(&arrival, &err)) {
		arrivals_fail(work, &err);
		return true;
	}
	arrival_decide(&arrival);
	return decision_ends(work, &arrival.decision, &arrival.there);
}

struct arrival *arrival_begin(struct arrivals *arrivals, struct work *work,
			      struct tree_dir *target_dir, const struct outcome *source)
{
	struct arrival *arrival = calloc(1, sizeof *arrival);
	if (!arrival || !gate_enter(arrivals->gate, 1)) {
		free(arrival);
		tree_dir_unref(target_dir);
		work_again(work, 0, work->task->attempts);
		return NULL;
	}
	*arrival = prepare(arrivals, work, target_dir, source);
	struct err err;
	if (arrival_look(arrival, &err)) {
		arrival_fail(arrival, &err);
		return NULL;
	}
	return go_on(arrival);
}

struct arrival *arrival_compared(struct arrival *arrival, bool same)
{
	arrival->there.content = same ? DECIDE_SAME : DECIDE_DIFFERENT;
	return go_on(arrival);
}

static enum fault open_temporary(struct arrival *arrival, struct err *err)
{
	return dirfd_reopen(arrival->target_dir->fd, arrival->temporary, arrival->resumes,
			    &arrival->fd, err);
}

enum fault arrival_open(struct arrival *arrival, struct err *err)
{
	/* Asked before it is opened. */
	arrival->covered = batch_sync_covers(&arrival->owner->sync, arrival->target_dir->fd);
	return in_directory(arrival, open_temporary, err);
}

void arrival_extend(const struct arrival *arrival, uint64_t size)
{
	if (arrival->sparse && ftruncate(arrival->fd, (off_t)size) != 0)
		return; /* writing makes it reach as far */
}

enum fault arrival_write(const struct arrival *arrival, uint64_t offset, const void *data,
			 size_t size, struct err *err)
{
	activity_begin(ACTIVITY_WRITING);
	enum fault fault = arrival->sparse ? holes_write_at(arrival->fd, offset, data, size, err)
					   : dirfd_write_at(arrival->fd, offset, data, size, err);
	activity_end(ACTIVITY_WRITING);
	return fault;
}

void arrival_complete(struct arrival *arrival) { ring_push(arrival->owner->complete, arrival); }
