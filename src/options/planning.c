#include "options/planning.h"

/* What each choice is called in a job; not given means skip, so both have one word. */
static const char *const symlinks_word[] = { "skip", "skip", "follow", "fail", "preserve" };
static const char *const specials_word[] = { "skip", "skip", "fail" };

/* These stand at the end where they are asked for, so that jobs without are described as ever. */
#define CAPS_ONLY           " caps-only=1"
#define CHUNK               " chunk="
#define XATTRS              " xattrs=1"
#define ACLS                " acls=1"
#define TAGS                " tags="
#define NO_TARGET_DIRECTORY " no-target-directory=1"

void planning_text(const struct planning_options *planning, char text[PLANNING_TEXT_SIZE])
{
	char chunk[40] = "";
	if (planning->chunk_size > 0)
		snprintf(chunk, sizeof chunk, CHUNK "%llu",
			 (unsigned long long)planning->chunk_size);
	snprintf(text, PLANNING_TEXT_SIZE,
		 "immutable=%d symlinks=%s specials=%s max-dir-entries=%llu "
		 "range-size=%llu%s%s%s%s%s%s%s",
		 planning->immutable, symlinks_word[planning->symlinks],
		 specials_word[planning->specials], (unsigned long long)planning->max_dir_entries,
		 (unsigned long long)planning->range_size, planning->caps_only ? CAPS_ONLY : "",
		 planning->no_target_directory ? NO_TARGET_DIRECTORY : "",
		 planning->xattrs ? XATTRS : "", planning->acls ? ACLS : "", chunk,
		 planning->tags[0] ? TAGS : "", planning->tags);
}

const char *planning_symlinks_word(enum plan_symlinks symlinks) { return symlinks_word[symlinks]; }

static bool is_word(const char *word, const char *const *table, size_t count, unsigned *value)
{
	for (unsigned i = 1; i < count; i++)
		if (strcmp(word, table[i]) == 0) {
			*value = i;
			return true;
		}
	return false;
}

enum fault planning_read(struct planning_options *planning, const char *text, size_t size,
			 struct err *err)
{
	char copy[PLANNING_TEXT_SIZE], symlinks[16], specials[16];
	int immutable = 0;
	unsigned long long entries = 0, range = PLANNING_RANGE_SIZE;
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
	planning->immutable = immutable != 0;
	planning->symlinks = (enum plan_symlinks)links;
	planning->specials = (enum plan_specials)others;
	planning->max_dir_entries = entries;
	planning->range_size = range;
	planning->caps_only = strstr(copy, CAPS_ONLY) != NULL;
	const char *chunk = strstr(copy, CHUNK);
	planning->chunk_size = chunk ? strtoull(chunk + strlen(CHUNK), NULL, 10) : 0;
	planning->xattrs = strstr(copy, XATTRS) != NULL;
	planning->acls = strstr(copy, ACLS) != NULL;
	const char *tags = strstr(copy, TAGS);
	snprintf(planning->tags, sizeof planning->tags, "%s", tags ? tags + strlen(TAGS) : "");
	planning->tags[strcspn(planning->tags, " ")] = '\0';
	planning->no_target_directory = strstr(copy, NO_TARGET_DIRECTORY) != NULL;
	return FAULT_NONE;
}
