#include "options/options.h"

/* What each choice is called in a job; not given means skip, so both have one word. */
static const char *const symlinks_word[] = { "skip", "skip", "follow", "fail", "preserve" };
static const char *const specials_word[] = { "skip", "skip", "fail" };

/* Stands at the end where it is asked for, so that jobs without it are described as ever. */
#define CAPS_ONLY " caps-only=1"

void options_plan_text(const struct options *options, char text[OPTIONS_PLAN_TEXT_SIZE])
{
	snprintf(text, OPTIONS_PLAN_TEXT_SIZE,
		 "immutable=%d symlinks=%s specials=%s max-dir-entries=%llu range-size=%llu%s",
		 options->immutable, symlinks_word[options->symlinks],
		 specials_word[options->specials], (unsigned long long)options->max_dir_entries,
		 (unsigned long long)options->range_size, options->caps_only ? CAPS_ONLY : "");
}

static bool is_word(const char *word, const char *const *table, size_t count, unsigned *value)
{
	for (unsigned i = 1; i < count; i++)
		if (strcmp(word, table[i]) == 0) {
			*value = i;
			return true;
		}
	return false;
}

enum fault options_plan_read(struct options *options, const char *text, size_t size,
			     struct err *err)
{
	char copy[OPTIONS_PLAN_TEXT_SIZE], symlinks[16], specials[16];
	int immutable = 0;
	unsigned long long entries = 0, range = OPTIONS_RANGE_SIZE;
	unsigned links = 0, others = 0;
	bool good = text && size < sizeof copy;
	if (good) {
		memcpy(copy, text, size);
		copy[size] = '\0';
		good = sscanf(copy,
			      "immutable=%1d symlinks=%15s specials=%15s max-dir-entries=%19llu "
			      "range-size=%19llu",
			      &immutable, symlinks, specials, &entries, &range) >= 4 &&
		       is_word(symlinks, symlinks_word, ARRAY_COUNT(symlinks_word), &links) &&
		       is_word(specials, specials_word, ARRAY_COUNT(specials_word), &others);
	}
	if (!good)
		return err_set(err, FAULT_CORRUPT, "the job's plan options make no sense");
	options->immutable = immutable != 0;
	options->symlinks = (enum plan_symlinks)links;
	options->specials = (enum plan_specials)others;
	options->max_dir_entries = entries;
	options->range_size = range;
	options->caps_only = strstr(copy, CAPS_ONLY) != NULL;
	return FAULT_NONE;
}
