#include "queue/core/flight.h"

#include "queue/core/thread.h"

#include <assert.h>
#include <xxhash.h>

/* A key in flight or known, or an item parked at one: each begin makes at most one of them. */
struct entry {
	struct entry *next;   /* of the same bucket; for a parked one: parked after it */
	struct entry *newer;  /* known: the result remembered after this one */
	struct entry *parked; /* in flight: the first item parked */
	struct entry **tail;  /* in flight: where the next one is parked */
	void *item;           /* of a parked one */
	bool known;
	unsigned char key[FLIGHT_KEY_SIZE];
	unsigned char value[FLIGHT_VALUE_SIZE]; /* known */
};

struct flight {
	struct mutex lock;
	size_t capacity;              /* results, and buckets; fixed by flight_new */
	size_t known GUARDED;         /* results, at most capacity */
	size_t flying GUARDED;        /* keys in flight */
	struct entry *oldest GUARDED; /* result, the first to be forgotten */
	struct entry *newest GUARDED; /* result */
	struct entry *bucket[] GUARDED;
};

struct flight *flight_new(size_t capacity)
{
	assert(capacity >= 2 && capacity <= FLIGHT_CAPACITY && (capacity & (capacity - 1)) == 0);
	struct flight *flight = calloc(1, sizeof *flight + capacity * sizeof flight->bucket[0]);
	if (!flight)
		return NULL;
	mutex_init(&flight->lock);
	flight->capacity = capacity;
	return flight;
}

/* Keys and values come from file contents and may be secrets. */
static void entry_free(struct entry *entry)
{
	if (entry)
		explicit_bzero(entry, sizeof *entry);
	free(entry);
}

/* Returns where the entry of `key` hangs, or where it is to be hung. */
static struct entry **find_flight(struct flight *flight, const unsigned char *key)
	REQUIRES(flight->lock)
{
	size_t index = XXH3_64bits(key, FLIGHT_KEY_SIZE) & (flight->capacity - 1);
	struct entry **at = &flight->bucket[index];
	while (*at && memcmp((*at)->key, key, FLIGHT_KEY_SIZE) != 0)
		at = &(*at)->next;
	return at;
}

static void take_off(struct flight *flight, struct entry **at, struct entry *fresh)
	REQUIRES(flight->lock)
{
	fresh->tail = &fresh->parked;
	*at = fresh;
	flight->flying++;
}

static void park(struct entry *flying, struct entry *fresh)
{
	*flying->tail = fresh;
	flying->tail = &fresh->next;
}

enum flight_answer flight_begin(struct flight *flight, const unsigned char key[FLIGHT_KEY_SIZE],
				void *item, unsigned char value[FLIGHT_VALUE_SIZE])
{
	assert(item);
	struct entry *fresh = calloc(1, sizeof *fresh);
	if (!fresh)
		return FLIGHT_NOMEM;
	memcpy(fresh->key, key, FLIGHT_KEY_SIZE);
	fresh->item = item;
	enum flight_answer answer = FLIGHT_KNOWN;
	mutex_lock(&flight->lock);
	struct entry **at = find_flight(flight, key);
	if (!*at) {
		answer = FLIGHT_FIRST;
		take_off(flight, at, fresh);
	} else if (!(*at)->known) {
		answer = FLIGHT_PARKED;
		park(*at, fresh);
	} else {
		memcpy(value, (*at)->value, FLIGHT_VALUE_SIZE);
	}
	mutex_unlock(&flight->lock);
	if (answer == FLIGHT_KNOWN)
		entry_free(fresh);
	return answer;
}

/* Unhangs the oldest result.  The caller frees it. */
static struct entry *forget_oldest(struct flight *flight) REQUIRES(flight->lock)
{
	struct entry *oldest = flight->oldest;
	struct entry **at = find_flight(flight, oldest->key);
	assert(*at == oldest);
	*at = oldest->next;
	flight->oldest = oldest->newer;
	flight->known--;
	return oldest;
}

/* Returns the entry to free: the result pushed out, or NULL. */
static struct entry *remember(struct flight *flight, struct entry *entry,
			      const unsigned char *value) REQUIRES(flight->lock)
{
	struct entry *forgotten = NULL;
	if (flight->known == flight->capacity)
		forgotten = forget_oldest(flight);
	memcpy(entry->value, value, FLIGHT_VALUE_SIZE);
	entry->known = true;
	entry->parked = NULL;
	if (flight->known == 0)
		flight->oldest = entry;
	else
		flight->newest->newer = entry;
	flight->newest = entry;
	flight->known++;
	return forgotten;
}

void flight_end(struct flight *flight, const unsigned char key[FLIGHT_KEY_SIZE],
		const unsigned char *value, flight_landed *landed, void *context)
{
	mutex_lock(&flight->lock);
	struct entry **at = find_flight(flight, key);
	struct entry *entry = *at;
	assert(entry && !entry->known);
	struct entry *parked = entry->parked;
	flight->flying--;
	struct entry *gone = entry;
	if (value)
		gone = remember(flight, entry, value);
	else
		*at = entry->next;
	mutex_unlock(&flight->lock);
	entry_free(gone);
	while (parked) {
		struct entry *next = parked->next;
		landed(context, parked->item, value);
		entry_free(parked);
		parked = next;
	}
}

void flight_learn(struct flight *flight, const unsigned char key[FLIGHT_KEY_SIZE],
		  const unsigned char value[FLIGHT_VALUE_SIZE])
{
	struct entry *fresh = calloc(1, sizeof *fresh);
	if (!fresh)
		return;
	memcpy(fresh->key, key, FLIGHT_KEY_SIZE);
	struct entry *gone = fresh;
	mutex_lock(&flight->lock);
	struct entry **at = find_flight(flight, key);
	if (!*at) {
		*at = fresh;
		gone = remember(flight, fresh, value);
	}
	mutex_unlock(&flight->lock);
	entry_free(gone);
}

void flight_free(struct flight *flight) UNCHECKED
{
	if (!flight)
		return;
	assert(flight->flying == 0);
	while (flight->oldest) {
		struct entry *newer = flight->oldest->newer;
		entry_free(flight->oldest);
		flight->oldest = newer;
	}
	mutex_fini(&flight->lock);
	free(flight);
}
