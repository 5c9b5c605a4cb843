#include "base/cancel.h"

#include "queue/core/thread.h"

#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

enum waker_state { WAKER_FREE, WAKER_TAKEN, WAKER_ARMED, WAKER_CALLING, WAKER_CALLED };

struct waker {
	atomic_int state; /* enum waker_state; whoever moves it from ARMED owns the rest */
	cancel_waker *call;
	void *context;
};

/* The one global of the program: whether to stop, and whom to tell. */
static atomic_bool asked;
static atomic_bool ended;
static int second_status; /* what a second signal ends the process with */
static struct waker table[CANCEL_WAKERS];
static sigset_t taken;
static struct thread thread;

/* Whom to tell before a second signal ends the process. */
static struct mutex last_lock = { PTHREAD_MUTEX_INITIALIZER };
static cancel_waker *last_call GUARDED;
static void *last_context GUARDED;

bool cancel_asked(void) { return atomic_load_explicit(&asked, memory_order_acquire); }

/* Calls a waker once, whoever comes first: the signal or the one who watches. */
static void call_waker(struct waker *waker)
{
	int armed = WAKER_ARMED;
	if (!atomic_compare_exchange_strong(&waker->state, &armed, WAKER_CALLING))
		return;
	waker->call(waker->context);
	atomic_store(&waker->state, WAKER_CALLED);
}

int cancel_watch(cancel_waker *call, void *context)
{
	for (int i = 0; i < CANCEL_WAKERS; i++) {
		int none = WAKER_FREE;
		if (!atomic_compare_exchange_strong(&table[i].state, &none, WAKER_TAKEN))
			continue;
		table[i].call = call;
		table[i].context = context;
		atomic_store(&table[i].state, WAKER_ARMED);
		if (cancel_asked())
			call_waker(&table[i]);
		return i;
	}
	abort(); /* more watchers than the program has parts */
}

void cancel_unwatch(int number)
{
	struct waker *waker = &table[number];
	for (;;) {
		int state = atomic_load(&waker->state);
		if (state != WAKER_CALLING &&
		    atomic_compare_exchange_strong(&waker->state, &state, WAKER_FREE))
			return;
		sched_yield();
	}
}

void cancel_last(cancel_waker *call, void *context) UNCHECKED
{
	mutex_lock(&last_lock);
	last_call = call;
	last_context = context;
	mutex_unlock(&last_lock);
}

/* Whoever is told is not freed meanwhile: the lock is never given back. */
static void end_at_once(void) UNCHECKED
{
	mutex_lock(&last_lock);
	if (last_call)
		last_call(last_context);
	_exit(second_status);
}

/* The thread of all signals: the first asks to stop, the second ends the process. */
static void take_signals(void *context)
{
	(void)context;
	for (;;) {
		int number = 0;
		if (sigwait(&taken, &number) != 0)
			continue;
		if (number == SIGUSR1 && atomic_load(&ended))
			return;
		if (number == SIGUSR1)
			continue;
		if (atomic_exchange(&asked, true))
			end_at_once();
		for (int i = 0; i < CANCEL_WAKERS; i++)
			call_waker(&table[i]);
	}
}

/* Adds a signal unless it was ignored at start: nohup, or a shell without job control. */
static void cancel_take(int number)
{
	struct sigaction before;
	if (sigaction(number, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
		sigaddset(&taken, number);
}

enum fault cancel_start(int status, struct err *err)
{
	second_status = status;
	sigemptyset(&taken);
	cancel_take(SIGINT);
	cancel_take(SIGTERM);
	cancel_take(SIGHUP);
	sigaddset(&taken, SIGUSR1);
	sigprocmask(SIG_BLOCK, &taken, NULL); /* one thread so far */
	if (!thread_start(&thread, "signals", take_signals, NULL))
		return err_set(err, FAULT_NOMEM, "cannot start a thread for signals");
	return FAULT_NONE;
}

void cancel_stop(void)
{
	atomic_store(&ended, true);
	kill(getpid(), SIGUSR1);
	thread_join(&thread);
}
