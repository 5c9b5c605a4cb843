#include "chunk/size.h"

#include <strings.h>

struct unit {
	const char *abbreviation, *name;
	double bytes;
};

/* In the order in which they are looked for. */
static const struct unit unit[] = {
	{ "B", "byte", 1 },
	{ "kB", "kilobyte", 1e3 },
	{ "MB", "megabyte", 1e6 },
	{ "GB", "gigabyte", 1e9 },
	{ "TB", "terabyte", 1e12 },
	{ "PB", "petabyte", 1e15 },
	{ "EB", "exabyte", 1e18 },
	{ "ZB", "zettabyte", 1e21 },
	{ "YB", "yottabyte", 1e24 },
	{ "RB", "ronnabyte", 1e27 },
	{ "QB", "quettabyte", 1e30 },
	{ "KiB", "kibibyte", 0x1p10 },
	{ "MiB", "mebibyte", 0x1p20 },
	{ "GiB", "gibibyte", 0x1p30 },
	{ "TiB", "tebibyte", 0x1p40 },
	{ "PiB", "pebibyte", 0x1p50 },
	{ "EiB", "exbibyte", 0x1p60 },
	{ "ZiB", "zebibyte", 0x1p70 },
	{ "YiB", "yobibyte", 0x1p80 },
	{ "bit", "bit", 1.0 / 8 },
	{ "kbit", "kilobit", 1e3 / 8 },
	{ "Mbit", "megabit", 1e6 / 8 },
	{ "Gbit", "gigabit", 1e9 / 8 },
	{ "Tbit", "terabit", 1e12 / 8 },
};

enum { DECIMAL_UNITS = 11 };

/* Whether `text` is the unit's abbreviation, without its b too, or its name, or many of it. */
static bool is_unit(const struct unit *known, const char *text)
{
	size_t name = strlen(known->name), short_size = strlen(known->abbreviation) - 1;
	if (strcasecmp(text, known->abbreviation) == 0)
		return true;
	if (known->bytes > 1 && strlen(text) == short_size &&
	    strncasecmp(text, known->abbreviation, short_size) == 0)
		return true;
	return strncasecmp(text, known->name, name) == 0 &&
	       (text[name] == '\0' || strcasecmp(text + name, "s") == 0);
}

static bool unit_read(const char *text, double *bytes)
{
	*bytes = 1;
	if (!*text)
		return true;
	for (size_t i = 0; i < ARRAY_COUNT(unit); i++) {
		if (is_unit(&unit[i], text)) {
			*bytes = unit[i].bytes;
			return true;
		}
	}
	return false;
}

/* Skips a number as Haskell reads it.  NULL: there is none. */
static const char *skip_number(const char *text)
{
	static const char digits[] = "0123456789";
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		size_t size = strspn(text + 2, "0123456789abcdefABCDEF");
		return size > 0 ? text + 2 + size : NULL;
	}
	const char *at = text + strspn(text, digits);
	if (at == text)
		return NULL;
	if (at[0] == '.' && strspn(at + 1, digits) > 0)
		at += 1 + strspn(at + 1, digits);
	if (at[0] == 'e' || at[0] == 'E') {
		const char *power = at + 1 + (at[1] == '-' || at[1] == '+');
		if (strspn(power, digits) > 0)
			at = power + strspn(power, digits);
	}
	return at;
}

bool chunk_size_read(const char *text, uint64_t *size)
{
	enum { NUMBER_MAX = 64 };
	char number[NUMBER_MAX + 1];
	text += strspn(text, " ");
	const char *end = skip_number(text);
	if (!end || end - text > NUMBER_MAX)
		return false;
	memcpy(number, text, (size_t)(end - text));
	number[end - text] = '\0';
	double value = strtod(number, NULL), bytes;
	if (!unit_read(end + strspn(end, " "), &bytes))
		return false;
	value *= bytes;
	if (!(value >= 0 && value < 0x1p63))
		return false;
	*size = (uint64_t)value;
	double more = value - (double)*size;
	*size += more > 0.5 || (more == 0.5 && *size % 2 == 1);
	return true;
}

enum fault chunk_config_read(const char *chunksize, const char *chunk, struct chunk_config *config,
			     struct err *err)
{
	const char *text = chunksize ? chunksize : chunk;
	*config = (struct chunk_config){ .method = CHUNK_NONE };
	if (!text)
		return FAULT_NONE;
	if (!chunk_size_read(text, &config->size))
		return err_set(err, FAULT_USAGE, "bad configuration %s=%.150s",
			       chunksize ? "chunksize" : "chunk", text);
	if (config->size > 0)
		config->method = chunksize ? CHUNK_LEGACY : CHUNK_UNPADDED;
	return FAULT_NONE;
}

void chunk_config_text(const struct chunk_config *config, char text[CHUNK_TEXT_SIZE])
{
	if (config->method == CHUNK_NONE) {
		snprintf(text, CHUNK_TEXT_SIZE, "none");
		return;
	}
	size_t i = DECIMAL_UNITS - 1;
	double size = (double)config->size;
	while (i > 0 && size < unit[i].bytes)
		i--;
	char number[32];
	double shown = size / unit[i].bytes;
	snprintf(number, sizeof number, "%.2f", shown);
	size_t end = strlen(number);
	while (number[end - 1] == '0')
		end--;
	end -= number[end - 1] == '.';
	snprintf(text, CHUNK_TEXT_SIZE, "%.*s %s%s chunks%s", (int)end, number, unit[i].name,
		 shown == 1 ? "" : "s", config->method == CHUNK_LEGACY ? " (old style)" : "");
}
