#include "annex/remote.h"

#include "net/url.h"
#include "place/link.h"
#include "place/make.h"
#include "place/tree.h"

/* What git-annex keeps for us: a setting that tells the root from others, and the root's cap. */
#define ROOT_ID   "rootid"
#define ROOT_CAP  "rootcap" /* no setting may be called so */
#define NO_SECRET "the cap of its root directory is not known in this clone: "

enum {
	VALUE_MAX = 65536,
	ASK_MS = 3000, /* for a gateway, when git-annex wants to know whether it is there at all */
};

const struct annex_setting remote_settings[] = {
	{ "gateway", "URL of a Tahoe-LAFS gateway, http://127.0.0.1:3456/ (or give node=)" },
	{ "node", "directory of a Tahoe-LAFS node: its gateway and its aliases" },
	{ "root", "ALIAS:PATH of the directory that holds everything (without: a new one)" },
	{ "state", "directory (default): keys are linked below the root; annex: the git-annex "
		   "branch keeps the cap of each key" },
	{ "parts", "SIZE: what is larger is kept in parts of it, which go side by side, and a "
		   "transfer that was cut off goes on (with state=directory)" },
	{ ROOT_ID, "written by initremote: tells this root from others" },
	{ 0 },
};

/* Stores a setting as text from malloc; NULL: it is not set. */
static enum fault ask_setting(const struct annex_request *request, const char *name, char **text,
			      struct err *err)
{
	struct bytes value;
	size_t size;
	bytes_init(&value, VALUE_MAX);
	enum fault fault = annex_ask_setting(request->job, name, &value, err);
	free(*text);
	*text = !fault && value.size > 0 ? (char *)bytes_take(&value, &size) : NULL;
	bytes_fini(&value);
	return fault;
}

static enum fault check_state(struct annex_remote *remote, const char *state, struct err *err)
{
	remote->keeps_caps = state && strcmp(state, "annex") == 0;
	if (state && !remote->keeps_caps && strcmp(state, "directory") != 0)
		return err_set(err, FAULT_USAGE, "state=%.40s: it is 'directory' or 'annex'",
			       state);
	return FAULT_NONE;
}

static enum fault check_parts(struct annex_remote *remote, const char *parts, struct err *err)
{
	uint64_t size = 0;
	if (parts && !chunk_size_read(parts, &size))
		return err_set(err, FAULT_USAGE, "parts=%.40s: it is a size, like 50MiB", parts);
	if (size > 0 && remote->keeps_caps)
		return err_set(err, FAULT_USAGE,
			       "parts=%.40s: parts need directories, so not state=annex", parts);
	remote->parts = (struct chunk_config){ size ? CHUNK_UNPADDED : CHUNK_NONE, size };
	return FAULT_NONE;
}

static enum fault check_settings(const struct annex_remote *remote, struct err *err)
{
	struct url url;
	const char *root = remote->root_word;
	if (remote->gateway && url_parse(remote->gateway, NULL, &url, err))
		return err_wrap(err, "gateway=");
	if (remote->node_directory && remote->node_directory[0] != '/')
		return err_set(err, FAULT_USAGE,
			       "node=%.100s: give the whole path, as git-annex is used in many "
			       "directories",
			       remote->node_directory);
	if (root && (strncasecmp(root, "URI:", 4) == 0 || strncasecmp(root, "URI%3A", 6) == 0))
		return err_set(err, FAULT_USAGE,
			       "root= has a cap, which everybody who sees the git-annex branch "
			       "could read; make an alias of it ('tahoe add-alias'), and give "
			       "root=ALIAS:");
	if (root && !strchr(root, ':'))
		return err_set(err, FAULT_USAGE, "root=%.100s: it is ALIAS:PATH", root);
	return FAULT_NONE;
}

/* Asks for what the user configured. */
static enum fault take_settings(struct annex_remote *remote, const struct annex_request *request,
				struct err *err)
{
	char *state = NULL, *parts = NULL;
	enum fault fault = ask_setting(request, "gateway", &remote->gateway, err);
	if (!fault)
		fault = ask_setting(request, "node", &remote->node_directory, err);
	if (!fault)
		fault = ask_setting(request, "root", &remote->root_word, err);
	if (!fault)
		fault = ask_setting(request, "state", &state, err);
	if (!fault)
		fault = ask_setting(request, "parts", &parts, err);
	if (!fault)
		fault = check_state(remote, state, err);
	if (!fault)
		fault = check_parts(remote, parts, err);
	if (!fault)
		fault = check_settings(remote, err);
	free(state);
	free(parts);
	return fault;
}

/* Stores the root's cap as this clone keeps it; CAP_NONE: it does not. */
static enum fault take_secret(struct annex_remote *remote, const struct annex_request *request,
			      struct err *err)
{
	struct bytes value;
	bytes_init(&value, VALUE_MAX);
	cap_wipe(&remote->root);
	enum fault fault = annex_ask_secret(request->job, ROOT_CAP, &value, err);
	if (!fault && value.size > 0)
		fault = cap_parse((char *)value.data, value.size, &remote->root, err);
	if (!fault && remote->root.kind && !cap_is_directory(&remote->root))
		fault = err_set(err, FAULT_USAGE, "what is kept as the root is no directory");
	bytes_fini(&value);
	return fault;
}

void remote_identify(const struct cap *root, char id[REMOTE_ID_SIZE])
{
	unsigned char index[CAP_KEY_SIZE] = { 0 }, hash[DIGEST_SIZE];
	(void)!cap_storage_index(root, index);
	digest_of(index, sizeof index, hash);
	for (size_t i = 0; i < DIGEST_SIZE; i++)
		snprintf(id + 2 * i, 3, "%02x", hash[i]);
}

/* Learns where the repository is. */
static enum fault take_git_directory(struct annex_remote *remote,
				     const struct annex_request *request, struct err *err)
{
	struct bytes value;
	size_t size;
	bytes_init(&value, VALUE_MAX);
	enum fault fault = annex_ask_git_directory(request->job, &value, err);
	free(remote->git_directory);
	remote->git_directory = !fault && value.size > 0 ? (char *)bytes_take(&value, &size) : NULL;
	bytes_fini(&value);
	return fault;
}

/* ---- INITREMOTE: finding the root, or making it ---- */

/* Makes the directories of a path below an alias that are missing. */
static enum fault make_path(const struct tries *tries, const struct grid_path *word, size_t found,
			    const struct cap *above, struct cap *cap, struct err *err)
{
	struct tree_path path = { .count = word->count - found };
	struct cap made = { 0 };
	if (path.count > TREE_DEPTH_MAX)
		return err_set(err, FAULT_TOO_LARGE, "root=%.100s is too deep", word->typed);
	if (link_check_names(word->component + found, path.count, err))
		return err_wrap(err, "root=%.100s", word->typed);
	memcpy(path.component, word->component + found, path.count * sizeof path.component[0]);
	const struct tree_root tree = { tries, above };
	const struct tree_new new = { &made, STORE_REPLACE_NEVER };
	enum fault fault = make_mutable(tries, NULL, &made, err);
	if (!fault)
		fault = tree_link(&tree, &path, &new, NULL, err);
	if (!fault)
		*cap = made;
	cap_wipe(&made);
	return fault;
}

/* Finds the directory that root= names. */
static enum fault find_named(const struct tries *tries, const struct grid_path *word,
			     struct cap *cap, struct err *err)
{
	struct store_node node = { 0 };
	struct grid_look look = { .tries = *tries, .count = word->count };
	enum fault fault = grid_path_look(word, &look, &node, err);
	while (fault == FAULT_NOT_FOUND && look.count > 0) {
		look.count--;
		fault = grid_path_look(word, &look, &node, err);
	}
	if (!fault && node.kind != STORE_DIRECTORY)
		fault = err_set(err, FAULT_USAGE, "root=%.100s: a file is there", word->typed);
	else if (!fault && !cap_is_writable(&node.rw))
		fault = err_set(err, FAULT_USAGE,
				"root=%.100s is read-only; an alias of a write cap is needed",
				word->typed);
	else if (!fault && look.count < word->count)
		fault = make_path(tries, word, look.count, &node.rw, cap, err);
	else if (!fault)
		*cap = node.rw;
	cap_wipe(&node.rw);
	cap_wipe(&node.ro);
	return fault;
}

static enum fault find_root(struct annex_remote *remote, const struct tries *tries, bool has_id,
			    struct err *err)
{
	struct grid_path word;
	if (!remote->root_word && remote->root.kind)
		return FAULT_NONE;
	if (!remote->root_word && has_id)
		return err_set(err, FAULT_USAGE,
			       NO_SECRET "give root=ALIAS: with an alias of it, or enable it where "
					 "it was made with embedcreds=yes");
	if (!remote->root_word)
		return make_mutable(tries, NULL, &remote->root, err);
	const struct connection_options connection = remote_connection(remote);
	if (grid_path_resolve(&connection, remote->root_word, &word, err))
		return err->fault;
	enum fault fault = find_named(tries, &word, &remote->root, err);
	grid_path_fini(&word);
	return fault;
}

/* Has git-annex keep the root, if it is the one that it was. */
static enum fault keep_root(const struct annex_remote *remote, const struct annex_request *request,
			    const char *known, struct err *err)
{
	char id[REMOTE_ID_SIZE], cap[CAP_TEXT_SIZE];
	remote_identify(&remote->root, id);
	if (known && strcmp(known, id) != 0)
		return err_set(err, FAULT_USAGE,
			       "this is another directory than the remote was made with; nothing "
			       "of what is stored would be found in it");
	annex_keep_setting(request->job, ROOT_ID, id);
	cap_print(&remote->root, cap);
	annex_keep_secret(request->job, ROOT_CAP, cap);
	explicit_bzero(cap, sizeof cap);
	return FAULT_NONE;
}

/* Finds the root on the grid, in a store of its own. */
static enum fault connect_and_find(struct annex_remote *remote, const char *id, struct err *err)
{
	struct store_wait wait;
	if (remote_load(remote, err) || setup_connect(&remote->setup, &wait, err))
		return err->fault;
	const struct tries tries = setup_tries(&remote->setup, &wait);
	enum fault fault = find_root(remote, &tries, id, err);
	store_close(wait.store);
	return fault;
}

enum fault remote_initialize(void *context, const struct annex_request *request, struct err *err)
{
	struct annex_remote *remote = context;
	char *id = NULL;
	enum fault fault = take_settings(remote, request, err);
	if (!fault)
		fault = take_secret(remote, request, err);
	if (!fault)
		fault = ask_setting(request, ROOT_ID, &id, err);
	if (!fault)
		fault = connect_and_find(remote, id, err);
	if (!fault)
		fault = keep_root(remote, request, id, err);
	free(id);
	return fault;
}

enum fault remote_prepare(void *context, const struct annex_request *request, struct err *err)
{
	struct annex_remote *remote = context;
	enum fault fault = take_settings(remote, request, err);
	if (!fault)
		fault = take_secret(remote, request, err);
	if (!fault)
		fault = take_git_directory(remote, request, err);
	if (!fault && !remote->root.kind)
		fault = err_set(err, FAULT_USAGE,
				NO_SECRET "'git annex enableremote NAME root=ALIAS:' tells it");
	remote->prepared = !fault;
	return fault;
}

/* It may come before PREPARE, so it asks for itself what is configured; and its setup is its own,
 * of short patience, since the one that requests share waits for a gateway. */
enum fault remote_available(void *context, const struct annex_request *request, struct err *err)
{
	const struct annex_remote *remote = context;
	struct annex_remote asked;
	struct setup setup = { 0 };
	struct store_wait wait;
	remote_init(&asked, remote->output);
	enum fault fault = take_settings(&asked, request, err);
	struct connection_options connection = remote_connection(&asked);
	connection.gateway_wait_ms = connection.grid_wait_ms = 0;
	connection.timeout_connect_ms = connection.timeout_wait_ms = ASK_MS;
	if (!fault)
		fault = setup_load(&connection, remote->output, &setup, err);
	if (!fault)
		fault = setup_connect(&setup, &wait, err);
	if (!fault)
		store_close(wait.store);
	setup_fini(&setup);
	remote_fini(&asked);
	return fault;
}
