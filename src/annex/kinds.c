#include "annex/kinds.h"

#define NONE                                                                                       \
	{                                                                                          \
		0, 0, 0, 0                                                                         \
	}
#define KEY                                                                                        \
	{                                                                                          \
		1, 1, 0, 0                                                                         \
	}
#define KEY_TO                                                                                     \
	{                                                                                          \
		2, 1, 0, 2                                                                         \
	}
#define KEY_FILE                                                                                   \
	{                                                                                          \
		3, 2, 3, 0                                                                         \
	}
#define TO                                                                                         \
	{                                                                                          \
		1, 0, 0, 1                                                                         \
	}
#define ANY                                                                                        \
	{                                                                                          \
		1, 0, 0, 0                                                                         \
	}

/* clang-format off */
static const struct annex_kind kind[] = {
	{ "INITREMOTE",   ANNEX_BY_JOB, ANNEX_INITIALIZE, NONE, false, false, "INITREMOTE" },
	{ "PREPARE",      ANNEX_BY_JOB, ANNEX_PREPARE,    NONE, false, false, "PREPARE" },
	{ "CHECKPRESENT", ANNEX_BY_JOB, ANNEX_PRESENT,    KEY,  false, false, "CHECKPRESENT" },
	{ "REMOVE",       ANNEX_BY_JOB, ANNEX_REMOVE,     KEY,  false, false, "REMOVE" },
	{ "WHEREIS",      ANNEX_BY_JOB, ANNEX_WHEREIS,    KEY,  false, true,  "WHEREIS" },
	{ "GETINFO",      ANNEX_BY_JOB, ANNEX_INFO,       NONE, false, true,  "INFO" },
	{ "GETAVAILABILITY", ANNEX_BY_JOB, ANNEX_AVAILABLE, NONE, false, true, "AVAILABILITY" },
	{ "CHECKPRESENTEXPORT", ANNEX_BY_JOB, ANNEX_PRESENT, KEY, true, false, "CHECKPRESENT" },
	{ "REMOVEEXPORT", ANNEX_BY_JOB, ANNEX_REMOVE,  KEY,    true,  false, "REMOVE" },
	{ "RENAMEEXPORT", ANNEX_BY_JOB, ANNEX_RENAME,  KEY_TO, true,  true,  "RENAMEEXPORT" },
	{ "REMOVEEXPORTDIRECTORY", ANNEX_BY_JOB, ANNEX_REMOVE_DIRECTORY, TO, false, true,
	  "REMOVEEXPORTDIRECTORY" },
	{ "EXPORT",       ANNEX_NAMES, 0, ANY, false, false, NULL },
	{ "EXTENSIONS",   ANNEX_AT_ONCE, 0, ANY,  false, false, NULL },
	{ "LISTCONFIGS",  ANNEX_AT_ONCE, 0, NONE, false, false, NULL },
	{ "EXPORTSUPPORTED", ANNEX_AT_ONCE, 0, NONE, false, false, "EXPORTSUPPORTED-SUCCESS" },
	/* Dearer than a disk, cheaper than what is rented by the request. */
	{ "GETCOST",      ANNEX_AT_ONCE, 0, NONE, false, false, "COST 175" },
	{ "GETORDERED",   ANNEX_AT_ONCE, 0, NONE, false, false, "ORDERED" },
	{ "VALUE",        ANNEX_ANSWERS, 0, ANY, false, false, NULL },
	{ "CREDS",        ANNEX_ANSWERS, 0, ANY, false, false, NULL },
	{ "ERROR",        ANNEX_COMPLAINS, 0, ANY, false, false, NULL },
};

/* Those with a direction before the key. */
static const struct annex_kind transfer[][2] = {
	{ { "TRANSFER", ANNEX_BY_JOB, ANNEX_STORE,    KEY_FILE, false, false, "TRANSFER" },
	  { "TRANSFER", ANNEX_BY_JOB, ANNEX_RETRIEVE, KEY_FILE, false, false, "TRANSFER" } },
	{ { "TRANSFEREXPORT", ANNEX_BY_JOB, ANNEX_STORE,    KEY_FILE, true, false, "TRANSFER" },
	  { "TRANSFEREXPORT", ANNEX_BY_JOB, ANNEX_RETRIEVE, KEY_FILE, true, false, "TRANSFER" } },
};
/* clang-format on */

/* Whether a text begins with this word. */
static bool begins_with(const char *text, const char *word)
{
	size_t size = strlen(word);
	return strncmp(text, word, size) == 0 && (text[size] == ' ' || text[size] == 0);
}

const struct annex_kind *annex_kind_of(const char *word, const char *direction)
{
	for (size_t i = 0; i < ARRAY_COUNT(kind); i++)
		if (strcmp(kind[i].word, word) == 0)
			return &kind[i];
	for (size_t i = 0; direction && i < ARRAY_COUNT(transfer); i++) {
		if (strcmp(transfer[i][0].word, word) != 0)
			continue;
		if (begins_with(direction, "STORE"))
			return &transfer[i][0];
		if (begins_with(direction, "RETRIEVE"))
			return &transfer[i][1];
	}
	return NULL;
}
