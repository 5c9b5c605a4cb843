#include "snapshot/moment.h"

#include "base/calendar.h"
#include "snapshot/stamp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR, WEEK = 7 * DAY };

/* Takes the digits at `*text`, and turns to what is behind them. */
static bool take_count(const char **text, int64_t *count)
{
	char *end;
	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	*count = strtoll(*text, &end, 10);
	*text = end;
	return !errno;
}

static bool read_relative(const char *text, int64_t now, int64_t *seconds)
{
	static const struct {
		const char *word;
		int64_t seconds;
	} unit[] = { { "minute", MINUTE }, { "hour", HOUR }, { "day", DAY }, { "week", WEEK } };
	int64_t count, back;
	if (!take_count(&text, &count) || *text != ' ')
		return false;
	text += strspn(text, " ");
	for (size_t i = 0; i < ARRAY_COUNT(unit); i++) {
		size_t size = strlen(unit[i].word);
		if (strncmp(text, unit[i].word, size) != 0)
			continue;
		text += size + (text[size] == 's');
		return strcmp(text, " ago") == 0 &&
		       !__builtin_mul_overflow(count, unit[i].seconds, &back) &&
		       !__builtin_sub_overflow(now, back, seconds);
	}
	return false;
}

static bool read_seconds(const char *text, int64_t *seconds)
{
	if (*text != '@')
		return false;
	text++;
	return take_count(&text, seconds) && *text == '\0';
}

enum fault moment_read(const char *text, int64_t now, int64_t *seconds, struct err *err)
{
	if (calendar_read(text, CALENDAR_LAST, seconds) ||
	    stamp_read(text, strlen(text), seconds) || read_relative(text, now, seconds) ||
	    read_seconds(text, seconds))
		return FAULT_NONE;
	return err_set(err, FAULT_USAGE,
		       "\"%.60s\" is no time like 2026-11-20, \"2026-11-20 18:30\", "
		       "2026-11-20T18:30:00Z or \"2 days ago\"",
		       text);
}
