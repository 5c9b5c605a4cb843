#include "snapshot/stamp.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { YEAR_BASE = 1900, YEAR_MAX = 9999 };

/* What is left of a name. */
struct name_rest {
	const char *at, *end;
};

/* Takes a number of exactly `digits` digits. */
static bool take_number(struct name_rest *cursor, unsigned digits, int *number)
{
	*number = 0;
	for (; digits > 0; digits--, cursor->at++) {
		if (cursor->at == cursor->end || *cursor->at < '0' || *cursor->at > '9')
			return false;
		*number = *number * 10 + (*cursor->at - '0');
	}
	return true;
}

static bool take_text(struct name_rest *cursor, const char *text)
{
	size_t size = strlen(text);
	if ((size_t)(cursor->end - cursor->at) < size || memcmp(cursor->at, text, size) != 0)
		return false;
	cursor->at += size;
	return true;
}

/* Takes a point and at least one digit, or nothing. */
static bool take_fraction(struct name_rest *cursor)
{
	int digit;
	if (!take_text(cursor, "."))
		return true;
	if (!take_number(cursor, 1, &digit))
		return false;
	while (cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9')
		cursor->at++;
	return true;
}

static bool take_date(struct name_rest *cursor, struct tm *tm)
{
	bool right = take_number(cursor, 4, &tm->tm_year) && take_text(cursor, "-") &&
		     take_number(cursor, 2, &tm->tm_mon) && take_text(cursor, "-") &&
		     take_number(cursor, 2, &tm->tm_mday);
	tm->tm_year -= YEAR_BASE;
	tm->tm_mon -= 1;
	return right;
}

/* The 31st of a shorter month, or the minute 60, would be taken for a later time. */
static bool is_real(const struct tm *tm)
{
	struct tm check = *tm;
	timegm(&check);
	return check.tm_year == tm->tm_year && check.tm_mon == tm->tm_mon &&
	       check.tm_mday == tm->tm_mday && check.tm_hour == tm->tm_hour &&
	       check.tm_min == tm->tm_min && check.tm_sec == tm->tm_sec;
}

/* Behind the date: what `tahoe backup` has written since its first release. */
static bool take_utc(struct name_rest *cursor, struct tm *tm)
{
	bool parted = take_text(cursor, "_") || take_text(cursor, "T") || take_text(cursor, " ");
	return parted && take_number(cursor, 2, &tm->tm_hour) && take_text(cursor, ":") &&
	       take_number(cursor, 2, &tm->tm_min) && take_text(cursor, ":") &&
	       take_number(cursor, 2, &tm->tm_sec) && take_fraction(cursor) &&
	       take_text(cursor, "Z");
}

static bool take_minutes(struct name_rest *cursor, struct tm *tm)
{
	return take_text(cursor, "--") && take_number(cursor, 2, &tm->tm_hour) &&
	       take_text(cursor, ".") && take_number(cursor, 2, &tm->tm_min) &&
	       take_text(cursor, "Z");
}

/* What an old backup tool for Windows wrote: twelve hours, the first of which is called 12. */
static bool take_twelve(struct name_rest *cursor, struct tm *tm)
{
	bool right = take_text(cursor, " ") && take_number(cursor, 2, &tm->tm_hour) &&
		     take_text(cursor, ".") && take_number(cursor, 2, &tm->tm_min);
	bool morning = right && take_text(cursor, " AM");
	right = right && (morning || take_text(cursor, " PM")) && tm->tm_hour >= 1 &&
		tm->tm_hour <= 12;
	tm->tm_hour = tm->tm_hour % 12 + (morning ? 0 : 12);
	return right;
}

bool stamp_read(const char *name, size_t size, int64_t *seconds)
{
	typedef bool take_time(struct name_rest *, struct tm *);
	static take_time *const form[] = { take_utc, take_minutes, take_twelve };
	struct tm date = { 0 };
	struct name_rest behind_date = { name, name + size };
	if (!take_date(&behind_date, &date))
		return false;
	for (size_t i = 0; i < ARRAY_COUNT(form); i++) {
		struct tm tm = date;
		struct name_rest cursor = behind_date;
		if (!form[i](&cursor, &tm) || cursor.at != cursor.end || !is_real(&tm))
			continue;
		tm.tm_isdst = -1;
		*seconds = form[i] == take_twelve ? mktime(&tm) : timegm(&tm);
		return true;
	}
	return false;
}

bool stamp_write(int64_t seconds, char name[STAMP_SIZE])
{
	struct tm tm;
	time_t time = seconds;
	if (!gmtime_r(&time, &tm) || tm.tm_year < -YEAR_BASE || tm.tm_year > YEAR_MAX - YEAR_BASE)
		return false;
	snprintf(name, STAMP_SIZE, "%04d-%02d-%02d_%02d:%02d:%02dZ", tm.tm_year + YEAR_BASE,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	return true;
}

struct stamp stamp_of(const char *name, size_t size)
{
	struct stamp stamp = { .name = name, .size = size };
	stamp.known = stamp_read(name, size, &stamp.seconds);
	return stamp;
}

int stamp_compare(const struct stamp *a, const struct stamp *b)
{
	if (a->known != b->known)
		return a->known ? -1 : 1;
	if (a->known && a->seconds != b->seconds)
		return a->seconds < b->seconds ? -1 : 1;
	size_t shorter = a->size < b->size ? a->size : b->size;
	int order = shorter > 0 ? memcmp(a->name, b->name, shorter) : 0;
	return order ? order : (a->size > b->size) - (a->size < b->size);
}
