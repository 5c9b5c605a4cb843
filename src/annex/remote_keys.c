#include "annex/remote.h"
#include "keys/key_name.h"
#include "keys/source.h"
#include "keys/whole.h"

/* ---- state=annex: git-annex keeps the cap of each key ---- */

/* Stores the cap that git-annex keeps of a key.  FAULT_NOT_FOUND: none. */
static enum fault find_kept(const struct annex_request *request, struct cap *cap, struct err *err)
{
	enum { TEXT_MAX = 65536 };
	struct bytes text;
	bytes_init(&text, TEXT_MAX);
	enum fault fault = annex_ask_state(request->job, request->key, &text, err);
	if (!fault && text.size == 0)
		fault = err_set(err, FAULT_NOT_FOUND, "it is not stored here");
	if (!fault)
		fault = cap_parse((char *)text.data, text.size, cap, err);
	bytes_fini(&text);
	return fault;
}

static enum fault store_kept(struct keys *keys, const struct annex_request *request,
			     const struct keys_progress *progress, struct err *err)
{
	struct operation *operation;
	struct cap cap = { 0 };
	char text[CAP_TEXT_SIZE];
	if (operation_begin(keys, &operation, err))
		return err->fault;
	enum fault fault = source_put_file(operation, request->file, progress, &cap, err);
	operation_end(operation);
	if (!fault) {
		cap_print(&cap, text);
		annex_keep_state(request->job, request->key, text);
		explicit_bzero(text, sizeof text);
	}
	cap_wipe(&cap);
	return fault;
}

static enum fault retrieve_kept(struct keys *keys, const struct annex_request *request,
				const struct keys_progress *progress, struct err *err)
{
	struct operation *operation;
	struct cap cap = { 0 };
	if (find_kept(request, &cap, err) || operation_begin(keys, &operation, err))
		return err->fault;
	enum fault fault = whole_get(operation, &cap, request->file, progress, err);
	operation_end(operation);
	cap_wipe(&cap);
	return fault;
}

static enum fault present_kept(struct keys *keys, const struct annex_request *request,
			       struct err *err)
{
	struct operation *operation;
	struct cap cap = { 0 };
	if (find_kept(request, &cap, err) || operation_begin(keys, &operation, err))
		return err->fault;
	enum fault fault = remote_presence(whole_check(operation, &cap, err), err);
	operation_end(operation);
	cap_wipe(&cap);
	return fault;
}

/* ---- keys, or what an export names ---- */

enum fault remote_store(void *context, const struct annex_request *request, struct err *err)
{
	struct annex_remote *remote = context;
	const struct keys_progress progress = { .moved = remote_moved, .context = request->job };
	struct keys *keys;
	if (request->name)
		return export_store(context, request, err);
	if (remote_keys_open(remote, request, &keys, err))
		return err->fault;
	return remote->keeps_caps ? store_kept(keys, request, &progress, err)
				  : keys_store(keys, request->key, request->file, &progress, err);
}

enum fault remote_retrieve(void *context, const struct annex_request *request, struct err *err)
{
	struct annex_remote *remote = context;
	const struct keys_progress progress = { .moved = remote_moved, .context = request->job };
	struct keys *keys;
	if (request->name)
		return export_retrieve(context, request, err);
	if (remote_keys_open(remote, request, &keys, err))
		return err->fault;
	return remote->keeps_caps
		       ? retrieve_kept(keys, request, &progress, err)
		       : keys_retrieve(keys, request->key, request->file, &progress, err);
}

enum fault remote_present(void *context, const struct annex_request *request, struct err *err)
{
	struct annex_remote *remote = context;
	struct keys *keys;
	if (request->name)
		return export_present(context, request, err);
	if (remote_keys_open(remote, request, &keys, err))
		return err->fault;
	return remote->keeps_caps ? present_kept(keys, request, err)
				  : remote_presence(keys_check(keys, request->key, err), err);
}

enum fault remote_remove(void *context, const struct annex_request *request, struct err *err)
{
	struct annex_remote *remote = context;
	struct keys *keys;
	if (request->name)
		return export_remove(context, request, err);
	if (remote_keys_open(remote, request, &keys, err))
		return err->fault;
	if (!remote->keeps_caps)
		return keys_remove(keys, request->key, err);
	annex_keep_state(request->job, request->key, "");
	return FAULT_NONE;
}
