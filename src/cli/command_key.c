#include "base/cancel.h"
#include "cli/command.h"
#include "keys/keys.h"
#include "place/session.h"
#include "report/out.h"
#include "report/say.h"
#include "report/status.h"
#include "report/tally.h"

enum { ROOM_FOR_ONE = 2 }; /* words: an action and a key */

struct key_command {
	const struct options *options;
	struct output *output;
	struct grid_path root;
	struct setup setup;
	struct keys *keys;
	struct tally tally;
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
	const char *text = presence == KEY_PRESENT ? "present\n" : "absent\n";
	out_put(command->output, text, strlen(text));
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

/* ---- the command ---- */

static enum fault key_run(struct key_command *command, const struct key_action *action, int *status,
			  struct err *err)
{
	const struct options *options = command->options;
	if (setup_load(&options->connection, command->output, &command->setup, err))
		return err->fault;
	const struct keys_options keys = {
		.setup = &command->setup,
		.root = &command->root,
		.verify = (unsigned)options->transfer.verify,
		.stop = key_stop,
		.tell = key_tell,
		.tell_context = command,
	};
	enum fault fault = keys_open(&keys, &command->keys, err);
	if (!fault)
		fault = action->run(command, status, err);
	keys_close(command->keys);
	setup_fini(&command->setup);
	return fault;
}

enum fault command_key(const struct options *options, struct output *output, int *status,
		       struct err *err)
{
	struct key_command command = { .options = options, .output = output };
	const struct key_action *action = find_action(options, err);
	if (!action)
		return err->fault;
	if (!options->root)
		return err_set(err, FAULT_USAGE,
			       "which key store?  Name its directory with --root ALIAS:DIR");
	if (grid_path_resolve(&options->connection, options->root, &command.root, err))
		return err->fault;
	enum fault fault = key_run(&command, action, status, err);
	grid_path_fini(&command.root);
	return fault;
}
