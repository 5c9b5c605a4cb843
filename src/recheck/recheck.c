#include "recheck/recheck.h"

#include "base/cancel.h"
#include "base/meta.h"
#include "base/secret.h"
#include "queue/core/array.h"
#include "queue/core/thread.h"
#include "recheck/look.h"
#include "recheck/reopen.h"
#include "report/recount.h"

#include <assert.h>
#include <fcntl.h>
#include <unistd.h>

/*
 *   a page: its directory's own slot
 *     each entry with what it came to:
 *       done (or skipped as unchanged, or as present)  looked at; REOPEN: planned again
 *       planned, and its directory is done             taken up again by a run that was killed
 *       failed, skipped                                planned again, with `retry`
 *     the last page of a directory that failed         itself is planned again, with `retry`
 *   each directory in which something was planned, and those above it: reopen.c
 */

enum { THREADS_MAX = 64 };

/* What the threads share. */
struct pass {
	const struct recheck_options *options;
	int root; /* of a local target that is there, or -1 */
	struct mutex lock;
	struct listing_id at GUARDED; /* the page that is taken next */
	bool over GUARDED;
	struct err broken GUARDED; /* the first fault */
};

/* A thread, and the page at hand. */
struct checker {
	struct pass *pass;
	struct thread thread;
	struct catalog_reader *reader;
	struct look look;
	struct recheck_counts counts;
	const struct catalog_page *page;
	struct outcome directory; /* the slot of the page's */
	struct outcomes_batch batch;
	bool reopened; /* something in it was */
	struct reopen_directory *touched;
	size_t count, capacity;
};

static enum fault recheck_no_memory(struct err *err)
{
	return err_set(err, FAULT_NOMEM, "no memory to look again at what is done");
}

/* ---- one entry ---- */

/* When what the job put at a local target was changed last: what has another time there is somebody
 * else's. */
static int64_t own_time(const struct outcome *slot, const struct look_found *found)
{
	enum { NEVER = 1 }; /* no file of ours is that old */
	if (found->written == DECIDE_AS_IT_WAS)
		return found->written_ns;
	return slot->level & OUTCOME_OWN ? meta_written(slot->meta) : NEVER;
}

static enum fault write_again(struct checker *checker, const struct outcome *slot,
			      const struct look_found *found, struct err *err)
{
	const struct reopen_place place = {
		.to_local = checker->pass->options->directory,
		.linked = slot->level & (OUTCOME_OWN | OUTCOME_EXISTED) ||
			  checker->directory.state == OUTCOME_DONE,
		.written_ns = slot->state == OUTCOME_DONE ? own_time(slot, found) : 0,
	};
	struct outcome again = reopen_slot(slot, &place);
	checker->reopened = true;
	enum fault fault = outcomes_batch_add(&checker->batch, &again, err);
	secret_wipe(&again, sizeof again);
	return fault;
}

/* Keeps when what is as it was written was changed last, so that its bytes are not compared every
 * time. */
static enum fault keep_written(struct checker *checker, const struct outcome *slot,
			       const struct look_found *found, struct err *err)
{
	struct outcome fresh = *slot;
	if (slot->state != OUTCOME_DONE || found->written != DECIDE_AS_IT_WAS ||
	    found->written_ns == 0 ||
	    (slot->level & OUTCOME_OWN && meta_written(slot->meta) == found->written_ns))
		return FAULT_NONE;
	fresh.level |= OUTCOME_OWN;
	meta_keep_written(fresh.meta, found->written_ns);
	return outcomes_batch_add(&checker->batch, &fresh, err);
}

static void count_again(struct recheck_counts *counts, const struct look_found *found)
{
	if (found->source == DECIDE_CHANGED)
		counts->source_changed++;
	else if (found->written == DECIDE_GONE)
		counts->written_gone++;
	else
		counts->written_changed++;
}

/* Looks at an entry that is done, or was left as it is at the target. */
static enum fault check_settled(struct checker *checker, const struct manifest_entry *entry,
				const struct outcome *slot, struct err *err)
{
	const struct decide_policy policy = { .to_local = checker->pass->options->directory };
	const struct decide_source source = { .kind = DECIDE_OTHER };
	const struct decide_there there = { .kind = DECIDE_NOTHING };
	struct decide_known known = decide_known_of(slot);
	const struct look_found found =
		look_at(&checker->look, entry, checker->page->listing, slot);
	known.source = found.source;
	known.written = found.written;
	checker->counts.unseen += found.unseen;
	checker->counts.looked += found.source != DECIDE_UNSEEN;
	if (decide(&policy, &source, &there, &known).action != DECIDE_REOPEN)
		return keep_written(checker, slot, &found, err);
	count_again(&checker->counts, &found);
	return write_again(checker, slot, &found, err);
}

/* Whether an option said to leave it as it is at the target. */
static bool is_left(const struct outcome *slot)
{
	return slot->state == OUTCOME_SKIPPED &&
	       (slot->reason == REASON_UNCHANGED || slot->reason == REASON_PRESENT);
}

static bool is_retried(const struct recheck_options *options, const struct outcome *slot)
{
	if (!options->retry || slot->state == OUTCOME_DONE)
		return false;
	return slot->state == OUTCOME_FAILED || !recount_is_asked(options->asked, slot->reason);
}

static enum fault check_entry(void *context, const struct manifest_entry *entry,
			      const struct outcome *slot, struct err *err)
{
	struct checker *checker = context;
	const struct look_found nothing = { .written = DECIDE_UNSEEN };
	if (entry->verdict != OUTCOME_NONE)
		return FAULT_NONE;
	if (slot->state == OUTCOME_DONE || is_left(slot))
		return check_settled(checker, entry, slot, err);
	if (slot->state == OUTCOME_PLANNED && !slot->reason &&
	    checker->directory.state == OUTCOME_DONE)
		checker->reopened = true;
	/* A directory that failed is taken up where its listing ends: not all have one. */
	if (!outcome_is_settled(slot) || entry->kind == MANIFEST_DIRECTORY ||
	    !is_retried(checker->pass->options, slot))
		return FAULT_NONE;
	checker->counts.retried++;
	return write_again(checker, slot, &nothing, err);
}

/* ---- pages ---- */

static enum fault touch(struct checker *checker, struct err *err)
{
	if (!array_reserve(&checker->touched, checker->count, &checker->capacity,
			   sizeof *checker->touched))
		return recheck_no_memory(err);
	checker->touched[checker->count++] =
		(struct reopen_directory){ checker->page->id, checker->page->listing };
	return FAULT_NONE;
}

static enum fault check_page(struct checker *checker, const struct catalog_page *page,
			     struct err *err)
{
	const struct recheck_options *options = checker->pass->options;
	const struct catalog_visitor visitor = { check_entry, checker };
	checker->page = page;
	checker->reopened = false;
	if (outcomes_read(options->catalog->outcomes, page->id, 1, &checker->directory, err) ||
	    catalog_visit(checker->reader, page, &visitor, err) ||
	    outcomes_batch_flush(&checker->batch, err))
		return err->fault;
	const struct outcome *own = &checker->directory;
	if (page->last && outcome_is_settled(own) && is_retried(options, own)) {
		checker->counts.retried += page->id > 0;
		checker->reopened = true;
	}
	return checker->reopened ? touch(checker, err) : FAULT_NONE;
}

/* Takes the next page.  Returns false when there is none. */
static bool take_page(struct checker *checker, struct catalog_page *page, struct err *err)
{
	struct pass *pass = checker->pass;
	mutex_lock(&pass->lock);
	bool more = !pass->over && pass->broken.fault == FAULT_NONE;
	if (more) {
		catalog_seek(checker->reader, pass->at);
		err->fault = catalog_next(checker->reader, page, err);
		pass->at = catalog_at(checker->reader);
		pass->over = err->fault || page->is_end;
		more = !pass->over;
	}
	mutex_unlock(&pass->lock);
	return more;
}

static void check_run(void *context)
{
	struct checker *checker = context;
	struct pass *pass = checker->pass;
	struct catalog_page page;
	struct err err = { 0 };
	while (!err.fault && take_page(checker, &page, &err)) {
		err.fault = check_page(checker, &page, &err);
		if (!err.fault && cancel_asked())
			err_set(&err, FAULT_CANCELLED,
				"asked to stop while looking again at what is done");
	}
	mutex_lock(&pass->lock);
	if (err.fault && pass->broken.fault == FAULT_NONE)
		pass->broken = err;
	mutex_unlock(&pass->lock);
}

/* ---- all ---- */

static enum fault start_checkers(struct pass *pass, struct checker *checker, unsigned *started,
				 struct err *err)
{
	const struct recheck_options *options = pass->options;
	for (; *started < options->threads; ++*started) {
		struct checker *next = &checker[*started];
		next->pass = pass;
		next->batch.outcomes = options->catalog->outcomes;
		if (catalog_reader_new(options->catalog, &next->reader, err) ||
		    look_init(&next->look, &options->sources, options->directory, pass->root, err))
			return err->fault;
		if (!thread_start(&next->thread, "recheck", check_run, next))
			return recheck_no_memory(err);
	}
	return FAULT_NONE;
}

static void add_counts(struct recheck_counts *sum, const struct recheck_counts *counts)
{
	sum->looked += counts->looked;
	sum->unseen += counts->unseen;
	sum->source_changed += counts->source_changed;
	sum->written_gone += counts->written_gone;
	sum->written_changed += counts->written_changed;
	sum->retried += counts->retried;
}

/* Takes up the directories that the threads have found. */
static enum fault reopen_all(const struct recheck_options *options, struct checker *checker,
			     struct err *err)
{
	struct outcomes *outcomes = options->catalog->outcomes;
	enum fault fault = outcomes_sync(outcomes, err);
	for (unsigned i = 0; i < options->threads && !fault; i++)
		fault = reopen_above(options->catalog, options->directory, checker[i].touched,
				     checker[i].count, err);
	return fault;
}

static enum fault run_checkers(struct pass *pass, struct checker *checker,
			       struct recheck_counts *counts, struct err *err)
{
	const struct recheck_options *options = pass->options;
	unsigned started = 0;
	enum fault fault = start_checkers(pass, checker, &started, err);
	for (unsigned i = 0; i < started; i++)
		thread_join(&checker[i].thread);
	mutex_lock(&pass->lock);
	if (!fault && pass->broken.fault) {
		*err = pass->broken;
		fault = err->fault;
	}
	mutex_unlock(&pass->lock);
	if (!fault)
		fault = reopen_all(options, checker, err);
	for (unsigned i = 0; i < options->threads; i++) {
		add_counts(counts, &checker[i].counts);
		look_fini(&checker[i].look);
		catalog_reader_free(checker[i].reader);
		free(checker[i].touched);
		secret_wipe(&checker[i].directory, sizeof checker[i].directory);
	}
	return fault;
}

enum fault recheck_run(const struct recheck_options *options, struct recheck_counts *counts,
		       struct err *err) UNCHECKED
{
	struct pass pass = { .options = options, .root = -1 };
	assert(options->threads >= 1 && options->threads <= THREADS_MAX);
	*counts = (struct recheck_counts){ 0 };
	struct checker *checker = calloc(options->threads, sizeof *checker);
	if (!checker)
		return recheck_no_memory(err);
	if (options->directory)
		pass.root = open(options->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mutex_init(&pass.lock);
	enum fault fault = run_checkers(&pass, checker, counts, err);
	mutex_fini(&pass.lock);
	if (pass.root >= 0)
		close(pass.root);
	free(checker);
	return fault;
}
