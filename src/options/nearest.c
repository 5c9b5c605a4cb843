#include "options/nearest.h"

#include <ctype.h>

enum { LENGTH_MAX = 40, FAR = 100 };

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/*
 * How many letters have to be put in, taken out, changed or swapped with their neighbour: the
 * optimal string alignment distance, a row of its table for each letter of `a`.
 */
static size_t distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
	size_t before[LENGTH_MAX + 1], above[LENGTH_MAX + 1], row[LENGTH_MAX + 1];
	if (a_size > LENGTH_MAX || b_size > LENGTH_MAX)
		return FAR;
	for (size_t k = 0; k <= b_size; k++)
		above[k] = before[k] = k;
	for (size_t i = 1; i <= a_size; i++) {
		row[0] = i;
		for (size_t k = 1; k <= b_size; k++) {
			bool same = tolower((unsigned char)a[i - 1]) == b[k - 1];
			bool swapped =
				i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1];
			row[k] = least(above[k - 1] + !same, least(above[k], row[k - 1]) + 1);
			if (swapped)
				row[k] = least(row[k], before[k - 2] + 1);
		}
		memcpy(before, above, sizeof before);
		memcpy(above, row, sizeof above);
	}
	return above[b_size];
}

/* A word that is the beginning of another is near to it; else a third of its letters may differ. */
static size_t farness(const char *typed, size_t size, const char *name)
{
	size_t length = strlen(name), far = distance(typed, size, name, length);
	if (size >= 3 && size < length && memcmp(typed, name, size) == 0)
		return 1;
	return far <= 1 + size / 4 && far < size ? far : FAR;
}

const struct option_row *nearest_option(const char *name, size_t size, enum command command)
{
	const struct option_row *nearest = NULL;
	size_t best = FAR;
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_table[i];
		bool own = row->commands & 1u << command;
		size_t far = 2 * farness(name, size, row->name) + !own;
		if (far < best) {
			best = far;
			nearest = row;
		}
	}
	return nearest;
}

enum command nearest_command(const char *word)
{
	enum command nearest = COMMAND_NONE;
	size_t best = FAR;
	for (int i = COMMAND_NONE + 1; i < COMMAND_COUNT; i++) {
		size_t far = farness(word, strlen(word), command_table[i].name);
		if (far < best) {
			best = far;
			nearest = (enum command)i;
		}
	}
	return nearest;
}
