/*
 * Locks and threads, with misuse made fatal and lock rules visible to clang.
 *
 * A failing lock is a bug in this program, never a condition to recover from, so the lock calls
 * return nothing.  Build with clang -Wthread-safety to have the rules below checked.
 *
 * Place      under everything that has threads; nobody else includes pthread.h.
 */
#pragma once

#include "queue/core/base.h"

#include <errno.h>
#include <pthread.h>

#ifdef __clang__
#define TSA(x) __attribute__((x))
#else
#define TSA(x)
#endif

#define GUARDED       TSA(guarded_var) /* member: touch only with the struct's lock held */
#define REQUIRES(...) TSA(requires_capability(__VA_ARGS__))
#define ACQUIRES(...) TSA(acquire_capability(__VA_ARGS__))
#define RELEASES(...) TSA(release_capability(__VA_ARGS__))
#define UNCHECKED     TSA(no_thread_safety_analysis)

struct TSA(capability("mutex")) mutex {
	pthread_mutex_t os;
};

struct cond {
	pthread_cond_t os;
};

static inline void must(int rc)
{
	if (rc != 0)
		abort();
}

static inline void mutex_init(struct mutex *m) { must(pthread_mutex_init(&m->os, NULL)); }
static inline void mutex_fini(struct mutex *m) { must(pthread_mutex_destroy(&m->os)); }
void cond_init(struct cond *c);
static inline void cond_fini(struct cond *c) { must(pthread_cond_destroy(&c->os)); }
static inline void cond_wake_one(struct cond *c) { must(pthread_cond_signal(&c->os)); }
static inline void cond_wake_all(struct cond *c) { must(pthread_cond_broadcast(&c->os)); }

static inline void mutex_lock(struct mutex *m) ACQUIRES(m) UNCHECKED
{
	must(pthread_mutex_lock(&m->os));
}

static inline void mutex_unlock(struct mutex *m) RELEASES(m) UNCHECKED
{
	must(pthread_mutex_unlock(&m->os));
}

/* Sleeps with `m` released and holds it again on return; may wake early, so call it in a loop. */
static inline void cond_wait(struct cond *c, struct mutex *m) REQUIRES(m)
{
	must(pthread_cond_wait(&c->os, &m->os));
}

/*
 * Sleeps like cond_wait, but no longer than `timeout_ms` of the monotonic clock.
 * Returns false when the time ran out.
 */
bool cond_wait_ms(struct cond *c, struct mutex *m, uint32_t timeout_ms) REQUIRES(m);

struct thread {
	pthread_t os;
};

typedef void thread_main(void *context);

/*
 * Starts a thread that runs `entry(context)` under `name` (at most 15 characters), with every
 * signal blocked. Returns false when the system has no more threads; the only call of this header
 * that may fail.
 */
MUST_USE bool thread_start(struct thread *thread, const char *name, thread_main *entry,
			   void *context);

/* Sleeps until the thread has returned. */
void thread_join(struct thread *thread);

/* Milliseconds of the monotonic clock. */
uint64_t clock_ms(void);
