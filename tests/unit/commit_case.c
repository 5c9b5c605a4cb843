#include "tests/unit/commit_case.h"

#include "commit/assembly.h"
#include "tests/unit/facts.h"
#include "tests/unit/scratch.h"

#include <unistd.h>

const struct one_listing_item commit_case_item[COMMIT_CASE_ITEMS] = {
	{ .name = "file", .cap = COMMIT_CASE_HELLO },
	{ .name = "more", .cap = "URI:LIT:" },
	{ .name = "sub", .cap = COMMIT_CASE_SUB, .is_directory = true },
};

static bool was_made(const struct commit_case *commit_case, const struct cap *cap)
{
	for (unsigned i = 0; i < commit_case->made_count; i++)
		if (cap_equal(&commit_case->made[i], cap))
			return true;
	return false;
}

static void make_mutable(struct commit_case *commit_case, struct fake_call *call,
			 struct store_reply *reply)
{
	struct mutable_key key;
	struct err err;
	if (commit_case->own_keys ? mutable_key_generate(&key, &err)
				  : mutable_key_from_text(call->key, strlen(call->key), &key, &err))
		abort();
	if (was_made(commit_case, &key.cap)) {
		fake_fail(reply, FAULT_RETRY, "used before");
		reply->trouble = STORE_TROUBLE_UNCOORDINATED;
		return;
	}
	if (commit_case->made_count == COMMIT_CASE_MADE_MAX)
		abort();
	commit_case->made[commit_case->made_count++] = key.cap;
	reply->cap = key.cap;
	if (commit_case->lost_replies > 0) {
		commit_case->lost_replies--;
		fake_fail(reply, FAULT_RETRY, "lost");
	}
}

/* The true cap of the children, as another part of the program computes it. */
static void make_immutable(struct commit_case *commit_case, struct store_reply *reply)
{
	struct assembly assembly;
	struct err err;
	const struct assembly_source source = { .reader = commit_case->one_listing.reader,
						.listing = commit_case->one_listing.listing,
						.chunks = commit_case->chunks,
						.params = &commit_case->params };
	if (assembly_build(&source, &assembly, &err))
		abort();
	reply->cap = assembly.cap;
	reply->cap.hash[3] ^= commit_case->wrong_cap;
	assembly_fini(&assembly);
}

/* Lists an immutable directory, which may say that it is a file in chunks. */
static void list_immutable(struct fake_call *call, const char *name, bool marked)
{
	struct store_child child = { .name = name, .name_size = strlen(name) };
	child.node = (struct store_node){
		.kind = STORE_DIRECTORY,
		.ro = { .kind = CAP_DIR2_CHK, .needed = 3, .total = 10, .size = 600 },
		.metadata_flags = marked ? STORE_HAS_CHUNKED : 0,
		.metadata.chunked = marked ? 5000 : 0,
	};
	call->child(call->context, &child);
}

static void answer_list(struct commit_case *commit_case, struct fake_call *call,
			struct store_reply *reply)
{
	size_t which = min_u64(call->number, ARRAY_COUNT(commit_case->listing)) - 1;
	enum listing how = commit_case->listing[which];
	bool is_mutable = call->cap.kind == CAP_DIR2;
	const struct cap root = one_listing_cap(COMMIT_CASE_ROOT);
	if (how == LIST_FAULT ||
	    (is_mutable && !was_made(commit_case, &call->cap) && !cap_equal(&call->cap, &root))) {
		fake_fail(reply, FAULT_RETRY, "no shares");
		reply->trouble = STORE_TROUBLE_NO_SHARES;
		return;
	}
	for (size_t i = 0; i < COMMIT_CASE_ITEMS && how != LIST_NONE; i++) {
		if (how >= LIST_CHUNKS && !commit_case_item[i].is_directory) {
			list_immutable(call, commit_case_item[i].name, how == LIST_CHUNKS);
			continue;
		}
		const struct cap cap =
			one_listing_cap(how == LIST_OTHER ? "URI:LIT:me" : commit_case_item[i].cap);
		if (how != LIST_SUB || commit_case_item[i].is_directory)
			fake_child(call, commit_case_item[i].name,
				   commit_case_item[i].is_directory ? STORE_DIRECTORY : STORE_FILE,
				   &cap);
	}
}

static bool script(void *context, struct fake_call *call, struct store_reply *reply)
{
	struct commit_case *commit_case = context;
	if (call->operation == FAKE_LIST) {
		answer_list(commit_case, call, reply);
	} else if (call->operation == FAKE_CHECK) {
		reply->health.healthy = true;
	} else if (call->operation == FAKE_PROBE) {
		return true;
	} else {
		snprintf(commit_case->last_body, sizeof commit_case->last_body, "%s",
			 (char *)call->data);
		commit_case->last_children = call->children;
		if (call->operation == FAKE_SET_CHILDREN &&
		    call->number <= ARRAY_COUNT(commit_case->edit)) {
			commit_case->edit[call->number - 1].replace = call->replace;
			commit_case->edit[call->number - 1].children = call->children;
		}
		if (commit_case->fault)
			fake_fail(reply, commit_case->fault, "scripted");
		else if (call->operation == FAKE_SET_CHILDREN &&
			 call->number <= commit_case->refused_edits)
			fake_fail(reply, FAULT_EXISTS, "ExistingChildError");
		else if (call->operation == FAKE_MAKE_DIRECTORY && call->is_mutable)
			make_mutable(commit_case, call, reply);
		else if (call->operation == FAKE_MAKE_DIRECTORY)
			make_immutable(commit_case, reply);
	}
	return true;
}

static void give_up(void *context, const struct err *err) { (void)context, (void)err; }

static void tell(void *context, const char *text)
{
	struct commit_case *commit_case = context;
	(void)text;
	commit_case->told++;
}

static bool withhold(void *context) { return ((struct commit_case *)context)->withheld; }

void commit_case_open(struct commit_case *commit_case, uint64_t id, bool immutable, bool secret)
{
	struct err err;
	*commit_case = (struct commit_case){ .fake = { .script = script, .context = commit_case } };
	commit_case->params = (struct chk_params){ .secret = "s",
						   .secret_size = 1,
						   .k = 1,
						   .n = 1,
						   .max_segment_size = CHK_SEGMENT_SIZE };
	one_listing_init(&commit_case->one_listing, commit_case_item, COMMIT_CASE_ITEMS);
	fake_queue_init(&commit_case->queue);
	fake_add(&commit_case->queue,
		 &(struct task){ .id = id,
				 .kind = MANIFEST_DIRECTORY,
				 .listing = commit_case->one_listing.listing },
		 SEGMENT_DIRECTORIES);
	(void)!unlink(scratch_path("keys"));
	assert_int_equal(
		policy_new(0, secret ? &commit_case->params : NULL, &commit_case->policy, &err), 0);
	assert_int_equal(intents_open(scratch_path("keys"), one_listing_job,
				      commit_case->one_listing.outcomes, &commit_case->intents,
				      &err),
			 0);
	assert_int_equal(keyring_new(1, &commit_case->keyring, &err), 0);
	commit_case->away = away_new(&(struct away_options){ .wait_ms = 60000 });
	const struct lanes_options lanes = { .open = fake_open_store,
					     .gave_up = give_up,
					     .context = &commit_case->fake,
					     .threads = 1,
					     .slots = { 1, 2 },
					     .away = commit_case->away };
	assert_int_equal(lanes_new(&lanes, &commit_case->lanes, &err), 0);
	commit_case->options = (struct committer_options){
		.lease = commit_case->queue.lease,
		.catalog = commit_case->one_listing.catalog,
		.lanes = commit_case->lanes,
		.policy = commit_case->policy,
		.keyring = commit_case->keyring,
		.intents = commit_case->intents,
		.root = one_listing_cap(COMMIT_CASE_ROOT),
		.immutable = immutable,
		.cancel = &commit_case->cancel,
		.in_flight = 2,
		.withhold = withhold,
		.tell = tell,
		.context = commit_case,
	};
}

const struct outcome *commit_case_run(struct commit_case *commit_case)
{
	struct err err;
	assert_int_equal(committer_start(&commit_case->options, &commit_case->committer, &err), 0);
	committer_join(commit_case->committer);
	fake_queue_wait(&commit_case->queue);
	return &commit_case->queue.task[0].outcome;
}

void commit_case_close(struct commit_case *commit_case)
{
	lanes_free(commit_case->lanes);
	away_free(commit_case->away);
	committer_free(commit_case->committer);
	keyring_free(commit_case->keyring);
	intents_close(commit_case->intents);
	policy_free(commit_case->policy);
	fake_queue_fini(&commit_case->queue);
	one_listing_fini(&commit_case->one_listing);
}

void commit_case_done_with(const struct outcome *outcome, const struct cap *expected)
{
	struct cap cap;
	assert_int_equal(outcome->state, OUTCOME_DONE);
	assert_true(cap_unpack(outcome->cap, outcome->cap_size, outcome->cap_kind, &cap));
	assert_true(cap_equal(&cap, expected));
}

unsigned commit_case_started(struct commit_case *commit_case, enum fake_operation operation)
{
	return atomic_load(&commit_case->fake.started[operation]);
}
