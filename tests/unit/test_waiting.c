#include "queue/waiting.h"

#include "tests/unit/facts.h"

enum { TASKS = 2000 };

static void tasks_come_out_when_due_in_order(void **state)
{
	(void)state;
	struct waiting_heap heap = { NULL };
	uint64_t random = 3;
	for (uint64_t id = 0; id < TASKS; id++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		struct task task = { .id = id, .name = "", .meta = (const unsigned char *)"" };
		waiting_put(&heap, waiting_new(&task, (random >> 33) % 500));
	}
	size_t taken = 0;
	uint64_t due_before = 0, id_before = 0;
	for (uint64_t now = 0; now < 500; now += 7) {
		for (struct waiting_task *w; (w = waiting_take(&heap, now)); taken++) {
			assert_true(w->due_ms <= now && w->due_ms >= due_before);
			assert_true(w->due_ms > due_before || taken == 0 || w->task.id > id_before);
			due_before = w->due_ms;
			id_before = w->task.id;
			if (w->task.id % 5 == 0 && w->due_ms < 400)
				waiting_put(&heap, waiting_new(&w->task, 450));
			waiting_free(w);
		}
		assert_true(!heap.first || heap.first->due_ms > now);
	}
	assert_null(waiting_take(&heap, 400));
	while (heap.first)
		waiting_free(waiting_take(&heap, UINT64_MAX));
	assert_true(taken >= TASKS);
}

static void names_and_metas_are_copies(void **state)
{
	(void)state;
	char name[] = "ab";
	unsigned char meta[] = { 1, 2, 3 };
	struct task task = {
		.id = 5, .attempts = 3, .name = name, .name_size = 2, .meta = meta, .meta_size = 3
	};
	struct waiting_task *waiting = waiting_new(&task, 1);
	memset(name, 'x', 2);
	memset(meta, 9, 3);
	assert_memory_equal(waiting->task.name, "ab", 2);
	assert_memory_equal(waiting->task.meta, "\1\2\3", 3);
	assert_int_equal(waiting->task.attempts, 3);
	waiting_free(waiting);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tasks_come_out_when_due_in_order),
		cmocka_unit_test(names_and_metas_are_copies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
