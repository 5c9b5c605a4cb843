#include "keys/layout.h"

#include "base/bytes.h"
#include "base/secret.h"
#include "place/link.h"
#include "place/make.h"
#include "tahoe/chk.h"

#include <stdio.h>

enum { JSON_MAX = 64, DIRECTORY_NAME_SIZE = 8, LEVELS = 3 };

static const char MARK[] = "barge-keys";
static const char MARK_TEXT[] = "barge keys 1\n"; /* short enough to stand in the cap */

enum fault layout_init(struct layout *layout, const struct grid_path *path,
		       struct err *err) UNCHECKED
{
	*layout = (struct layout){ .path = path };
	mutex_init(&layout->looking);
	mutex_init(&layout->lock);
	layout->leaf = calloc(KEY_LEAVES, sizeof *layout->leaf);
	return layout->leaf ? FAULT_NONE : err_set(err, FAULT_NOMEM, "no memory for a key store");
}

void layout_fini(struct layout *layout) UNCHECKED
{
	if (layout->leaf)
		secret_wipe(layout->leaf, KEY_LEAVES * sizeof *layout->leaf);
	free(layout->leaf);
	cap_wipe(&layout->root);
	mutex_fini(&layout->lock);
	mutex_fini(&layout->looking);
}

static void node_wipe(struct store_node *node)
{
	cap_wipe(&node->rw);
	cap_wipe(&node->ro);
}

/* ---- the root ---- */

struct root_look {
	bool marked, keys, other, foreign;
};

static void root_begin(void *context) { *(struct root_look *)context = (struct root_look){ 0 }; }

static bool root_child(void *context, const struct store_child *child)
{
	struct root_look *look = context;
	if (child->name_size == 4 && memcmp(child->name, "keys", 4) == 0)
		look->keys = child->node.kind == STORE_DIRECTORY;
	if (child->name_size != strlen(MARK) || memcmp(child->name, MARK, child->name_size) != 0) {
		look->other = true;
		return true;
	}
	const struct cap *cap = store_node_cap(&child->node);
	look->marked = true;
	look->foreign = cap->kind != CAP_LIT || cap->size != strlen(MARK_TEXT) ||
			memcmp(cap->content, MARK_TEXT, strlen(MARK_TEXT)) != 0;
	return true;
}

static enum fault judge_root(const struct layout *layout, const struct store_node *node,
			     const struct root_look *look, struct err *err)
{
	const char *typed = layout->path->typed;
	if (node->kind != STORE_DIRECTORY)
		return err_set(err, FAULT_USAGE, "'%.100s' is not a directory", typed);
	if (look->foreign)
		return err_set(err, FAULT_CORRUPT,
			       "'%.80s' is a key store of a format that this program does not "
			       "know; a newer barge may",
			       typed);
	if (!look->marked && !look->keys && look->other)
		return err_set(err, FAULT_USAGE,
			       "'%.80s' holds other things and is no key store; name an empty "
			       "directory for one",
			       typed);
	return FAULT_NONE;
}

static enum fault ask_root(struct layout *layout, const struct tries *tries, struct err *err)
{
	struct store_node node = { 0 };
	struct root_look found = { 0 };
	const struct grid_look look = {
		.tries = *tries,
		.count = SIZE_MAX,
		.child = root_child,
		.begin = root_begin,
		.context = &found,
	};
	enum fault fault = grid_path_look(layout->path, &look, &node, err);
	if (fault == FAULT_NOT_FOUND)
		/* Never NOT_FOUND: that would say that the keys are absent. */
		fault = err_set(err, FAULT_USAGE,
				"there is no directory '%.80s' for a key store; make one with "
				"'tahoe mkdir'",
				layout->path->typed);
	if (!fault)
		fault = judge_root(layout, &node, &found, err);
	if (!fault) {
		mutex_lock(&layout->lock);
		layout->root = cap_is_writable(&node.rw) ? node.rw : *store_node_cap(&node);
		layout->marked = found.marked;
		layout->known = true;
		mutex_unlock(&layout->lock);
	}
	node_wipe(&node);
	return fault;
}

static bool root_known(struct layout *layout, struct cap *root)
{
	mutex_lock(&layout->lock);
	bool known = layout->known;
	*root = layout->root;
	mutex_unlock(&layout->lock);
	return known;
}

/* Stores the root's cap, which is asked for the first time. */
static enum fault find_root(struct layout *layout, const struct tries *tries, struct cap *root,
			    struct err *err)
{
	enum fault fault = FAULT_NONE;
	if (root_known(layout, root))
		return FAULT_NONE;
	mutex_lock(&layout->looking);
	if (!root_known(layout, root))
		fault = ask_root(layout, tries, err);
	if (!fault)
		(void)root_known(layout, root);
	mutex_unlock(&layout->looking);
	return fault;
}

enum fault layout_writable(struct layout *layout, const struct tries *tries, struct err *err)
{
	struct cap root;
	enum fault fault = find_root(layout, tries, &root, err);
	if (!fault && !cap_is_writable(&root))
		fault = err_set(err, FAULT_USAGE,
				"'%.80s' is read-only; storing and removing keys needs its write "
				"cap",
				layout->path->typed);
	cap_wipe(&root);
	return fault;
}

/* ---- the directory of a key ---- */

static void leaf_names(unsigned leaf, char text[LEVELS][DIRECTORY_NAME_SIZE],
		       struct store_name name[LEVELS])
{
	snprintf(text[0], DIRECTORY_NAME_SIZE, "keys");
	snprintf(text[1], DIRECTORY_NAME_SIZE, "%02x", leaf >> 4);
	snprintf(text[2], DIRECTORY_NAME_SIZE, "%x", leaf & 15);
	for (size_t i = 0; i < LEVELS; i++)
		name[i] = (struct store_name){ text[i], strlen(text[i]) };
}

static bool leaf_known(struct layout *layout, unsigned number, struct cap *cap)
{
	mutex_lock(&layout->lock);
	const struct layout_leaf *leaf = &layout->leaf[number];
	bool known = leaf->known && cap_unpack(leaf->cap, leaf->size, leaf->kind, cap);
	mutex_unlock(&layout->lock);
	return known;
}

static void leaf_keep(struct layout *layout, unsigned number, const struct cap *cap)
{
	mutex_lock(&layout->lock);
	struct layout_leaf *leaf = &layout->leaf[number];
	leaf->known = cap_pack(cap, leaf->cap, &leaf->size, &leaf->kind);
	mutex_unlock(&layout->lock);
}

/* Lists what is below the cap, trying again. */
static enum fault list_below(const struct tries *tries, const struct cap *cap,
			     const struct store_name *path, size_t count, struct store_node *node,
			     struct err *err)
{
	struct tries ours = *tries;
	const struct store_list list = { .cap = cap, .path = path, .path_count = count };
	enum fault fault;
	do {
		*node = (struct store_node){ 0 };
		fault = store_wait_list(ours.wait, &list, node, err);
	} while (fault && fault != FAULT_NOT_FOUND && tries_again(&ours, err));
	if (fault == FAULT_NOT_FOUND)
		return fault;
	if (!fault)
		tries_over(&ours);
	return fault ? err->fault : FAULT_NONE;
}

/* Takes the cap of a directory of ours. */
static enum fault take_directory(const struct store_node *node, const char *name, struct cap *cap,
				 struct err *err)
{
	if (node->kind != STORE_DIRECTORY)
		return err_set(err, FAULT_CORRUPT, "in the key store, '%s' is not a directory",
			       name);
	*cap = cap_is_writable(&node->rw) ? node->rw : *store_node_cap(node);
	return FAULT_NONE;
}

/* Finds the directory without making it.  NOT_FOUND. */
static enum fault find_leaf(struct layout *layout, const struct tries *tries, unsigned number,
			    struct cap *cap, struct err *err)
{
	char text[LEVELS][DIRECTORY_NAME_SIZE];
	struct store_name name[LEVELS];
	struct store_node node = { 0 };
	struct cap root;
	if (find_root(layout, tries, &root, err))
		return err->fault;
	if (leaf_known(layout, number, cap)) {
		cap_wipe(&root);
		return FAULT_NONE;
	}
	leaf_names(number, text, name);
	enum fault fault = list_below(tries, &root, name, LEVELS, &node, err);
	if (!fault)
		fault = take_directory(&node, text[LEVELS - 1], cap, err);
	if (!fault)
		leaf_keep(layout, number, cap);
	node_wipe(&node);
	cap_wipe(&root);
	return fault;
}

struct new_link {
	const struct cap *directory;
	struct store_name name;
	enum store_replace replace;
};

static enum fault link_one(const struct layout *layout, const struct tries *tries,
			   const struct new_link *new, const struct cap *cap, struct err *err)
{
	struct link link = {
		.directory = *new->directory,
		.name = strndup(new->name.name, new->name.size),
		.name_size = new->name.size,
		.typed = layout->path->typed,
		.replace = new->replace,
	};
	struct bytes metadata;
	bytes_init(&metadata, JSON_MAX);
	enum fault fault = bytes_append_text(&metadata, "{}");
	if (!link.name)
		fault = FAULT_NOMEM;
	bytes_err(fault, err, "a link");
	if (!fault)
		fault = link_make(&link, tries, cap, &metadata, err);
	bytes_fini(&metadata);
	link_fini(&link);
	return fault;
}

/* Makes `at` its child of that name, which is made where there is none. */
static enum fault step_down(const struct layout *layout, const struct tries *tries,
			    const struct store_name *name, struct cap *at, struct err *err)
{
	struct store_node node = { 0 };
	struct cap made = { 0 };
	const struct new_link link = { at, *name, STORE_REPLACE_NEVER };
	enum fault fault = list_below(tries, at, name, 1, &node, err);
	if (fault == FAULT_NOT_FOUND) {
		fault = make_mutable(tries, NULL, &made, err);
		if (!fault)
			fault = link_one(layout, tries, &link, &made, err);
		/* Whoever linked it, what is there now is used. */
		if (!fault || fault == FAULT_EXISTS)
			fault = list_below(tries, at, name, 1, &node, err);
	}
	if (!fault)
		fault = take_directory(&node, name->name, at, err);
	node_wipe(&node);
	cap_wipe(&made);
	return fault;
}

/* Says in the root what it is. */
static enum fault mark(struct layout *layout, const struct tries *tries, const struct cap *root,
		       struct err *err)
{
	struct cap cap = { 0 };
	const struct new_link link = { root, { MARK, strlen(MARK) }, STORE_REPLACE_ONLY_FILES };
	chk_literal(MARK_TEXT, strlen(MARK_TEXT), &cap);
	enum fault fault = link_one(layout, tries, &link, &cap, err);
	if (!fault) {
		mutex_lock(&layout->lock);
		layout->marked = true;
		mutex_unlock(&layout->lock);
	}
	return fault;
}

static enum fault make_levels(struct layout *layout, const struct tries *tries, unsigned number,
			      struct cap *at, struct err *err)
{
	char text[LEVELS][DIRECTORY_NAME_SIZE];
	struct store_name name[LEVELS];
	mutex_lock(&layout->lock);
	bool marked = layout->marked;
	mutex_unlock(&layout->lock);
	enum fault fault = marked ? FAULT_NONE : mark(layout, tries, at, err);
	leaf_names(number, text, name);
	for (size_t i = 0; !fault && i < LEVELS; i++)
		fault = step_down(layout, tries, &name[i], at, err);
	return fault;
}

/* Finds the directory, or makes it. */
static enum fault need_leaf(struct layout *layout, const struct tries *tries, unsigned number,
			    struct cap *cap, struct err *err)
{
	enum fault fault = layout_writable(layout, tries, err);
	if (!fault)
		fault = find_leaf(layout, tries, number, cap, err);
	if (fault != FAULT_NOT_FOUND)
		return fault;
	if (find_root(layout, tries, cap, err))
		return err->fault;
	mutex_lock(&layout->looking);
	fault = make_levels(layout, tries, number, cap, err);
	mutex_unlock(&layout->looking);
	if (!fault)
		leaf_keep(layout, number, cap);
	return fault;
}

/* ---- keys ---- */

enum fault layout_find(struct layout *layout, const struct tries *tries,
		       const struct key_name *name, struct store_node *node, struct err *err)
{
	struct cap leaf = { 0 };
	const struct store_name path = { name->file, name->file_size };
	*node = (struct store_node){ 0 };
	enum fault fault = find_leaf(layout, tries, name->leaf, &leaf, err);
	if (!fault)
		fault = list_below(tries, &leaf, &path, 1, node, err);
	cap_wipe(&leaf);
	if (fault == FAULT_NOT_FOUND)
		return err_set(err, fault, "the key is not in '%.100s'", layout->path->typed);
	return fault;
}

enum fault layout_link(struct layout *layout, const struct tries *tries,
		       const struct key_name *name, const struct cap *cap, struct err *err)
{
	struct cap leaf = { 0 };
	const struct new_link link = {
		.directory = &leaf,
		.name = { name->file, name->file_size },
		.replace = STORE_REPLACE_ONLY_FILES,
	};
	enum fault fault = need_leaf(layout, tries, name->leaf, &leaf, err);
	if (!fault)
		fault = link_one(layout, tries, &link, cap, err);
	cap_wipe(&leaf);
	return fault;
}

enum fault layout_unlink(struct layout *layout, const struct tries *tries,
			 const struct key_name *name, struct err *err)
{
	struct tries ours = *tries;
	struct cap leaf = { 0 };
	const struct store_name child = { name->file, name->file_size };
	enum fault fault = layout_writable(layout, tries, err);
	if (!fault)
		fault = find_leaf(layout, tries, name->leaf, &leaf, err);
	if (!fault)
		do {
			fault = store_wait_unlink(ours.wait, &leaf, &child, err);
		} while (fault && fault != FAULT_NOT_FOUND && tries_again(&ours, err));
	cap_wipe(&leaf);
	if (!fault)
		tries_over(&ours);
	return fault == FAULT_NOT_FOUND ? FAULT_NONE : fault ? err->fault : FAULT_NONE;
}
