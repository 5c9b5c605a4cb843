#include "base/calendar.h"

#include <string.h>
#include <time.h>

enum { LAST_HOUR = 23, LAST_MINUTE = 59, LAST_SECOND = 59 };

/* Takes "Z" or "+HH:MM" at `text`, or nothing, and stores the time. */
static bool read_zone(const char *text, struct tm *calendar, int64_t *seconds)
{
	if (*text == '\0') {
		calendar->tm_isdst = -1;
		*seconds = mktime(calendar);
		return true;
	}
	struct tm zone = { 0 };
	const char *end = *text == 'Z'                   ? text + 1
			  : *text == '+' || *text == '-' ? strptime(text, "%z", &zone)
							 : NULL;
	*seconds = timegm(calendar) - zone.tm_gmtoff;
	return end && *end == '\0';
}

bool calendar_read(const char *text, enum calendar_end end, int64_t *seconds)
{
	struct tm calendar = { 0 };
	if (end == CALENDAR_LAST) {
		calendar.tm_hour = LAST_HOUR;
		calendar.tm_min = LAST_MINUTE;
		calendar.tm_sec = LAST_SECOND;
	}
	if (strspn(text, "0123456789") != 4)
		return false;
	const char *at = strptime(text, "%Y-%m-%d", &calendar);
	if (!at)
		return false;
	if (*at == 'T' || *at == ' ') {
		at = strptime(at + 1, "%H:%M", &calendar);
		if (at && *at == ':')
			at = strptime(at + 1, "%S", &calendar);
	}
	/* The 31st of a shorter month would be taken for another day. */
	struct tm check = calendar;
	timegm(&check);
	return at && check.tm_mday == calendar.tm_mday && read_zone(at, &calendar, seconds);
}
