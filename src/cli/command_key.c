#include "base/cancel.h"
#include "cli/command.h"
#include "keys/keys.h"
#include "place/gauge.h"
#include "place/session.h"
#include "report/json.h"
#include "report/out.h"
#include "report/say.h"
#include "report/status.h"
#include "report/tally.h"

enum { ROOM_FOR_ONE = 2 }; /* words: an action and a key */

enum { HELD_MAX = 8192 /* bytes of a verdict */ };

struct key_command {
	const struct options *options;
	const struct key_action *action;
	struct output *output;
	struct grid_path root;
	struct setup setup;
	struct keys *keys;
	struct tally tally;
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

/* Has one of them run with a progress line. */
static enum fault
key_transfer(struct key_command *command,
	     enum fault (*transfer)(struct keys *keys, const char *key, const char *path,
				    const struct keys_progress *progress, struct err *err),
	     struct err *err)
{
	const struct keys_progress progress = { tally_there, &command->tally };
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

static const struct key_action {
	const char *name;
	size_t words; /* with itself */
	enum fault (*run)(struct key_command *command, int *status, struct err *err);
} key_actions[] = {
	{ "store", ROOM_FOR_ONE + 1, key_store },
	{ "retrieve", ROOM_FOR_ONE + 1, key_retrieve },
	{ "remove", ROOM_FOR_ONE, key_remove },
	{ "check", ROOM_FOR_ONE, key_check },
};

static const struct key_action *find_action(const struct options *options, struct err *err)
{
	const char *word = options->words.text[0];
	for (size_t i = 0; i < sizeof key_actions / sizeof *key_actions; i++) {
		const struct key_action *action = &key_actions[i];
		if (strcmp(word, action->name) != 0)
			continue;
		if (options->words.count == action->words)
			return action;
		err_set(err, FAULT_USAGE, "barge key %s wants %s", word,
			action->words > ROOM_FOR_ONE ? "a key and a file" : "one key");
		return NULL;
	}
	err_set(err, FAULT_USAGE,
		"barge key does not know '%.60s': it is store, retrieve, remove or check", word);
	return NULL;
}

/* ---- what is told ---- */

static enum fault key_json(const struct key_command *command, int status,
			   const struct verdict *held, struct bytes *line)
{
	const char *action = command->action->name, *key = key_word(command, 1);
	enum fault fault = bytes_append_text(line, "{\"event\":\"key\"");
	if (!fault)
		fault = json_member(line, "action", action, strlen(action));
	if (!fault)
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
