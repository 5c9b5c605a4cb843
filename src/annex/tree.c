#include "annex/tree.h"

#include "base/utf8.h"
#include "place/link.h"
#include "place/make.h"

enum {
	PATH_MAX_SIZE = 65536,
	JSON_MAX = 1 << 20,
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

enum fault tree_find(const struct tries *tries, const struct cap *root,
		     const struct tree_path *path, size_t count, struct store_node *node,
		     struct err *err)
{
	const struct store_list list = {
		.cap = root,
		.path = count > 0 ? path->component : NULL,
		.path_count = count,
	};
	struct tries ours = *tries;
	enum fault fault;
	do {
		fault = store_wait_list(ours.wait, &list, node, err);
	} while (fault && fault != FAULT_NOT_FOUND && tries_again(&ours, err));
	if (!fault)
		tries_over(&ours);
	return fault;
}

/* ---- making ---- */

enum fault tree_make_directory(const struct tries *tries, const struct store_name *name,
			       const struct cap *child, struct cap *cap, struct err *err)
{
	const struct edge_child edge = {
		.name = name ? name->name : NULL,
		.name_size = name ? name->size : 0,
		.cap = child,
	};
	return make_mutable(tries, name ? &edge : NULL, cap, err)
		       ? err_wrap(err, "making a directory")
		       : FAULT_NONE;
}

/* Links `cap` into a directory that is there. */
static enum fault link_into(const struct tries *tries, const struct cap *directory,
			    const struct store_name *name, const struct cap *cap, struct err *err)
{
	struct bytes metadata;
	struct link link = {
		.directory = *directory,
		.name = strndup(name->name, name->size),
		.name_size = name->size,
		.replace = cap_is_directory(cap) ? STORE_REPLACE_NEVER : STORE_REPLACE_ONLY_FILES,
	};
	link.typed = link.name;
	bytes_init(&metadata, JSON_MAX);
	enum fault fault = bytes_err(bytes_append_text(&metadata, "{}"), err, "a link");
	if (!fault && !link.name)
		fault = err_set(err, FAULT_NOMEM, "no memory for a name");
	if (!fault)
		fault = link_make(&link, tries, cap, &metadata, err);
	bytes_fini(&metadata);
	link_fini(&link);
	return fault;
}

/* Stores how many of the directories above the path are there, and the deepest. */
static enum fault find_deepest(const struct tries *tries, const struct cap *root,
			       const struct tree_path *path, size_t *found, struct store_node *node,
			       struct err *err)
{
	*found = path->count;
	enum fault fault = FAULT_NOT_FOUND;
	while (fault == FAULT_NOT_FOUND && *found > 0)
		fault = tree_find(tries, root, path, --*found, node, err);
	if (fault)
		return fault;
	if (node->kind != STORE_DIRECTORY)
		return err_set(err, FAULT_EXISTS, "a file is in the way");
	if (!cap_is_writable(&node->rw))
		return err_set(err, FAULT_AUTH,
			       "the directory is read-only; one with a write cap "
			       "is needed");
	return FAULT_NONE;
}

/* Links once, making what is missing above.  FAULT_EXISTS, `raced`: somebody was quicker. */
static enum fault link_once(const struct tries *tries, const struct cap *root,
			    const struct tree_path *path, const struct cap *cap, bool *raced,
			    struct err *err)
{
	struct store_node node = { 0 };
	struct cap top = *cap, below = { 0 };
	size_t found;
	enum fault fault = find_deepest(tries, root, path, &found, &node, err);
	size_t at = path->count;
	for (; !fault && at > found + 1; at--) {
		below = top;
		fault = tree_make_directory(tries, &path->component[at - 1], &below, &top, err);
	}
	if (!fault)
		fault = link_into(tries, &node.rw, &path->component[at - 1], &top, err);
	*raced = fault == FAULT_EXISTS && at < path->count;
	cap_wipe(&node.rw);
	cap_wipe(&node.ro);
	cap_wipe(&below);
	cap_wipe(&top);
	return fault;
}

enum fault tree_link(const struct tries *tries, const struct cap *root,
		     const struct tree_path *path, const struct cap *cap, struct err *err)
{
	enum fault fault;
	bool raced = false;
	unsigned races = 0;
	do {
		fault = link_once(tries, root, path, cap, &raced, err);
	} while (fault && raced && races++ < RACES_MAX);
	return fault;
}

/* ---- taking away ---- */

static enum fault unlink_from(const struct tries *tries, const struct cap *directory,
			      const struct store_name *name, struct err *err)
{
	struct tries ours = *tries;
	enum fault fault;
	do {
		fault = store_wait_unlink(ours.wait, directory, name, err);
	} while (fault && fault != FAULT_NOT_FOUND && tries_again(&ours, err));
	if (!fault)
		tries_over(&ours);
	return fault == FAULT_NOT_FOUND ? FAULT_NONE : fault;
}

enum fault tree_unlink(const struct tries *tries, const struct cap *root,
		       const struct tree_path *path, struct err *err)
{
	struct store_node node = { 0 };
	enum fault fault = tree_find(tries, root, path, path->count - 1, &node, err);
	if (fault == FAULT_NOT_FOUND)
		return FAULT_NONE;
	if (!fault && node.kind == STORE_DIRECTORY && !cap_is_writable(&node.rw))
		fault = err_set(err, FAULT_AUTH, "the directory is read-only");
	if (!fault && node.kind == STORE_DIRECTORY)
		fault = unlink_from(tries, &node.rw, &path->component[path->count - 1], err);
	cap_wipe(&node.rw);
	cap_wipe(&node.ro);
	return fault;
}
