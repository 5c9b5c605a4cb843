#include "commit/intents.h"

#include "base/secret.h"
#include "queue/core/array.h"
#include "queue/core/kill.h"
#include "queue/record.h"

enum { RECORD_INTENT = 1, ID_SIZE = 8 };

struct intent {
	uint64_t id;
	struct mutable_key key;
};

struct intents {
	struct record_log *log;
	struct intent **intent; /* in no order: few */
	size_t count, capacity;
};

static struct intent *find_intent(const struct intents *intents, uint64_t id)
{
	for (size_t i = 0; i < intents->count; i++)
		if (intents->intent[i]->id == id)
			return intents->intent[i];
	return NULL;
}

/* Keeps the key in memory.  Each intent has its own, so that a growing array moves no keys. */
static bool remember(struct intents *intents, uint64_t id, const struct mutable_key *key)
{
	struct intent *intent = find_intent(intents, id);
	if (!intent) {
		if (!array_reserve(&intents->intent, intents->count, &intents->capacity,
				   sizeof *intents->intent))
			return false;
		intent = malloc(sizeof *intent);
		if (!intent)
			return false;
		intents->intent[intents->count++] = intent;
	}
	intent->id = id;
	intent->key = *key;
	return true;
}

struct intent_recovery {
	struct intents *intents;
	struct outcomes *outcomes;
	struct err err;
};

/* Takes in one record of the keys file.  The first fault stays: the log cannot be stopped. */
static void recall_intent(void *context, uint8_t type, const unsigned char *payload, size_t size)
{
	struct intent_recovery *recovery = context;
	struct outcome outcome;
	struct mutable_key key;
	if (recovery->err.fault)
		return;
	if (type != RECORD_INTENT || size <= ID_SIZE) {
		err_set(&recovery->err, FAULT_CORRUPT,
			"the keys file has a record of no known kind");
		return;
	}
	uint64_t id = load_le64(payload);
	if (outcomes_read(recovery->outcomes, id, 1, &outcome, &recovery->err) ||
	    outcome_is_settled(&outcome))
		return;
	if (mutable_key_from_der(payload + ID_SIZE, size - ID_SIZE, &key, &recovery->err))
		return;
	if (!remember(recovery->intents, id, &key))
		err_set(&recovery->err, FAULT_NOMEM, "no memory for keys");
	mutable_key_wipe(&key);
}

enum fault intents_open(const char *path, const unsigned char job_id[16], struct outcomes *outcomes,
			struct intents **intents, struct err *err)
{
	struct intents *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for keys");
	struct intent_recovery recovery = { .intents = made, .outcomes = outcomes };
	enum fault fault = record_log_open(path, job_id, recall_intent, &recovery, &made->log, err);
	if (!fault && recovery.err.fault) {
		*err = recovery.err;
		fault = err->fault;
	}
	if (fault) {
		intents_close(made);
		return fault;
	}
	*intents = made;
	return FAULT_NONE;
}

const struct mutable_key *intents_find(const struct intents *intents, uint64_t id)
{
	const struct intent *intent = find_intent(intents, id);
	return intent ? &intent->key : NULL;
}

enum fault intents_add(struct intents *intents, uint64_t id, const struct mutable_key *key,
		       struct err *err)
{
	unsigned char record[ID_SIZE + MUTABLE_DER_MAX];
	store_le64(record, id);
	memcpy(record + ID_SIZE, key->der, key->der_size);
	enum fault fault = record_log_append(intents->log, RECORD_INTENT, record,
					     ID_SIZE + key->der_size, err);
	secret_wipe(record, sizeof record);
	if (fault)
		return fault;
	KILL_POINT("intent-durable");
	if (!remember(intents, id, key))
		return err_set(err, FAULT_NOMEM, "no memory for keys");
	return FAULT_NONE;
}

void intents_forget(struct intents *intents, uint64_t id)
{
	for (size_t i = 0; i < intents->count; i++) {
		if (intents->intent[i]->id != id)
			continue;
		mutable_key_wipe(&intents->intent[i]->key);
		free(intents->intent[i]);
		intents->intent[i] = intents->intent[--intents->count];
		return;
	}
}

void intents_close(struct intents *intents)
{
	if (!intents)
		return;
	while (intents->count > 0)
		intents_forget(intents, intents->intent[0]->id);
	free(intents->intent);
	record_log_close(intents->log);
	free(intents);
}
