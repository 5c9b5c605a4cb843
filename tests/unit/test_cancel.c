#include "base/cancel.h"

#include "tests/unit/facts.h"

#include <sys/wait.h>
#include <unistd.h>

static void write_byte(void *context)
{
	const int *fd = context;
	assert_int_equal(write(*fd, "x", 1), 1);
}

/* Runs in a process of its own: signals and the flag are the whole process's. */
static int first_signal_wakes(void)
{
	struct err err;
	int ends[2];
	char byte;
	if (pipe(ends) != 0 || cancel_start(3, &err) != FAULT_NONE || cancel_asked())
		return 10;
	int number = cancel_watch(write_byte, &ends[1]);
	int other = cancel_watch(write_byte, &ends[1]);
	cancel_unwatch(other);
	kill(getpid(), SIGTERM);
	if (read(ends[0], &byte, 1) != 1)
		return 11;
	cancel_unwatch(number);
	if (!cancel_asked())
		return 12;
	/* Who comes later is told at once. */
	number = cancel_watch(write_byte, &ends[1]);
	cancel_unwatch(number);
	close(ends[1]);
	size_t more = 0;
	while (read(ends[0], &byte, 1) == 1)
		more++;
	cancel_stop();
	return more == 1 ? 0 : 13;
}

static int second_signal_ends(void)
{
	struct err err;
	int ends[2];
	char byte;
	if (pipe(ends) != 0 || cancel_start(3, &err) != FAULT_NONE)
		return 10;
	cancel_watch(write_byte, &ends[1]);
	kill(getpid(), SIGINT);
	if (read(ends[0], &byte, 1) != 1)
		return 11;
	kill(getpid(), SIGHUP);
	for (;;)
		pause();
}

static int ignored_stays_ignored(void)
{
	struct err err;
	int ends[2];
	char byte;
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigaction(SIGHUP, &ignore, NULL);
	if (pipe(ends) != 0 || cancel_start(3, &err) != FAULT_NONE)
		return 10;
	kill(getpid(), SIGHUP);
	kill(getpid(), SIGUSR1); /* a stray one is nothing */
	cancel_watch(write_byte, &ends[1]);
	if (cancel_asked())
		return 11;
	kill(getpid(), SIGTERM);
	if (read(ends[0], &byte, 1) != 1 || !cancel_asked())
		return 12;
	cancel_stop();
	return 0;
}

static int status_of(int (*function)(void))
{
	int status = 0;
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		alarm(60);
		_exit(function());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void the_first_signal_sets_the_flag_and_wakes(void **state)
{
	(void)state;
	assert_int_equal(status_of(first_signal_wakes), 0);
}

static void the_second_signal_ends_at_once(void **state)
{
	(void)state;
	assert_int_equal(status_of(second_signal_ends), 3);
}

static void a_signal_ignored_at_start_stays_ignored(void **state)
{
	(void)state;
	assert_int_equal(status_of(ignored_stays_ignored), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_signal_sets_the_flag_and_wakes),
		cmocka_unit_test(the_second_signal_ends_at_once),
		cmocka_unit_test(a_signal_ignored_at_start_stays_ignored),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
