#include "place/tree.h"

#include "base/utf8.h"
#include "place/link.h"
#include "place/make.h"

enum {
	PATH_MAX_SIZE = 65536,
	RACES_MAX = 16, /* others make the same directory just now */
};

static enum fault tree_path_cut(struct tree_path *path, struct err *err)
{
	for (char *at = path->text; at; path->count++) {
		char *end = strchr(at, '/');
		size_t size = end ? (size_t)(end - at) : strlen(at);
		if (size == 0 || (size <= 2 && strncmp(at, "..", size) == 0))
			return err_set(err, FAULT_USAGE, "a path with an empty name, '.' or '..'");
		if (path->count == TREE_DEPTH_MAX)
			return err_set(err, FAULT_TOO_LARGE, "a path of more than %d names",
				       TREE_DEPTH_MAX);
		path->component[path->count] = (struct store_name){ at, size };
		if (end)
			*end = 0;
		at = end ? end + 1 : NULL;
	}
	return FAULT_NONE;
}

enum fault tree_path_init(struct tree_path *path, const char *text, struct err *err)
{
	struct bytes nfc;
	size_t size;
	*path = (struct tree_path){ 0 };
	bytes_init(&nfc, PATH_MAX_SIZE);
	enum fault fault = name_to_nfc(&nfc, text, strlen(text));
	if (fault == FAULT_USAGE)
		err_set(err, fault, "a name that is not UTF-8, which no grid can have");
	else if (!bytes_err(fault, err, "a path") && nfc.size == 0)
		fault = err_set(err, FAULT_USAGE, "an empty path");
	if (!fault) {
		path->text = (char *)bytes_take(&nfc, &size);
		fault = tree_path_cut(path, err);
	}
	bytes_fini(&nfc);
	if (fault)
		tree_path_fini(path);
	return fault;
}

void tree_path_fini(struct tree_path *path)
{
	free(path->text);
	*path = (struct tree_path){ 0 };
}

/* Lists, trying again. */
static enum fault list_below(const struct tree_root *tree, const struct store_list *list,
			     const struct tree_listing *listing, struct err *err)
{
	struct tries ours = *tree->tries;
	enum fault fault;
	do {
		*listing->node = (struct store_node){ 0 };
		if (listing->begin)
			listing->begin(listing->context);
		fault = store_wait_list(ours.wait, list, listing->node, err);
	} while (fault && fault != FAULT_NOT_FOUND && tries_again(&ours, err));
	if (!fault)
		tries_over(&ours);
	else
		store_node_wipe(listing->node);
	return fault ? err->fault : FAULT_NONE;
}

enum fault tree_list(const struct tree_root *tree, const struct tree_path *path,
		     const struct tree_listing *listing, struct err *err)
{
	const struct store_list list = {
		.cap = tree->root,
		.path = path ? path->component : NULL,
		.path_count = path ? path->count : 0,
		.child = listing->child,
		.context = listing->context,
	};
	return list_below(tree, &list, listing, err);
}

enum fault tree_find(const struct tree_root *tree, const struct tree_path *path, size_t count,
		     struct store_node *node, struct err *err)
{
	const struct tree_listing listing = { .node = node };
	const struct store_list list = {
		.cap = tree->root,
		.path = count > 0 ? path->component : NULL,
		.path_count = count,
	};
	return list_below(tree, &list, &listing, err);
}

/* ---- making ---- */

/* Stores how many of the directories above the path are there, and the deepest. */
static enum fault find_deepest(const struct tree_root *tree, const struct tree_path *path,
			       size_t *found, struct store_node *node, struct err *err)
{
	*found = path->count;
	enum fault fault = FAULT_NOT_FOUND;
	while (fault == FAULT_NOT_FOUND && *found > 0)
		fault = tree_find(tree, path, --*found, node, err);
	if (fault)
		return fault;
	if (node->kind != STORE_DIRECTORY)
		return err_set(err, FAULT_EXISTS, "a file is in the way");
	if (!cap_is_writable(&node->rw))
		return err_set(err, FAULT_AUTH,
			       "the directory is read-only; one with a write cap is needed");
	return FAULT_NONE;
}

/* One link under way. */
struct linking {
	const struct tree_root *tree;
	const struct tree_path *path;
	const struct tree_new *new;
	struct tree_end end;
	struct cap top; /* of what was made */
	bool raced;     /* what was missing has come meanwhile, by somebody else */
};

/* Makes the directories above the path that are missing, from below, down to the deepest that is
 * there. */
static enum fault make_chain(struct linking *linking, struct err *err)
{
	struct cap below = { 0 };
	enum fault fault = FAULT_NONE;
	linking->top = *linking->new->cap;
	for (size_t at = linking->path->count; !fault && at > linking->end.found + 1; at--) {
		const struct edge_child child = {
			.name = linking->path->component[at - 1].name,
			.name_size = linking->path->component[at - 1].size,
			.cap = &below,
		};
		below = linking->top;
		fault = make_mutable(linking->tree->tries, &child, &linking->top, err);
		if (at == linking->path->count)
			linking->end.directory = linking->top;
	}
	cap_wipe(&below);
	return fault ? err_wrap(err, "making a directory") : FAULT_NONE;
}

/* Links once, making what is missing above. */
static enum fault link_once(struct linking *linking, struct err *err)
{
	struct store_node node = { 0 };
	const struct tree_path *path = linking->path;
	struct tree_end *end = &linking->end;
	enum fault fault = find_deepest(linking->tree, path, &end->found, &node, err);
	if (!fault) {
		end->directory = node.rw;
		fault = make_chain(linking, err);
	}
	if (!fault) {
		const bool chain = end->found + 1 < path->count;
		const struct link_new link = {
			.directory = &node.rw,
			.name = path->component[end->found],
			.replace = chain ? STORE_REPLACE_NEVER : linking->new->replace,
		};
		fault = link_name(&link, linking->tree->tries, &linking->top, err);
		linking->raced = chain && fault == FAULT_EXISTS;
	}
	store_node_wipe(&node);
	return fault;
}

enum fault tree_link(const struct tree_root *tree, const struct tree_path *path,
		     const struct tree_new *new, struct tree_end *end, struct err *err)
{
	struct linking linking = { .tree = tree, .path = path, .new = new };
	enum fault fault;
	unsigned races = 0;
	do {
		linking.raced = false;
		fault = link_once(&linking, err);
	} while (linking.raced && races++ < RACES_MAX);
	if (!fault && end)
		*end = linking.end;
	cap_wipe(&linking.end.directory);
	cap_wipe(&linking.top);
	return fault;
}

/* ---- taking away ---- */

enum fault tree_unlink(const struct tree_root *tree, const struct tree_path *path, struct err *err)
{
	struct store_node node = { 0 };
	enum fault fault = tree_find(tree, path, path->count - 1, &node, err);
	if (fault == FAULT_NOT_FOUND)
		return FAULT_NONE;
	if (!fault && node.kind == STORE_DIRECTORY && !cap_is_writable(&node.rw))
		fault = err_set(err, FAULT_AUTH, "the directory is read-only");
	if (!fault && node.kind == STORE_DIRECTORY)
		fault = unlink_name(&node.rw, &path->component[path->count - 1], tree->tries, NULL,
				    err);
	store_node_wipe(&node);
	return fault;
}
