#include "keys/twins.h"

#include "queue/core/array.h"

void twins_init(struct twins *twins)
{
	*twins = (struct twins){ 0 };
	mutex_init(&twins->lock);
	cond_init(&twins->ended);
}

void twins_fini(struct twins *twins) UNCHECKED
{
	free(twins->twin);
	cond_fini(&twins->ended);
	mutex_fini(&twins->lock);
}

static struct twin *find(const struct twins *twins, const unsigned char hash[CONTENT_HASH_SIZE])
	REQUIRES(twins->lock)
{
	for (size_t i = 0; i < twins->count; i++)
		if (memcmp(twins->twin[i].hash, hash, CONTENT_HASH_SIZE) == 0)
			return &twins->twin[i];
	return NULL;
}

static enum fault add(struct twins *twins, const unsigned char hash[CONTENT_HASH_SIZE],
		      uint64_t number, struct err *err) REQUIRES(twins->lock)
{
	if (!array_reserve(&twins->twin, twins->count, &twins->room, sizeof *twins->twin))
		return err_set(err, FAULT_NOMEM, "no memory for chunks");
	struct twin *twin = &twins->twin[twins->count++];
	*twin = (struct twin){ .number = number };
	memcpy(twin->hash, hash, CONTENT_HASH_SIZE);
	return FAULT_NONE;
}

enum fault twins_begin(struct twins *twins, const unsigned char hash[CONTENT_HASH_SIZE],
		       uint64_t number, uint64_t *of, struct err *err)
{
	struct twin *twin;
	enum fault fault = FAULT_NONE;
	*of = number;
	mutex_lock(&twins->lock);
	while ((twin = find(twins, hash)) && !twin->sent)
		cond_wait(&twins->ended, &twins->lock);
	if (twin)
		*of = twin->number;
	else
		fault = add(twins, hash, number, err);
	mutex_unlock(&twins->lock);
	return fault;
}

void twins_end(struct twins *twins, uint64_t number, bool sent)
{
	mutex_lock(&twins->lock);
	size_t i = 0;
	while (i < twins->count && twins->twin[i].number != number)
		i++;
	if (i < twins->count && sent)
		twins->twin[i].sent = true;
	else if (i < twins->count)
		twins->twin[i] = twins->twin[--twins->count];
	cond_wake_all(&twins->ended);
	mutex_unlock(&twins->lock);
}
