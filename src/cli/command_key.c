#include "base/cancel.h"
#include "chunk/chunk.h"
#include "chunk/each.h"
#include "cli/command.h"
#include "keys/keys.h"
#include "place/gauge.h"
#include "place/session.h"
#include "queue/core/thread.h"
#include "report/json.h"
#include "report/out.h"
#include "report/say.h"
#include "report/status.h"
#include "report/tally.h"
#include "verify/policy.h"

#include <sys/stat.h>

enum {
	HELD_MAX = 8192,                  /* bytes of a verdict */
	LINE_MAX_SIZE = 8 * CHUNK_KEY_MAX /* of a line about a key, each byte escaped, and more */
};

struct key_command {
	const struct options *options;
	const struct key_action *action;
	struct output *output;
	struct grid_path root;
	struct setup setup;
	struct keys *keys;
	struct tally tally;
	bool expects; /* the tally knows how much is to be done */
	struct gauge *gauge;
	const char *presence; /* of key_check, or NULL */
};

static void key_tell(void *context, const char *text)
{
	struct key_command *command = context;
	say(command->output, SAY_INFO, "%s", text);
}

static bool key_stop(void *context)
{
	(void)context;
	return cancel_asked();
}

static const char *key_word(const struct key_command *command, size_t number)
{
	return command->options->words.text[number];
}

/* ---- actions ---- */

static void key_expect(void *context, uint64_t size)
{
	struct key_command *command = context;
	if (!command->expects)
		tally_expect(&command->tally, 1, 0, size);
	command->expects = true;
}

static void key_moved(void *context, uint64_t offset)
{
	struct key_command *command = context;
	tally_there(&command->tally, offset);
}

/* Has one of them run with a progress line. */
static enum fault
key_transfer(struct key_command *command,
	     enum fault (*transfer)(struct keys *keys, const char *key, const char *path,
				    const struct keys_progress *progress, struct err *err),
	     struct err *err)
{
	const struct keys_progress progress = { key_moved, key_expect, command };
	enum fault fault = tally_open(&command->tally, command->output, err);
	if (!fault)
		fault = transfer(command->keys, key_word(command, 1), key_word(command, 2),
				 &progress, err);
	tally_close(&command->tally);
	return fault;
}

static enum fault key_store(struct key_command *command, int *status, struct err *err)
{
	enum fault fault = key_transfer(command, keys_store, err);
	return fault ? session_settle(command->output, err, status) : FAULT_NONE;
}

static enum fault key_retrieve(struct key_command *command, int *status, struct err *err)
{
	(void)umask((mode_t)command->options->transfer.umask); /* the file is the user's own */
	enum fault fault = key_transfer(command, keys_retrieve, err);
	return fault ? session_settle(command->output, err, status) : FAULT_NONE;
}

static enum fault key_remove(struct key_command *command, int *status, struct err *err)
{
	enum fault fault = keys_remove(command->keys, key_word(command, 1), err);
	return fault ? session_settle(command->output, err, status) : FAULT_NONE;
}

/* What nobody can tell has a status of its own, whatever the reason: it must not look like absence.
 */
static enum fault key_check(struct key_command *command, int *status, struct err *err)
{
	const enum key_presence presence = keys_check(command->keys, key_word(command, 1), err);
	if (presence == KEY_UNKNOWN && err->fault == FAULT_RETRY)
		err->fault = FAULT_UNAVAILABLE;
	if (presence == KEY_UNKNOWN)
		return err->fault;
	command->presence = presence == KEY_PRESENT ? "present" : "absent";
	*status = presence == KEY_PRESENT ? STATUS_DONE : STATUS_PARTLY;
	return FAULT_NONE;
}

/* Opens an object about a key. */
static enum fault key_open_json(struct bytes *line, const char *event, const char *key)
{
	enum fault fault = bytes_printf(line, "{\"event\":\"%s\"", event);
	return fault ? fault : json_member(line, "key", key, strlen(key));
}

/* Prints a line, if there was memory for it, and frees it. */
static void key_put(const struct key_command *command, struct bytes *line, enum fault fault)
{
	if (!fault)
		fault = bytes_append_text(line, command->output->options.json ? "}\n" : "\n");
	if (!fault)
		out_put(command->output, line->data, line->size);
	bytes_fini(line);
}

/* Prints what the log says, which ends with a newline. */
static void key_show_log(const struct key_command *command, const char *text, size_t size)
{
	struct bytes line;
	bytes_init(&line, 8 * CHUNK_LOG_MAX);
	if (!command->output->options.json) {
		key_put(command, &line, bytes_append(&line, text, size > 0 ? size - 1 : 0));
		return;
	}
	enum fault fault = key_open_json(&line, "log", key_word(command, 1));
	key_put(command, &line, fault ? fault : json_member(&line, "log", text, size));
}

static enum fault key_log(struct key_command *command, int *status, struct err *err)
{
	struct bytes text;
	bytes_init(&text, CHUNK_LOG_MAX);
	enum fault fault = keys_log(command->keys, key_word(command, 1), &text, err);
	if (!fault)
		key_show_log(command, bytes_text(&text), text.size);
	bytes_fini(&text);
	return fault ? session_settle(command->output, err, status) : FAULT_NONE;
}

/* ---- all keys ---- */

static void key_print(void *context, const char *key)
{
	const struct key_command *command = context;
	struct bytes line;
	bytes_init(&line, LINE_MAX_SIZE);
	key_put(command, &line,
		command->output->options.json ? key_open_json(&line, "found", key)
					      : bytes_append_text(&line, key));
}

static enum fault key_list(struct key_command *command, int *status, struct err *err)
{
	const struct keys_found found = { key_print, command };
	enum fault fault = keys_list(command->keys, &found, err);
	return fault ? session_settle(command->output, err, status) : FAULT_NONE;
}

/* Keys to be looked at, and what has come out. */
struct key_survey {
	struct key_command *command;
	struct keys_inspection wanted;
	struct text_list list;
	struct mutex lock; /* held while something is printed */
	bool any_bad GUARDED, any_unknown GUARDED;
	struct err why GUARDED; /* of what is unknown */
};

static void survey_add(void *context, const char *key)
{
	struct key_survey *survey = context;
	struct err err;
	mutex_lock(&survey->lock);
	if (!survey->why.fault && text_list_add(&survey->list, key, &err))
		survey->why = err;
	mutex_unlock(&survey->lock);
}

static const char *survey_word(const struct key_report *report)
{
	if (report->presence == KEY_UNKNOWN)
		return "unknown";
	if (report->presence == KEY_ABSENT)
		return "lost";
	if (report->healthy < report->objects || report->lost + report->unknown > 0)
		return "degraded";
	return report->repaired > 0 ? "repaired" : "healthy";
}

static void survey_print(const struct key_command *command, const char *word, const char *key,
			 const struct key_report *report)
{
	const struct summary_number number[] = {
		{ "objects", report->objects },   { "healthy", report->healthy },
		{ "repaired", report->repaired }, { "lost", report->lost },
		{ "unknown", report->unknown },
	};
	struct bytes line;
	bytes_init(&line, LINE_MAX_SIZE);
	if (!command->output->options.json) {
		key_put(command, &line, bytes_printf(&line, "%s %s", word, key));
		return;
	}
	enum fault fault = key_open_json(&line, "looked", key);
	if (!fault)
		fault = json_member(&line, "health", word, strlen(word));
	if (!fault)
		fault = summary_numbers(&line, number, ARRAY_COUNT(number));
	key_put(command, &line, fault);
}

static enum fault survey_one(void *context, uint64_t index, struct err *err)
{
	struct key_survey *survey = context;
	struct key_report report;
	const char *key = survey->list.text[index];
	if (keys_inspect(survey->command->keys, key, &survey->wanted, &report, err)) {
		if (err->fault == FAULT_CANCELLED || err->fault == FAULT_USAGE)
			return err->fault;
		report = (struct key_report){ .presence = KEY_UNKNOWN };
	}
	const char *word = survey_word(&report);
	mutex_lock(&survey->lock);
	survey_print(survey->command, word, key, &report);
	survey->any_bad |= report.presence == KEY_ABSENT || strcmp(word, "degraded") == 0;
	if (report.presence == KEY_UNKNOWN && !survey->any_unknown) {
		survey->any_unknown = true;
		survey->why = *err;
	}
	mutex_unlock(&survey->lock);
	return FAULT_NONE;
}

/* Many keys are looked at side by side, or many objects of one. */
static enum fault survey_run(struct key_survey *survey, struct err *err) UNCHECKED
{
	struct key_command *command = survey->command;
	const unsigned width = command->options->transfer.in_flight
				       ? (unsigned)command->options->transfer.in_flight
				       : KEYS_WIDTH;
	const struct keys_found found = { survey_add, survey };
	const bool all = command->options->words.count == 1;
	enum fault fault = FAULT_NONE;
	if (all)
		fault = keys_list(command->keys, &found, err);
	else
		survey_add(survey, key_word(command, 1));
	if (!fault && survey->why.fault)
		fault = (*err = survey->why).fault;
	if (fault)
		return fault;
	survey->wanted.width = all ? 1 : width;
	const struct chunk_each each = {
		.one = survey_one,
		.context = survey,
		.to = survey->list.count,
		.width = all ? (unsigned)min_u64(width, CHUNK_WIDTH_MAX) : 1,
	};
	return chunk_each(&each, err);
}

/* What nobody can tell outweighs what is bad, as with one key. */
static enum fault key_survey(struct key_command *command, bool repair, int *status,
			     struct err *err) UNCHECKED
{
	struct key_survey survey = {
		.command = command,
		.wanted = { .read = command->options->transfer.verify & VERIFY_READ,
			    .repair = repair },
	};
	mutex_init(&survey.lock);
	enum fault fault = survey_run(&survey, err);
	if (!fault && survey.any_unknown) {
		*err = survey.why;
		fault = err->fault = err->fault == FAULT_RETRY || err->fault == FAULT_NONE
					     ? FAULT_UNAVAILABLE
					     : err->fault;
	} else if (!fault && survey.any_bad) {
		*status = STATUS_PARTLY;
	}
	text_list_fini(&survey.list);
	mutex_fini(&survey.lock);
	return fault;
}

static enum fault key_verify(struct key_command *command, int *status, struct err *err)
{
	return key_survey(command, false, status, err);
}

static enum fault key_repair(struct key_command *command, int *status, struct err *err)
{
	return key_survey(command, true, status, err);
}

static const struct key_action {
	const char *name;
	const char *wants;
	size_t least, most; /* words, with itself */
	enum fault (*run)(struct key_command *command, int *status, struct err *err);
} key_actions[] = {
	{ "store", "a key and a file", 3, 3, key_store },
	{ "retrieve", "a key and a file", 3, 3, key_retrieve },
	{ "remove", "one key", 2, 2, key_remove },
	{ "check", "one key", 2, 2, key_check },
	{ "log", "one key", 2, 2, key_log },
	{ "list", "nothing more", 1, 1, key_list },
	{ "verify", "one key, or none", 1, 2, key_verify },
	{ "repair", "one key, or none", 1, 2, key_repair },
};

static const struct key_action *find_action(const struct options *options, struct err *err)
{
	const char *word = options->words.text[0];
	for (size_t i = 0; i < ARRAY_COUNT(key_actions); i++) {
		const struct key_action *action = &key_actions[i];
		if (strcmp(word, action->name) != 0)
			continue;
		if (options->words.count >= action->least && options->words.count <= action->most)
			return action;
		err_set(err, FAULT_USAGE, "barge key %s wants %s", word, action->wants);
		return NULL;
	}
	err_set(err, FAULT_USAGE,
		"barge key does not know '%.60s': it is store, retrieve, remove, check, log, "
		"list, verify or repair",
		word);
	return NULL;
}

/* ---- what is told ---- */

static enum fault key_json(const struct key_command *command, int status,
			   const struct verdict *held, struct bytes *line)
{
	const char *action = command->action->name;
	const char *key = command->options->words.count > 1 ? key_word(command, 1) : NULL;
	enum fault fault = bytes_append_text(line, "{\"event\":\"key\"");
	if (!fault)
		fault = json_member(line, "action", action, strlen(action));
	if (!fault && key)
		fault = json_member(line, "key", key, strlen(key));
	if (!fault && command->presence)
		fault = json_member(line, "presence", command->presence, strlen(command->presence));
	if (!fault)
		fault = bytes_printf(line, ",\"status\":%d,\"verdict\":", status);
	if (!fault)
		fault = verdict_json(held, line);
	return fault ? fault : bytes_append_text(line, "}\n");
}

/* Tells the result, and what the command has waited for where that was long. */
static void key_report(const struct key_command *command, int status, const struct verdict *held)
{
	struct bytes line;
	bytes_init(&line, HELD_MAX);
	if (command->output->options.json) {
		if (!key_json(command, status, held, &line))
			out_put(command->output, line.data, line.size);
	} else {
		if (command->presence && !bytes_printf(&line, "%s\n", command->presence))
			out_put(command->output, line.data, line.size);
		bytes_clear(&line);
		if (verdict_is_worth(held) && !verdict_text(held, &line))
			say(command->output, SAY_INFO, "held back by: %s", bytes_text(&line));
	}
	bytes_fini(&line);
}

/* ---- the command ---- */

static enum fault key_measure(struct key_command *command, struct err *err)
{
	const struct gauge_options gauge = {
		.setup = &command->setup,
		.output = command->output,
		.hands = 1,
	};
	enum fault fault = gauge_new(&gauge, &command->gauge, err);
	return fault ? fault : gauge_start(command->gauge, err);
}

static enum fault key_run(struct key_command *command, int *status, struct err *err)
{
	const struct options *options = command->options;
	struct chunk_config chunk;
	if (chunk_config_read(NULL, options->key_chunk, &chunk, err) ||
	    setup_load(&options->connection, command->output, &command->setup, err))
		return err->fault;
	const struct keys_options keys = {
		.setup = &command->setup,
		.root = &command->root,
		.verify = (unsigned)options->transfer.verify,
		.stop = key_stop,
		.tell = key_tell,
		.tell_context = command,
		.chunk = chunk,
		.width = (unsigned)options->transfer.in_flight,
		.serial = options->key_serial,
	};
	struct verdict held;
	enum fault fault = key_measure(command, err);
	if (!fault)
		fault = keys_open(&keys, &command->keys, err);
	if (!fault)
		fault = command->action->run(command, status, err);
	keys_close(command->keys);
	gauge_end(command->gauge, &held);
	if (!fault)
		key_report(command, *status, &held);
	setup_fini(&command->setup);
	return fault;
}

enum fault command_key(const struct options *options, struct output *output, int *status,
		       struct err *err)
{
	struct key_command command = { .options = options, .output = output };
	command.action = find_action(options, err);
	if (!command.action)
		return err->fault;
	if (!options->root)
		return err_set(err, FAULT_USAGE,
			       "which key store?  Name its directory with --root ALIAS:DIR");
	if (grid_path_resolve(&options->connection, options->root, &command.root, err))
		return err->fault;
	enum fault fault = key_run(&command, status, err);
	grid_path_fini(&command.root);
	return fault;
}
