#include "annex/remote.h"
#include "keys/source.h"
#include "keys/whole.h"
#include "place/tree.h"

/* A file in an exported tree, and with whom one talks about it. */
struct exported {
	struct operation *operation;
	struct tree_root tree;
	struct tree_path path;
};

static enum fault begin(struct exported *exported, struct annex_remote *remote,
			const struct annex_request *request, const char *name, struct err *err)
{
	struct keys *keys;
	*exported = (struct exported){ 0 };
	enum fault fault = remote_keys_open(remote, request, &keys, err);
	if (!fault)
		fault = tree_path_init(&exported->path, name, err);
	if (!fault)
		fault = operation_begin(keys, &exported->operation, err);
	if (!fault)
		exported->tree = (struct tree_root){ &exported->operation->tries, &remote->root };
	return fault;
}

static enum fault end(struct exported *exported, enum fault fault)
{
	operation_end(exported->operation);
	tree_path_fini(&exported->path);
	return fault;
}

/* Stores the read cap of the file.  FAULT_NOT_FOUND: it is certain that nothing is there. */
static enum fault find(const struct exported *exported, struct cap *cap, struct err *err)
{
	struct store_node node;
	enum fault fault =
		tree_find(&exported->tree, &exported->path, exported->path.count, &node, err);
	if (!fault && node.kind != STORE_FILE)
		fault = err_set(err, FAULT_NOT_FOUND, "what is there is no file");
	if (!fault)
		*cap = *store_node_cap(&node);
	cap_wipe(&node.rw);
	cap_wipe(&node.ro);
	return fault;
}

/* Begins with a file that is to be there, and stores its read cap. */
static enum fault begin_found(struct exported *exported, void *context,
			      const struct annex_request *request, struct cap *cap, struct err *err)
{
	enum fault fault = begin(exported, context, request, request->name, err);
	return fault ? fault : find(exported, cap, err);
}

/* Links an export, and looks from the root whether it is there: others may have taken a directory
 * above it away meanwhile. */
static enum fault link_export(const struct tree_root *tree, const struct tree_path *path,
			      const struct cap *cap, struct err *err)
{
	struct store_node node = { 0 };
	const struct tree_new new = { cap, STORE_REPLACE_ONLY_FILES };
	enum fault fault = tree_link(tree, path, &new, NULL, err);
	if (!fault)
		fault = tree_find(tree, path, path->count, &node, err);
	if (fault == FAULT_NOT_FOUND || (!fault && !cap_equal(store_node_cap(&node), cap)))
		fault = err_set(err, FAULT_RETRY, "somebody else has changed the tree meanwhile");
	cap_wipe(&node.rw);
	cap_wipe(&node.ro);
	return fault;
}

enum fault export_store(void *context, const struct annex_request *request, struct err *err)
{
	const struct keys_progress progress = { .moved = remote_moved, .context = request->job };
	struct exported exported;
	struct cap cap = { 0 };
	enum fault fault = begin(&exported, context, request, request->name, err);
	if (!fault)
		fault = source_put_file(exported.operation, request->file, &progress, &cap, err);
	if (!fault)
		fault = link_export(&exported.tree, &exported.path, &cap, err);
	cap_wipe(&cap);
	return end(&exported, fault);
}

enum fault export_retrieve(void *context, const struct annex_request *request, struct err *err)
{
	const struct keys_progress progress = { .moved = remote_moved, .context = request->job };
	struct exported exported;
	struct cap cap = { 0 };
	enum fault fault = begin_found(&exported, context, request, &cap, err);
	if (!fault)
		fault = whole_get(exported.operation, &cap, request->file, &progress, err);
	cap_wipe(&cap);
	return end(&exported, fault);
}

enum fault export_present(void *context, const struct annex_request *request, struct err *err)
{
	struct exported exported;
	struct cap cap = { 0 };
	enum fault fault = begin_found(&exported, context, request, &cap, err);
	if (!fault)
		fault = remote_presence(whole_check(exported.operation, &cap, err), err);
	cap_wipe(&cap);
	return end(&exported, fault);
}

enum fault export_remove(void *context, const struct annex_request *request, struct err *err)
{
	struct exported exported;
	enum fault fault = begin(&exported, context, request, request->name, err);
	if (!fault)
		fault = tree_unlink(&exported.tree, &exported.path, err);
	return end(&exported, fault);
}

/* The new name comes before the old one goes. */
enum fault remote_rename(void *context, const struct annex_request *request, struct err *err)
{
	struct exported exported;
	struct cap cap = { 0 };
	struct tree_path to = { 0 };
	enum fault fault = begin_found(&exported, context, request, &cap, err);
	if (!fault)
		fault = tree_path_init(&to, request->to, err);
	if (!fault)
		fault = link_export(&exported.tree, &to, &cap, err);
	if (!fault && strcmp(request->to, request->name) != 0)
		fault = tree_unlink(&exported.tree, &exported.path, err);
	tree_path_fini(&to);
	cap_wipe(&cap);
	return end(&exported, fault);
}

enum fault remote_remove_directory(void *context, const struct annex_request *request,
				   struct err *err)
{
	struct exported exported;
	enum fault fault = begin(&exported, context, request, request->to, err);
	if (!fault)
		fault = tree_unlink(&exported.tree, &exported.path, err);
	return end(&exported, fault);
}
