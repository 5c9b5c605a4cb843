#include "keys/layout.h"

#include "tahoe/chk.h"

static const char MARK[] = "barge-keys";
static const char MARK_TEXT[] = "barge keys 1\n"; /* short enough to stand in the cap */

enum fault layout_init(struct layout *layout, const struct grid_path *path, bool trusted,
		       struct err *err) UNCHECKED
{
	*layout = (struct layout){ .path = path, .known = trusted };
	if (trusted)
		layout->root = path->root;
	mutex_init(&layout->looking);
	mutex_init(&layout->lock);
	return leaves_init(&layout->leaves, err);
}

void layout_fini(struct layout *layout) UNCHECKED
{
	leaves_fini(&layout->leaves);
	cap_wipe(&layout->root);
	mutex_fini(&layout->lock);
	mutex_fini(&layout->looking);
}

const char *layout_area_name(enum layout_area area)
{
	static const char *const names[] = {
		[LAYOUT_KEYS] = "keys",
		[LAYOUT_CHUNKS] = "chunks",
		[LAYOUT_PARTIAL] = "partial",
	};
	return names[area];
}

/* ---- the root ---- */

struct root_look {
	bool marked, keys, other, foreign;
};

static void root_begin(void *context) { *(struct root_look *)context = (struct root_look){ 0 }; }

static bool root_child(void *context, const struct store_child *child)
{
	struct root_look *look = context;
	for (enum layout_area area = LAYOUT_KEYS; area < LAYOUT_AREAS; area++)
		if (strcmp(child->name, layout_area_name(area)) == 0)
			look->keys |= child->node.kind == STORE_DIRECTORY;
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
	char question[GRID_PATH_QUESTION_SIZE];
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
				"'tahoe mkdir', or copy an empty one there with barge cp -rT%s",
				layout->path->typed, grid_path_question(layout->path, question));
	if (!fault)
		fault = judge_root(layout, &node, &found, err);
	if (!fault) {
		mutex_lock(&layout->lock);
		layout->root = cap_is_writable(&node.rw) ? node.rw : *store_node_cap(&node);
		layout->marked = found.marked;
		layout->known = true;
		mutex_unlock(&layout->lock);
	}
	store_node_wipe(&node);
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

enum fault layout_root(struct layout *layout, const struct tries *tries, struct cap *root,
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
	enum fault fault = layout_root(layout, tries, &root, err);
	if (!fault && !cap_is_writable(&root))
		fault = err_set(err, FAULT_USAGE,
				"'%.80s' is read-only; storing and removing keys needs its write "
				"cap",
				layout->path->typed);
	cap_wipe(&root);
	return fault;
}

/* Says in the root what it is: once something of ours was made in it. */
static enum fault mark(struct layout *layout, const struct tree_root *root, struct err *err)
{
	struct cap cap = { 0 };
	const struct tree_path path = { .count = 1, .component = { { MARK, strlen(MARK) } } };
	const struct tree_new new = { &cap, STORE_REPLACE_ONLY_FILES };
	mutex_lock(&layout->lock);
	bool marked = layout->marked;
	mutex_unlock(&layout->lock);
	if (marked)
		return FAULT_NONE;
	chk_literal(MARK_TEXT, strlen(MARK_TEXT), &cap);
	if (tree_link(root, &path, &new, NULL, err))
		return err->fault;
	mutex_lock(&layout->lock);
	layout->marked = true;
	mutex_unlock(&layout->lock);
	return FAULT_NONE;
}

/* ---- where a key lies ---- */

/* A way to a key: from its directory, or from the root. */
struct way {
	struct tree_root tree;
	struct cap top;
	struct tree_path path;
	bool from_root;
	char text[2][LAYOUT_NAME_SIZE];
};

static bool leaf_known(struct layout *layout, unsigned number, struct cap *cap)
{
	mutex_lock(&layout->lock);
	bool known = leaves_find(&layout->leaves, number, clock_ms(), cap);
	mutex_unlock(&layout->lock);
	return known;
}

static void leaf_keep(struct layout *layout, unsigned number, const struct cap *cap,
		      uint64_t seen_ms)
{
	mutex_lock(&layout->lock);
	leaves_keep(&layout->leaves, number, seen_ms, cap);
	mutex_unlock(&layout->lock);
}

struct tree_path layout_leaf_path(enum layout_area area, unsigned leaf, char top[LAYOUT_NAME_SIZE],
				  char below[LAYOUT_NAME_SIZE])
{
	const char *name = layout_area_name(area);
	snprintf(top, LAYOUT_NAME_SIZE, "%02x", leaf >> 4);
	snprintf(below, LAYOUT_NAME_SIZE, "%x", leaf & 15);
	return (struct tree_path){
		.count = 3,
		.component = { { name, strlen(name) },
			       { top, strlen(top) },
			       { below, strlen(below) } },
	};
}

static void way_from_root(struct way *way, const struct layout_name *name)
{
	way->from_root = true;
	way->path = layout_leaf_path(name->area, name->leaf, way->text[0], way->text[1]);
	if (name->file)
		way->path.component[way->path.count++] =
			(struct store_name){ name->file, name->size };
}

/* Finds the shortest way that is known; `name` outlives it. */
static enum fault way_find(struct layout *layout, const struct tries *tries,
			   const struct layout_name *name, struct way *way, struct err *err)
{
	*way = (struct way){ .tree = { tries, &way->top }, .path = { .count = 1 } };
	if (layout_root(layout, tries, &way->top, err))
		return err->fault;
	if (name->area == LAYOUT_KEYS && name->file && leaf_known(layout, name->leaf, &way->top))
		way->path.component[0] = (struct store_name){ name->file, name->size };
	else
		way_from_root(way, name);
	return FAULT_NONE;
}

enum fault layout_find(struct layout *layout, const struct tries *tries,
		       const struct layout_name *name, struct store_node *node, struct err *err)
{
	const struct tree_listing listing = { .node = node };
	return layout_list(layout, tries, name, &listing, err);
}

enum fault layout_list(struct layout *layout, const struct tries *tries,
		       const struct layout_name *name, const struct tree_listing *listing,
		       struct err *err)
{
	struct way way;
	*listing->node = (struct store_node){ 0 };
	enum fault fault = way_find(layout, tries, name, &way, err);
	if (!fault)
		fault = tree_list(&way.tree, &way.path, listing, err);
	if (fault == FAULT_NOT_FOUND)
		err_set(err, fault, "the key is not in '%.100s'", layout->path->typed);
	cap_wipe(&way.top);
	return fault;
}

enum fault layout_link(struct layout *layout, const struct tries *tries,
		       const struct layout_name *name, const struct tree_new *new, struct err *err)
{
	struct way way;
	struct tree_end end = { 0 };
	const uint64_t now_ms = clock_ms();
	enum fault fault = layout_writable(layout, tries, err);
	if (!fault)
		fault = way_find(layout, tries, name, &way, err);
	if (fault)
		return fault;
	fault = tree_link(&way.tree, &way.path, new, &end, err);
	if (!fault && way.from_root && name->area == LAYOUT_KEYS)
		leaf_keep(layout, name->leaf, &end.directory, now_ms);
	if (!fault && way.from_root && end.found == 0)
		fault = mark(layout, &way.tree, err);
	cap_wipe(&end.directory);
	cap_wipe(&way.top);
	return fault;
}

enum fault layout_unlink(struct layout *layout, const struct tries *tries,
			 const struct layout_name *name, struct err *err)
{
	struct way way;
	enum fault fault = layout_writable(layout, tries, err);
	if (!fault)
		fault = way_find(layout, tries, name, &way, err);
	if (fault)
		return fault;
	fault = tree_unlink(&way.tree, &way.path, err);
	cap_wipe(&way.top);
	return fault;
}
