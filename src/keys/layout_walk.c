#include "keys/layout_walk.h"

#include "base/secret.h"

/*
 * One request each, and no more than are needed:
 *
 *   known directories    the name alone is asked for, from below
 *   neither X nor XX     `keys` is listed: whether they are there
 *   one of these         it is listed: whether it is there, the name, how many names
 *   XX/Y                 the name alone is asked for, through XX
 *
 * That a directory is not there is never remembered, so what another process has just made is
 * found.  No name is ever moved, so one that was there all the time is found in whatever order.
 */

void layout_keep(struct layout *layout, enum layout_area area, unsigned level, unsigned leaf,
		 uint64_t seen_ms, const struct fanout_directory *directory)
{
	mutex_lock(&layout->lock);
	fanout_keep(&layout->fanout[area], level, leaf, seen_ms, directory);
	mutex_unlock(&layout->lock);
}

void layout_count(struct layout *layout, const struct layout_name *name, unsigned level, int names)
{
	mutex_lock(&layout->lock);
	fanout_count(&layout->fanout[name->area], level, name->leaf, names);
	mutex_unlock(&layout->lock);
}

static void add_component(struct tree_path *path, const char *name, size_t size)
{
	path->component[path->count++] = (struct store_name){ name, size };
}

/* Adds the directory at a level to a path from `from`, one of those above it. */
static void add_directories(struct layout_path *path, unsigned from, unsigned level, unsigned leaf)
{
	if (level == from)
		return;
	add_directories(path, from, fanout_above(level), leaf);
	char *text = path->text[level - 1];
	fanout_name(level, leaf, text);
	add_component(&path->tree, text, strlen(text));
}

void layout_path_write(struct layout_path *path, enum layout_area area, unsigned level,
		       unsigned leaf)
{
	const char *name = layout_area_name(area);
	path->tree.text = NULL;
	path->tree.count = 0;
	add_component(&path->tree, name, strlen(name));
	add_directories(path, FANOUT_TOP, level, leaf);
}

void walk_fini(struct key_walk *walk)
{
	cap_wipe(&walk->root);
	for (unsigned level = 0; level < FANOUT_LEVELS; level++)
		cap_wipe(&walk->at[level].directory.cap);
}

static bool is_known(const struct key_walk *walk, unsigned level)
{
	return walk->at[level].directory.cap.kind != CAP_NONE;
}

void walk_way(const struct key_walk *walk, unsigned level, struct walk_way *way)
{
	unsigned from = level;
	while (from != FANOUT_TOP && !is_known(walk, from))
		from = fanout_above(from);
	way->tree.tries = walk->tries;
	way->path.tree.text = NULL;
	way->path.tree.count = 0;
	if (is_known(walk, from)) {
		way->tree.root = &walk->at[from].directory.cap;
		add_directories(&way->path, from, level, walk->name->leaf);
	} else {
		way->tree.root = &walk->root;
		layout_path_write(&way->path, walk->name->area, level, walk->name->leaf);
	}
}

void walk_way_to_name(const struct key_walk *walk, unsigned level, struct walk_way *way)
{
	walk_way(walk, level, way);
	add_component(&way->path.tree, walk->name->file, walk->name->size);
}

unsigned walk_found(const struct key_walk *walk)
{
	unsigned level = FANOUT_LAST;
	while (level != FANOUT_TOP && !walk->at[level].has)
		level--;
	return level;
}

unsigned walk_room(const struct key_walk *walk)
{
	for (unsigned level = FANOUT_TOP + 1; level < FANOUT_LAST; level++)
		if (walk->at[level].missing || walk->at[level].directory.children < FANOUT_ROOM)
			return level;
	return FANOUT_LAST;
}

/* ---- a directory, listed ---- */

/* A directory in the one that is listed. */
struct scan_below {
	unsigned level, first; /* first: the first leaf below it */
	struct cap cap;
};

enum { BELOW_MAX = FANOUT_CHILDREN + 16 };

struct level_scan {
	const struct key_walk *walk;
	unsigned level;
	unsigned children;
	bool found;
	struct store_node node;   /* of the name */
	struct scan_below *below; /* BELOW_MAX; NULL: none yet */
	size_t directories;
	bool failed; /* no memory */
};

static void scan_begin(void *context)
{
	struct level_scan *scan = context;
	scan->children = 0;
	scan->directories = 0;
	scan->found = false;
}

static bool scan_directory(struct level_scan *scan, const struct scan_below *below)
{
	if (!scan->below)
		scan->below = calloc(BELOW_MAX, sizeof *scan->below);
	if (!scan->below)
		return !(scan->failed = true);
	if (scan->directories < BELOW_MAX)
		scan->below[scan->directories++] = *below;
	return true;
}

static bool scan_child(void *context, const struct store_child *child)
{
	struct level_scan *scan = context;
	const struct layout_name *name = scan->walk->name;
	struct scan_below below = { 0 };
	scan->children++;
	if (child->name_size == name->size && memcmp(child->name, name->file, name->size) == 0) {
		scan->found = true;
		scan->node = child->node;
	} else if (child->node.kind == STORE_DIRECTORY &&
		   fanout_read_name(scan->level, name->leaf, child->name, &below.level,
				    &below.first)) {
		below.cap = *layout_directory_cap(&child->node);
		return scan_directory(scan, &below);
	}
	return true;
}

/* Notes the directory and those in it; the others of its path are not there. */
static void scan_keep(struct key_walk *walk, const struct level_scan *scan,
		      const struct store_node *node, uint64_t seen_ms)
{
	const struct layout_name *name = walk->name;
	struct walk_level *at = &walk->at[scan->level];
	at->directory.cap = *layout_directory_cap(node);
	at->directory.children = scan->children;
	layout_keep(walk->layout, name->area, scan->level, name->leaf, seen_ms, &at->directory);
	for (unsigned level = scan->level + 1; level < FANOUT_LEVELS; level++)
		walk->at[level].missing |=
			fanout_above(level) == scan->level && !is_known(walk, level);
	for (size_t i = 0; i < scan->directories; i++) {
		const struct scan_below *below = &scan->below[i];
		struct fanout_directory directory = { below->cap, FANOUT_UNCOUNTED };
		struct walk_level *other = &walk->at[below->level];
		const bool ours = fanout_is_shared(below->level, below->first, name->leaf);
		other->missing &= !ours;
		if (ours && is_known(walk, below->level))
			continue;
		if (ours)
			other->directory = directory;
		layout_keep(walk->layout, name->area, below->level, below->first, seen_ms,
			    &directory);
		cap_wipe(&directory.cap);
	}
}

/* Tells of what has the name, whose cap is known. */
static enum fault tell_of(struct key_walk *walk, struct level_scan *scan, struct err *err)
{
	const struct tree_root tree = { walk->tries, layout_directory_cap(&scan->node) };
	if (!walk->listing->child || scan->node.kind != STORE_DIRECTORY) {
		*walk->listing->node = scan->node;
		return FAULT_NONE;
	}
	enum fault fault = tree_list(&tree, NULL, walk->listing, err);
	return fault == FAULT_NOT_FOUND ? err->fault = FAULT_RETRY : fault; /* it is linked */
}

static enum fault take_scan(struct key_walk *walk, struct level_scan *scan,
			    const struct store_node *node, uint64_t seen_ms, struct err *err)
{
	struct walk_level *at = &walk->at[scan->level];
	if (node->kind != STORE_DIRECTORY)
		return err_set(err, FAULT_CORRUPT,
			       "what has the name of a key store's directory is a file");
	scan_keep(walk, scan, node, seen_ms);
	at->asked = true;
	at->has = scan->found;
	return scan->found ? tell_of(walk, scan, err) : FAULT_NONE;
}

/* Lists a directory, or finds that it is missing. */
static enum fault list_level(struct key_walk *walk, unsigned level, struct err *err)
{
	struct walk_way way;
	struct store_node node = { 0 };
	struct level_scan scan = { .walk = walk, .level = level };
	const struct tree_listing listing = { scan_begin, scan_child, &scan, &node };
	const uint64_t now_ms = clock_ms();
	const bool known = is_known(walk, level);
	walk_way(walk, level, &way);
	enum fault fault = tree_list(&way.tree, known ? NULL : &way.path.tree, &listing, err);
	if (!fault)
		fault = take_scan(walk, &scan, &node, now_ms, err);
	else if (scan.failed)
		err_set(err, FAULT_NOMEM, "no memory for a directory");
	else if (fault == FAULT_NOT_FOUND && known) /* it is linked */
		err->fault = FAULT_RETRY;
	else if (fault == FAULT_NOT_FOUND) {
		walk->at[level].missing = true;
		fault = FAULT_NONE;
	}
	if (scan.below)
		secret_wipe(scan.below, BELOW_MAX * sizeof *scan.below);
	free(scan.below);
	store_node_wipe(&scan.node);
	store_node_wipe(&node);
	return fault ? err->fault : FAULT_NONE;
}

/* ---- the name alone ---- */

static enum fault ask_level(struct key_walk *walk, unsigned level, struct err *err)
{
	struct walk_way way;
	struct walk_level *at = &walk->at[level];
	if (at->asked || at->missing)
		return FAULT_NONE;
	walk_way_to_name(walk, level, &way);
	enum fault fault = tree_list(&way.tree, &way.path.tree, walk->listing, err);
	at->asked = !fault || fault == FAULT_NOT_FOUND;
	at->has = !fault;
	return fault == FAULT_NOT_FOUND ? FAULT_NONE : fault;
}

/* ---- all of it ---- */

/* Takes the directories that were seen lately. */
static void take_known(struct key_walk *walk)
{
	struct layout *layout = walk->layout;
	const struct layout_name *name = walk->name;
	const uint64_t now_ms = clock_ms();
	mutex_lock(&layout->lock);
	for (unsigned level = FANOUT_TOP; level < FANOUT_LEVELS; level++)
		fanout_find(&layout->fanout[name->area], level, name->leaf, now_ms,
			    &walk->at[level].directory);
	mutex_unlock(&layout->lock);
}

/* Finds out whether X and XX are there. */
static enum fault look_for_directories(struct key_walk *walk, struct err *err)
{
	enum fault fault = FAULT_NONE;
	if (!is_known(walk, 1) && !is_known(walk, 2))
		fault = list_level(walk, FANOUT_TOP, err);
	if (walk->at[FANOUT_TOP].missing)
		walk->at[1].missing = walk->at[2].missing = true;
	for (unsigned level = 1; level <= 2 && !fault; level++)
		if (!is_known(walk, level) && !walk->at[level].missing)
			fault = list_level(walk, level, err);
	walk->at[FANOUT_LAST].missing |= walk->at[2].missing;
	return fault;
}

/* Counts the names of directories that may have room, from above. */
static enum fault look_for_room(struct key_walk *walk, struct err *err)
{
	enum fault fault = FAULT_NONE;
	for (unsigned level = 1; level < FANOUT_LAST && !fault; level++) {
		const struct walk_level *at = &walk->at[level];
		if (!at->missing && at->directory.children == FANOUT_UNCOUNTED)
			fault = list_level(walk, level, err);
		if (walk_room(walk) == level)
			break;
	}
	return fault;
}

enum fault walk_run(struct key_walk *walk, struct err *err)
{
	const bool finds = walk->goal == WALK_FIND;
	enum fault fault = FAULT_NONE;
	take_known(walk);
	for (unsigned level = FANOUT_LAST; finds && level > FANOUT_TOP && !fault; level--)
		if (is_known(walk, level) && walk_found(walk) == FANOUT_TOP)
			fault = ask_level(walk, level, err);
	if (fault || walk_found(walk) != FANOUT_TOP)
		return fault;
	fault = look_for_directories(walk, err);
	if (!fault && walk->goal == WALK_STORE)
		fault = look_for_room(walk, err);
	const unsigned room = walk->goal == WALK_STORE ? walk_room(walk) : FANOUT_TOP;
	for (unsigned level = FANOUT_LAST; level > FANOUT_TOP && !fault; level--) {
		const bool wanted = walk->goal == WALK_REMOVE ? !is_known(walk, level)
							      : walk_found(walk) == FANOUT_TOP;
		if (wanted && level != room)
			fault = ask_level(walk, level, err);
	}
	return fault;
}
