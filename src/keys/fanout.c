#include "keys/fanout.h"

#include "base/secret.h"

static const struct level {
	unsigned above;  /* the level of the directory that has those of this one */
	unsigned bits;   /* of a leaf that are below it */
	unsigned digits; /* of its name */
	size_t first;    /* of those kept */
} levels[FANOUT_LEVELS] = {
	{ 0, 12, 0, 0 },
	{ FANOUT_TOP, 8, 1, 1 },
	{ FANOUT_TOP, 4, 2, 1 + 16 },
	{ 2, 0, 1, 1 + 16 + 256 },
};

enum { KEPT = 1 + 16 + 256 + KEY_LEAVES };

static size_t number_of(unsigned level, unsigned leaf)
{
	return levels[level].first + (leaf >> levels[level].bits);
}

void fanout_fini(struct fanout *fanout)
{
	if (fanout->kept)
		secret_wipe(fanout->kept, KEPT * sizeof *fanout->kept);
	free(fanout->kept);
	fanout->kept = NULL;
}

void fanout_find(const struct fanout *fanout, unsigned level, unsigned leaf, uint64_t now_ms,
		 struct fanout_directory *directory)
{
	*directory = (struct fanout_directory){ .children = FANOUT_UNCOUNTED };
	if (!fanout->kept)
		return;
	const struct fanout_kept *kept = &fanout->kept[number_of(level, leaf)];
	if (kept->size == 0 || now_ms - kept->seen_ms >= FANOUT_KEPT_MS ||
	    !cap_unpack(kept->cap, kept->size, kept->kind, &directory->cap))
		return;
	directory->children = kept->children;
}

void fanout_keep(struct fanout *fanout, unsigned level, unsigned leaf, uint64_t seen_ms,
		 const struct fanout_directory *directory)
{
	if (!fanout->kept)
		fanout->kept = calloc(KEPT, sizeof *fanout->kept);
	if (!fanout->kept)
		return;
	struct fanout_kept *kept = &fanout->kept[number_of(level, leaf)];
	kept->seen_ms = seen_ms;
	kept->children = (uint16_t)min_u64(directory->children, FANOUT_UNCOUNTED);
	if (!cap_pack(&directory->cap, kept->cap, &kept->size, &kept->kind))
		kept->size = 0;
}

void fanout_count(struct fanout *fanout, unsigned level, unsigned leaf, int names)
{
	if (!fanout->kept)
		return;
	struct fanout_kept *kept = &fanout->kept[number_of(level, leaf)];
	const int children = kept->children + names;
	if (kept->children != FANOUT_UNCOUNTED && children >= 0 && children < FANOUT_UNCOUNTED)
		kept->children = (uint16_t)children;
}

unsigned fanout_above(unsigned level) { return levels[level].above; }

bool fanout_is_shared(unsigned level, unsigned leaf, unsigned other)
{
	return leaf >> levels[level].bits == other >> levels[level].bits;
}

unsigned fanout_order(unsigned level, unsigned leaf)
{
	return leaf >> levels[level].bits & ((1U << 4 * levels[level].digits) - 1);
}

unsigned fanout_leaf(unsigned level, unsigned order) { return order << levels[level].bits; }

void fanout_name(unsigned level, unsigned leaf, char name[FANOUT_NAME_SIZE])
{
	snprintf(name, FANOUT_NAME_SIZE, "%0*x", (int)levels[level].digits,
		 fanout_order(level, leaf));
}

bool fanout_read_name(unsigned level, unsigned leaf, const char *name, unsigned *below,
		      unsigned *first)
{
	char back[FANOUT_NAME_SIZE];
	unsigned number = 0;
	for (const char *at = name; *at && at - name < FANOUT_NAME_SIZE; at++) {
		static const char hex[] = "0123456789abcdef";
		const char *digit = strchr(hex, *at);
		if (!digit)
			return false;
		number = number * 16 + (unsigned)(digit - hex);
	}
	for (*below = 1; *below < FANOUT_LEVELS; ++*below) {
		if (levels[*below].above != level)
			continue;
		*first = (leaf >> levels[level].bits << levels[level].bits) +
			 (number << levels[*below].bits);
		if (*first >= KEY_LEAVES)
			continue;
		fanout_name(*below, *first, back);
		if (strcmp(back, name) == 0)
			return true;
	}
	return false;
}
