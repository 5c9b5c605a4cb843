#include "store/health.h"

#include "base/secret.h"
#include "queue/core/thread.h"

#include <assert.h>

enum {
	PROBE_MIN_MS =
		250, /* the first interval between tries while there is trouble; it doubles */
	PROBE_MAX_MS = 5000,
	IDLE_MS = 60000, /* nothing was begun for so long, though it might have been */
};

/* Something small, stored to see whose the trouble is. */
enum sample {
	SAMPLE_NONE,
	SAMPLE_WANTED,
	SAMPLE_ASKED,
	SAMPLE_REFUSED,
};

/* One kind of work at one gateway. */
struct condition {
	uint64_t well;     /* number of the latest call that went well */
	uint64_t trouble;  /* number of the call whose failure began it; 0: there is none */
	uint32_t delay_ms; /* the last interval */
	uint64_t probe_ms; /* clock_ms from which on one more is begun */
	enum sample sample;
};

struct health {
	struct health_options options;
	struct mutex lock;
	uint64_t calls GUARDED; /* begun, and troubles begun: the order of both */
	struct condition condition[HEALTH_GATEWAYS_MAX][HEALTH_WORKS] GUARDED;
	uint64_t since_ms[HEALTH_WORKS] GUARDED; /* none went well at any gateway; 0: one did */
	bool told[HEALTH_WORKS] GUARDED;
	health_alone *alone GUARDED;
	void *alone_context GUARDED;
	uint32_t servers GUARDED;               /* known; 0: not said */
	struct health_canary canary[2] GUARDED; /* or none; of a file, and of a directory */
};

struct health *health_new(const struct health_options *options)
{
	struct health *health = calloc(1, sizeof *health);
	if (!health)
		return NULL;
	health->options = *options;
	mutex_init(&health->lock);
	return health;
}

void health_free(struct health *health)
{
	if (!health)
		return;
	mutex_fini(&health->lock);
	secret_wipe(health, sizeof *health);
	free(health);
}

static unsigned index_of(enum health_work work) { return (unsigned)__builtin_ctz(work); }

static struct condition *condition_of(struct health *health, const struct health_call *call)
	REQUIRES(health->lock)
{
	assert(call->gateway < HEALTH_GATEWAYS_MAX);
	return &health->condition[call->gateway][index_of(call->work)];
}

static void forget_trouble(struct condition *condition)
{
	*condition = (struct condition){ .well = condition->well };
}

struct health_call health_begin(struct health *health, unsigned gateway, enum health_work work)
{
	struct health_call call = { .work = work, .gateway = gateway };
	if (!health || !work)
		return call;
	uint64_t now = clock_ms();
	mutex_lock(&health->lock);
	struct condition *condition = condition_of(health, &call);
	if (condition->trouble && now > condition->probe_ms + IDLE_MS) {
		forget_trouble(condition);
		health->since_ms[index_of(work)] = 0;
	}
	call.number = ++health->calls;
	call.was_trouble = condition->trouble;
	mutex_unlock(&health->lock);
	return call;
}

void health_well(struct health *health, const struct health_call *call)
{
	if (!health || !call->work)
		return;
	unsigned index = index_of(call->work);
	mutex_lock(&health->lock);
	struct condition *condition = condition_of(health, call);
	bool over = call->number > condition->trouble;
	bool tell = over && health->told[index];
	condition->well = max_u64(condition->well, call->number);
	if (over) {
		forget_trouble(condition);
		health->since_ms[index] = 0;
		health->told[index] = false;
	}
	mutex_unlock(&health->lock);
	if (tell && health->options.tell)
		health->options.tell(health->options.context, NULL);
}

/* Puts the next try off, but not behind the end of the wait. */
static void put_off(struct condition *condition, uint64_t now, uint64_t end, struct err *err)
{
	uint64_t delay =
		min_u64(condition->delay_ms ? 2 * (uint64_t)condition->delay_ms : PROBE_MIN_MS,
			PROBE_MAX_MS);
	condition->delay_ms = (uint32_t)delay;
	delay = max_u64(delay, err->retry_after_ms);
	if (now < end)
		delay = min_u64(delay, end - now);
	condition->probe_ms = now + delay;
	err->retry_after_ms = (uint32_t)delay;
}

void health_watch_rest(struct health *health, health_alone *alone, void *context)
{
	mutex_lock(&health->lock);
	health->alone = alone;
	health->alone_context = context;
	mutex_unlock(&health->lock);
}

/* Whether more can be known of a trouble that was waited for: by a sample. */
static bool can_tell(const struct health *health, const struct health_call *call,
		     struct condition *condition) REQUIRES(health->lock)
{
	if (call->work != HEALTH_STORING || condition->sample == SAMPLE_REFUSED)
		return false;
	if (condition->sample == SAMPLE_ASKED)
		return true;
	if (!health->alone || !health->alone(health->alone_context))
		return false;
	condition->sample = SAMPLE_WANTED;
	return true;
}

bool health_asks(struct health *health, const struct health_call *call)
{
	if (!health || !call->work)
		return false;
	mutex_lock(&health->lock);
	struct condition *condition = condition_of(health, call);
	bool asks = condition->sample == SAMPLE_WANTED;
	if (asks)
		condition->sample = SAMPLE_ASKED;
	mutex_unlock(&health->lock);
	return asks;
}

void health_refused(struct health *health, const struct health_call *call)
{
	mutex_lock(&health->lock);
	condition_of(health, call)->sample = SAMPLE_REFUSED;
	mutex_unlock(&health->lock);
}

void health_trouble(struct health *health, const struct health_call *call, bool on_the_way,
		    struct err *err)
{
	if (!health || !call->work)
		return;
	const struct health_options *options = &health->options;
	uint64_t now = clock_ms(), wait_ms = on_the_way ? options->gateway_ms : options->grid_ms;
	unsigned index = index_of(call->work);
	bool tell = false;
	mutex_lock(&health->lock);
	struct condition *condition = condition_of(health, call);
	if (!health->since_ms[index])
		health->since_ms[index] = now;
	uint64_t end = health->since_ms[index] + wait_ms;
	err->trouble = ++health->calls;
	err->well = condition->well;
	if (call->was_trouble && condition->trouble) {
		put_off(condition, now, end, err);
		bool waits = now < end || (!on_the_way && can_tell(health, call, condition));
		err->excuse = waits ? EXCUSE_WAITING : EXCUSE_OVER;
		tell = !on_the_way && err->excuse == EXCUSE_WAITING && !health->told[index];
		health->told[index] |= tell;
	} else if (!condition->trouble) {
		condition->trouble = err->trouble;
		condition->delay_ms = PROBE_MIN_MS;
		condition->probe_ms = now + PROBE_MIN_MS;
	}
	mutex_unlock(&health->lock);
	if (tell && options->tell)
		options->tell(options->context, err);
	if (err->excuse != EXCUSE_OVER)
		return;
	err->fault = FAULT_UNAVAILABLE;
	err_wrap(err, "waited %u s for %s", (unsigned)(wait_ms / 1000),
		 on_the_way ? "the gateway" : "the grid");
}

void health_keep_canary(struct health *health, const struct health_canary *canary)
{
	if (!health)
		return;
	mutex_lock(&health->lock);
	health->canary[cap_is_directory(&canary->cap)] = *canary;
	mutex_unlock(&health->lock);
}

void health_keep_servers(struct health *health, uint32_t known)
{
	if (!health)
		return;
	mutex_lock(&health->lock);
	health->servers = known;
	mutex_unlock(&health->lock);
}

uint32_t health_servers(struct health *health)
{
	uint32_t servers = 0;
	if (health) {
		mutex_lock(&health->lock);
		servers = health->servers;
		mutex_unlock(&health->lock);
	}
	return servers ? servers : UINT32_MAX;
}

bool health_canary(struct health *health, bool of_directory, struct health_canary *canary)
{
	if (!health)
		return false;
	mutex_lock(&health->lock);
	*canary = health->canary[of_directory];
	mutex_unlock(&health->lock);
	return canary->cap.kind != CAP_NONE;
}

bool health_admits(struct health *health, unsigned gateway, unsigned works, uint32_t *wait_ms)
{
	uint64_t now = clock_ms(), at = now;
	if (!health || !works)
		return true;
	mutex_lock(&health->lock);
	struct condition *conditions = health->condition[gateway];
	for (unsigned i = 0; i < HEALTH_WORKS; i++)
		if ((works & 1u << i) && conditions[i].trouble)
			at = max_u64(at, conditions[i].probe_ms);
	for (unsigned i = 0; i < HEALTH_WORKS && at == now; i++)
		if ((works & 1u << i) && conditions[i].trouble)
			conditions[i].probe_ms = now + PROBE_MAX_MS;
	mutex_unlock(&health->lock);
	*wait_ms = (uint32_t)(at - now);
	return at == now;
}
