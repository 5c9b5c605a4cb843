#include "tests/unit/office.h"

#include "commit/assembly.h"
#include "tests/unit/facts.h"
#include "tests/unit/scratch.h"

#include <unistd.h>

const struct shelf_item office_item[OFFICE_ITEMS] = {
	{ .name = "file", .cap = OFFICE_HELLO },
	{ .name = "more", .cap = "URI:LIT:" },
	{ .name = "sub", .cap = OFFICE_SUB, .is_directory = true },
};

static bool was_made(const struct office *office, const struct cap *cap)
{
	for (unsigned i = 0; i < office->made_count; i++)
		if (cap_equal(&office->made[i], cap))
			return true;
	return false;
}

static void make_mutable(struct office *office, struct fake_call *call, struct store_reply *reply)
{
	struct mutable_key key;
	struct err err;
	if (office->own_keys ? mutable_key_generate(&key, &err)
			     : mutable_key_from_text(call->key, strlen(call->key), &key, &err))
		abort();
	if (was_made(office, &key.cap)) {
		fake_fail(reply, FAULT_RETRY, "used before");
		reply->trouble = STORE_TROUBLE_UNCOORDINATED;
		return;
	}
	if (office->made_count == OFFICE_MADE_MAX)
		abort();
	office->made[office->made_count++] = key.cap;
	reply->cap = key.cap;
	if (office->lost_replies > 0) {
		office->lost_replies--;
		fake_fail(reply, FAULT_RETRY, "lost");
	}
}

/* The true cap of the children, as another part of the program computes it. */
static void make_immutable(struct office *office, struct store_reply *reply)
{
	struct assembly assembly;
	struct err err;
	const struct assembly_source source = { .reader = office->shelf.reader,
						.outcomes = office->shelf.outcomes,
						.listing = office->shelf.listing,
						.params = &office->params };
	if (assembly_build(&source, &assembly, &err))
		abort();
	reply->cap = assembly.cap;
	reply->cap.hash[3] ^= office->wrong_cap;
	assembly_fini(&assembly);
}

static void answer_list(struct office *office, struct fake_call *call, struct store_reply *reply)
{
	size_t which = min_u64(call->number, ARRAY_COUNT(office->listing)) - 1;
	enum listing how = office->listing[which];
	bool is_mutable = call->cap.kind == CAP_DIR2;
	const struct cap root = shelf_cap(OFFICE_ROOT);
	if (how == LIST_FAULT ||
	    (is_mutable && !was_made(office, &call->cap) && !cap_equal(&call->cap, &root))) {
		fake_fail(reply, FAULT_RETRY, "no shares");
		reply->trouble = STORE_TROUBLE_NO_SHARES;
		return;
	}
	for (size_t i = 0; i < OFFICE_ITEMS && how != LIST_NONE; i++) {
		const struct cap cap =
			shelf_cap(how == LIST_OTHER ? "URI:LIT:me" : office_item[i].cap);
		if (how != LIST_SUB || office_item[i].is_directory)
			fake_child(call, office_item[i].name,
				   office_item[i].is_directory ? STORE_DIRECTORY : STORE_FILE,
				   &cap);
	}
}

static bool script(void *context, struct fake_call *call, struct store_reply *reply)
{
	struct office *office = context;
	if (call->operation == FAKE_LIST) {
		answer_list(office, call, reply);
	} else if (call->operation == FAKE_CHECK) {
		reply->health.healthy = true;
	} else if (call->operation == FAKE_PROBE) {
		return true;
	} else {
		snprintf(office->last_body, sizeof office->last_body, "%s", (char *)call->data);
		office->last_children = call->children;
		if (call->operation == FAKE_SET_CHILDREN &&
		    call->number <= ARRAY_COUNT(office->edit)) {
			office->edit[call->number - 1].replace = call->replace;
			office->edit[call->number - 1].children = call->children;
		}
		if (office->fault)
			fake_fail(reply, office->fault, "scripted");
		else if (call->operation == FAKE_SET_CHILDREN &&
			 call->number <= office->refused_edits)
			fake_fail(reply, FAULT_EXISTS, "ExistingChildError");
		else if (call->operation == FAKE_MAKE_DIRECTORY && call->is_mutable)
			make_mutable(office, call, reply);
		else if (call->operation == FAKE_MAKE_DIRECTORY)
			make_immutable(office, reply);
	}
	return true;
}

static void quiet(void *context, const struct store *store, bool away)
{
	(void)context, (void)store, (void)away;
}
static void give_up(void *context, const struct err *err) { (void)context, (void)err; }

static void tell(void *context, const char *text)
{
	struct office *office = context;
	(void)text;
	office->told++;
}

static bool withhold(void *context) { return ((struct office *)context)->withheld; }

void office_open(struct office *office, uint64_t id, bool immutable, bool secret)
{
	struct err err;
	*office = (struct office){ .fake = { .script = script, .context = office } };
	office->params = (struct chk_params){ .secret = "s",
					      .secret_size = 1,
					      .k = 1,
					      .n = 1,
					      .max_segment_size = CHK_SEGMENT_SIZE };
	shelf_init(&office->shelf, office_item, OFFICE_ITEMS);
	fake_queue_init(&office->queue);
	fake_add(&office->queue,
		 &(struct task){
			 .id = id, .kind = MANIFEST_DIRECTORY, .listing = office->shelf.listing },
		 SEGMENT_DIRECTORIES);
	(void)!unlink(scratch_path("keys"));
	assert_int_equal(policy_new(0, secret ? &office->params : NULL, &office->policy, &err), 0);
	assert_int_equal(intents_open(scratch_path("keys"), shelf_job, office->shelf.outcomes,
				      &office->intents, &err),
			 0);
	assert_int_equal(keyring_new(1, &office->keyring, &err), 0);
	const struct lanes_options lanes = { .open = fake_open_store,
					     .away = quiet,
					     .gave_up = give_up,
					     .context = &office->fake,
					     .threads = 1,
					     .slots = { 1, 2 },
					     .away_ms = 60000 };
	assert_int_equal(lanes_new(&lanes, &office->lanes, &err), 0);
	office->options = (struct committer_options){
		.lease = office->queue.lease,
		.manifest = office->shelf.manifest,
		.outcomes = office->shelf.outcomes,
		.lanes = office->lanes,
		.policy = office->policy,
		.keyring = office->keyring,
		.intents = office->intents,
		.root = shelf_cap(OFFICE_ROOT),
		.immutable = immutable,
		.cancel = &office->cancel,
		.in_flight = 2,
		.withhold = withhold,
		.tell = tell,
		.context = office,
	};
}

const struct outcome *office_run(struct office *office)
{
	struct err err;
	assert_int_equal(committer_start(&office->options, &office->committer, &err), 0);
	committer_join(office->committer);
	fake_queue_wait(&office->queue);
	return &office->queue.task[0].outcome;
}

void office_close(struct office *office)
{
	lanes_free(office->lanes);
	committer_free(office->committer);
	keyring_free(office->keyring);
	intents_close(office->intents);
	policy_free(office->policy);
	fake_queue_fini(&office->queue);
	shelf_fini(&office->shelf);
}

void office_done_with(const struct outcome *outcome, const struct cap *expected)
{
	struct cap cap;
	assert_int_equal(outcome->state, OUTCOME_DONE);
	assert_true(cap_unpack(outcome->cap, outcome->cap_size, outcome->cap_kind, &cap));
	assert_true(cap_equal(&cap, expected));
}

unsigned office_started(struct office *office, enum fake_operation operation)
{
	return atomic_load(&office->fake.started[operation]);
}
