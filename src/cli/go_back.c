#include "archive/at.h"
#include "base/secret.h"
#include "cli/command.h"
#include "node/aliases.h"
#include "place/places.h"
#include "report/say.h"

#include <time.h>

enum { WORD_SIZE_MAX = 1 << 20 };

/* Whether a word is one that is read from a grid: of cp and plan the sources, where a word without
 * an alias is local. */
static enum fault is_read(const struct options *options, size_t number, bool *read, struct err *err)
{
	const struct text_list *words = &options->words;
	bool copies = options->command == COMMAND_CP || options->command == COMMAND_PLAN;
	bool is_target = copies && !options->cap_out && number == words->count - 1;
	struct place place;
	*read = false;
	if (is_target || (options->command == COMMAND_GET && number > 0))
		return FAULT_NONE;
	*read = true;
	if (!copies && options->command != COMMAND_DIFF)
		return FAULT_NONE;
	if (places_target(&options->connection, words->text[number], &place, err))
		return err->fault;
	*read = !place.local;
	place_fini(&place);
	return FAULT_NONE;
}

static enum fault replace_word(const struct at_moment *moment, struct output *output, char **word,
			       struct err *err)
{
	struct bytes made;
	char stamp[STAMP_SIZE];
	size_t size;
	bytes_init(&made, WORD_SIZE_MAX);
	enum fault fault = at_word(moment, *word, &made, stamp, err);
	if (!fault) {
		say(output, SAY_INFO, "at \"%.40s\": snapshot %s", moment->text, stamp);
		secret_wipe(*word, strlen(*word));
		free(*word);
		*word = (char *)bytes_take(&made, &size);
	}
	bytes_fini(&made);
	return fault;
}

static enum fault replace_words(const struct at_moment *moment, struct options *options,
				struct output *output, struct err *err)
{
	size_t replaced = 0;
	for (size_t i = 0; i < options->words.count; i++) {
		bool read;
		if (is_read(options, i, &read, err) ||
		    (read && replace_word(moment, output, &options->words.text[i], err)))
			return err->fault;
		replaced += read;
	}
	if (replaced == 0)
		return err_set(err, FAULT_USAGE,
			       "--at is about what is read from a backup on a grid; no word is");
	return FAULT_NONE;
}

/* ---- symlinks ---- */

/* Whether a path leads into a snapshot, by its words: Archives/STAMP or Latest is in it. */
static bool is_in_snapshot(const char *path)
{
	bool archives = false;
	int64_t seconds;
	for (size_t size; *path; path += size) {
		path += strspn(path, "/");
		size = strcspn(path, "/");
		if ((archives && stamp_read(path, size, &seconds)) ||
		    (size == strlen(ARCHIVE_LATEST) && memcmp(path, ARCHIVE_LATEST, size) == 0))
			return true;
		archives = size == strlen(ARCHIVE_DIRECTORY) &&
			   memcmp(path, ARCHIVE_DIRECTORY, size) == 0;
	}
	return false;
}

enum fault command_keep_symlinks(struct options *options, struct err *err)
{
	size_t sources = options->words.count - (options->cap_out ? 0 : 1);
	if ((options->command != COMMAND_CP && options->command != COMMAND_PLAN) ||
	    options->planning.symlinks != PLAN_SYMLINKS_UNSET || options->words.count < 2)
		return FAULT_NONE;
	for (size_t i = 0; i < sources; i++) {
		bool read;
		if (!is_in_snapshot(argument_path(options->words.text[i])))
			return FAULT_NONE;
		if (is_read(options, i, &read, err))
			return err->fault;
		if (!read)
			return FAULT_NONE;
	}
	options->planning.symlinks = PLAN_SYMLINKS_PRESERVE;
	return FAULT_NONE;
}

/* ---- ---- */

enum fault command_go_back(struct options *options, struct output *output, struct err *err)
{
	struct session session;
	if (options->words.count == 0 && text_list_add(&options->words, ALIAS_DEFAULT ":", err))
		return err->fault;
	if (session_open(&options->connection, output, &session, err))
		return err->fault;
	const struct at_moment moment = {
		.connection = &options->connection,
		.session = &session,
		.text = options->at,
		.now = time(NULL),
	};
	enum fault fault = replace_words(&moment, options, output, err);
	session_fini(&session);
	return fault;
}
