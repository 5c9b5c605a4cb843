#include "base/near.h"

#include <ctype.h>

enum { LENGTH_MAX = 40 };

/*
 * How many letters have to be put in, taken out, changed or swapped with their neighbour: the
 * optimal string alignment distance, a row of its table for each letter of `a`.
 */
static size_t distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
	size_t before[LENGTH_MAX + 1], above[LENGTH_MAX + 1], row[LENGTH_MAX + 1];
	if (a_size > LENGTH_MAX || b_size > LENGTH_MAX)
		return NEAR_NOT;
	for (size_t k = 0; k <= b_size; k++)
		above[k] = before[k] = k;
	for (size_t i = 1; i <= a_size; i++) {
		row[0] = i;
		for (size_t k = 1; k <= b_size; k++) {
			bool same = tolower((unsigned char)a[i - 1]) == b[k - 1];
			bool swapped =
				i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1];
			row[k] = min_u64(above[k - 1] + !same, min_u64(above[k], row[k - 1]) + 1);
			if (swapped)
				row[k] = min_u64(row[k], before[k - 2] + 1);
		}
		memcpy(before, above, sizeof before);
		memcpy(above, row, sizeof above);
	}
	return above[b_size];
}

/* A word that is the beginning of another is near to it; else a third of its letters may differ. */
size_t near_word(const char *typed, size_t size, const char *known)
{
	size_t length = strlen(known), far = distance(typed, size, known, length);
	if (size >= 3 && size < length && memcmp(typed, known, size) == 0)
		return 1;
	return far <= 1 + size / 4 && far < size ? far : NEAR_NOT;
}
