#include "queue/queue_file.h"

#include "queue/file/outcomes.h"
#include "tests/unit/catalog_case.h"
#include "tests/unit/facts.h"
#include "tests/unit/queue_contract.h"
#include "tests/unit/scratch.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Stands in the way of the C library's: syncs fail on demand. */
static atomic_int sync_errno;
int fdatasync(int fd)
{
	errno = atomic_load(&sync_errno);
	return errno ? -1 : (int)syscall(SYS_fdatasync, fd);
}

static struct outcomes *outcomes;
static struct catalog *catalog;
static char path[300];

static void close_outcomes(void)
{
	outcomes_close(outcomes);
	outcomes = NULL;
	catalog_close(catalog);
	catalog = NULL;
}

static struct outcomes *open_outcomes(void)
{
	if (!outcomes)
		assert_int_equal(outcomes_open(path, contract_job, &outcomes, NULL, NULL),
				 FAULT_NONE);
	return outcomes;
}

static void begin(const unsigned char job_id[16])
{
	close_outcomes();
	snprintf(path, sizeof path, "%s", scratch_path("outcomes"));
	unlink(path);
	assert_int_equal(outcomes_create(path, job_id, NULL, 0, &outcomes, NULL), FAULT_NONE);
}

static void put(const struct outcome *outcome)
{
	assert_int_equal(outcomes_write(open_outcomes(), outcome, 1, NULL), FAULT_NONE);
}

static struct outcome get(uint64_t id)
{
	struct outcome outcome;
	assert_int_equal(outcomes_read(open_outcomes(), id, 1, &outcome, NULL), FAULT_NONE);
	return outcome;
}

/* The catalog stays open until the next queue is opened. */
static struct queue *open_queue(const char *manifest, const struct queue_file_options *options)
{
	struct queue_file_options with = *options;
	struct queue *queue = NULL;
	catalog_close(catalog);
	with.catalog = catalog = catalog_case_open(manifest, path);
	assert_int_equal(queue_file_open(&with, &queue, NULL), FAULT_NONE);
	return queue;
}

static const struct plan *opened; /* the plan of the contract's queue */

static struct queue *open_contract(const struct contract_options *options)
{
	opened = options->plan;
	bool whole = options->listings > opened->listings;
	struct queue_file_options with = {
		.durable = whole ? LISTING_END : opened->durable[options->listings],
		.complete = options->complete,
		.settled = options->settled,
		.before = options->before,
		.context = options->context,
		.lease_ms = options->lease_ms,
		.clock_ms = options->clock_ms,
	};
	return open_queue(opened->path, &with);
}

static void publish(struct queue *queue, size_t listings, bool complete)
{
	bool whole = listings > opened->listings;
	queue_file_publish(queue, whole ? LISTING_END : opened->durable[listings], complete);
}

static const struct contract file_backend = {
	.begin = begin, .put = put, .get = get, .open = open_contract, .publish = publish
};

static struct plan plan;
static struct work_state work;

static void start(void)
{
	plan_init(&plan);
	work_init(&work, &plan);
	begin(contract_job);
}

static struct queue *open_whole(void)
{
	struct queue_file_options options = { .durable = LISTING_END,
					      .complete = true,
					      .settled = work_settled,
					      .before = work_before,
					      .context = &work };
	return open_queue(plan.path, &options);
}

/* ---- crashes ---- */

enum { SNAPSHOT_MAX = 4096 + 128 * 4 * PLAN_NODES_MAX };

/* What a crash would leave: all slots written by then, and which of them were said to be durable.
 * Taken in the commit thread, the only one that writes. */
static struct snapshot {
	unsigned countdown; /* outcomes that become durable before the crash */
	bool taken;
	size_t size;
	bool durable[PLAN_NODES_MAX];
	uint8_t state[PLAN_NODES_MAX];
	unsigned char byte[SNAPSHOT_MAX];
} snapshot;

static void crash_in_time(void *context)
{
	(void)context;
	if (snapshot.taken || --snapshot.countdown > 0)
		return;
	snapshot.taken = true;
	snapshot.size = scratch_load(path, snapshot.byte, sizeof snapshot.byte);
	mutex_lock(&work.lock);
	memcpy(snapshot.durable, work.durable, sizeof work.durable);
	memcpy(snapshot.state, work.state, sizeof work.state);
	mutex_unlock(&work.lock);
	atomic_store(&work.quit, true);
}

/* What was written and not synced is there, is not, or is torn; and the disk forgets a little. */
static void lose_some(uint64_t *random)
{
	for (size_t i = 0; i < plan.count; i++) {
		size_t at = 4096 + plan.node[i].id * 128;
		if (at + 128 > snapshot.size ||
		    (snapshot.durable[i] && contract_random(random, 20) != 0))
			continue;
		snapshot.durable[i] = false;
		unsigned char *slot = snapshot.byte + at;
		switch (contract_random(random, 4)) {
		case 0:
			memset(slot, 0, 128);
			break;
		case 1:
			memset(slot + contract_random(random, 2) * 64, 0, 64);
			break;
		case 2:
			slot[contract_random(random, 128)] ^= 0x40;
			break;
		}
	}
}

static void run_until_crash(uint64_t seed, unsigned countdown)
{
	struct work_options options = { .seed = seed,
					.workers = 1 + (unsigned)(seed % 2),
					.returns = 3,
					.fails = 5,
					.durable = crash_in_time };
	snapshot.taken = false;
	snapshot.countdown = countdown;
	contract_work(&work, open_whole(), &options);
}

/* Goes on from the snapshot; what it calls durable must be known and must not be done again. */
static void go_on_from_crash(uint64_t seed, unsigned countdown, uint64_t *random)
{
	bool durable[PLAN_NODES_MAX];
	uint8_t state[PLAN_NODES_MAX];
	lose_some(random);
	memcpy(durable, snapshot.durable, sizeof durable);
	memcpy(state, snapshot.state, sizeof state);
	close_outcomes();
	scratch_store(path, snapshot.byte, snapshot.size);
	uint64_t below_done = work.below_done;
	work_fini(&work);
	work_init(&work, &plan);
	work.below_done = below_done;
	run_until_crash(seed, countdown);
	for (size_t i = 0; i < plan.count && !snapshot.taken; i++)
		assert_true(!durable[i] || (work.known[i] && work.state[i] == state[i]));
}

static void no_crash_loses_or_repeats_what_is_durable(void **state)
{
	(void)state;
	uint64_t below_done = 0;
	for (uint64_t seed = 1; seed <= 25; seed++) {
		uint64_t random = seed;
		start();
		plan_add_random(&plan, 20 + contract_random(&random, 400), &random);
		plan_write(&plan, false);
		run_until_crash(seed, 1 + (unsigned)contract_random(&random, plan.count));
		for (int crashes = 0; snapshot.taken; crashes++) {
			unsigned left = crashes < 3 ? (unsigned)plan.count / 4 : UINT32_MAX;
			go_on_from_crash(seed + 100, left, &random);
		}
		work_assert_complete(&work, &file_backend);
		below_done += work.below_done;
		work_fini(&work);
	}
	assert_true(below_done > 0); /* else the plans are too tame for what they are to show */
}

/* ---- kill -9 ---- */

/* Descriptor to which the child writes the index of each node settled, and waits for an answer. */
enum { TOLD = 3 };

static void tell(void *context, const struct task *task, const struct outcome *outcome)
{
	work_settled(context, task, outcome);
	uint64_t index = task->id == 0 ? 0 : load_le64(task->meta);
	char answer;
	if (write(TOLD, &index, sizeof index) != sizeof index || read(TOLD, &answer, 1) != 1)
		_exit(1);
}

static void make_plan(uint64_t seed)
{
	uint64_t random = seed;
	plan_add_random(&plan, 300, &random);
	plan_write(&plan, false);
}

/* What the program does as a child: kill points want a process of their own.  It makes the same
 * plan once more, in another file, to know the ids. */
static void work_in_child(char **argument)
{
	uint64_t seed = strtoull(argument[3], NULL, 10);
	struct work_options how = { .seed = seed, .workers = 2, .returns = 3 };
	struct queue_file_options options = { .durable = LISTING_END,
					      .complete = true,
					      .settled = tell,
					      .before = work_before,
					      .context = &work };
	plan_init(&plan);
	snprintf(plan.path, sizeof plan.path, "%s.again", argument[1]);
	work_init(&work, &plan);
	make_plan(seed);
	snprintf(path, sizeof path, "%s", argument[2]);
	contract_work(&work, open_queue(argument[1], &options), &how);
}

static pid_t start_child(uint64_t seed, const char *kill_point, int told)
{
	char number[24];
	snprintf(number, sizeof number, "%llu", (unsigned long long)seed);
	pid_t child = fork();
	if (child != 0)
		return child;
	if (kill_point)
		setenv("BARGE_KILL", kill_point, 1);
	if (dup2(told, TOLD) == TOLD)
		execl("/proc/self/exe", "child", plan.path, path, number, (char *)NULL);
	_exit(1);
}

/* Reads what the child tells, and kills it after `patience` indices if it does not die itself. */
static void listen_and_kill(pid_t child, size_t patience, int told, bool *settled)
{
	uint64_t index;
	for (size_t count = 0; read(told, &index, sizeof index) == sizeof index; count++) {
		settled[index] = true;
		if (count == patience)
			kill(child, SIGKILL);
		else if (write(told, "y", 1) != 1)
			break; /* it died while telling */
	}
}

static void kill_and_go_on(uint64_t seed, size_t patience, const char *kill_point)
{
	static bool settled[PLAN_NODES_MAX];
	int told[2];
	start();
	make_plan(seed);
	memset(settled, 0, sizeof settled);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, told), 0);
	pid_t child = start_child(seed, kill_point, told[1]);
	close(told[1]);
	listen_and_kill(child, patience, told[0], settled);
	close(told[0]);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close_outcomes();
	struct work_options options = { .seed = seed, .workers = 2, .returns = 3 };
	contract_work(&work, open_whole(), &options);
	for (size_t i = 0; i < plan.count; i++)
		assert_true(!settled[i] || work.known[i]);
	work_assert_complete(&work, &file_backend);
	work_fini(&work);
}

static void what_was_said_settled_survives_a_kill(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++)
		kill_and_go_on(seed, seed * 5, NULL);
#ifdef BARGE_KILL_POINTS
	/* A plan of some depth takes two syncs at least: a directory waits for slots written. */
	static const char *const point[] = { "slot-written:1", "slot-synced:1", "settled:1",
					     "slot-written:2", "slot-synced:2", "settled:2" };
	for (size_t i = 0; i < ARRAY_COUNT(point); i++)
		kill_and_go_on(20 + i, SIZE_MAX, point[i]);
#endif
}

/* ---- damage ---- */

static void damaged_slots_are_counted_and_done_again(void **state)
{
	(void)state;
	start();
	for (size_t i = 0; i < 10; i++)
		plan_add(&plan, 0, i % 2 ? MANIFEST_FILE : MANIFEST_DIRECTORY);
	plan_write(&plan, false);
	static unsigned char byte[4096 + 128 * 8];
	for (size_t i = 1; i < 8; i++)
		put(&(struct outcome){ .id = plan.node[i].id, .state = OUTCOME_DONE });
	close_outcomes();
	assert_int_equal(scratch_load(path, byte, sizeof byte), sizeof byte);
	for (size_t i = 2; i < 8; i += 2)
		byte[4096 + 128 * i + 50] ^= 1;
	byte[4096 + 3] ^= 1; /* the root's, of zeros */
	scratch_store(path, byte, sizeof byte);
	struct queue *queue = open_whole();
	struct segment *segment;
	assert_int_equal(queue_lease(queue, SEGMENT_TRANSFERS, &segment, NULL), FAULT_NONE);
	assert_int_equal(segment->count, 5);
	assert_int_equal(segment->task[0].id, 2);
	assert_int_equal(queue_file_damaged(queue), 4);
	assert_int_equal(queue_close(queue, NULL), FAULT_NONE);
	work_fini(&work);
}

static void assert_broken(struct queue *queue, enum fault expected)
{
	struct segment *segment = NULL;
	struct err err;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(queue_lease(queue, SEGMENT_TRANSFERS, &segment, &err), expected);
		assert_int_equal(queue_lease(queue, SEGMENT_DIRECTORIES, &segment, &err), expected);
		assert_true(strlen(err.text) > 0);
	}
	assert_int_equal(queue_close(queue, &err), expected);
}

static void a_damaged_manifest_is_final(void **state)
{
	(void)state;
	static unsigned char byte[1 << 20];
	start();
	uint64_t random = 9;
	plan_add_random(&plan, 300, &random);
	plan_write(&plan, false);
	size_t size = scratch_load(plan.path, byte, sizeof byte);
	byte[plan.node[0].listing + 60] ^= 1;
	scratch_store(plan.path, byte, size);
	assert_broken(open_whole(), FAULT_CORRUPT);
	byte[plan.node[0].listing + 60] ^= 1;
	scratch_store(plan.path, byte, size);
	work_fini(&work);
}

static void a_listing_that_is_missing_is_found_at_the_end(void **state)
{
	(void)state;
	start();
	plan_add(&plan, 0, MANIFEST_DIRECTORY);
	plan_write(&plan, false);
	struct queue_file_options options = { .durable = { plan.node[1].listing },
					      .complete = true };
	assert_broken(open_queue(plan.path, &options), FAULT_CORRUPT);
	work_fini(&work);
}

/* ---- the disk refuses ---- */

/* Leases and records until the queue says no; returns its last fault. */
static enum fault work_until_refused(struct queue *queue)
{
	enum fault fault;
	for (;;) {
		struct segment *segment = NULL;
		fault = queue_lease(queue, SEGMENT_TRANSFERS, &segment, NULL);
		if (fault != FAULT_NONE || !segment)
			return fault;
		for (size_t i = 0; i < segment->count; i++) {
			const unsigned char *meta = segment->task[i].meta;
			struct outcome outcome = { .id = segment->task[i].id,
						   .state = OUTCOME_DONE };
			mutex_lock(&work.lock);
			work.recorded[load_le64(meta)] = true;
			work.state[load_le64(meta)] = OUTCOME_DONE;
			mutex_unlock(&work.lock);
			fault = queue_record(queue, segment, &outcome, 1, NULL);
			if (fault != FAULT_NONE)
				return fault;
		}
		fault = queue_release(queue, segment, NULL, 0, NULL);
		if (fault != FAULT_NONE)
			return fault;
	}
}

enum { FILES = 2500, FIT = 700 };

/* Runs in a process of its own.  Returns 0 if all was as it should be. */
static int fill_the_disk(void)
{
	struct rlimit limit = { .rlim_cur = 4096 + 128 * FIT + 64, .rlim_max = RLIM_INFINITY };
	signal(SIGXFSZ, SIG_IGN);
	struct queue *queue = open_whole();
	if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
		return 1;
	enum fault refused = work_until_refused(queue);
	enum fault closed = queue_close(queue, NULL);
	/* Everything may have been recorded before the writer met the limit. */
	if (closed != FAULT_FULL || (refused != FAULT_FULL && refused != FAULT_NONE))
		return 2;
	for (size_t i = 0; i < plan.count; i++)
		if (work.durable[i] && plan.node[i].id >= FIT)
			return 3;
	return work.wrong[0] ? 4 : 0;
}

static void a_full_disk_stops_the_queue_and_loses_nothing(void **state)
{
	(void)state;
	start();
	for (size_t i = 0; i < FILES; i++)
		plan_add(&plan, 0, MANIFEST_FILE);
	plan_write(&plan, false);
	fflush(NULL);
	pid_t child = fork();
	if (child == 0)
		_exit(fill_the_disk());
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close_outcomes();
	struct work_options options = { .seed = 1, .workers = 1 };
	contract_work(&work, open_whole(), &options);
	work_assert_complete(&work, &file_backend);
	work_fini(&work);
}

static void a_failed_sync_is_final_and_nothing_is_said_settled(void **state)
{
	(void)state;
	start();
	for (size_t i = 0; i < FILES; i++)
		plan_add(&plan, 0, MANIFEST_FILE);
	plan_write(&plan, false);
	struct queue *queue = open_whole();
	atomic_store(&sync_errno, EIO);
	/* All may have been recorded before the first sync. */
	enum fault refused = work_until_refused(queue);
	assert_true(refused == FAULT_IO || refused == FAULT_NONE);
	assert_int_equal(queue_close(queue, NULL), FAULT_IO);
	atomic_store(&sync_errno, 0);
	for (size_t i = 0; i < plan.count; i++)
		assert_false(work.durable[i]);
	work_fini(&work);
	close_outcomes();
}

/* ---- what was planned ---- */

/* What the planner, or somebody who did the work, says of node `index`. */
static struct outcome said(size_t index, uint8_t state, uint8_t reason, uint8_t cap_kind)
{
	struct outcome outcome = { .id = plan.node[index].id,
				   .state = state,
				   .reason = reason,
				   .cap_kind = cap_kind,
				   .cap_size = cap_kind ? 1 : 0,
				   .length = cap_kind };
	outcome.cap[0] = cap_kind;
	return outcome;
}

static void what_fails_keeps_what_was_planned_for_it(void **state)
{
	(void)state;
	enum { PLANNED = 10, OWN = 11 };
	static const struct {
		uint8_t kind, planned_reason;    /* planned with a cap, where there is no reason */
		uint8_t state, reason, cap_kind; /* recorded */
		uint8_t expected;                /* the kind of the cap afterwards */
		uint64_t chunk;                  /* recorded of this chunk */
	} table[] = {
		{ MANIFEST_FILE, 0, OUTCOME_FAILED, REASON_IO, 0, PLANNED, 0 },
		{ MANIFEST_FILE, 0, OUTCOME_SKIPPED, REASON_PRESENT, 0, PLANNED, 0 },
		{ MANIFEST_FILE, 0, OUTCOME_FAILED, REASON_IO, OWN, OWN, 0 },
		{ MANIFEST_FILE, 0, OUTCOME_DONE, 0, 0, 0, 0 },
		{ MANIFEST_FILE, REASON_IO, OUTCOME_FAILED, REASON_NAME, 0, 0, 0 },
		{ MANIFEST_FILE, 0, OUTCOME_FAILED, REASON_IO, 0, 0, 1 },
		{ MANIFEST_DIRECTORY, 0, OUTCOME_FAILED, REASON_IO, 0, PLANNED, 0 },
	};
	for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
		start();
		const size_t at = plan_add(&plan, 0, table[i].kind);
		const bool whole = table[i].planned_reason == 0;
		plan.node[at].chunks = 2 * table[i].chunk;
		plan_write(&plan, false);
		struct outcome planned =
			said(at, OUTCOME_PLANNED, table[i].planned_reason, whole ? PLANNED : 0);
		put(&planned);
		planned.id += table[i].chunk;
		put(&planned);
		struct queue *queue = open_whole();
		struct segment *segment;
		const enum segment_kind kind =
			table[i].kind == MANIFEST_FILE ? SEGMENT_TRANSFERS : SEGMENT_DIRECTORIES;
		/* Who leases transfers reads the plan. */
		assert_int_equal(queue_lease(queue, SEGMENT_TRANSFERS, &segment, NULL), FAULT_NONE);
		if (kind == SEGMENT_DIRECTORIES)
			assert_int_equal(queue_lease(queue, kind, &segment, NULL), FAULT_NONE);
		assert_non_null(segment);
		struct outcome outcome =
			said(at, table[i].state, table[i].reason, table[i].cap_kind);
		outcome.id += table[i].chunk;
		outcome.attempts = 3;
		assert_int_equal(queue_record(queue, segment, &outcome, 1, NULL), FAULT_NONE);
		assert_int_equal(queue_release(queue, segment, NULL, 0, NULL), FAULT_NONE);
		assert_int_equal(queue_close(queue, NULL), FAULT_NONE);
		outcome = get(outcome.id);
		assert_int_equal(outcome.state, table[i].state);
		assert_int_equal(outcome.reason, table[i].reason);
		assert_int_equal(outcome.attempts, 3);
		assert_int_equal(outcome.cap_kind, table[i].expected);
		assert_int_equal(outcome.cap[0], table[i].expected);
		assert_int_equal(outcome.length, table[i].expected);
		work_fini(&work);
	}
}

int main(int count, char **argument)
{
	signal(SIGPIPE, SIG_IGN);
	if (count == 4) {
		work_in_child(argument);
		return 0;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_crash_loses_or_repeats_what_is_durable),
		cmocka_unit_test(what_was_said_settled_survives_a_kill),
		cmocka_unit_test(damaged_slots_are_counted_and_done_again),
		cmocka_unit_test(what_fails_keeps_what_was_planned_for_it),
		cmocka_unit_test(a_damaged_manifest_is_final),
		cmocka_unit_test(a_listing_that_is_missing_is_found_at_the_end),
		cmocka_unit_test(a_full_disk_stops_the_queue_and_loses_nothing),
		cmocka_unit_test(a_failed_sync_is_final_and_nothing_is_said_settled),
	};
	int failed = queue_contract_run(&file_backend);
	failed += cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
	close_outcomes();
	return failed;
}
