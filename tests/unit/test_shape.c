#include "measure/shape.h"

#include "tests/unit/facts.h"

#include <math.h>

static void files_stand_in_classes(void **state)
{
	(void)state;
	struct shape shape = { 0 };
	shape_add_file(&shape, 0);
	shape_add_file(&shape, 55);
	assert_false(shape_has_files(&shape));
	shape_add_file(&shape, 56);
	shape_add_file(&shape, 8192);
	shape_add_file(&shape, 8193);
	shape_add_file(&shape, UINT64_C(1) << 40);
	assert_true(shape_has_files(&shape));
	assert_int_equal(shape.literals, 2);
	assert_int_equal(shape_size(&shape, 0), (56 + 8192) / 2);
	assert_int_equal(shape_size(&shape, 1), 8193);
	assert_int_equal(shape_size(&shape, 2), 0);
	assert_int_equal(shape_size(&shape, SHAPE_CLASSES - 1), SHAPE_MEASURED_MAX);
	shape_add_file(&shape, UINT64_MAX); /* a sum that ends at the largest number */
	assert_int_equal(shape.class[SHAPE_CLASSES - 1].bytes, UINT64_MAX);
}

static struct step step_of(const char *op, uint64_t size, double speed, double spread)
{
	struct step step = { .size = size, .objects_per_second = speed, .spread = spread };
	snprintf(step.op, sizeof step.op, "%s", op);
	return step;
}

static void the_best_steps_are_added_up(void **state)
{
	(void)state;
	struct shape shape = { .directories = 4, .children = 42 };
	struct shape_time time;
	struct step step[] = {
		step_of("put", 1000, 10, 0),   step_of("put", 1000, 100, 0), /* the best */
		step_of("get", 1000, 1000, 0), step_of("put", SHAPE_MEASURED_MAX, 1, 0.25),
		step_of("make", 10, 2, 2),
	};
	const struct results results = { .step = step, .count = ARRAY_COUNT(step) };
	for (int i = 0; i < 1000; i++)
		shape_add_file(&shape, 1000);
	shape_add_file(&shape, 10 * SHAPE_MEASURED_MAX); /* takes ten times as long */
	assert_true(shape_time(&shape, &results, "put", "make", &time));
	/* 10 % where the samples agree, what they differ by, 50 % at most */
	assert_true(fabs(time.least - (10 / 1.1 + 10 / 1.25 + 2 / 1.5)) < 1e-9);
	assert_true(fabs(time.most - (10 / 0.9 + 10 / 0.75 + 2 / 0.5)) < 1e-9);
	shape_add_file(&shape, 20000); /* nobody has measured that */
	assert_false(shape_time(&shape, &results, "put", "make", &time));
}

static void directories_of_nothing_count_nothing(void **state)
{
	(void)state;
	struct shape shape = { .directories = 3 };
	assert_int_equal(shape_children(&shape), 0);
	shape.children = 1;
	assert_int_equal(shape_children(&shape), 1);
	shape.children = 3000000;
	assert_int_equal(shape_children(&shape), SHAPE_CHILDREN_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_stand_in_classes),
		cmocka_unit_test(the_best_steps_are_added_up),
		cmocka_unit_test(directories_of_nothing_count_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
