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
}

static void free_hands(struct annex_remote *remote) REQUIRES(remote->mutex)
{
	for (struct remote_hand *hand; (hand = remote->idle);) {
		remote->idle = hand->next;
		store_close(hand->wait.store);
		free(hand);
	}
	for (size_t i = 0; i < KEY_LEAVES; i++) {
		if (remote->leaf[i])
			cap_wipe(remote->leaf[i]);
		free(remote->leaf[i]);
	}
}

void remote_fini(struct annex_remote *remote)
{
	mutex_lock(&remote->mutex);
	free_hands(remote);
	mutex_unlock(&remote->mutex);
	policy_free(remote->policy);
	setup_fini(&remote->setup);
	free(remote->gateway);
	free(remote->node_directory);
	free(remote->root_word);
	cap_wipe(&remote->root);
	mutex_fini(&remote->mutex);
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

/* Whether nobody waits for the request any more (a store_wait_stop). */
static bool is_stopped(void *context)
{
	const struct remote_hand *hand = context;
	return hand->stop && *hand->stop;
}

/* Finds the gateway, with `hand` the first store there. */
static enum fault connect_first(struct annex_remote *remote, struct remote_hand *hand,
				struct err *err) REQUIRES(remote->mutex)
{
	const struct connection_options connection = remote_connection(remote);
	if (setup_load(&connection, remote->output, &remote->setup, err))
		return err->fault;
	enum fault fault = setup_connect(&remote->setup, &hand->wait, err);
	if (!fault) {
		fault = policy_new(0, remote->setup.params, &remote->policy, err);
		if (fault)
			store_close(hand->wait.store);
	}
	if (fault)
		setup_fini(&remote->setup);
	remote->connected = !fault;
	return fault;
}

enum fault remote_take(struct annex_remote *remote, const atomic_bool *stop,
		       struct remote_hand **taken, struct err *err)
{
	enum fault fault = FAULT_NONE;
	mutex_lock(&remote->mutex);
	struct remote_hand *hand = remote->idle;
	if (hand) {
		remote->idle = hand->next;
	} else {
		hand = calloc(1, sizeof *hand);
		fault = !hand ? err_set(err, FAULT_NOMEM, "no memory for a connection")
			: remote->connected
				? setup_open_next(&remote->setup, &hand->wait.store, err)
				: connect_first(remote, hand, err);
	}
	mutex_unlock(&remote->mutex);
	if (fault || !hand) {
		free(hand);
		return err->fault;
	}
	hand->stop = stop;
	hand->wait.stop = is_stopped;
	hand->wait.context = hand;
	hand->tries = setup_tries(&remote->setup, &hand->wait);
	*taken = hand;
	return FAULT_NONE;
}

void remote_give(struct annex_remote *remote, struct remote_hand *hand)
{
	mutex_lock(&remote->mutex);
	hand->next = remote->idle;
	remote->idle = hand;
	mutex_unlock(&remote->mutex);
}

bool remote_leaf(struct annex_remote *remote, unsigned leaf, struct cap *cap)
{
	mutex_lock(&remote->mutex);
	bool known = remote->leaf[leaf];
	if (known)
		*cap = *remote->leaf[leaf];
	mutex_unlock(&remote->mutex);
	return known;
}

void remote_keep_leaf(struct annex_remote *remote, unsigned leaf, const struct cap *cap)
{
	mutex_lock(&remote->mutex);
	if (!remote->leaf[leaf])
		remote->leaf[leaf] = malloc(sizeof *cap);
	if (remote->leaf[leaf])
		*remote->leaf[leaf] = *cap;
	mutex_unlock(&remote->mutex);
}
