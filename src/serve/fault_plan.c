#include "serve/fault_plan.h"

#include <errno.h>
#include <limits.h>

enum fault_kind {
	FAULT_KIND_DELAY,
	FAULT_KIND_500,
	FAULT_KIND_410,
	FAULT_KIND_UNHAPPY,
	FAULT_KIND_RESET,
	FAULT_KIND_STALL,
	FAULT_KIND_TRUNCATE,
	FAULT_KIND_WRONG_BODY,
	FAULT_KIND_LIE,
	FAULT_KIND_WRONG_CAP,
	FAULT_KIND_LOST_REPLY,
	FAULT_KIND_COUNT,
};

static const char *const fault_kinds[FAULT_KIND_COUNT] = {
	[FAULT_KIND_DELAY] = "delay",
	[FAULT_KIND_500] = "500",
	[FAULT_KIND_410] = "410",
	[FAULT_KIND_UNHAPPY] = "unhappy",
	[FAULT_KIND_RESET] = "reset",
	[FAULT_KIND_STALL] = "stall",
	[FAULT_KIND_TRUNCATE] = "truncate",
	[FAULT_KIND_WRONG_BODY] = "wrong-body",
	[FAULT_KIND_LIE] = "lie",
	[FAULT_KIND_WRONG_CAP] = "wrong-cap",
	[FAULT_KIND_LOST_REPLY] = "lost-reply",
};

static const char *const request_kinds[REQUEST_KIND_COUNT] = {
	[REQUEST_PUT] = "put",
	[REQUEST_GET] = "get",
	[REQUEST_HEAD] = "head",
	[REQUEST_MKDIR] = "mkdir",
	[REQUEST_MKDIR_IMMUTABLE] = "mkdir-immutable",
	[REQUEST_SET_CHILDREN] = "set_children",
	[REQUEST_LINK] = "link",
	[REQUEST_UNLINK] = "unlink",
	[REQUEST_JSON] = "json",
	[REQUEST_CHECK] = "check",
	[REQUEST_OTHER] = "other",
};

enum {
	REQUEST_ANY = REQUEST_KIND_COUNT,
	PERCENT_ALWAYS = 100,
	RULES_MAX = 64,      /* more on one command line is a mistake */
	REASON_SIZE = 160,   /* fits into struct err */
	LIE_SIZE = 24,       /* bytes of Tahoe's sentence, TAHOE fact 1 */
	DELAY_MAX = 3600000, /* an hour, in milliseconds */
};

struct fault_rule {
	unsigned request; /* enum request_kind or REQUEST_ANY */
	enum fault_kind kind;
	uint64_t number; /* of `delay` and `lie` */
	char reason[REASON_SIZE];
	uint64_t first, last; /* counts, inclusive */
	unsigned percent;
	uint64_t seen; /* requests so far */
};

struct fault_plan {
	size_t count;
	uint64_t hits;
	struct fault_rule rules[RULES_MAX];
};

const char *request_kind_name(enum request_kind kind) { return request_kinds[kind]; }

/* The index of the `size` bytes at `text` in `words`, or `count`. */
static unsigned word_find(const char *const words[], unsigned count, const char *text, size_t size)
{
	for (unsigned i = 0; i < count; i++) {
		if (strlen(words[i]) == size && memcmp(words[i], text, size) == 0)
			return i;
	}
	return count;
}

/* Reads digits at *cursor and moves it behind them. */
static bool number_read(const char **cursor, uint64_t max, uint64_t *number)
{
	if (**cursor < '0' || **cursor > '9')
		return false;
	char *end;
	errno = 0;
	const unsigned long long value = strtoull(*cursor, &end, 10);
	*cursor = end;
	*number = value;
	return errno == 0 && value <= max;
}

/* Reads "@N", "@N+", "@N-M", "%P" or nothing. */
static bool when_read(const char *when, struct fault_rule *rule)
{
	rule->first = 1;
	rule->last = UINT64_MAX;
	rule->percent = PERCENT_ALWAYS;
	uint64_t percent;
	switch (*when++) {
	case '\0':
		return true;
	case '%':
		if (!number_read(&when, PERCENT_ALWAYS, &percent))
			return false;
		rule->percent = (unsigned)percent;
		return *when == '\0';
	default: /* "@" */
		if (!number_read(&when, UINT32_MAX, &rule->first) || rule->first == 0)
			return false;
		if (strcmp(when, "+") == 0)
			return true;
		rule->last = rule->first;
		if (*when == '-' && (when++, !number_read(&when, UINT32_MAX, &rule->last)))
			return false;
		return *when == '\0' && rule->last >= rule->first;
	}
}

static bool argument_read(const char *text, size_t size, struct fault_rule *rule)
{
	if (rule->kind == FAULT_KIND_500 && size < sizeof rule->reason) {
		memcpy(rule->reason, text, size);
		return true;
	}
	rule->number = LIE_SIZE;
	const bool needed = rule->kind == FAULT_KIND_DELAY;
	if (!needed && (size == 0 || rule->kind != FAULT_KIND_LIE))
		return size == 0;
	const char *cursor = text;
	return number_read(&cursor, DELAY_MAX, &rule->number) && cursor == text + size;
}

/* The place of WHEN in `spec`: its last "@" or "%", or its end. */
static const char *when_find(const char *spec)
{
	const size_t size = strlen(spec);
	for (size_t i = size; i > 0; i--) {
		if (spec[i - 1] == '@' || spec[i - 1] == '%')
			return spec + i - 1;
	}
	return spec + size;
}

/* Reads REQUEST:KIND[=ARGUMENT][WHEN].  Returns what is wrong with it, or NULL. */
static const char *rule_read(const char *spec, struct fault_rule *rule)
{
	const char *colon = strchr(spec, ':');
	if (!colon)
		return "has no ':'";
	const size_t request_size = (size_t)(colon - spec);
	rule->request = word_find(request_kinds, REQUEST_KIND_COUNT, spec, request_size);
	const bool any = request_size == 3 && memcmp(spec, "any", 3) == 0;
	if (rule->request == REQUEST_ANY && !any)
		return "names no kind of request";
	const char *kind = colon + 1;
	const char *when = when_find(kind);
	const char *equals = memchr(kind, '=', (size_t)(when - kind));
	const char *kind_end = equals ? equals : when;
	const unsigned found =
		word_find(fault_kinds, FAULT_KIND_COUNT, kind, (size_t)(kind_end - kind));
	if (found == FAULT_KIND_COUNT)
		return "names no kind of fault";
	rule->kind = (enum fault_kind)found;
	const char *argument = equals ? equals + 1 : when;
	if (!argument_read(argument, (size_t)(when - argument), rule))
		return "has a wrong argument";
	return when_read(when, rule) ? NULL : "says a wrong count";
}

enum fault fault_plan_add(struct fault_plan **plan, const char *spec, struct err *err)
{
	struct fault_rule rule = { 0 };
	const char *wrong = rule_read(spec, &rule);
	if (wrong)
		return err_set(err, FAULT_USAGE, "fault '%.80s' %s", spec, wrong);
	if (!*plan)
		*plan = calloc(1, sizeof **plan);
	if (!*plan)
		return err_set(err, FAULT_NOMEM, "out of memory for faults");
	if ((*plan)->count == RULES_MAX)
		return err_set(err, FAULT_USAGE, "more than %d faults", RULES_MAX);
	(*plan)->rules[(*plan)->count++] = rule;
	return FAULT_NONE;
}

void fault_plan_free(struct fault_plan *plan) { free(plan); }

/* A number that looks random; splitmix64, public domain. */
static uint64_t scramble(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

/* Counts the request and says whether it is one of those to fail. */
static bool rule_strikes(struct fault_rule *rule, size_t index, enum request_kind kind)
{
	if (rule->request != REQUEST_ANY && rule->request != kind)
		return false;
	rule->seen++;
	if (rule->seen < rule->first || rule->seen > rule->last)
		return false;
	return scramble(rule->seen << 8 | index) % PERCENT_ALWAYS < rule->percent;
}

static void action_add(struct fault_action *action, const struct fault_rule *rule)
{
	switch (rule->kind) {
	case FAULT_KIND_DELAY:
		action->delay_ms += (uint32_t)rule->number;
		break;
	case FAULT_KIND_500:
		action->status = 500;
		action->reason = rule->reason[0] ? rule->reason : NULL;
		break;
	case FAULT_KIND_410:
		action->status = 410;
		break;
	case FAULT_KIND_UNHAPPY:
		action->unhappy = true;
		break;
	case FAULT_KIND_RESET:
		action->reset = true;
		break;
	case FAULT_KIND_STALL:
		action->stall = true;
		break;
	case FAULT_KIND_TRUNCATE:
		action->truncate = true;
		break;
	case FAULT_KIND_WRONG_BODY:
		action->wrong_body = true;
		break;
	case FAULT_KIND_LIE:
		action->lie = true;
		action->lie_size = (uint32_t)rule->number;
		break;
	case FAULT_KIND_WRONG_CAP:
		action->wrong_cap = true;
		break;
	case FAULT_KIND_LOST_REPLY:
		action->lost_reply = true;
		break;
	case FAULT_KIND_COUNT:
		break;
	}
}

void fault_plan_next(struct fault_plan *plan, enum request_kind kind, struct fault_action *action)
{
	*action = (struct fault_action){ 0 };
	bool hit = false;
	for (size_t i = 0; plan && i < plan->count; i++) {
		if (!rule_strikes(&plan->rules[i], i, kind))
			continue;
		action_add(action, &plan->rules[i]);
		hit = true;
	}
	if (plan)
		plan->hits += hit;
}

uint64_t fault_plan_hits(const struct fault_plan *plan) { return plan ? plan->hits : 0; }
