#include "engine/quota.h"

#include "report/progress.h"

void quota_init(struct quota *quota, uint64_t max_bytes, uint64_t max_ms, uint64_t now_ms)
{
	*quota = (struct quota){ .max_bytes = max_bytes, .max_ms = max_ms, .begin_ms = now_ms };
}

static bool reach(struct quota *quota, enum quota_limit limit)
{
	unsigned none = QUOTA_NONE;
	atomic_compare_exchange_strong(&quota->reached, &none, limit);
	return false;
}

bool quota_admits(struct quota *quota, uint64_t bytes, uint64_t now_ms)
{
	if (quota_reached(quota) != QUOTA_NONE)
		return false;
	if (quota->max_ms > 0 && now_ms - quota->begin_ms >= quota->max_ms)
		return reach(quota, QUOTA_DURATION);
	uint64_t before = counter_add(&quota->begun, bytes);
	if (quota->max_bytes > 0 && bytes > 0 && before >= quota->max_bytes)
		return reach(quota, QUOTA_TRANSFER);
	return true;
}

enum quota_limit quota_reached(const struct quota *quota)
{
	return (enum quota_limit)atomic_load(&quota->reached);
}

const char *quota_text(const struct quota *quota, char text[QUOTA_TEXT_SIZE])
{
	char bytes[QUANTITY_SIZE];
	switch (quota_reached(quota)) {
	case QUOTA_NONE:
		return NULL;
	case QUOTA_TRANSFER:
		snprintf(text, QUOTA_TEXT_SIZE, "--max-transfer %s",
			 quantity_bytes(quota->max_bytes, bytes));
		break;
	case QUOTA_DURATION:
		snprintf(text, QUOTA_TEXT_SIZE, "--max-duration %llu.%03llu s",
			 (unsigned long long)(quota->max_ms / 1000),
			 (unsigned long long)(quota->max_ms % 1000));
		break;
	}
	return text;
}
