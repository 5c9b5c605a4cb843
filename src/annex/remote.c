#include "annex/remote.h"

enum { WAIT_MS = 30000 /* for a gateway or a grid that was there, until a request fails */ };

annex_function *const remote_operations[] = {
	[ANNEX_INITIALIZE] = remote_initialize,
	[ANNEX_PREPARE] = remote_prepare,
	[ANNEX_STORE] = remote_store,
	[ANNEX_RETRIEVE] = remote_retrieve,
	[ANNEX_PRESENT] = remote_present,
	[ANNEX_REMOVE] = remote_remove,
	[ANNEX_RENAME] = remote_rename,
	[ANNEX_REMOVE_DIRECTORY] = remote_remove_directory,
	[ANNEX_INFO] = remote_info,
	[ANNEX_WHEREIS] = remote_whereis,
	[ANNEX_AVAILABLE] = remote_available,
};

void remote_init(struct annex_remote *remote, struct output *output)
{
	*remote = (struct annex_remote){ .output = output };
	mutex_init(&remote->mutex);
	remote_measure_init(&remote->measure);
}

void remote_fini(struct annex_remote *remote)
{
	char *path = remote_session_path(remote);
	mutex_lock(&remote->mutex);
	keys_close(remote->keys);
	mutex_unlock(&remote->mutex);
	remote_measure_end(&remote->measure, path);
	free(path);
	setup_fini(&remote->setup);
	free(remote->gateway);
	free(remote->node_directory);
	free(remote->root_word);
	free(remote->git_directory);
	cap_wipe(&remote->path.root);
	cap_wipe(&remote->root);
	mutex_fini(&remote->mutex);
}

void remote_began(void *context)
{
	struct annex_remote *remote = context;
	remote_measure_began(&remote->measure);
}

void remote_ended(void *context, struct annex_job *job)
{
	struct annex_remote *remote = context;
	remote_measure_ended(&remote->measure, job);
}

struct connection_options remote_connection(struct annex_remote *remote)
{
	struct connection_options connection = {
		.node_directory = remote->node_directory,
		.gateway_wait_ms = WAIT_MS,
		.grid_wait_ms = WAIT_MS,
	};
	if (remote->gateway)
		connection.gateway = (struct text_list){ &remote->gateway, 1 };
	return connection;
}

static enum fault load(struct annex_remote *remote, struct err *err) REQUIRES(remote->mutex)
{
	const struct connection_options connection = remote_connection(remote);
	if (remote->loaded)
		return FAULT_NONE;
	enum fault fault = setup_load(&connection, remote->output, &remote->setup, err);
	remote->loaded = !fault;
	return fault;
}

enum fault remote_load(struct annex_remote *remote, struct err *err)
{
	mutex_lock(&remote->mutex);
	enum fault fault = load(remote, err);
	mutex_unlock(&remote->mutex);
	return fault;
}

/* Whether nobody waits for requests any more (a store_wait_stop). */
static bool is_stopped(void *context)
{
	const struct annex_remote *remote = context;
	return remote->stop && *remote->stop;
}

static enum fault open_keys(struct annex_remote *remote, const struct annex_request *request,
			    struct err *err) REQUIRES(remote->mutex)
{
	static char typed[] = "the root of the remote";
	const struct keys_options options = {
		.setup = &remote->setup,
		.root = &remote->path,
		.trusted = true,
		.chunk = remote->parts,
		.stop = is_stopped,
		.context = remote,
	};
	if (remote->keys)
		return FAULT_NONE;
	if (!remote->prepared)
		return err_set(err, FAULT_USAGE, "PREPARE has not gone well");
	remote->path = (struct grid_path){ .typed = typed, .root = remote->root };
	remote->stop = request->stop;
	enum fault fault = load(remote, err);
	if (!fault)
		remote_measure_start(&remote->measure, &remote->setup, remote->output);
	return fault ? fault : keys_open(&options, &remote->keys, err);
}

enum fault remote_keys_open(struct annex_remote *remote, const struct annex_request *request,
			    struct keys **keys, struct err *err)
{
	mutex_lock(&remote->mutex);
	enum fault fault = open_keys(remote, request, err);
	*keys = remote->keys;
	mutex_unlock(&remote->mutex);
	return fault;
}

void remote_moved(void *job, uint64_t bytes) { annex_progress(job, bytes); }

enum fault remote_presence(enum key_presence presence, struct err *err)
{
	switch (presence) {
	case KEY_PRESENT:
		return FAULT_NONE;
	case KEY_ABSENT:
		return err_set(err, FAULT_NOT_FOUND, "it is not there");
	case KEY_UNKNOWN:
		break;
	}
	/* Whatever the reason is called, it is no absence. */
	if (err->fault == FAULT_NONE || err->fault == FAULT_NOT_FOUND)
		err->fault = FAULT_RETRY;
	return err->fault;
}
