#include "engine/dispatch.h"

#include "tests/unit/facts.h"
#include "tests/unit/fake_queue.h"

struct heard {
	struct fake_queue queue;
	unsigned files, below;
	unsigned again; /* this many files are given back first */
};

static void take_file(void *context, struct work *work)
{
	struct heard *heard = context;
	heard->files++;
	struct outcome done = { .state = OUTCOME_DONE };
	if (heard->again > 0) {
		heard->again--;
		work_again(work, 0, 1);
	} else {
		work_settle(work, &done, NULL);
	}
}

static void take_below(void *context, struct work *work)
{
	struct heard *heard = context;
	heard->below++;
	work_fail(work, REASON_LOST, 1, NULL);
}

static void run(struct heard *heard)
{
	struct dispatch *dispatch;
	struct err err;
	const struct dispatch_options options = {
		.lease = heard->queue.lease,
		.file = take_file,
		.below = take_below,
		.context = heard,
	};
	assert_int_equal(dispatch_start(&options, &dispatch, &err), FAULT_NONE);
	dispatch_join(dispatch);
}

static void each_kind_of_task_goes_to_its_room(void **state)
{
	(void)state;
	struct heard heard = { .again = 3 };
	fake_queue_init(&heard.queue);
	struct fake_queue *queue = &heard.queue;
	fake_add(queue, &(struct task){ .id = 1, .kind = MANIFEST_FILE }, SEGMENT_TRANSFERS);
	fake_add(queue, &(struct task){ .id = 2, .kind = MANIFEST_FILE, .flags = TASK_BELOW_DONE },
		 SEGMENT_TRANSFERS);
	fake_add(queue,
		 &(struct task){ .id = 3, .kind = MANIFEST_DIRECTORY, .flags = TASK_BELOW_DONE },
		 SEGMENT_TRANSFERS);
	fake_add(queue, &(struct task){ .id = 4, .kind = MANIFEST_OTHER }, SEGMENT_TRANSFERS);
	fake_add(queue, &(struct task){ .id = 5, .kind = MANIFEST_FILE }, SEGMENT_TRANSFERS);
	fake_add(queue, &(struct task){ .id = 6, .kind = MANIFEST_DIRECTORY }, SEGMENT_DIRECTORIES);
	fake_add(queue, &(struct task){ .id = 7, .kind = MANIFEST_SYMLINK }, SEGMENT_TRANSFERS);
	run(&heard);
	assert_int_equal(heard.files, 6); /* three, and three tries more */
	assert_int_equal(heard.below, 2);
	assert_int_equal(fake_find(queue, 4)->outcome.state, OUTCOME_FAILED);
	assert_int_equal(fake_find(queue, 4)->outcome.reason, REASON_SPECIAL);
	assert_int_equal(fake_find(queue, 6)->leases, 0);
	assert_true(fake_find(queue, 1)->settled && fake_find(queue, 5)->settled);
	fake_queue_fini(queue);
}

static void a_stopped_queue_ends_it(void **state)
{
	(void)state;
	struct heard heard = { .files = 0 };
	fake_queue_init(&heard.queue);
	fake_add(&heard.queue, &(struct task){ .id = 1, .kind = MANIFEST_FILE }, SEGMENT_TRANSFERS);
	queue_stop(heard.queue.queue);
	run(&heard);
	assert_int_equal(heard.files, 0);
	fake_queue_fini(&heard.queue);
	dispatch_join(NULL);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(each_kind_of_task_goes_to_its_room),
		cmocka_unit_test(a_stopped_queue_ends_it),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
