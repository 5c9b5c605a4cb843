#include "tests/unit/download_case.h"

#include "tests/unit/facts.h"

static const char words[] = "problem during download\n";

static const unsigned char *content_of(const struct download_case *download_case,
				       const struct cap *cap)
{
	for (size_t i = 0; i < DOWNLOAD_CASE_FILES; i++)
		if (cap_equal(&download_case->cap[i], cap))
			return download_case->content[i];
	fail_msg("a GET of no file");
	return NULL;
}

/* Which GET of its offset this is, from 1. */
static unsigned count_gets(struct download_case *download_case, const struct fake_call *call)
{
	unsigned same = 0;
	for (size_t i = 0; i < download_case->gets; i++)
		same += download_case->get[i].offset == call->offset;
	return same;
}

static enum download_case_lie lie_of(struct download_case *download_case,
				     const struct fake_call *call)
{
	unsigned number = count_gets(download_case, call) + 1;
	for (size_t i = 0; i < download_case->rules; i++) {
		const struct download_case_rule *rule = &download_case->rule[i];
		if (rule->offset == call->offset && number >= rule->first && number <= rule->last)
			return rule->lie;
	}
	return DOWNLOAD_CASE_TRUTH;
}

/* Gives bytes to the sink in parts. */
static bool send(const struct fake_call *call, const unsigned char *data, size_t size)
{
	for (size_t at = 0; at < size; at += 300)
		if (!call->sink(call->context, data + at, (size_t)min_u64(300, size - at)))
			return false;
	return true;
}

static void answer(struct download_case *download_case, struct fake_call *call,
		   enum download_case_lie lie, struct store_reply *reply)
{
	unsigned char bytes[DOWNLOAD_CASE_SIZE + 1] = { 0 };
	bool whole = call->length == UINT64_MAX;
	size_t size = whole ? DOWNLOAD_CASE_SIZE : (size_t)call->length;
	assert_true(call->offset + size <= DOWNLOAD_CASE_SIZE);
	memcpy(bytes, content_of(download_case, &call->cap) + call->offset, size);
	if (lie == DOWNLOAD_CASE_FLIP)
		bytes[(download_case->gets * 37 + size / 2) % size] ^= 1;
	if (lie == DOWNLOAD_CASE_SPLICE && size > 7)
		memcpy(bytes + size - 7, words, 7);
	size_t sent = lie == DOWNLOAD_CASE_SHORT  ? size - 1
		      : lie == DOWNLOAD_CASE_LONG ? size + 1
		      : lie == DOWNLOAD_CASE_FAIL ? size / 2
						  : size;
	if (lie == DOWNLOAD_CASE_GONE)
		fake_fail(reply, FAULT_UNAVAILABLE, "connection refused");
	else if (!send(call, bytes, sent))
		fake_fail(reply, FAULT_CANCELLED, "refused");
	else if (lie == DOWNLOAD_CASE_FAIL)
		fake_fail(reply, FAULT_RETRY, "the reply broke off");
}

/* Whether an older call is to be answered first. */
static bool is_early(struct download_case *download_case, const struct fake_call *call)
{
	size_t before = download_case->gets + atomic_load(&download_case->fake.cancelled);
	return download_case->oldest_first && call->number > before + 1;
}

static bool script(void *context, struct fake_call *call, struct store_reply *reply)
{
	struct download_case *download_case = context;
	if (call->operation == FAKE_PROBE)
		return true;
	assert_int_equal(call->operation, FAKE_GET);
	mutex_lock(&download_case->lock);
	enum download_case_lie lie = lie_of(download_case, call);
	bool waits = is_early(download_case, call) ||
		     (lie == DOWNLOAD_CASE_HOLD && !atomic_load(&download_case->released));
	if (!waits) {
		assert_true(download_case->gets < DOWNLOAD_CASE_GETS);
		answer(download_case, call, lie, reply);
		download_case->get[download_case->gets].offset = call->offset;
		download_case->get[download_case->gets++].length = call->length;
		if (download_case->gets == download_case->cancel_after)
			atomic_store(&download_case->cancel, true);
	}
	mutex_unlock(&download_case->lock);
	return !waits;
}

static void moved(void *context, uint64_t bytes)
{
	struct download_case *download_case = context;
	atomic_fetch_add(&download_case->moved, bytes);
}

static void gave_up(void *context, const struct err *err)
{
	(void)context;
	fail_msg("gave up: %s", err->text);
}

static void make_files(struct download_case *download_case)
{
	struct chk_params theirs;
	download_case->secret = (struct chk_params){ .secret = "ours",
						     .secret_size = 32,
						     .k = 1,
						     .n = 1,
						     .max_segment_size = CHK_SEGMENT_SIZE };
	theirs = download_case->secret;
	theirs.secret[0] = 'x';
	for (size_t file = 0; file < DOWNLOAD_CASE_FILES; file++)
		for (size_t i = 0; i < DOWNLOAD_CASE_SIZE; i++)
			download_case->content[file][i] = (unsigned char)((i * 31 >> 3) + 7 * file);
	memcpy(download_case->content[DOWNLOAD_CASE_ENDING] + DOWNLOAD_CASE_SIZE - 7, words, 7);
	download_case->cap[DOWNLOAD_CASE_CHANGING] =
		(struct cap){ .kind = CAP_SSK_RO, .key = "changing" };
	for (size_t file = 0; file < DOWNLOAD_CASE_FILES; file++)
		if (file != DOWNLOAD_CASE_CHANGING)
			assert_int_equal(
				chk_cap_of(file == DOWNLOAD_CASE_OURS ? &download_case->secret
								      : &theirs,
					   download_case->content[file], DOWNLOAD_CASE_SIZE,
					   &download_case->cap[file], NULL),
				0);
}

void download_case_open(struct download_case *download_case)
{
	struct err err;
	memset(download_case, 0, sizeof *download_case);
	mutex_init(&download_case->lock);
	make_files(download_case);
	land_case_init(&download_case->land_case);
	land_case_start(&download_case->land_case);
	download_case->fake = (struct fake){ .script = script, .context = download_case };
	download_case->away = away_new(&(struct away_options){ .wait_ms = 60000 });
	const struct lanes_options lanes = {
		.open = fake_open_store,
		.gave_up = gave_up,
		.context = &download_case->fake,
		.threads = 1,
		.slots = { [LANE_TASK_TRANSFER] = 4, [LANE_TASK_DIRECTORY] = 1 },
		.away = download_case->away,
	};
	assert_int_equal(lanes_new(&lanes, &download_case->lanes, &err), 0);
	download_case->workers = workers_new("writer", 2);
	download_case->comparers = workers_new("comparer", 2);
	assert_non_null(download_case->workers);
	assert_non_null(download_case->comparers);
	download_case->downloads = (struct downloads){
		.lanes = download_case->lanes,
		.workers = download_case->workers,
		.comparers = download_case->comparers,
		.queue_max = 1 << 20,
		.arrivals = download_case->land_case.arrivals,
		.target_tree = download_case->land_case.target_tree,
		.outcomes = download_case->land_case.slots,
		.secret = &download_case->secret,
		.cancel = &download_case->cancel,
		.moved = moved,
		.context = download_case,
	};
}

void download_case_close(struct download_case *download_case)
{
	workers_free(download_case->comparers);
	lanes_join(download_case->lanes);
	workers_free(download_case->workers);
	lanes_free(download_case->lanes);
	away_free(download_case->away);
	land_case_fini(&download_case->land_case);
	mutex_fini(&download_case->lock);
}

struct fake_task *download_case_task(struct download_case *download_case,
				     enum download_case_file file, const char *name, bool chunked)
{
	uint64_t size = file == DOWNLOAD_CASE_CHANGING ? 0 : DOWNLOAD_CASE_SIZE;
	struct fake_task *task =
		land_case_file(&download_case->land_case, LAND_CASE_ROOT, name, size, NULL);
	task->task.chunk_size = chunked ? DOWNLOAD_CASE_CHUNK : 0;
	return task;
}

void download_case_fetch(struct download_case *download_case, enum download_case_file file)
{
	struct outcome source = { .state = OUTCOME_PLANNED };
	size_t count;
	struct work *work = fake_works(&download_case->land_case.queue, SEGMENT_TRANSFERS, &count);
	assert_true(cap_pack(&download_case->cap[file], source.cap, &source.cap_size,
			     &source.cap_kind));
	for (size_t i = 0; i < count; i++)
		download_take(&download_case->downloads, &work[i], &source);
	fake_queue_wait(&download_case->land_case.queue);
}

void download_case_fetch_all(struct download_case *download_case, enum download_case_file file)
{
	const struct fake_task *task = &download_case->land_case.queue.task[0];
	for (int i = 0; !task->settled; i++) {
		assert_in_range(i, 0, 9);
		download_case_fetch(download_case, file);
	}
}

size_t download_case_gets_at(struct download_case *download_case, uint64_t offset)
{
	size_t count = 0;
	mutex_lock(&download_case->lock);
	for (size_t i = 0; i < download_case->gets; i++)
		count += download_case->get[i].offset == offset;
	mutex_unlock(&download_case->lock);
	return count;
}

bool download_case_has(const struct download_case *download_case, enum download_case_file file,
		       const char *name)
{
	char path[100];
	snprintf(path, sizeof path, "out/%s", name);
	return tree_holds(path, download_case->content[file], DOWNLOAD_CASE_SIZE) &&
	       tree_count("out") == 1;
}
