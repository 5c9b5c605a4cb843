#include "base/secret.h"
#include "download/download_parts.h"
#include "files/symlink.h"
#include "land/partial.h"
#include "verify/likeness.h"
#include "verify/policy.h"

/* The bytes are at hand: nothing is asked of the gateway.  `cap` is the outcome's; `secret` that
 * they are one too. */
static void take_bytes(const struct downloads *downloads, struct arrival *arrival,
		       const struct cap *cap, const void *data, size_t size)
{
	struct err err;
	const struct cap any = { .kind = CAP_NONE };
	const struct partial_options options = {
		.workers = downloads->workers,
		.arrival = arrival,
		.cap = &any,
	};
	struct partial *partial;
	struct partial_job *job = partial_job_new(
		PARTIAL_TAKE | PARTIAL_FIRST | PARTIAL_WHOLE | PARTIAL_WRITE | PARTIAL_LAST, size);
	enum fault fault = job ? partial_new(&options, &partial, &err)
			       : err_set(&err, FAULT_NOMEM, "no memory for a file");
	if (fault || !job) {
		partial_job_free(job);
		arrival_fail(arrival, &err);
		return;
	}
	download_keep_cap(cap, &arrival->outcome);
	arrival->outcome.level = VERIFY_ALL;
	memcpy(job->data, data, size);
	job->size = size;
	job->secret = true;
	partial_push(partial, job);
	partial_close(partial, NULL, false);
}

static void take_cap(const struct downloads *downloads, struct arrival *arrival,
		     const struct cap *cap)
{
	char text[CAP_TEXT_SIZE];
	size_t size = cap_print_readonly(cap, text);
	arrival->secret = true;
	take_bytes(downloads, arrival, cap, text, size);
	secret_wipe(text, sizeof text);
}

/* What becomes of an arrival that is to come. */
static void bring(struct downloads *downloads, struct arrival *arrival, const struct cap *cap)
{
	if (downloads->caps_only)
		take_cap(downloads, arrival, cap);
	else if (cap_is_literal(cap))
		take_bytes(downloads, arrival, cap, cap->content, (size_t)cap->size);
	else
		download_submit(downloads, arrival, cap);
}

/* ---- what is at the target, compared ---- */

struct local_comparison {
	struct worker_task task; /* first: the workers know it by this */
	struct downloads *downloads;
	struct arrival *arrival;
	struct cap cap;
};

/* Compares, and brings what is not there (a worker_task.run). */
static bool compare(struct worker_task *task)
{
	struct local_comparison *comparison = (struct local_comparison *)task;
	struct downloads *downloads = comparison->downloads;
	struct arrival *arrival = comparison->arrival;
	char name[DIRFD_NAME_MAX + 1];
	struct chunked chunked = { 0 };
	const struct task *file = arrival->work->task;
	const bool in_chunks = entry_is_chunked(file->kind, (uint8_t)comparison->cap.kind);
	struct err err;
	const struct likeness likeness = {
		.cap = &comparison->cap,
		.chunked = in_chunks ? &chunked : NULL,
		.secret = downloads->secret,
		.cancel = downloads->cancel,
	};
	arrival_name(arrival, name);
	const bool same = !(in_chunks && entry_chunks(downloads->sources, file, &chunked, &err)) &&
			  likeness_is_at(&likeness, arrival->target_dir->fd, name);
	chunked_fini(&chunked);
	arrival = arrival_compared(arrival, same);
	if (arrival)
		bring(downloads, arrival, &comparison->cap);
	secret_wipe(comparison, sizeof *comparison);
	free(comparison);
	return false;
}

/* Has what is at the target compared with the cap, by a thread that may read all of it. */
static void submit_comparison(struct downloads *downloads, struct arrival *arrival,
			      const struct cap *cap)
{
	struct err err;
	struct local_comparison *comparison = calloc(1, sizeof *comparison);
	if (!comparison) {
		err_set(&err, FAULT_NOMEM, "no memory to compare a file");
		arrival_fail(arrival, &err);
		return;
	}
	comparison->task.run = compare;
	comparison->downloads = downloads;
	comparison->arrival = arrival;
	comparison->cap = *cap;
	workers_wake(downloads->comparers, &comparison->task);
}

static void begin(struct downloads *downloads, struct work *work, const struct outcome *source,
		  const struct cap *cap)
{
	struct err err;
	struct tree_dir *target_dir;
	if (work->task->kind == MANIFEST_SYMLINK && cap->size > SYMLINK_TARGET_MAX) {
		err_set(&err, FAULT_INSECURE, "it is longer than any target of a symlink");
		arrivals_fail(work, &err);
		return;
	}
	if (tree_open(downloads->target_tree, work->task->listing, &target_dir, &err)) {
		arrivals_fail(work, &err);
		return;
	}
	struct arrival *arrival = arrival_begin(downloads->arrivals, work, target_dir, source);
	if (arrival && arrival->decision.action == DECIDE_COMPARE)
		submit_comparison(downloads, arrival, cap);
	else if (arrival)
		bring(downloads, arrival, cap);
}

void download_take(struct downloads *downloads, struct work *work, const struct outcome *source)
{
	struct cap cap = { 0 };
	struct outcome slot = *source;
	if (slot.state != OUTCOME_PLANNED ||
	    !cap_unpack(slot.cap, slot.cap_size, slot.cap_kind, &cap) ||
	    !(cap_is_file(&cap) || entry_is_chunked(work->task->kind, slot.cap_kind)) ||
	    cap_is_verifier(&cap))
		slot.state = OUTCOME_DAMAGED; /* then nothing is begun but the decision */
	begin(downloads, work, &slot, &cap);
	cap_wipe(&cap);
	secret_wipe(&slot, sizeof slot);
}
