#include "commit/committer.h"

#include "base/meta.h"
#include "commit/below.h"
#include "commit/directory.h"
#include "commit/intents.h"
#include "commit/keyring.h"
#include "known/reuse.h"
#include "measure/activity.h"
#include "queue/core/thread.h"
#include "queue/split.h"

#include <assert.h>

enum { IN_FLIGHT_MAX = 64 };

struct committer {
	struct committer_options options;
	struct catalog_reader *reader;
	struct thread thread;
	struct reuse_asker *asker; /* of a backup; else NULL */
	struct ring *ended;        /* of struct directory that came back from their lanes */
	unsigned outstanding;      /* directories submitted and not yet taken from `ended` */
	atomic_uint_least64_t unreferenced;
	atomic_bool told;
};

/* Every directory would say the same about a gateway. */
static void tell_once(void *context, const char *text)
{
	struct committer *committer = context;
	if (!atomic_exchange(&committer->told, true) && committer->options.tell)
		committer->options.tell(committer->options.context, text);
}

/* Takes a directory back that has ended. */
static void take_back(struct committer *committer, struct directory *directory)
{
	committer->outstanding--;
	if (directory->how == DIRECTORY_MUTABLE && (directory->key_spent || directory->settled))
		intents_forget(committer->options.intents, directory->work_id);
	if (directory->key_spent)
		atomic_fetch_add(&committer->unreferenced, 1);
	if (directory->reuse && directory->done && !directory->stays_bad)
		reuse_keep_directory(directory->reuse, directory->assembly.hash, &directory->cap,
				     directory->kept.kind != CAP_NONE);
	directory_free(directory);
}

/* Finds or makes the key of a new mutable directory; durable before it is used. */
static enum fault give_key(struct committer *committer, struct directory *directory,
			   struct err *err)
{
	struct intents *intents = committer->options.intents;
	uint64_t id = directory->work_id;
	const struct mutable_key *known = intents_find(intents, id);
	if (known) {
		directory->key = *known;
	} else if (keyring_take(committer->options.keyring, &directory->key, err) ||
		   intents_add(intents, id, &directory->key, err)) {
		return err->fault;
	}
	directory->cap = directory->key.cap;
	return FAULT_NONE;
}

/* Decides how the directory is made.  A slot that is planned has the cap of what was at the target,
 * or the reason why its listing ends in the middle. */
static enum fault choose_how(struct committer *committer, struct directory *directory,
			     struct err *err)
{
	const struct task *task = directory->work->task;
	const struct committer_options *options = &committer->options;
	struct outcome slot;
	directory->how = DIRECTORY_MERGE;
	if (task->id == 0) {
		directory->cap = options->root;
		if (options->intents && intents_find(options->intents, 0))
			directory->how = DIRECTORY_MUTABLE;
		return FAULT_NONE;
	}
	if (outcomes_read(options->catalog->outcomes, task->id, 1, &slot, err))
		return err->fault;
	if (slot.state == OUTCOME_PLANNED && slot.reason) {
		directory->condemned = slot.reason;
		return FAULT_NONE;
	}
	if (slot.state == OUTCOME_PLANNED && slot.cap_kind != CAP_NONE) {
		if (cap_unpack(slot.cap, slot.cap_size, slot.cap_kind, &directory->cap))
			return FAULT_NONE;
		return err_set(err, FAULT_CORRUPT,
			       "the slot of a directory at the target is damaged");
	}
	directory->how = options->immutable ? DIRECTORY_IMMUTABLE : DIRECTORY_MUTABLE;
	return FAULT_NONE;
}

/* A listing in which a backup looks for what earlier ones have stored. */
struct reused_listing {
	struct committer *committer;
	struct directory *directory;
};

static void keep_file(void *context, const struct manifest_entry *entry,
		      const struct outcome *outcome)
{
	const struct reused_listing *listing = context;
	const struct committer *committer = listing->committer;
	reuse_keep_file(committer->options.reuse, committer->asker,
			listing->directory->work->task->listing, entry, outcome);
}

/* Whether an earlier backup has made the directory, and there is no need to ask for it. */
static bool is_there(void *context, const unsigned char hash[DIGEST_SIZE])
{
	const struct reused_listing *listing = context;
	struct directory *directory = listing->directory;
	const struct decide_policy policy = { .to_local = false };
	const struct decide_source source = { .kind = DECIDE_DIRECTORY };
	const struct decide_there there = { .kind = DECIDE_NOTHING };
	const struct decide_known known = {
		.stored = reuse_find_directory(listing->committer->options.reuse, hash,
					       &directory->kept),
	};
	const struct decision decision = decide(&policy, &source, &there, &known);
	if (decision.action == DECIDE_KEEP)
		directory->cap = directory->kept;
	else if (decision.action != DECIDE_CHECK)
		directory->kept = (struct cap){ 0 };
	return decision.action == DECIDE_KEEP;
}

/* Reads all that the lane will need: it opens no files itself. */
static enum fault prepare_directory(struct committer *committer, struct work *work,
				    struct directory *directory, struct err *err)
{
	const struct committer_options *options = &committer->options;
	directory->work = work;
	directory->work_id = work->task->id;
	directory->policy = options->policy;
	directory->patience = options->patience;
	directory->ended = committer->ended;
	directory->tell = tell_once;
	directory->context = committer;
	if (choose_how(committer, directory, err))
		return err->fault;
	if (directory->condemned)
		return FAULT_NONE;
	struct reused_listing listing = { committer, directory };
	const struct assembly_reuse reuse = { keep_file, is_there, &listing };
	bool predict = directory->how == DIRECTORY_IMMUTABLE && policy_predicts(options->policy);
	bool signs = directory->how == DIRECTORY_MUTABLE && options->encodes;
	if (directory->how == DIRECTORY_MUTABLE && give_key(committer, directory, err))
		return err->fault;
	const struct assembly_source source = {
		.reader = committer->reader,
		.listing = work->task->listing,
		.merges = directory->how == DIRECTORY_MERGE,
		.params = predict || signs ? policy_params(options->policy) : NULL,
		.encodes = options->encodes,
		.key = signs ? &directory->key : NULL,
		.reuse = options->reuse ? &reuse : NULL,
		.tags = directory->how == DIRECTORY_MERGE ? options->tags : NULL,
	};
	if (directory->how == DIRECTORY_IMMUTABLE)
		directory->reuse = options->reuse;
	return assembly_build(&source, &directory->assembly, err);
}

/* Whether nothing was to be merged, or the target is a file, which was overwritten. */
static bool nothing_to_merge(const struct directory *directory)
{
	return directory->assembly.set.count == 0 || !cap_is_directory(&directory->cap);
}

/* Settles a directory that takes no request. */
static void settle_at_once(struct directory *directory, uint8_t level)
{
	const struct task *task = directory->work->task;
	struct outcome outcome = { .state = OUTCOME_DONE, .attempts = 1, .level = level };
	struct meta meta;
	struct err err;
	if (task->meta_size > 0 && meta_unpack(task->meta, task->meta_size, &meta))
		meta_pack_outcome(&meta, outcome.meta);
	if (cap_pack(&directory->cap, outcome.cap, &outcome.cap_size, &outcome.cap_kind)) {
		work_settle(directory->work, &outcome, NULL);
	} else {
		err_set(&err, FAULT_CORRUPT, "the target is of a kind that is not kept");
		work_fail(directory->work, REASON_GATEWAY, 1, &err);
	}
	directory_free(directory);
}

/* Gives back, or fails, a directory that could not be prepared: of the job's files, which no other
 * directory would do without, or for having too many children. */
static void fail_unprepared(struct work *work, struct err *err)
{
	err_sort(err, ERR_JOB);
	work_retry(work, REASON_TOO_MANY, err);
}

/* Hands one directory to a lane, once fewer than `in_flight` are in theirs. */
static void commit_one(struct committer *committer, struct work *work)
{
	const struct committer_options *options = &committer->options;
	struct err err;
	if (atomic_load(options->cancel)) {
		work_again(work, 0, work->task->attempts);
		return;
	}
	if (work->task->id == 0 && options->withhold && options->withhold(options->context)) {
		err_set(&err, FAULT_CANCELLED, "something failed or was skipped");
		work_fail(work, REASON_WITHHELD, 1, &err);
		return;
	}
	while (committer->outstanding >= options->in_flight)
		take_back(committer, ring_pop(committer->ended));
	struct directory *directory = calloc(1, sizeof *directory);
	if (!directory) {
		err_set(&err, FAULT_NOMEM, "no memory for a directory");
		fail_unprepared(work, &err);
		return;
	}
	activity_begin(ACTIVITY_COMMITTING);
	enum fault fault = prepare_directory(committer, work, directory, &err);
	activity_end(ACTIVITY_COMMITTING);
	if (fault) {
		directory_free(directory);
		fail_unprepared(work, &err);
	} else if (directory->condemned) {
		work_fail(work, directory->condemned, work->task->attempts + 1u, NULL);
		directory_free(directory);
	} else if (directory->how == DIRECTORY_MERGE && nothing_to_merge(directory)) {
		settle_at_once(directory, VERIFY_ALL);
	} else if (directory->assembly.reused) {
		settle_at_once(directory, OUTCOME_LINKED);
	} else {
		committer->outstanding++;
		directory_submit(directory, options->lanes);
	}
}

/* Before anything is begun: a task leased again must see that its key is spent. */
static void take_back_all(struct committer *committer)
{
	for (struct directory *directory; (directory = ring_try_pop(committer->ended));)
		take_back(committer, directory);
}

static void committer_take(void *context, struct work *work)
{
	struct committer *committer = context;
	take_back_all(committer);
	commit_one(committer, work);
}

/* The thread: leases directories until task 0 is settled or the queue stops. */
static void committer_run(void *context)
{
	struct committer *committer = context;
	lease_each(&committer->options.lease, SEGMENT_DIRECTORIES, committer_take, committer);
	while (committer->outstanding > 0)
		take_back(committer, ring_pop(committer->ended));
}

enum fault committer_start(const struct committer_options *options, struct committer **committer,
			   struct err *err)
{
	assert(options->in_flight >= 1 && options->in_flight <= IN_FLIGHT_MAX);
	struct committer *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for the committer");
	made->options = *options;
	made->ended = ring_new(IN_FLIGHT_MAX);
	enum fault fault = FAULT_NONE;
	if (!made->ended)
		fault = err_set(err, FAULT_NOMEM, "no memory for the committer");
	if (!fault)
		fault = catalog_reader_new(options->catalog, &made->reader, err);
	if (!fault && options->reuse)
		fault = reuse_asker_new(options->reuse, &made->asker, err);
	if (!fault && !thread_start(&made->thread, "committer", committer_run, made))
		fault = err_set(err, FAULT_NOMEM, "cannot start the committer thread");
	if (fault) {
		committer_free(made);
		return fault;
	}
	*committer = made;
	return FAULT_NONE;
}

void committer_join(struct committer *committer) { thread_join(&committer->thread); }

uint64_t committer_unreferenced(const struct committer *committer)
{
	return atomic_load(&committer->unreferenced);
}

void committer_free(struct committer *committer)
{
	if (!committer)
		return;
	catalog_reader_free(committer->reader);
	reuse_asker_free(committer->asker);
	ring_free(committer->ended);
	cap_wipe(&committer->options.root);
	free(committer);
}

void committer_chunks(struct committer *committer, struct split *chunks)
{
	const struct committer_options *options = &committer->options;
	const struct assembly_source source = {
		.chunks = chunks,
		.params = policy_predicts(options->policy) ? policy_params(options->policy) : NULL,
		.encodes = options->encodes,
	};
	struct work *work = split_about(chunks)->work;
	struct directory *directory = calloc(1, sizeof *directory);
	struct err err;
	enum fault fault = FAULT_NONE;
	if (!directory)
		fault = err_set(&err, FAULT_NOMEM, "no memory for a directory");
	else
		fault = assembly_build(&source, &directory->assembly, &err);
	if (fault || !directory) {
		directory_free(directory);
		split_free(chunks);
		fail_unprepared(work, &err);
		return;
	}
	directory->work = work;
	directory->work_id = work->task->id;
	directory->how = DIRECTORY_IMMUTABLE;
	directory->policy = options->policy;
	directory->patience = options->patience;
	directory->chunks = chunks;
	directory_submit(directory, options->lanes);
}

void committer_below(struct committer *committer, struct work *work)
{
	const struct below_options options = {
		.outcomes = committer->options.catalog->outcomes,
		.root = &committer->options.root,
		.broken = committer->options.lease.broken,
		.context = committer->options.lease.context,
	};
	below_submit(&options, committer->options.lanes, work);
}
