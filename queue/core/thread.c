#include "queue/core/thread.h"

#include <assert.h>

void cond_init(struct cond *c)
{
	pthread_condattr_t attributes;
	must(pthread_condattr_init(&attributes));
	must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
	must(pthread_cond_init(&c->os, &attributes));
	must(pthread_condattr_destroy(&attributes));
}

bool cond_wait_ms(struct cond *c, struct mutex *m, uint32_t timeout_ms)
{
	struct timespec deadline;
	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += timeout_ms / 1000;
	deadline.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (deadline.tv_nsec >= 1000000000) {
		deadline.tv_sec++;
		deadline.tv_nsec -= 1000000000;
	}
	int rc = pthread_cond_timedwait(&c->os, &m->os, &deadline);
	if (rc == ETIMEDOUT)
		return false;
	must(rc);
	return true;
}

struct start {
	thread_main *entry;
	void *context;
	char name[16];
};

static void *thread_run(void *argument)
{
	struct start start = *(struct start *)argument;
	free(argument);
	pthread_setname_np(pthread_self(), start.name);
	start.entry(start.context);
	return NULL;
}

bool thread_start(struct thread *thread, const char *name, thread_main *entry, void *context)
{
	struct start *start = calloc(1, sizeof *start);
	if (!start)
		return false;
	start->entry = entry;
	start->context = context;
	assert(strlen(name) < sizeof start->name);
	memcpy(start->name, name, strlen(name));
	sigset_t all, before;
	sigfillset(&all);
	must(pthread_sigmask(SIG_SETMASK, &all, &before));
	int rc = pthread_create(&thread->os, NULL, thread_run, start);
	must(pthread_sigmask(SIG_SETMASK, &before, NULL));
	if (rc != 0)
		free(start);
	return rc == 0;
}

void thread_join(struct thread *thread) { must(pthread_join(thread->os, NULL)); }

uint64_t clock_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
