#include "commit/keyring.h"

#include "base/secret.h"
#include "queue/core/ring.h"
#include "queue/core/thread.h"

#include <sys/resource.h>
#include <unistd.h>

enum { THREADS_MAX = 8, NICENESS = 10 };

struct keyring {
	struct ring *ring; /* of struct mutable_key, each owned by the ring */
	unsigned started;
	struct thread thread[THREADS_MAX];

	struct mutex lock;
	struct cond change;
	uint64_t wanted GUARDED;
	uint64_t begun GUARDED; /* keys made or being made ahead, or made on the spot */
	bool closed GUARDED;
};

static void key_free(struct mutable_key *key)
{
	if (key)
		secret_wipe(key, sizeof *key);
	free(key);
}

/* Waits until another key is wanted.  Returns false once closed. */
static bool wait_for_demand(struct keyring *keyring)
{
	mutex_lock(&keyring->lock);
	while (!keyring->closed && keyring->begun >= keyring->wanted)
		cond_wait(&keyring->change, &keyring->lock);
	bool open = !keyring->closed;
	keyring->begun += open;
	mutex_unlock(&keyring->lock);
	return open;
}

/* One thread: makes a key as long as one is wanted; a full ring makes it wait. */
static void keyring_run(void *context)
{
	struct keyring *keyring = context;
	/* On Linux this is the calling thread alone. */
	(void)!setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
	while (wait_for_demand(keyring)) {
		struct mutable_key *key = malloc(sizeof *key);
		struct err err;
		/* What fails here fails again where the key is taken, and is told there. */
		if (!key || mutable_key_generate(key, &err) || !ring_push(keyring->ring, key)) {
			key_free(key);
			return;
		}
	}
}

enum fault keyring_new(unsigned threads, struct keyring **keyring, struct err *err)
{
	struct keyring *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for keys");
	mutex_init(&made->lock);
	cond_init(&made->change);
	made->ring = ring_new(KEYRING_AHEAD);
	bool complete = made->ring;
	for (unsigned i = 0; i < threads && i < THREADS_MAX && complete; i++) {
		complete = thread_start(&made->thread[i], "keys", keyring_run, made);
		made->started += complete;
	}
	if (!complete) {
		keyring_free(made);
		return err_set(err, FAULT_NOMEM, "no memory or threads for making keys");
	}
	*keyring = made;
	return FAULT_NONE;
}

void keyring_want(struct keyring *keyring, uint64_t total)
{
	mutex_lock(&keyring->lock);
	keyring->wanted = total;
	cond_wake_all(&keyring->change);
	mutex_unlock(&keyring->lock);
}

enum fault keyring_take(struct keyring *keyring, struct mutable_key *key, struct err *err)
{
	struct mutable_key *ready = ring_try_pop(keyring->ring);
	if (ready) {
		*key = *ready;
		key_free(ready);
		return FAULT_NONE;
	}
	mutex_lock(&keyring->lock);
	keyring->begun++;
	mutex_unlock(&keyring->lock);
	return mutable_key_generate(key, err);
}

void keyring_free(struct keyring *keyring)
{
	if (!keyring)
		return;
	mutex_lock(&keyring->lock);
	keyring->closed = true;
	cond_wake_all(&keyring->change);
	mutex_unlock(&keyring->lock);
	if (keyring->ring)
		ring_close(keyring->ring);
	for (unsigned i = 0; i < keyring->started; i++)
		thread_join(&keyring->thread[i]);
	for (struct mutable_key *key; keyring->ring && (key = ring_try_pop(keyring->ring));)
		key_free(key);
	ring_free(keyring->ring);
	cond_fini(&keyring->change);
	mutex_fini(&keyring->lock);
	free(keyring);
}
