#include "keys/layout_walk.h"
#include "place/link.h"
#include "tahoe/chk.h"

static const char MARK[] = "barge-keys";

/* Short enough to stand in the cap. */
static const char *const mark_text[] = {
	[LAYOUT_DEEP] = "barge keys 1\n",
	[LAYOUT_GROWN] = "barge keys 2\n",
};

void layout_init(struct layout *layout, const struct grid_path *path, bool trusted)
{
	*layout = (struct layout){ .path = path, .trusted = trusted };
	mutex_init(&layout->looking);
	mutex_init(&layout->lock);
}

void layout_fini(struct layout *layout) UNCHECKED
{
	for (enum layout_area area = LAYOUT_KEYS; area < LAYOUT_AREAS; area++)
		fanout_fini(&layout->fanout[area]);
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

/* ---- what the root is ---- */

struct root_look {
	enum layout_mark mark;
	bool other;                    /* it has something that is no key store's */
	struct cap area[LAYOUT_AREAS]; /* CAP_NONE: it is not there */
};

static void root_begin(void *context) { *(struct root_look *)context = (struct root_look){ 0 }; }

static enum layout_mark read_mark(const struct cap *cap)
{
	for (enum layout_mark mark = LAYOUT_DEEP; mark < LAYOUT_FOREIGN; mark++)
		if (cap->kind == CAP_LIT && cap->size == strlen(mark_text[mark]) &&
		    memcmp(cap->content, mark_text[mark], cap->size) == 0)
			return mark;
	return LAYOUT_FOREIGN;
}

static bool root_child(void *context, const struct store_child *child)
{
	struct root_look *look = context;
	for (enum layout_area area = LAYOUT_KEYS; area < LAYOUT_AREAS; area++) {
		if (strcmp(child->name, layout_area_name(area)) != 0 ||
		    child->node.kind != STORE_DIRECTORY)
			continue;
		look->area[area] = *layout_directory_cap(&child->node);
		return true;
	}
	if (child->name_size == strlen(MARK) && memcmp(child->name, MARK, child->name_size) == 0)
		look->mark = read_mark(store_node_cap(&child->node));
	else
		look->other = true;
	return true;
}

static enum fault judge_root(const struct layout *layout, const struct store_node *node,
			     const struct root_look *look, struct err *err)
{
	const char *typed = layout->path->typed;
	bool any = layout->trusted;
	for (enum layout_area area = LAYOUT_KEYS; area < LAYOUT_AREAS; area++)
		any |= look->area[area].kind != CAP_NONE;
	if (node->kind != STORE_DIRECTORY)
		return err_set(err, FAULT_USAGE, "'%.100s' is not a directory", typed);
	if (look->mark == LAYOUT_FOREIGN)
		return err_set(err, FAULT_CORRUPT,
			       "'%.80s' is a key store of a format that this program does not "
			       "know; a newer barge may",
			       typed);
	if (look->mark == LAYOUT_UNMARKED && !any && look->other)
		return err_set(err, FAULT_USAGE,
			       "'%.80s' holds other things and is no key store; name an empty "
			       "directory for one",
			       typed);
	return FAULT_NONE;
}

/* Keeps what the root is, and its areas. */
static void keep_root(struct layout *layout, const struct store_node *node,
		      const struct root_look *look, uint64_t seen_ms)
{
	for (enum layout_area area = LAYOUT_KEYS; area < LAYOUT_AREAS; area++) {
		struct fanout_directory directory = { look->area[area], FANOUT_UNCOUNTED };
		if (directory.cap.kind != CAP_NONE)
			layout_keep(layout, area, FANOUT_TOP, 0, seen_ms, &directory);
		cap_wipe(&directory.cap);
	}
	mutex_lock(&layout->lock);
	layout->root = *layout_directory_cap(node);
	layout->mark = look->mark;
	layout->seen_ms = seen_ms;
	mutex_unlock(&layout->lock);
}

static enum fault ask_root(struct layout *layout, const struct tries *tries, struct err *err)
{
	char question[GRID_PATH_QUESTION_SIZE];
	struct store_node node = { 0 };
	struct root_look found = { 0 };
	const uint64_t now_ms = clock_ms();
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
	if (!fault)
		keep_root(layout, &node, &found, now_ms);
	store_node_wipe(&node);
	for (enum layout_area area = LAYOUT_KEYS; area < LAYOUT_AREAS; area++)
		cap_wipe(&found.area[area]);
	return fault;
}

static bool root_known(struct layout *layout, struct cap *root)
{
	const uint64_t now_ms = clock_ms();
	mutex_lock(&layout->lock);
	const bool known = layout->seen_ms && now_ms - layout->seen_ms < FANOUT_KEPT_MS;
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

/* ---- what the root says ---- */

enum layout_mark layout_mark_of(struct layout *layout)
{
	mutex_lock(&layout->lock);
	enum layout_mark mark = layout->mark;
	mutex_unlock(&layout->lock);
	return mark;
}

enum fault layout_mark_grown(struct layout *layout, const struct tries *tries,
			     const struct cap *root, struct err *err)
{
	struct cap cap = { 0 };
	const char *text = mark_text[LAYOUT_GROWN];
	const struct link_new link = {
		.directory = root,
		.name = { MARK, strlen(MARK) },
		.replace = STORE_REPLACE_ONLY_FILES,
	};
	chk_literal(text, strlen(text), &cap);
	if (link_name(&link, tries, &cap, err))
		return err->fault;
	mutex_lock(&layout->lock);
	layout->mark = LAYOUT_GROWN;
	mutex_unlock(&layout->lock);
	return FAULT_NONE;
}
