#include "queue/core/kill.h"

#include "tests/unit/facts.h"

#include <sys/wait.h>
#include <unistd.h>

/* Passes the point "here" three times in a child, and returns the child's wait status.  The
 * parent never passes one itself, because what the environment says is read once a process. */
static int fate(const char *wish)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (wish)
			setenv("BARGE_KILL", wish, 1);
		int passages = 0;
		for (; passages < 3; passages++) {
			KILL_POINT("there");
			KILL_POINT("here");
		}
		_exit(passages);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static bool died(const char *wish)
{
	int status = fate(wish);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGKILL);
		return true;
	}
	assert_int_equal(WEXITSTATUS(status), 3);
	return false;
}

#ifdef BARGE_KILL_POINTS
enum { ENABLED = true };
#else
enum { ENABLED = false };
#endif

static void kills_at_the_passage_asked_for(void **state)
{
	(void)state;
	assert_int_equal(died("here"), ENABLED);
	assert_int_equal(died("here:1"), ENABLED);
	assert_int_equal(died("here:3"), ENABLED);
	assert_int_equal(died("there:3"), ENABLED);
}

static void leaves_the_process_alone_otherwise(void **state)
{
	(void)state;
	assert_false(died(NULL));
	assert_false(died(""));
	assert_false(died("here:4"));
	assert_false(died("here:0"));
	assert_false(died("here:x"));
	assert_false(died("her"));
	assert_false(died("heree"));
}

int main(void)
{
	unsetenv("BARGE_KILL");
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(kills_at_the_passage_asked_for),
		cmocka_unit_test(leaves_the_process_alone_otherwise),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
