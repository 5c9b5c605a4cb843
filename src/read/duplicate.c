#include "read/duplicate.h"

/* First byte of a key: two kinds of content keys share one table. */
enum { KEY_WHOLE = 1, KEY_PREFIX = 2 };

static void fill_key(int kind, const unsigned char key[16], uint64_t size,
		     unsigned char out[FLIGHT_KEY_SIZE])
{
	memset(out, 0, FLIGHT_KEY_SIZE);
	out[0] = (unsigned char)kind;
	store_le64(out + 8, size);
	memcpy(out + 16, key, 16);
}

void duplicate_whole_key(const unsigned char key[16], uint64_t size,
			 unsigned char out[FLIGHT_KEY_SIZE])
{
	fill_key(KEY_WHOLE, key, size, out);
}

void duplicate_prefix_key(const unsigned char key[16], uint64_t size,
			  unsigned char out[FLIGHT_KEY_SIZE])
{
	fill_key(KEY_PREFIX, key, size, out);
}

struct duplicate *duplicate_new(struct work *work, const struct meta *meta, uint64_t size,
				const struct body_proof *proof)
{
	struct duplicate *duplicate = calloc(1, sizeof *duplicate);
	if (!duplicate)
		return NULL;
	duplicate->work = work;
	duplicate->meta = *meta;
	duplicate->size = size;
	duplicate->proven = proof;
	if (proof)
		duplicate->proof = *proof;
	return duplicate;
}

/* Value: cap 0..59, its kind, its size, the levels met. */
static void pack(const struct outcome *outcome, unsigned char value[FLIGHT_VALUE_SIZE])
{
	memset(value, 0, FLIGHT_VALUE_SIZE);
	memcpy(value, outcome->cap, OUTCOME_CAP_MAX);
	value[60] = outcome->cap_kind;
	value[61] = outcome->cap_size;
	value[62] = outcome->level;
}

void duplicate_outcome(const struct meta *meta, uint64_t size, const struct body_proof *proof,
		       struct outcome *outcome)
{
	outcome->state = OUTCOME_DONE;
	outcome->length = size;
	memcpy(outcome->content, proof->content, sizeof outcome->content);
	meta_pack_outcome(meta, outcome->meta);
}

void duplicate_settle(void *context, void *item, const unsigned char *value)
{
	(void)context;
	struct duplicate *duplicate = item;
	unsigned attempts = duplicate->work->task->attempts;
	if (value && duplicate->proven) {
		struct outcome outcome = {
			.cap_kind = value[60],
			.cap_size = value[61],
			.level = value[62],
			.attempts = (uint8_t)(attempts < UINT8_MAX ? attempts + 1 : UINT8_MAX),
		};
		memcpy(outcome.cap, value, OUTCOME_CAP_MAX);
		duplicate_outcome(&duplicate->meta, duplicate->size, &duplicate->proof, &outcome);
		work_settle(duplicate->work, &outcome, NULL);
	} else {
		work_again(duplicate->work, 0, attempts);
	}
	explicit_bzero(duplicate, sizeof *duplicate);
	free(duplicate);
}

void duplicate_end(struct flight *flight, struct body *body, const struct outcome *outcome)
{
	if (!body->flying)
		return;
	body->flying = false;
	unsigned char value[FLIGHT_VALUE_SIZE];
	if (outcome)
		pack(outcome, value);
	if (outcome && body->stream) {
		unsigned char whole[FLIGHT_KEY_SIZE];
		duplicate_whole_key(body->proof.key, body->size, whole);
		if (memcmp(whole, body->flight_key, FLIGHT_KEY_SIZE) != 0)
			flight_learn(flight, whole, value);
	}
	flight_end(flight, body->flight_key, outcome ? value : NULL, duplicate_settle, NULL);
	explicit_bzero(value, sizeof value);
}
