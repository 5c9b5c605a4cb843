#include "annex/remote.h"
#include "keys/key_name.h"

#include <stdio.h>

enum { LINE_MAX_SIZE = 4096 };

char *remote_session_path(const struct annex_remote *remote)
{
	enum { ID_SHOWN = 16 };
	char id[REMOTE_ID_SIZE], *path;
	if (!remote->git_directory || !remote->root.kind)
		return NULL;
	remote_identify(&remote->root, id);
	if (asprintf(&path, "%s/annex/barge-%.*s", remote->git_directory, ID_SHOWN, id) < 0)
		return NULL;
	return path;
}

/* What the last session that was long enough has said of its time. */
static enum fault append_last_session(const struct annex_remote *remote, struct bytes *answer)
{
	char line[LINE_MAX_SIZE];
	char *path = remote_session_path(remote);
	FILE *file = path ? fopen(path, "re") : NULL;
	free(path);
	if (!file)
		return FAULT_NONE;
	enum fault fault = FAULT_NONE;
	if (fgets(line, sizeof line, file)) {
		line[strcspn(line, "\n")] = 0;
		fault = bytes_printf(answer, "last session\t%s\n", line);
	}
	fclose(file);
	return fault;
}

enum fault remote_info(void *context, const struct annex_request *request, struct err *err)
{
	const struct annex_remote *remote = context;
	char parts[CHUNK_TEXT_SIZE];
	chunk_config_text(&remote->parts, parts);
	enum fault fault = bytes_printf(
		request->answer, "gateway\t%s\nnode\t%s\nroot\t%s\nstate\t%s\nparts\t%s\n",
		remote->gateway ? remote->gateway : "of the node",
		remote->node_directory ? remote->node_directory : "none",
		remote->root_word ? remote->root_word : "a directory of its own",
		remote->keeps_caps ? "annex" : "directory", parts);
	if (!fault)
		fault = append_last_session(remote, request->answer);
	return bytes_err(fault, err, "words about the remote");
}

/* Where a key is linked: with this and the root any Tahoe client gets at it. */
enum fault remote_whereis(void *context, const struct annex_request *request, struct err *err)
{
	const struct annex_remote *remote = context;
	struct key_name name;
	if (remote->keeps_caps)
		return err_set(err, FAULT_NOT_FOUND, "the git-annex branch keeps its cap");
	if (key_name_read(request->key, &name, err))
		return err->fault;
	const bool in_parts = remote->parts.size > 0 && name.has_size &&
			      name.size > remote->parts.size && chunk_key_is_stable(&name.key);
	return bytes_err(key_name_path(&name, in_parts, request->answer), err, "a key");
}
