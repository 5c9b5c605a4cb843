#include "keys/keys.h"

#include "keys/whole.h"
#include "place/make.h"

enum fault keys_open(const struct keys_options *options, struct keys **keys, struct err *err)
{
	struct keys *made = calloc(1, sizeof *made);
	*keys = NULL;
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for a key store");
	if (layout_init(&made->layout, options->root, err)) {
		free(made);
		return err->fault;
	}
	made->options = *options;
	made->patience =
		(struct patience){ .tell = options->tell, .context = options->tell_context };
	mutex_init(&made->connecting);
	mutex_init(&made->lock);
	if (policy_new(options->verify, options->setup->params, &made->policy, err)) {
		keys_close(made);
		return err->fault;
	}
	*keys = made;
	return FAULT_NONE;
}

static void operation_free(struct operation *operation)
{
	store_close(operation->wait.store);
	free(operation);
}

void keys_close(struct keys *keys)
{
	if (!keys)
		return;
	mutex_lock(&keys->lock);
	while (keys->idle) {
		struct operation *operation = keys->idle;
		keys->idle = operation->next;
		operation_free(operation);
	}
	mutex_unlock(&keys->lock);
	policy_free(keys->policy);
	layout_fini(&keys->layout);
	mutex_fini(&keys->lock);
	mutex_fini(&keys->connecting);
	free(keys);
}

/* ---- stores ---- */

static struct operation *take_idle(struct keys *keys, bool *connected)
{
	mutex_lock(&keys->lock);
	struct operation *operation = keys->idle;
	if (operation)
		keys->idle = operation->next;
	*connected = keys->connected;
	mutex_unlock(&keys->lock);
	return operation;
}

static enum fault connect_first(struct keys *keys, struct operation *operation, struct err *err)
{
	if (setup_connect(keys->options.setup, &operation->wait, err)) {
		operation->wait.store = NULL; /* closed already */
		return err->fault;
	}
	mutex_lock(&keys->lock);
	keys->connected = true;
	mutex_unlock(&keys->lock);
	return FAULT_NONE;
}

static bool is_connected(struct keys *keys)
{
	mutex_lock(&keys->lock);
	bool connected = keys->connected;
	mutex_unlock(&keys->lock);
	return connected;
}

/* Opens a store; the first one has to find a gateway, and others wait for that. */
static enum fault open_store(struct keys *keys, struct operation *operation, struct err *err)
{
	enum fault fault = FAULT_NONE;
	mutex_lock(&keys->connecting);
	if (is_connected(keys))
		fault = setup_open_first(keys->options.setup, &operation->wait.store, err);
	else
		fault = connect_first(keys, operation, err);
	mutex_unlock(&keys->connecting);
	operation->wait.stop = keys->options.stop;
	operation->wait.context = keys->options.context;
	return fault;
}

enum fault operation_begin(struct keys *keys, struct operation **out, struct err *err)
{
	bool connected;
	struct operation *operation = take_idle(keys, &connected);
	*out = operation;
	if (operation)
		return FAULT_NONE;
	operation = calloc(1, sizeof *operation);
	if (!operation)
		return err_set(err, FAULT_NOMEM, "no memory for an operation on a key");
	operation->keys = keys;
	if (open_store(keys, operation, err)) {
		operation_free(operation);
		return err->fault;
	}
	operation->tries = setup_tries(keys->options.setup, &operation->wait);
	*out = operation;
	return FAULT_NONE;
}

void operation_end(struct operation *operation)
{
	if (!operation)
		return;
	struct keys *keys = operation->keys;
	mutex_lock(&keys->lock);
	operation->next = keys->idle;
	keys->idle = operation;
	mutex_unlock(&keys->lock);
}

/* Reads the key, and takes a store. */
static enum fault begin(struct keys *keys, const char *key, struct key_name *name,
			struct operation **operation, struct err *err)
{
	*operation = NULL;
	enum fault fault = key_name_read(key, name, err);
	return fault ? fault : operation_begin(keys, operation, err);
}

/* Stores the cap that reads the key's content. */
static enum fault find(struct operation *operation, const struct key_name *name, struct cap *cap,
		       struct err *err)
{
	struct store_node node;
	enum fault fault =
		layout_find(&operation->keys->layout, &operation->tries, name, &node, err);
	if (!fault && node.kind != STORE_FILE)
		fault = err_set(err, FAULT_CORRUPT, "what has the key's name is not a file");
	if (!fault)
		*cap = *store_node_cap(&node);
	cap_wipe(&node.rw);
	cap_wipe(&node.ro);
	return fault;
}

/* ---- operations ---- */

enum fault keys_store(struct keys *keys, const char *key, const char *path,
		      const struct keys_progress *progress, struct err *err)
{
	struct key_name name;
	struct operation *operation;
	struct cap cap = { 0 };
	enum fault fault = begin(keys, key, &name, &operation, err);
	if (!fault)
		fault = layout_writable(&keys->layout, &operation->tries, err);
	if (!fault)
		fault = whole_put(operation, path, &name, progress, &cap, err);
	if (!fault)
		fault = layout_link(&keys->layout, &operation->tries, &name, &cap, err);
	operation_end(operation);
	cap_wipe(&cap);
	return fault;
}

enum fault keys_retrieve(struct keys *keys, const char *key, const char *path,
			 const struct keys_progress *progress, struct err *err)
{
	struct key_name name;
	struct operation *operation;
	struct cap cap = { 0 };
	enum fault fault = begin(keys, key, &name, &operation, err);
	if (!fault)
		fault = find(operation, &name, &cap, err);
	if (!fault)
		fault = whole_get(operation, &cap, path, progress, err);
	operation_end(operation);
	cap_wipe(&cap);
	return fault;
}

enum fault keys_remove(struct keys *keys, const char *key, struct err *err)
{
	struct key_name name;
	struct operation *operation;
	enum fault fault = begin(keys, key, &name, &operation, err);
	if (!fault)
		fault = layout_unlink(&keys->layout, &operation->tries, &name, err);
	operation_end(operation);
	return fault;
}

enum key_presence keys_check(struct keys *keys, const char *key, struct err *err)
{
	struct key_name name;
	struct operation *operation;
	struct cap cap = { 0 };
	enum key_presence presence = KEY_UNKNOWN;
	enum fault fault = begin(keys, key, &name, &operation, err);
	if (!fault) {
		fault = find(operation, &name, &cap, err);
		if (!fault)
			presence = whole_check(operation, &cap, err);
		else if (fault == FAULT_NOT_FOUND)
			presence = KEY_ABSENT;
	}
	operation_end(operation);
	cap_wipe(&cap);
	return presence;
}

enum fault keys_whereis(struct keys *keys, const char *key, char text[CAP_TEXT_SIZE],
			struct err *err)
{
	struct key_name name;
	struct operation *operation;
	struct cap cap = { 0 };
	enum fault fault = begin(keys, key, &name, &operation, err);
	if (!fault)
		fault = find(operation, &name, &cap, err);
	if (!fault)
		cap_print(&cap, text);
	operation_end(operation);
	cap_wipe(&cap);
	return fault;
}

enum fault keys_make_root(struct setup *setup, struct cap *cap, struct err *err)
{
	struct store_wait wait = { 0 };
	if (setup_connect(setup, &wait, err))
		return err->fault;
	struct tries tries = setup_tries(setup, &wait);
	enum fault fault = make_mutable(&tries, NULL, cap, err);
	store_close(wait.store);
	return fault;
}
