#include "options/options_value.h"

#include "verify/policy.h"

#include <ctype.h>
#include <errno.h>

/* Reads digits, stopping at the first other byte.  False when there are none or too many. */
static bool digits(const char **at, uint64_t *number)
{
	if (**at < '0' || **at > '9')
		return false;
	uint64_t value = 0;
	for (; **at >= '0' && **at <= '9'; ++*at)
		if (__builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(**at - '0'), &value))
			return false;
	*number = value;
	return true;
}

static bool read_count(const char *text, uint64_t *number)
{
	return digits(&text, number) && *text == '\0';
}

/* A number with a fraction, exact: `rest` of `scale` parts are still to come. */
struct mixed_number {
	uint64_t whole, rest, scale;
};

/* Reads digits, and a dot with more of them behind; ".5" is one half. */
static bool read_mixed(const char **at, struct mixed_number *mixed)
{
	const uint64_t scale_max = UINT64_C(1000000000000000); /* 1,024 times as much still fits */
	*mixed = (struct mixed_number){ .scale = 1 };
	if (**at != '.' && !digits(at, &mixed->whole))
		return false;
	if (**at != '.')
		return true;
	for (++*at; **at >= '0' && **at <= '9'; ++*at) {
		if (mixed->scale == scale_max)
			return false;
		mixed->scale *= 10;
		mixed->rest = mixed->rest * 10 + (uint64_t)(**at - '0');
	}
	return mixed->scale > 1;
}

/* Makes it 1,024 times as much.  False: that is too much. */
static bool mixed_number_grow(struct mixed_number *mixed)
{
	mixed->rest *= 1024;
	const uint64_t carry = mixed->rest / mixed->scale;
	mixed->rest %= mixed->scale;
	return !__builtin_mul_overflow(mixed->whole, UINT64_C(1024), &mixed->whole) &&
	       !__builtin_add_overflow(mixed->whole, carry, &mixed->whole);
}

bool option_read_size(const char *text, uint64_t *number)
{
	static const char unit[] = "KMGTPE";
	static const char *const behind[] = { "", "B", "i", "iB" };
	struct mixed_number size;
	if (!read_mixed(&text, &size))
		return false;
	const char *found = *text ? strchr(unit, toupper((unsigned char)*text)) : NULL;
	if (!found) {
		*number = size.whole;
		return size.scale == 1 && (*text == '\0' || strcasecmp(text, "B") == 0);
	}
	for (ptrdiff_t i = 0; i <= found - unit; i++)
		if (!mixed_number_grow(&size))
			return false;
	*number = size.whole;
	for (size_t i = 0; i < ARRAY_COUNT(behind); i++)
		if (strcasecmp(text + 1, behind[i]) == 0)
			return true;
	return false;
}

static const char time_unit[] = "dhms";

/* Reads a number and its unit, which may be missing at the end; `unit` is NULL then. */
static bool read_time(const char **at, uint64_t *ms, const char **unit)
{
	static const uint64_t seconds[] = { 86400, 3600, 60, 1 };
	if (!digits(at, ms) || __builtin_mul_overflow(*ms, UINT64_C(1000), ms))
		return false;
	if (**at == '.') {
		++*at;
		for (uint64_t part = 100; part > 0 && **at >= '0' && **at <= '9'; part /= 10)
			*ms += part * (uint64_t)(*(*at)++ - '0');
	}
	*unit = **at ? strchr(time_unit, **at) : NULL;
	*at += *unit != NULL;
	return !*unit || !__builtin_mul_overflow(*ms, seconds[*unit - time_unit], ms);
}

/* "90", "1.5h", "1h30m": the units go down. */
static bool read_seconds(const char *text, uint64_t *ms)
{
	const char *last = NULL;
	*ms = 0;
	do {
		uint64_t more;
		const char *unit;
		if (!read_time(&text, &more, &unit) || (last && (!unit || unit <= last)) ||
		    __builtin_add_overflow(*ms, more, ms))
			return false;
		last = unit;
	} while (*text && last);
	return *text == '\0';
}

static bool read_flag(const char *text, bool *flag)
{
	static const char *const word[] = { "no", "yes", "false", "true", "0", "1" };
	for (size_t i = 0; i < ARRAY_COUNT(word); i++)
		if (text && strcmp(text, word[i]) == 0) {
			*flag = i % 2 == 1;
			return true;
		}
	*flag = true;
	return text == NULL;
}

/* Finds `text` among the words of `choices`, which "|" separates; the first is `first`. */
static bool read_choice(const char *text, const char *choices, unsigned first, unsigned *choice)
{
	size_t size = strlen(text);
	for (const char *at = choices; at; first++) {
		const char *end = strchrnul(at, '|');
		if ((size_t)(end - at) == size && memcmp(at, text, size) == 0) {
			*choice = first;
			return true;
		}
		at = *end ? end + 1 : NULL;
	}
	return false;
}

static bool read_number(const struct option_row *row, const char *value, uint64_t *number)
{
	if (row->type == OPTION_RATE && strcmp(value, "off") == 0)
		value = "0";
	bool good = row->type == OPTION_COUNT     ? read_count(value, number)
		    : row->type == OPTION_SECONDS ? read_seconds(value, number)
						  : option_read_size(value, number);
	if (good && row->type == OPTION_RATE && *number == 0)
		return true;
	return good && *number >= row->min && *number <= row->max;
}

static enum fault store_text(char **member, const char *value, struct err *err)
{
	char *copy = strdup(value);
	if (!copy)
		return err_set(err, FAULT_NOMEM, "out of memory for the command line");
	free(*member);
	*member = copy;
	return FAULT_NONE;
}

static bool store_plain(void *member, const struct option_row *row, const char *value)
{
	unsigned choice = 0;
	switch (row->type) {
	case OPTION_FLAG:
		return read_flag(value, member);
	case OPTION_COUNT:
	case OPTION_SIZE:
	case OPTION_RATE:
	case OPTION_SECONDS:
		return read_number(row, value, member);
	case OPTION_LEVELS:
		return verify_parse(value, member);
	case OPTION_SYMLINKS:
		if (!read_choice(value, row->argument, PLAN_SYMLINKS_SKIP, &choice))
			return false;
		*(enum plan_symlinks *)member = (enum plan_symlinks)choice;
		return true;
	case OPTION_SPECIALS:
		if (!read_choice(value, row->argument, PLAN_SPECIALS_SKIP, &choice))
			return false;
		*(enum plan_specials *)member = (enum plan_specials)choice;
		return true;
	case OPTION_PROGRESS:
		if (!read_choice(value, row->argument, REPORT_PROGRESS_AUTO, &choice))
			return false;
		*(enum report_progress *)member = (enum report_progress)choice;
		return true;
	default:
		return true;
	}
}

/* Says what would have been right, in the units the option is typed in. */
static enum fault refuse(const struct option_row *row, const char *where, struct err *err)
{
	unsigned long long min = row->min, max = row->max;
	switch (row->type) {
	case OPTION_FLAG:
		return err_set(err, FAULT_USAGE, "%s is a switch: yes or no", where);
	case OPTION_COUNT:
		return err_set(err, FAULT_USAGE, "%s wants a number from %llu to %llu", where, min,
			       max);
	case OPTION_SIZE:
		if (row->min < 1 << 10)
			return err_set(
				err, FAULT_USAGE,
				"%s wants a size of at least one byte, such as 500, 32M or 1G",
				where);
		return err_set(err, FAULT_USAGE,
			       "%s wants a size of at least %llu%c, such as 32M or 1G", where,
			       min >> (min < 1 << 20 ? 10 : 20), min < 1 << 20 ? 'K' : 'M');
	case OPTION_RATE:
		return err_set(err, FAULT_USAGE,
			       "%s wants bytes a second, %lluK to %lluG, such as 500K or 10M; or 0",
			       where, min >> 10, max >> 30);
	case OPTION_SECONDS:
		return err_set(err, FAULT_USAGE, "%s wants seconds, such as 30 or 0.5; or 10m, 2h",
			       where);
	case OPTION_LEVELS:
		return err_set(
			err, FAULT_USAGE,
			"%s wants auto, or some of cap, count, check and read joined with commas",
			where);
	default:
		return err_set(err, FAULT_USAGE, "%s wants one of %s", where, row->argument);
	}
}

static enum fault add_rule(struct text_list *rules, char kind, const char *value, struct err *err)
{
	char *text;
	if (asprintf(&text, "%c%s", kind, value) < 0)
		return err_set(err, FAULT_NOMEM, "out of memory for the command line");
	enum fault fault = text_list_add(rules, text, err);
	free(text);
	return fault;
}

enum fault option_store(struct options *options, const struct option_row *row, const char *value,
			const char *where, struct err *err)
{
	void *member = (char *)options + row->offset;
	if (row->type == OPTION_LIST)
		return text_list_add(member, value, err);
	if (row->type == OPTION_RULE)
		return add_rule(member, (char)row->min, value ? value : "", err);
	if (row->type == OPTION_TEXT && *value == '\0')
		return err_set(err, FAULT_USAGE, "%s wants %s, not nothing", where, row->argument);
	if (row->type == OPTION_TEXT)
		return store_text(member, value, err);
	return store_plain(member, row, value) ? FAULT_NONE : refuse(row, where, err);
}
