/* How many lane tasks are in flight may change while lanes run. */
#include "calls/lanes.h"

#include "queue/core/thread.h"

#include "tests/unit/facts.h"
#include "tests/unit/fake_store.h"

#include <stdatomic.h>

enum { TASKS = 9, PATIENCE_S = 20 };

struct visit {
	struct lane_task lane_task;
	atomic_bool leaves, there, over;
	int status; /* of the answer that it ends with; 0: it goes well */
};

static void start(struct lane_task *lane_task, struct store *store)
{
	(void)store;
	atomic_store(&((struct visit *)lane_task)->there, true);
}

static void poke(struct lane_task *lane_task, struct store *store)
{
	struct visit *visit = (struct visit *)lane_task;
	const struct err err = { .fault = FAULT_RETRY, .http_status = visit->status };
	(void)store;
	if (!atomic_load(&visit->leaves))
		return;
	lane_task_end(lane_task, visit->status ? &err : NULL);
	atomic_store(&visit->over, true);
}

static void refuse(struct lane_task *lane_task) { (void)lane_task; }

static void gave_up(void *context, const struct err *err)
{
	(void)context;
	(void)err;
}

static void wait_for(const atomic_bool *what)
{
	const uint64_t end_ms = clock_ms() + 1000 * PATIENCE_S;
	while (!atomic_load(what) && clock_ms() < end_ms)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	assert_true(atomic_load(what));
}

static void leave(struct visit *visit)
{
	atomic_store(&visit->leaves, true);
	lane_wake(visit->lane_task.lane);
	wait_for(&visit->over);
}

static struct lanes *open_lanes(struct fake *fake, struct away *away)
{
	struct lanes *lanes;
	struct err err;
	const struct lanes_options options = {
		.open = fake_open_store,
		.gave_up = gave_up,
		.context = fake,
		.threads = 2,
		.slots = { [LANE_TASK_TRANSFER] = 2, [LANE_TASK_DIRECTORY] = 2 },
		.away = away,
	};
	assert_int_equal(lanes_new(&options, &lanes, &err), FAULT_NONE);
	return lanes;
}

static void slots_may_become_more_and_fewer(void **state)
{
	(void)state;
	struct fake fake = { .gateways = 1 };
	const struct away_options wait = { .wait_ms = 1 };
	struct away *away = away_new(&wait);
	struct lanes *lanes = open_lanes(&fake, away);
	struct visit visit[TASKS] = { 0 };
	for (int i = 0; i < TASKS; i++) {
		visit[i].lane_task =
			(struct lane_task){ .start = start, .poke = poke, .refuse = refuse };
		lanes_submit(lanes, &visit[i].lane_task);
		if (i < 2)
			wait_for(&visit[i].there);
	}
	assert_int_equal(lanes_look(lanes, LANE_TASK_TRANSFER).busy, 2);
	lanes_set_slots(lanes, LANE_TASK_TRANSFER, 6); /* wakes who sleeps with work to do */
	for (int i = 0; i < 6; i++)
		wait_for(&visit[i].there);
	assert_int_equal(lanes_look(lanes, LANE_TASK_TRANSFER).busy, 6);
	lanes_set_slots(lanes, LANE_TASK_TRANSFER, 2);
	for (int i = 0; i < 4; i++) {
		visit[i].status = i < 2 ? 429 : 0;
		leave(&visit[i]);
	}
	const struct lanes_counts counts = lanes_look(lanes, LANE_TASK_TRANSFER);
	assert_int_equal(counts.busy, 2);
	assert_int_equal(counts.ended, 4);
	assert_int_equal(counts.refused, 2);
	for (int i = 6; i < TASKS; i++)
		assert_false(atomic_load(&visit[i].there));
	for (int i = 4; i < TASKS; i++) {
		wait_for(&visit[i].there);
		leave(&visit[i]);
	}
	lanes_free(lanes);
	away_free(away);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_may_become_more_and_fewer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
