#include "commit/directory.h"

#include "base/meta.h"
#include "base/secret.h"
#include "known/reuse.h"
#include "queue/core/kill.h"
#include "queue/retry.h"
#include "queue/split.h"
#include "verify/proving.h"

/*
 * Each arrow is a request of the lane; the function on its right is called with the reply.
 *
 *   IMMUTABLE  [of a backup that knows it: check -> kept_checked: it is whole: succeeds]
 *              make_directory -> made_immutable: the cap is the one predicted: proven
 *                                                it cannot be predicted whole: listed
 *   MUTABLE    make_directory -> made_mutable: the servers took its shares: proven
 *                                              else: listed, by the key's cap
 *   MERGE      go_on_merging: send_merge -> directory_merged, once for each request: listed
 *
 *   list_directory -> directory_listed
 *     is_over_chunks: refused, as they are directories there: replaced, go_on_merging
 *     as meant:   directory_proven: [check -> directory_checked], directory_succeed
 *     otherwise:  directory_unequal: the gateway has used a key of its own: listed by that cap
 *                                    an earlier attempt had linked the new ones: go_on_merging
 *                                    else directory_fail
 *
 * directory_fail gives the task back for another try, or fails it; that and directory_succeed are
 * the only ends, and both go through leave().
 */
static void list_directory(struct directory *directory, const struct cap *cap);
static void go_on_merging(struct directory *directory);

void directory_free(struct directory *directory)
{
	if (!directory)
		return;
	assembly_fini(&directory->assembly);
	proving_fini(&directory->proving);
	if (directory->chunks)
		split_free(directory->chunks);
	secret_wipe(directory, sizeof *directory);
	free(directory);
}

/* ---- ends ---- */

/* Lets go of it: the committer takes it back. */
static void give_up(struct directory *directory)
{
	if (directory->ended)
		ring_push(directory->ended, directory);
	else
		directory_free(directory);
}

/* Gives slot and directory back; afterwards only the work is still ours. */
static struct work *leave(struct directory *directory, const struct err *err)
{
	struct work *work = directory->work;
	lane_task_end(&directory->lane_task, err);
	give_up(directory);
	return work;
}

/* Ends it without an outcome where another try may help, else as failed. */
static void directory_fail(struct directory *directory, const struct err *err)
{
	directory->settled = work_is_over(directory->work, err);
	work_retry(leave(directory, err), REASON_NONE, err);
}

/* Says of a file in chunks what holds for all of them. */
static void describe_chunks(const struct split *chunks, struct outcome *outcome)
{
	const struct split_options *about = split_about(chunks);
	outcome->length = about->size;
	outcome->level &= (uint8_t)split_level(chunks);
	memcpy(outcome->meta, about->meta, sizeof outcome->meta);
}

/* Ends it as done. */
static void directory_succeed(struct directory *directory)
{
	const struct task *task = directory->work->task;
	struct meta meta = { 0 };
	struct outcome outcome = {
		.state = OUTCOME_DONE,
		.level = (uint8_t)directory->met,
		.attempts = (uint8_t)min_u64(task->attempts + 1u, UINT8_MAX),
	};
	struct err err;
	if (!cap_pack(&directory->cap, outcome.cap, &outcome.cap_size, &outcome.cap_kind)) {
		err_wrong(&err, "the gateway's cap is of a kind that is not kept");
		directory_fail(directory, &err);
		return;
	}
	if (directory->chunks)
		describe_chunks(directory->chunks, &outcome);
	else if (task->meta_size > 0 && meta_unpack(task->meta, task->meta_size, &meta))
		meta_pack_outcome(&meta, outcome.meta);
	directory->settled = directory->done = true;
	work_settle(leave(directory, NULL), &outcome, NULL);
	secret_wipe(&outcome, sizeof outcome);
}

/* ---- proofs ---- */

/* The servers have been asked for all shares of the directory. */
static void directory_checked(void *context, const struct store_reply *reply)
{
	struct directory *directory = context;
	struct err err = reply->err;
	if (!err.fault)
		err.fault = proving_health(reply, &err);
	if (err.fault) {
		directory_fail(directory, &err);
		return;
	}
	directory->met |= VERIFY_CHECK;
	directory_succeed(directory);
}

/* The directory is what it should be; a check of its shares may still be owed. */
static void directory_proven(struct directory *directory)
{
	struct err err;
	if (!(policy_levels(directory->policy) & VERIFY_CHECK & ~directory->met)) {
		directory_succeed(directory);
		return;
	}
	const struct store_check check = { .cap = &directory->cap, .verify = true };
	if (!store_check(directory->store, &check,
			 (struct store_then){ directory_checked, directory }, &err))
		directory_fail(directory, &err);
}

static bool directory_child(void *context, const struct store_child *child)
{
	struct directory *directory = context;
	childset_see(&directory->assembly.set, child);
	directory->blocked |=
		child->node.kind == STORE_DIRECTORY && store_node_chunked(&child->node) == 0 &&
		assembly_replaces(&directory->assembly, child->name, child->name_size);
	return true;
}

/* Says what it means that the listing is not what was meant. */
static void directory_unequal(struct directory *directory)
{
	struct err err;
	if (directory->other.kind) {
		/* Not under the key's cap: an older gateway made a key of its own. */
		directory->cap = directory->other;
		cap_wipe(&directory->other);
		if (directory->tell)
			directory->tell(directory->context,
					"the gateway makes its own keys: after a kill a directory "
					"may be made twice (one without a link)");
		list_directory(directory, &directory->cap);
		return;
	}
	if (directory->conflict && directory->merged == ENTRY_NEW &&
	    assembly_has(&directory->assembly, ENTRY_NEW)) {
		/* An earlier attempt has linked them. */
		directory->conflict = false;
		directory->merged++;
		go_on_merging(directory);
		return;
	}
	if (directory->conflict)
		err_set(&err, FAULT_EXISTS,
			"the target has something by one of these names that was not there when "
			"it was planned");
	else if (directory->how == DIRECTORY_MERGE &&
		 !assembly_has(&directory->assembly, ENTRY_KEEP))
		err_set(&err, FAULT_EXISTS,
			"somebody has changed at the target what was linked there before");
	else
		err_wrong(&err, "listed, the directory is not the one meant");
	directory->key_spent = directory->how == DIRECTORY_MUTABLE;
	directory_fail(directory, &err);
}

/* Whether files were refused their names because files in chunks have them, which to the gateway
 * are directories.  Listed, all may be as meant but for what the links say of them. */
static bool is_over_chunks(const struct directory *directory)
{
	return directory->conflict && directory->merged == ENTRY_REPLACE && !directory->blocked &&
	       !directory->over_chunks;
}

/* Compares the listing with the set of children that were meant to be in it. */
static void directory_listed(void *context, const struct store_reply *reply)
{
	struct directory *directory = context;
	if (reply->fault && directory->other.kind) {
		directory_unequal(directory);
		return;
	}
	if (reply->fault) {
		struct err err = reply->err;
		/* A key whose directory stays unreadable is given up before the last try.  Servers
		 * have just said that they know the key, so it is not the grid that is waited for.
		 */
		if (directory->used_before && reply->trouble == STORE_TROUBLE_NO_SHARES &&
		    err.excuse == EXCUSE_WAITING)
			err.excuse = EXCUSE_NONE;
		if (directory->used_before && reply->fault != FAULT_UNAVAILABLE &&
		    directory->work->task->attempts + 2 >= RETRY_ATTEMPTS)
			directory->key_spent = true;
		err_wrap(&err, "listing it");
		directory_fail(directory, &err);
		return;
	}
	if (is_over_chunks(directory)) {
		directory->conflict = false;
		directory->over_chunks = true;
		go_on_merging(directory);
		return;
	}
	bool exact = directory->how != DIRECTORY_MERGE;
	if (!childset_matches(&directory->assembly.set, exact)) {
		directory_unequal(directory);
		return;
	}
	directory->met |= VERIFY_READ;
	directory_proven(directory);
}

/* Has the directory listed, each time from the beginning of the set. */
static void list_directory(struct directory *directory, const struct cap *cap)
{
	struct err err;
	childset_begin(&directory->assembly.set);
	directory->blocked = false;
	const struct store_list wanted = { .cap = cap,
					   .child = directory_child,
					   .context = directory,
					   .written = directory->how != DIRECTORY_IMMUTABLE };
	KILL_POINT("directory-made");
	if (!store_list(directory->store, &wanted,
			(struct store_then){ directory_listed, directory }, &err))
		directory_fail(directory, &err);
}

/* ---- requests ---- */

/* UncoordinatedWriteError is what a key answers that has made its directory before. */
static void made_mutable(void *context, const struct store_reply *reply)
{
	struct directory *directory = context;
	if (reply->fault && reply->trouble != STORE_TROUBLE_UNCOORDINATED) {
		directory_fail(directory, &reply->err);
		return;
	}
	unsigned remaining = VERIFY_READ;
	directory->used_before = reply->fault;
	if (!reply->fault && reply->proven)
		policy_judge_own(directory->policy, &directory->met, &remaining);
	if (!(remaining & VERIFY_READ)) {
		KILL_POINT("directory-made");
		directory_proven(directory);
		return;
	}
	if (!reply->fault && !cap_equal(&reply->cap, &directory->cap))
		directory->other = reply->cap;
	list_directory(directory, &directory->cap);
}

/* Judges the cap: small directories are literals, which their cap proves whole; for others it is
 * the policy's to say what the cap proves and what is still to be done. */
static void made_immutable(void *context, const struct store_reply *reply)
{
	struct directory *directory = context;
	const struct assembly *assembly = &directory->assembly;
	struct err err = reply->err;
	unsigned remaining = VERIFY_READ;
	uint32_t delay_ms;
	if (patience_asks(directory->patience, reply, &delay_ms)) {
		unsigned attempts = directory->work->task->attempts;
		err.fault = FAULT_RETRY; /* it says nothing about the gateway */
		work_again(leave(directory, &err), delay_ms, attempts);
		return;
	}
	if (reply->fault) {
		directory_fail(directory, &err);
		return;
	}
	directory->cap = reply->cap;
	if (!assembly->predicted) {
		list_directory(directory, &directory->cap);
		return;
	}
	if (assembly->size <= LITERAL_SIZE_MAX) {
		if (!cap_equal(&reply->cap, &assembly->cap))
			err_wrong(&err, "the gateway's cap is not the one of this directory");
		directory->met = VERIFY_ALL;
		remaining = 0;
	} else if (reply->proven) {
		policy_judge_own(directory->policy, &directory->met, &remaining);
	} else {
		err.fault = policy_judge(directory->policy, store_gateway(directory->store),
					 assembly->cap.key, assembly->size, &assembly->cap,
					 &reply->cap, &directory->met, &remaining, &err);
	}
	if (err.fault)
		directory_fail(directory, &err);
	else if (remaining & VERIFY_READ)
		list_directory(directory, &directory->cap);
	else
		directory_proven(directory);
}

/* A conflict may be this job's own link, of an attempt whose reply was lost: the listing tells. */
static void directory_merged(void *context, const struct store_reply *reply)
{
	struct directory *directory = context;
	if (reply->fault && reply->fault != FAULT_EXISTS) {
		directory_fail(directory, &reply->err);
		return;
	}
	directory->conflict = reply->fault;
	directory->merged += !reply->fault;
	if (reply->fault)
		list_directory(directory, &directory->cap);
	else
		go_on_merging(directory);
}

/* The same of one that was put like a file, which it is. */
static void put_immutable(void *context, const struct store_reply *reply)
{
	struct store_reply made = *reply;
	if (!reply->fault && !cap_to_directory(&reply->cap, &made.cap))
		made.fault = err_wrong(&made.err, "the gateway's cap is not one of a file");
	made_immutable(context, &made);
	cap_wipe(&made.cap);
}

/* Stores the form of an immutable directory, whose shares are there, or which is a literal. */
static struct store_call *put_directory(struct directory *directory, struct err *err)
{
	const struct assembly *assembly = &directory->assembly;
	const struct store_body body = {
		.data = assembly->form.data,
		.size = assembly->form.size,
		.shares = assembly->shares,
	};
	return store_put(directory->store, &body, (struct store_then){ put_immutable, directory },
			 err);
}

/* Sends the one request that makes a new directory with all its children. */
static struct store_call *make_directory(struct directory *directory, struct err *err)
{
	const struct assembly_request *request = &directory->assembly.request[ENTRY_NEW];
	const struct store_body body = { .data = request->json.data, .size = request->json.size };
	char key[MUTABLE_KEY_TEXT_SIZE];
	bool is_mutable = directory->how == DIRECTORY_MUTABLE;
	const struct store_directory wanted = {
		.is_mutable = is_mutable,
		.private_key = is_mutable ? key : NULL,
		.private_key_size = is_mutable ? mutable_key_text(&directory->key, key) : 0,
		.children = request->children,
		.slot = directory->assembly.slot,
	};
	const struct store_then then = { is_mutable ? made_mutable : made_immutable, directory };
	struct store_call *call = store_make_directory(directory->store, &wanted, &body, then, err);
	secret_wipe(key, sizeof key);
	return call;
}

/* Sends one of the requests.  What is new replaces nothing: a name that has appeared since it
 * was planned is a conflict. */
static struct store_call *send_merge(struct directory *directory, struct err *err)
{
	static const enum store_replace replace[] = {
		[ENTRY_NEW] = STORE_REPLACE_NEVER,
		[ENTRY_REPLACE] = STORE_REPLACE_ONLY_FILES,
		[ENTRY_RELINK] = STORE_REPLACE_ALWAYS,
	};
	const struct assembly_request *request = &directory->assembly.request[directory->merged];
	const struct store_body body = { .data = request->json.data, .size = request->json.size };
	const struct store_edit edit = {
		.directory = &directory->cap,
		.replace = directory->over_chunks && directory->merged == ENTRY_REPLACE
				   ? STORE_REPLACE_ALWAYS
				   : replace[directory->merged],
		.children = request->children,
	};
	return store_set_children(directory->store, &edit, &body,
				  (struct store_then){ directory_merged, directory }, err);
}

/* Sends the next request that has children, or proves what has come of them. */
static void go_on_merging(struct directory *directory)
{
	const struct assembly *assembly = &directory->assembly;
	struct err err;
	while (directory->merged < ARRAY_COUNT(assembly->request) &&
	       assembly->request[directory->merged].children == 0)
		directory->merged++;
	if (directory->merged == ARRAY_COUNT(assembly->request))
		list_directory(directory, &directory->cap);
	else if (!send_merge(directory, &err))
		directory_fail(directory, &err);
}

/* Makes a new directory. */
static void make_new(struct directory *directory)
{
	struct err err;
	if (directory->assembly.by_form ? !put_directory(directory, &err)
					: !make_directory(directory, &err))
		directory_fail(directory, &err);
}

/* The servers have been asked for what an earlier backup has made: what is not whole is made. */
static void kept_checked(void *context, const struct err *err)
{
	struct directory *directory = context;
	if (err && err->fault != FAULT_CORRUPT) {
		directory_fail(directory, err);
		return;
	}
	reuse_count_check(directory->reuse, true);
	if (err && proving_stays_bad(&directory->proving)) {
		directory->stays_bad = true;
		reuse_count_unmended(directory->reuse);
		if (directory->tell)
			directory->tell(
				directory->context,
				"a directory that is reused has enough good shares, and bad "
				"ones that cannot be mended: barge verify names it");
	} else if (err) {
		cap_wipe(&directory->kept);
		make_new(directory);
		return;
	}
	directory->cap = directory->kept;
	directory->met |= OUTCOME_LINKED;
	directory_succeed(directory);
}

static void check_kept(struct directory *directory)
{
	const unsigned levels = policy_rechecks(directory->policy);
	const struct proving_options wanted = {
		.store = directory->store,
		.cap = &directory->kept,
		.add_lease = reuse_renews(directory->reuse),
		.repair = levels & VERIFY_CHECK,
		.believes = true,
		.ended = kept_checked,
		.context = directory,
	};
	proving_start(&directory->proving, &wanted, levels);
}

static void directory_start(struct lane_task *lane_task, struct store *store)
{
	struct directory *directory = (struct directory *)lane_task;
	directory->store = store;
	KILL_POINT("directory-start");
	if (directory->how == DIRECTORY_MERGE)
		go_on_merging(directory);
	else if (directory->kept.kind != CAP_NONE)
		check_kept(directory);
	else
		make_new(directory);
}

/* The lanes end it unstarted: no slot was taken, so leave() would be wrong. */
static void directory_refuse(struct lane_task *lane_task)
{
	struct directory *directory = (struct directory *)lane_task;
	struct work *work = directory->work;
	give_up(directory);
	work_again(work, 0, work->task->attempts);
}

void directory_submit(struct directory *directory, struct lanes *lanes)
{
	directory->lane_task = (struct lane_task){
		.kind = LANE_TASK_DIRECTORY,
		.in_place = directory->how == DIRECTORY_MERGE,
		.works = directory->how == DIRECTORY_IMMUTABLE ? HEALTH_STORING
							       : HEALTH_WRITING | HEALTH_LISTING,
		.start = directory_start,
		.refuse = directory_refuse,
	};
	lanes_submit(lanes, &directory->lane_task);
}
