#include "commit/committer.h"

#include "base/meta.h"
#include "commit/below.h"
#include "commit/directory.h"
#include "commit/intents.h"
#include "commit/keyring.h"
#include "queue/core/thread.h"

#include <assert.h>

enum { IN_FLIGHT_MAX = 64 };

struct committer {
	struct committer_options options;
	struct catalog_reader *reader;
	struct thread thread;
	struct ring *ended;   /* of struct directory that came back from their lanes */
	unsigned outstanding; /* directories submitted and not yet taken from `ended` */
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
	bool predict = directory->how == DIRECTORY_IMMUTABLE && policy_predicts(options->policy);
	const struct assembly_source source = {
		.reader = committer->reader,
		.listing = work->task->listing,
		.merges = directory->how == DIRECTORY_MERGE,
		.params = predict ? policy_params(options->policy) : NULL,
		.encodes = options->encodes,
	};
	if (assembly_build(&source, &directory->assembly, err))
		return err->fault;
	return directory->how == DIRECTORY_MUTABLE ? give_key(committer, directory, err)
						   : FAULT_NONE;
}

/* Whether nothing was to be merged, or the target is a file, which was overwritten. */
static bool nothing_to_merge(const struct directory *directory)
{
	return directory->assembly.set.count == 0 || !cap_is_directory(&directory->cap);
}

/* Settles a merge of nothing, which takes no request. */
static void settle_empty_merge(struct directory *directory)
{
	struct outcome outcome = { .state = OUTCOME_DONE, .attempts = 1, .level = VERIFY_ALL };
	struct err err;
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
		err_set(&err, FAULT_CANCELLED,
			"--all-or-nothing: something failed, so nothing is linked");
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
	if (prepare_directory(committer, work, directory, &err)) {
		directory_free(directory);
		fail_unprepared(work, &err);
	} else if (directory->condemned) {
		work_fail(work, directory->condemned, work->task->attempts + 1u, NULL);
		directory_free(directory);
	} else if (directory->how == DIRECTORY_MERGE && nothing_to_merge(directory)) {
		settle_empty_merge(directory);
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
	ring_free(committer->ended);
	cap_wipe(&committer->options.root);
	free(committer);
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
