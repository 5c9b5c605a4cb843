#include "keys/operation.h"

enum fault keys_open(const struct keys_options *options, struct keys **keys, struct err *err)
{
	struct keys *made = calloc(1, sizeof *made);
	*keys = NULL;
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for a key store");
	layout_init(&made->layout, options->root, options->trusted);
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
