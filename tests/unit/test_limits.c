#include "base/limits.h"

#include "tests/unit/facts.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

static struct rlimit set_soft(rlim_t soft)
{
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = soft;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	return limit;
}

static void the_soft_limit_goes_up_to_the_hard_one(void **state)
{
	(void)state;
	struct rlimit limit = set_soft(64);
	limits_raise();
	struct rlimit now;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
	assert_int_equal(now.rlim_cur, limit.rlim_max < 65536 ? limit.rlim_max : 65536);
}

/* As many as are left can be opened, and not one more. */
static void what_is_left_can_be_opened(void **state)
{
	(void)state;
	set_soft(80);
	unsigned left = limits_left(), count = 0;
	int fd[80];
	assert_in_range(left, 20, 77);
	while (count < 80 && (fd[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
		count++;
	assert_int_equal(count, left);
	assert_int_equal(limits_left(), 0);
	close(fd[--count]);
	close(fd[--count]);
	assert_in_range(limits_left(), 1, 2);
	while (count > 0)
		close(fd[--count]);
	assert_int_equal(limits_left(), left);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_soft_limit_goes_up_to_the_hard_one),
		cmocka_unit_test(what_is_left_can_be_opened),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
